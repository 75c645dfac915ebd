/* SPDX-License-Identifier: Apache-2.0
 *
 * Counters and their page. "test_metrics --page" prints the page of a busy
 * gateway with hostile names for promtool(1). */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/buffer.h>

#include "metrics.h"
#include "metrics_process.h"
#include "metrics_text.h"

enum {
	WORKERS = 2,
	RULES = 4,
	LISTENERS = 2,
};

#define MS UINT64_C(1000000)

static const struct allowlist_entry entries[RULES] = {
    {.host = {.len = 7, .text = "a.apple"},
	.port = 443,
	.region = "us-1",
	.category = "container"},
    {.host = {.len = 7, .text = "a.apple"},
	.port = 8443,
	.region = "us-1",
	.category = "container"},
    {.host = {.len = 7, .text = "a.apple"},
	.suffix = true,
	.port = 443,
	.region = "-",
	.category = "in \"quotes\" \\ and\nlines"},
    {.host = {.len = 6, .text = "b.pear"},
	.port = 443,
	.region = "-",
	.category = "not UTF-8: \xff"},
};

static const struct rule rules[RULES] = {
    {.entry = &entries[0], .slot = 0},
    {.entry = &entries[1], .index = 1, .slot = 1},
    {.entry = &entries[2], .index = 2, .slot = 2},
    {.entry = &entries[3], .index = 3, .slot = 3},
};

static const char *const listeners[LISTENERS] = {"main", "the \"other\""};

/* A gateway's counters and their page. */
struct fixture {
	struct worker_metrics *workers[WORKERS];
	const struct worker_metrics *views[WORKERS];
	struct metrics_source source;
	struct evbuffer *page;
};

static struct fixture *
fixture_new(void)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (f == NULL)
		abort();
	for (size_t i = 0; i < WORKERS; i++) {
		f->workers[i] = worker_metrics_new(RULES);
		if (f->workers[i] == NULL)
			abort();
		f->views[i] = f->workers[i];
	}
	f->source = (struct metrics_source){
	    .workers = f->views,
	    .worker_count = WORKERS,
	    .rules = rules,
	    .rule_count = RULES,
	    .listeners = listeners,
	    .listener_count = LISTENERS,
	    .process = metrics_process_open(),
	};
	f->page = evbuffer_new();
	if (f->source.process == NULL || f->page == NULL)
		abort();
	return f;
}

static void
fixture_free(struct fixture *f)
{
	for (size_t i = 0; i < WORKERS; i++)
		worker_metrics_free(f->workers[i]);
	metrics_process_close(f->source.process);
	evbuffer_free(f->page);
	free(f);
}

/* The page as text, valid until the next one. */
static const char *
page_of(struct fixture *f)
{
	if (evbuffer_drain(f->page, evbuffer_get_length(f->page)) != 0 ||
	    !metrics_text_add(f->page, &f->source) ||
	    evbuffer_add(f->page, "", 1) != 0)
		abort();
	return (const char *)evbuffer_pullup(f->page, -1);
}

static int
setup(void **state)
{
	*state = fixture_new();
	return 0;
}

static int
teardown(void **state)
{
	fixture_free(*state);
	return 0;
}

/* Whether the page has exactly this line. */
static void
check_has(const char *page, const char *line)
{
	const char *at = page;

	while ((at = strstr(at, line)) != NULL) {
		const char *end = at + strlen(line);

		if ((at == page || at[-1] == '\n') && *end == '\n')
			return;
		at++;
	}
	fail_msg("no line \"%s\"", line);
}

static size_t
count_of(const char *text, const char *needle)
{
	size_t count = 0;

	while ((text = strstr(text, needle)) != NULL) {
		count++;
		text++;
	}
	return count;
}

static void
test_histogram_bounds(void **state)
{
	static const uint64_t bounds_us[] = HISTOGRAM_BOUNDS;
	static const struct {
		uint64_t ns;
		size_t bucket;
	} rows[] = {
	    {0, 0},
	    {100000, 0},
	    {100001, 1},
	    {250000, 1},
	    {MS * 10000, 15},
	    {MS * 10000 + 1, 16},
	    {MS * 1000 * 7200, 20},
	    {MS * 1000 * 7200 + 1, 21},
	    {UINT64_MAX, 21},
	};

	(void)state;
	assert_int_equal(
	    sizeof(bounds_us) / sizeof(bounds_us[0]), HISTOGRAM_BUCKETS - 1);
	assert_int_equal(bounds_us[HISTOGRAM_WAIT_BOUNDS - 1], 10000000);
	for (size_t i = 1; i < HISTOGRAM_BUCKETS - 1; i++)
		assert_true(bounds_us[i - 1] < bounds_us[i]);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct histogram h = {{0}, 0};

		histogram_add(&h, rows[i].ns);
		for (size_t b = 0; b < HISTOGRAM_BUCKETS; b++)
			assert_int_equal(
			    counter_get(&h.buckets[b]), b == rows[i].bucket);
		assert_int_equal(counter_get(&h.sum_ns), rows[i].ns);
	}
}

/* Names of all series and how many of each a fresh gateway shows. */
static void
test_every_series_exists_at_zero(void **state)
{
	static const struct {
		const char *start;
		size_t count;
	} rows[] = {
	    {"\nsekisho_tunnels_active{", LISTENERS},
	    {"\nsekisho_requests_total{", OUTCOME_COUNT - 1},
	    {"\nsekisho_endpoint_tunnels_total{",
		(size_t)RULES * (OUTCOME_COUNT - 1 - OUTCOME_DRAINING)},
	    {"\nsekisho_endpoint_last_success_timestamp_seconds{", RULES},
	    {"\nsekisho_bytes_total{", 2},
	    {"\nsekisho_dns_seconds_bucket{", HISTOGRAM_WAIT_BOUNDS + 1},
	    {"\nsekisho_connect_seconds_bucket{", HISTOGRAM_WAIT_BOUNDS + 1},
	    {"\nsekisho_setup_seconds_bucket{", HISTOGRAM_WAIT_BOUNDS + 1},
	    {"\nsekisho_tunnel_duration_seconds_bucket{", HISTOGRAM_BUCKETS},
	    {"\nsekisho_tunnel_duration_seconds_sum 0.000000000\n", 1},
	    {"\nsekisho_denied_hosts_total 0\n", 1},
	    {"\nsekisho_dns_cache{", RESOLVER_SOURCES},
	    {"\nsekisho_dns_prefetches_total 0\n", 1},
	    {"\nsekisho_log_dropped_total 0\n", 1},
	    {"\nsekisho_build_info{version=\"" SEKISHO_VERSION "\"} 1\n", 1},
	    {"\nprocess_cpu_seconds_total ", 1},
	    {"\nprocess_resident_memory_bytes ", 1},
	    {"\nprocess_open_fds ", 1},
	    {"\nprocess_max_fds ", 1},
	    {"\nprocess_start_time_seconds ", 1},
	};
	const char *page = page_of(*state);
	const char *at = page;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (count_of(page, rows[i].start) != rows[i].count)
			fail_msg("%s: %zu, not %zu", rows[i].start + 1,
			    count_of(page, rows[i].start), rows[i].count);
	}
	while ((at = strstr(at, "\nsekisho_")) != NULL) {
		const char *end = strchr(++at, '\n');

		assert_non_null(end);
		if (strncmp(at, "sekisho_build_info", 18) != 0)
			assert_true(end[-1] == '0' &&
				    (end[-2] == ' ' || end[-2] == '0'));
	}
}

static void
test_values_are_sums_over_workers(void **state)
{
	struct fixture *f = *state;
	struct worker_metrics *a = f->workers[0], *b = f->workers[1];
	const char *page;

	counter_add(&a->requests[OUTCOME_DENIED_HOST], 3);
	counter_add(&b->requests[OUTCOME_DENIED_HOST], 4);
	counter_add(&b->requests[OUTCOME_DENIED_PORT], 5);
	counter_add(&a->bytes_up, 10);
	counter_add(&b->bytes_up, 20);
	counter_add(&b->bytes_down, 7);
	counter_add(&a->dns[RESOLVER_HIT], 8);
	counter_add(&b->dns[RESOLVER_STALE], 9);
	counter_add(&b->prefetches, 2);
	metrics_tunnel_began(a, 0);
	metrics_tunnel_began(a, 0);
	metrics_tunnel_began(b, 1);
	metrics_tunnel_ended(a, 0);
	assert_int_equal(counter_get(&a->tunnels_active), 1);
	histogram_add(&a->connect_time, 20 * MS);
	histogram_add(&b->connect_time, 30 * MS);
	histogram_add(&b->connect_time, 20000 * MS);
	histogram_add(&b->duration, 20000 * MS);
	page = page_of(f);
	check_has(page, "sekisho_requests_total{outcome=\"denied_host\"} 7");
	check_has(page, "sekisho_requests_total{outcome=\"denied_port\"} 5");
	check_has(page, "sekisho_denied_hosts_total 12");
	check_has(page, "sekisho_bytes_total{direction=\"up\"} 30");
	check_has(page, "sekisho_bytes_total{direction=\"down\"} 7");
	check_has(page, "sekisho_dns_cache{result=\"hit\"} 8");
	check_has(page, "sekisho_dns_cache{result=\"stale\"} 9");
	check_has(page, "sekisho_dns_prefetches_total 2");
	check_has(page, "sekisho_tunnels_active{listener=\"main\"} 1");
	check_has(
	    page, "sekisho_tunnels_active{listener=\"the \\\"other\\\"\"} 1");
	check_has(page, "sekisho_connect_seconds_bucket{le=\"0.01\"} 0");
	check_has(page, "sekisho_connect_seconds_bucket{le=\"0.025\"} 1");
	check_has(page, "sekisho_connect_seconds_bucket{le=\"0.05\"} 2");
	check_has(page, "sekisho_connect_seconds_bucket{le=\"10\"} 2");
	check_has(page, "sekisho_connect_seconds_bucket{le=\"+Inf\"} 3");
	check_has(page, "sekisho_connect_seconds_sum 20.050000000");
	check_has(page, "sekisho_connect_seconds_count 3");
	check_has(page, "sekisho_tunnel_duration_seconds_bucket{le=\"30\"} 1");
	check_has(
	    page, "sekisho_tunnel_duration_seconds_bucket{le=\"7200\"} 1");
}

static void
test_endpoints(void **state)
{
	struct fixture *f = *state;
	const char *page;

	counter_add(&metrics_endpoint(f->workers[0], 0)
			 ->outcomes[OUTCOME_CLIENT_CLOSED],
	    1);
	counter_add(&metrics_endpoint(f->workers[1], 0)
			 ->outcomes[OUTCOME_CLIENT_CLOSED],
	    2);
	counter_set(&metrics_endpoint(f->workers[0], 1)->last_success_unix_ns,
	    UINT64_C(1769846950123000000));
	counter_set(&metrics_endpoint(f->workers[1], 1)->last_success_unix_ns,
	    UINT64_C(1769846949000000000));
	/* Not expected, and all the more to be seen. */
	counter_add(&metrics_endpoint(f->workers[0], 2)
			 ->outcomes[OUTCOME_LIMIT_REACHED],
	    6);
	page = page_of(f);
	check_has(page, "sekisho_endpoint_tunnels_total{host=\"a.apple\","
			"region=\"us-1\",category=\"container\","
			"outcome=\"client_closed\"} 3");
	check_has(page, "sekisho_endpoint_last_success_timestamp_seconds{"
			"host=\"a.apple:8443\",region=\"us-1\","
			"category=\"container\"} 1769846950.123");
	check_has(page,
	    "sekisho_endpoint_tunnels_total{host=\"*.a.apple\","
	    "region=\"-\",category=\"in \\\"quotes\\\" \\\\ and\\\\nlines\","
	    "outcome=\"limit_reached\"} 6");
	check_has(page, "sekisho_endpoint_last_success_timestamp_seconds{"
			"host=\"b.pear\",region=\"-\","
			"category=\"not UTF-8: \\\\u00ff\"} 0.000");
}

static int
compare_lines(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
test_no_series_twice(void **state)
{
	enum {
		LINES_MAX = 4096
	};
	static const char *lines[LINES_MAX];
	char *copy = strdup(page_of(*state));
	char *rest = copy;
	char *line;
	size_t count = 0;

	assert_non_null(copy);
	while ((line = strsep(&rest, "\n")) != NULL) {
		char *space = strrchr(line, ' ');

		if (line[0] == '#' || space == NULL)
			continue;
		*space = '\0';
		assert_true(count < LINES_MAX);
		lines[count++] = line;
	}
	qsort(lines, count, sizeof(lines[0]), compare_lines);
	for (size_t i = 1; i < count; i++)
		assert_string_not_equal(lines[i - 1], lines[i]);
	free(copy);
}

static void
test_listeners_beyond_the_table(void **state)
{
	struct fixture *f = *state;

	metrics_tunnel_began(f->workers[0], METRICS_LISTENERS + 5);
	assert_int_equal(counter_get(&f->workers[0]->tunnels_active), 1);
	metrics_tunnel_ended(f->workers[0], METRICS_LISTENERS + 7);
	assert_int_equal(counter_get(&f->workers[0]->tunnels_active), 0);
	for (size_t i = 0; i < METRICS_LISTENERS; i++)
		assert_int_equal(
		    counter_get(&f->workers[0]->listener_tunnels[i]), 0);
}

static void
test_process_values(void **state)
{
	struct fixture *f = *state;
	struct metrics_process_values before, after;
	struct timespec now;
	int fds[2];

	assert_true(metrics_process_read(f->source.process, &before));
	assert_int_equal(pipe(fds), 0);
	assert_true(metrics_process_read(f->source.process, &after));
	(void)close(fds[0]);
	(void)close(fds[1]);
	assert_int_equal(after.open_fds, before.open_fds + 2);
	assert_true(after.max_fds >= after.open_fds);
	assert_true(after.resident_bytes > 100000);
	assert_true(after.virtual_bytes > after.resident_bytes);
	assert_true(after.threads >= 1);
	assert_true(after.cpu_seconds >= before.cpu_seconds);
	assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
	/* Started lately: within an hour, and a second of rounding. */
	assert_true(after.start_time < (double)now.tv_sec + 2);
	assert_true(after.start_time > (double)now.tv_sec - 3600);
}

static int
print_page(void)
{
	struct fixture *f = fixture_new();

	counter_add(&f->workers[0]->requests[OUTCOME_CLIENT_CLOSED], 1);
	histogram_add(&f->workers[0]->connect_time, MS);
	(void)fputs(page_of(f), stdout);
	fixture_free(f);
	return 0;
}

enum {
	MANY = METRICS_RULES_AT_ZERO + 1,
};

/* The second of MANY rules is published, all others are an operator's own; the
 * third is in use. */
static void
test_long_lists_show_what_is_in_use(void **state)
{
	struct allowlist_entry own = {.host = {.len = 5, .text = "o.own"},
	    .port = 443,
	    .origin = ORIGIN_EXTRA,
	    .region = "-",
	    .category = "extra"};
	struct allowlist_entry used = own, published = entries[0];
	struct fixture *f = fixture_new();
	struct rule *many = calloc(MANY, sizeof(*many));
	struct worker_metrics *m = worker_metrics_new(MANY);
	const struct worker_metrics *view = m;
	const char *page;

	(void)state;
	assert_non_null(many);
	assert_non_null(m);
	used.host = (struct hostname){.len = 6, .text = "u.used"};
	for (size_t i = 0; i < MANY; i++)
		many[i] = (struct rule){.entry = &own, .index = i, .slot = i};
	many[1].entry = &published;
	many[2].entry = &used;
	counter_add(
	    &metrics_endpoint(m, 2)->outcomes[OUTCOME_CONNECT_TIMEOUT], 1);
	f->source.workers = &view;
	f->source.worker_count = 1;
	f->source.rules = many;
	f->source.rule_count = MANY;
	page = page_of(f);
	assert_null(strstr(page, "o.own"));
	assert_non_null(strstr(page, "sekisho_endpoint_last_success_timestamp_"
				     "seconds{host=\"a.apple\""));
	assert_non_null(
	    strstr(page, "{host=\"u.used\",region=\"-\",category=\"extra\","
			 "outcome=\"connect_timeout\"} 1\n"));
	assert_non_null(strstr(page, "outcome=\"drained\"} 0\n"));
	f->source.rule_count = MANY - 1;
	assert_non_null(strstr(page_of(f), "o.own"));
	worker_metrics_free(m);
	free(many);
	fixture_free(f);
}

int
main(int argc, char **argv)
{
#define WITH_GATEWAY(test)                                                     \
	cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_long_lists_show_what_is_in_use),
	    cmocka_unit_test(test_histogram_bounds),
	    WITH_GATEWAY(test_every_series_exists_at_zero),
	    WITH_GATEWAY(test_values_are_sums_over_workers),
	    WITH_GATEWAY(test_endpoints),
	    WITH_GATEWAY(test_no_series_twice),
	    WITH_GATEWAY(test_listeners_beyond_the_table),
	    WITH_GATEWAY(test_process_values),
	};

	if (argc > 1 && strcmp(argv[1], "--page") == 0)
		return print_page();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
