/* SPDX-License-Identifier: Apache-2.0
 *
 * The last hour by minute, and the figures of /api/status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "history.h"
#include "status_internal.h"

enum {
	RULES = HISTORY_ENDPOINTS + 10,
};

#define MS UINT64_C(1000000)

static struct event_base *base;
static struct worker_metrics *workers[2];
static struct rule rules[RULES];
static struct metrics_source source;
static struct history *history;
static struct history_minute hour[HISTORY_MINUTES];

static int
setup(void **state)
{
	(void)state;
	base = event_base_new();
	assert_non_null(base);
	for (size_t i = 0; i < 2; i++) {
		workers[i] = worker_metrics_new(RULES);
		assert_non_null(workers[i]);
	}
	for (size_t i = 0; i < RULES; i++)
		rules[i] = (struct rule){.index = i, .slot = i};
	source = (struct metrics_source){
	    .workers = (const struct worker_metrics *const *)workers,
	    .worker_count = 2,
	    .rules = rules,
	    .rule_count = RULES};
	history = history_new(base, &source);
	assert_non_null(history);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	history_free(history);
	worker_metrics_free(workers[0]);
	worker_metrics_free(workers[1]);
	event_base_free(base);
	return 0;
}

/* One tunnel of rule i, as a worker counts it. */
static void
tunnel(size_t worker, size_t i, uint64_t connect_ns)
{
	struct endpoint_metrics *e = metrics_endpoint(workers[worker], i);

	counter_add(&e->tunnels, 1);
	counter_set(&e->last_success_unix_ns, 1);
	histogram_add(&e->connect, connect_ns);
	histogram_add(&workers[worker]->connect_time, connect_ns);
	histogram_add(&workers[worker]->setup_time, connect_ns);
}

static void
failure(size_t worker, size_t i)
{
	struct endpoint_metrics *e = metrics_endpoint(workers[worker], i);

	counter_add(&e->outcomes[OUTCOME_CONNECT_TIMEOUT], 1);
	counter_set(&e->last_failure_unix_ns, 1);
	counter_add(&workers[worker]->requests[OUTCOME_CONNECT_TIMEOUT], 1);
}

static const struct history_minute *
minute(size_t ago)
{
	return &hour[HISTORY_MINUTES - 1 - ago];
}

static void
test_minutes_move_on(void **state)
{
	(void)state;
	tunnel(0, 3, 10 * MS);
	tunnel(1, 3, 30 * MS);
	history_of_rule(history, &rules[3], hour);
	assert_int_equal(minute(0)->tunnels, 2); /* of the one that runs */
	assert_int_equal(minute(0)->connects, 2);
	assert_int_equal(minute(0)->connect_ns, 40 * MS);
	history_next_minute(history);
	failure(1, 3);
	history_of_rule(history, &rules[3], hour);
	assert_int_equal(minute(0)->tunnels, 0);
	assert_int_equal(minute(0)->failures, 1);
	assert_int_equal(minute(1)->tunnels, 2);
	assert_int_equal(minute(1)->failures, 0);
	for (size_t i = 0; i < HISTORY_MINUTES - 2; i++)
		history_next_minute(history);
	history_of_rule(history, &rules[3], hour);
	assert_int_equal(minute(HISTORY_MINUTES - 1)->tunnels, 2);
	assert_int_equal(minute(HISTORY_MINUTES - 2)->failures, 1);
	history_next_minute(history);
	history_next_minute(history);
	history_of_rule(history, &rules[3], hour);
	for (size_t i = 0; i < HISTORY_MINUTES; i++) {
		assert_int_equal(hour[i].tunnels, 0);
		assert_int_equal(hour[i].failures, 0);
	}
	history_of_rule(history, &rules[4], hour);
	assert_int_equal(minute(0)->tunnels, 0);
}

static void
test_all_have_more_than_the_rings(void **state)
{
	(void)state;
	for (size_t i = 0; i < RULES; i++)
		tunnel(i % 2, i, MS);
	history_next_minute(history);
	history_of_all(history, hour);
	assert_int_equal(minute(1)->tunnels, RULES);
	history_of_rule(history, &rules[0], hour);
	assert_int_equal(minute(1)->tunnels, 1);
	history_of_rule(history, &rules[RULES - 1], hour);
	assert_int_equal(minute(1)->tunnels, 0); /* has no ring */
}

static void
test_rules_that_go_give_their_ring_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < HISTORY_ENDPOINTS; i++)
		tunnel(0, i, MS);
	history_next_minute(history);
	/* The first one goes, all others stay. */
	source.rules = &rules[1];
	source.rule_count = RULES - 1;
	history_renew(history);
	tunnel(0, RULES - 1, MS);
	history_next_minute(history);
	history_of_rule(history, &rules[RULES - 1], hour);
	assert_int_equal(minute(1)->tunnels, 1);
	assert_int_equal(minute(2)->tunnels, 0);
	history_of_rule(history, &rules[1], hour);
	assert_int_equal(minute(2)->tunnels, 1);
	/* A slot never seen before. */
	source.rules = rules;
	source.rule_count = 1;
	rules[0].slot = RULES - 1;
	history_renew(history);
	history_next_minute(history);
	history_of_rule(history, &rules[0], hour);
	assert_int_equal(minute(2)->tunnels, 1);
}

static void
test_quantiles(void **state)
{
	uint64_t buckets[HISTOGRAM_BUCKETS] = {0};

	(void)state;
	assert_int_equal(histogram_quantile(buckets, 0.5), 0);
	buckets[5] = 100; /* from 2.5 to 5 ms */
	assert_int_equal(histogram_quantile(buckets, 0.5), 3750000);
	assert_int_equal(histogram_quantile(buckets, 1), 5 * MS);
	buckets[0] = 100; /* up to 0.1 ms */
	assert_int_equal(histogram_quantile(buckets, 0.25), 50000);
	assert_int_equal(histogram_quantile(buckets, 0.75), 3750000);
	buckets[HISTOGRAM_BUCKETS - 1] = 1000; /* more than two hours */
	assert_int_equal(
	    histogram_quantile(buckets, 0.95), UINT64_C(7200) * 1000 * MS);
}

static void
test_addresses_are_kept(void **state)
{
	static const char *const texts[] = {
	    "1.2.3.4", "2600:1f18::1", "2600::ffff:0:1", "5.6.7.8", "9.9.9.9"};
	struct endpoint_addresses *a =
	    &metrics_endpoint(workers[0], 0)->addresses;
	struct ipaddr found[ENDPOINT_ADDRESSES], address;

	(void)state;
	assert_int_equal(endpoint_addresses_read(a, found), 0);
	for (size_t i = 0; i < 5; i++) {
		assert_true(ipaddr_parse(&address, span_str(texts[i])));
		endpoint_addresses_note(a, &address);
		endpoint_addresses_note(a, &address);
		assert_int_equal(endpoint_addresses_read(a, found),
		    i < ENDPOINT_ADDRESSES ? i + 1 : ENDPOINT_ADDRESSES);
		assert_true(ipaddr_equal(&found[i % 4], &address));
	}
	/* The oldest has given way. */
	assert_true(ipaddr_parse(&address, span_str(texts[0])));
	for (size_t i = 0; i < ENDPOINT_ADDRESSES; i++)
		assert_false(ipaddr_equal(&found[i], &address));
	address.family = IP_NONE;
	endpoint_addresses_note(a, &address);
	assert_int_equal(endpoint_addresses_read(a, found), ENDPOINT_ADDRESSES);
}

int
main(void)
{
#define WITH_HISTORY(test)                                                     \
	cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
	    WITH_HISTORY(test_minutes_move_on),
	    WITH_HISTORY(test_all_have_more_than_the_rings),
	    WITH_HISTORY(test_rules_that_go_give_their_ring_back),
	    WITH_HISTORY(test_quantiles),
	    WITH_HISTORY(test_addresses_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
