/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of what was denied, and its pages. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/allowlist.h"
#include "denied.h"
#include "denied_page.h"

enum {
	SEED = 42,
	FILES_MAX = 32,
};

static struct denied *table, *second;
static struct denied_list list;

static int
setup(void **state)
{
	(void)state;
	table = denied_new(SEED);
	second = denied_new(SEED);
	assert_non_null(table);
	assert_non_null(second);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	denied_free(table);
	denied_free(second);
	denied_list_free(&list);
	return 0;
}

static struct ipaddr
client_of(unsigned n)
{
	return (struct ipaddr){.family = IP_V4,
	    .bytes = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};
}

static void
note_in(struct denied *d, const char *host, unsigned port, unsigned client,
    uint64_t at)
{
	struct ipaddr from = client_of(client);
	const struct denied_event e = {.host = span_str(host),
	    .port = (uint16_t)port,
	    .why = OUTCOME_DENIED_HOST,
	    .client = &from,
	    .unix_ns = at};

	denied_note(d, &e);
}

static void
note(const char *host, unsigned port, unsigned client, uint64_t at)
{
	note_in(table, host, port, client, at);
}

static void
look(void)
{
	const struct denied *const both[] = {table, second};

	denied_list_free(&list);
	assert_true(denied_list_read(&list, both, 2));
}

static const struct denied_entry *
entry_of(const char *host, unsigned port)
{
	for (size_t i = 0; i < list.count; i++) {
		const struct denied_entry *e = &list.entries[i];

		if (e->port == port &&
		    span_is(span_of(e->host, e->host_len), host))
			return e;
	}
	return NULL;
}

static void
test_counts_and_times(void **state)
{
	const struct denied_entry *e;
	bool exact;

	(void)state;
	note("a.example", 443, 1, 100);
	note("a.example", 443, 2, 200);
	note("a.example", 443, 1, 300);
	note("a.example", 8443, 1, 250);
	look();
	assert_int_equal(list.count, 2);
	e = entry_of("a.example", 443);
	assert_ptr_equal(e, &list.entries[0]); /* the latest comes first */
	assert_int_equal(e->count, 3);
	assert_int_equal(e->first_unix_ns, 100);
	assert_int_equal(e->last_unix_ns, 300);
	assert_int_equal(e->let_through, 0);
	assert_int_equal(denied_client_count(e, &exact), 2);
	assert_true(exact);
	assert_int_equal(entry_of("a.example", 8443)->count, 1);
	assert_int_equal(list.forgotten, 0);
}

static void
test_let_through_is_counted_apart(void **state)
{
	struct ipaddr none = {.family = IP_NONE};
	struct denied_event e = {.host = span_str("b.example"),
	    .port = 443,
	    .why = OUTCOME_DENIED_HOST,
	    .let_through = true,
	    .client = &none,
	    .unix_ns = 5};
	bool exact;

	(void)state;
	denied_note(table, &e);
	e.let_through = false;
	e.why = OUTCOME_DENIED_PORT;
	denied_note(table, &e);
	look();
	assert_int_equal(list.entries[0].count, 2);
	assert_int_equal(list.entries[0].let_through, 1);
	assert_int_equal(list.entries[0].why, OUTCOME_DENIED_PORT);
	assert_int_equal(denied_client_count(&list.entries[0], &exact), 0);
}

static void
test_many_clients_are_estimated(void **state)
{
	static const unsigned counts[] = {20, 100, 300, 500};
	bool exact;

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		char host[32];
		uint64_t guess;

		(void)snprintf(host, sizeof(host), "h%u.example", counts[i]);
		for (unsigned c = 0; c < 3 * counts[i]; c++)
			note(host, 443, c % counts[i], 1);
		look();
		guess = denied_client_count(entry_of(host, 443), &exact);
		assert_false(exact);
		if (guess < counts[i] * 8 / 10 || guess > counts[i] * 12 / 10)
			fail_msg("%u clients: %zu", counts[i], (size_t)guess);
	}
	for (unsigned c = 0; c < 100000; c++)
		note("all.example", 443, c, 1);
	look();
	assert_true(
	    denied_client_count(entry_of("all.example", 443), &exact) > 1000);
}

static void
test_the_latest_thousand_stay(void **state)
{
	enum {
		NAMES = 100000
	};
	char host[32];

	(void)state;
	for (unsigned i = 0; i < NAMES; i++) {
		(void)snprintf(host, sizeof(host), "n%u.example", i);
		note(host, 443, i, i + 1);
		/* Old, yet asked for again and again. */
		if (i % 500 == 0)
			note("steady.example", 443, 1, i + 1);
	}
	look();
	assert_int_equal(list.count, DENIED_MAX);
	assert_int_equal(list.forgotten, NAMES + 1 - DENIED_MAX);
	assert_int_equal(entry_of("steady.example", 443)->count, NAMES / 500);
	assert_non_null(entry_of("n99999.example", 443));
	assert_non_null(entry_of("n99001.example", 443));
	assert_null(entry_of("n99000.example", 443));
	for (size_t i = 1; i < list.count; i++)
		assert_true(list.entries[i - 1].last_unix_ns >=
			    list.entries[i].last_unix_ns);
}

static void
test_any_bytes_and_lengths(void **state)
{
	char name[400];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	note(name, 443, 1, 1);
	name[HOSTNAME_MAX] = '\0'; /* the same, as it is kept */
	note(name, 443, 1, 2);
	note("", 0, 1, 3);
	look();
	assert_int_equal(list.count, 2);
	assert_int_equal(list.entries[1].count, 2);
	assert_int_equal(list.entries[1].host_len, HOSTNAME_MAX);
	assert_int_equal(list.entries[0].host_len, 0);
}

static void
test_tables_are_read_as_one(void **state)
{
	const struct denied_entry *e;
	char host[32];
	bool exact;

	(void)state;
	note("a.example", 443, 1, 300);
	note("a.example", 443, 2, 400);
	note_in(second, "a.example", 443, 2, 100);
	note_in(second, "a.example", 443, 3, 350);
	note_in(second, "b.example", 443, 3, 500);
	look();
	assert_int_equal(list.count, 2);
	e = entry_of("a.example", 443);
	assert_int_equal(e->count, 4);
	assert_int_equal(e->first_unix_ns, 100);
	assert_int_equal(e->last_unix_ns, 400);
	assert_int_equal(denied_client_count(e, &exact), 3);
	assert_true(exact);
	/* Two full tables give one that is full. */
	for (unsigned i = 0; i < DENIED_MAX; i++) {
		(void)snprintf(host, sizeof(host), "s%u.example", i);
		note(host, 443, 1, 1000 + 2 * i);
		(void)snprintf(host, sizeof(host), "t%u.example", i);
		note_in(second, host, 443, 1, 1001 + 2 * i);
	}
	look();
	assert_int_equal(list.count, DENIED_MAX);
	assert_null(entry_of("a.example", 443));
	assert_null(entry_of("s499.example", 443));
	assert_non_null(entry_of("s500.example", 443));
	assert_non_null(entry_of("t500.example", 443));
}

/* --- a reader beside the writer
 * --------------------------------------------------- */

static atomic_bool over;

/* Port, time and count of an entry follow from its name. */
static void *
write_much(void *arg)
{
	(void)arg;
	for (unsigned round = 0; round < 200000; round++) {
		unsigned n = round % 1500;
		char host[32];

		(void)snprintf(host, sizeof(host), "w%u.example", n);
		note(host, n + 1, n, n + 7);
	}
	atomic_store(&over, true);
	return NULL;
}

static void
test_reader_sees_whole_entries(void **state)
{
	pthread_t writer;
	size_t looks = 0;

	(void)state;
	atomic_store(&over, false);
	assert_int_equal(pthread_create(&writer, NULL, write_much, NULL), 0);
	do {
		look();
		looks++;
		for (size_t i = 0; i < list.count; i++) {
			const struct denied_entry *e = &list.entries[i];
			char host[32];
			int len = snprintf(host, sizeof(host), "w%d.example",
			    (int)e->port - 1);
			struct ipaddr from = client_of(e->port - 1U);

			assert_int_equal(e->host_len, len);
			assert_memory_equal(e->host, host, (size_t)len);
			assert_int_equal(e->last_unix_ns, e->port + 6);
			assert_int_equal(e->first_unix_ns, e->port + 6);
			assert_true(ipaddr_equal(&e->clients[0], &from));
			assert_int_equal(e->clients[1].family, IP_NONE);
		}
	} while (!atomic_load(&over));
	assert_int_equal(pthread_join(writer, NULL), 0);
	assert_true(looks > 0);
}

/* --- pages ------------------------------------------------------------------
 */

static void
on_error(void *arg, const char *text)
{
	(void)arg;
	fail_msg("%s", text);
}

/* The policy of region us-1, with an operator's file or without (NULL). */
static struct policy *
policy_with(const char *extra)
{
	static const char *const regions[] = {"us-1"};
	struct policy_selection sel = {.regions = regions, .region_count = 1};
	struct allowlist_file files[FILES_MAX];
	size_t count = 0;
	struct allowlist *lists;
	struct policy *p;

	sel.features = FEATURE_ALL;
	assert_true(allowlist_builtin_count < FILES_MAX);
	for (; count < allowlist_builtin_count; count++)
		files[count] = allowlist_builtin[count];
	if (extra != NULL)
		files[count++] = (struct allowlist_file){
		    .name = "denied.ini", .text = extra, .len = strlen(extra)};
	lists = allowlist_parse(files, count, on_error, NULL);
	assert_non_null(lists);
	p = policy_new(lists, &sel, on_error, NULL);
	assert_non_null(p);
	return p;
}

typedef void (*page_fn)(FILE *out, const struct denied_list *list,
    const struct policy *p, size_t most, uint64_t now);

static char *
page_of(page_fn page, const struct policy *p, size_t most)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	page(out, &list, p, most, UINT64_C(1769846950123000000));
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
check_holds(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no \"%s\" in:\n"
			 "%.3000s",
		    part, text);
}

static const char layers[] = "d2glxqk2uabbnd.cloudfront.net";

static void
note_one_of_each(void)
{
	struct ipaddr from = client_of(9);
	struct denied_event literal = {.host = span_str("0x7f.1"),
	    .port = 443,
	    .why = OUTCOME_DENIED_ADDRESS_LITERAL,
	    .client = &from,
	    .unix_ns = UINT64_C(1769846940000000000)};

	note("example.com", 443, 1, UINT64_C(1769846941000000000));
	note("example.com", 8443, 1, UINT64_C(1769846942000000000));
	note("container.us-1.cloudone.trendmicro.com", 8443, 1,
	    UINT64_C(1769846943000000000));
	note("container.jp-1.cloudone.trendmicro.com", 443, 1,
	    UINT64_C(1769846944000000000));
	note(layers, 443, 1, UINT64_C(1769846945000000000));
	note("kubernetes.default.svc", 443, 1, UINT64_C(1769846946000000000));
	note("new.xdr.trendmicro.com", 443, 1, UINT64_C(1769846947000000000));
	denied_note(table, &literal);
}

static void
test_json_tells_the_nearest_rule(void **state)
{
	struct policy *p = policy_with(NULL);
	char *text;

	(void)state;
	note_one_of_each();
	look();
	text = page_of(denied_page_json, p, DENIED_MAX);
	check_holds(text, "\"kept\": 8,");
	check_holds(text, "\"host\": \"0x7f.1\"");
	check_holds(text, "\"near\": \"port\"");
	check_holds(text, "\"near\": \"lookalike\"");
	check_holds(text, "\"near\": \"cluster\"");
	check_holds(text, "\"near\": \"region\"");
	check_holds(text, "\"rule\": \"cloudone/jp-1.ini:");
	check_holds(text, "\"rule\": \"sets/registry-cdn.ini:");
	check_holds(text, "\"about\": \"image layers of public.ecr.aws\"");
	check_holds(text, "gateway.sets = registry-cdn");
	check_holds(text, "\"line\": \"host = example.com:8443\"");
	check_holds(text, "\"last\": \"2026-01-31T08:09:01.000Z\"");
	check_holds(text, "\"clients\": [\n        \"10.0.0.1\"\n      ]");
	free(text);
	text = page_of(denied_page_json, p, 1);
	check_holds(text, "\"kept\": 8,");
	check_holds(text, "new.xdr.trendmicro.com");
	assert_null(strstr(text, "example.com"));
	free(text);
	policy_unref(p);
}

static void
test_ini_admits_what_was_denied(void **state)
{
	struct policy *before = policy_with(NULL), *after;
	char *text, *again;

	(void)state;
	note_one_of_each();
	look();
	text = page_of(denied_page_ini, before, DENIED_MAX);
	after = policy_with(text); /* the real loader takes it */
	for (size_t i = 0; i < list.count; i++) {
		struct policy_decision d;
		struct endpoint e;

		if (!denied_judge(&list.entries[i], before, &e, &d)) {
			assert_int_equal(list.entries[i].why,
			    OUTCOME_DENIED_ADDRESS_LITERAL);
			continue;
		}
		assert_int_not_equal(d.why, OUTCOME_OK);
		assert_int_equal(policy_decide(after, &e).why, OUTCOME_OK);
	}
	check_holds(text, "; 1 request, of 1 client (10.0.0.1), last ");
	check_holds(text, "gateway.sets = registry-cdn");
	check_holds(text, "0x7f.1: IP address literals are not allowed");
	/* With the file in force, nothing is left to be admitted. */
	again = page_of(denied_page_ini, after, DENIED_MAX);
	assert_null(strstr(again, "\nhost = "));
	check_holds(again, "allowed by denied.ini:");
	free(again);
	free(text);
	policy_unref(before);
	policy_unref(after);
}

/* Names as long as names get, in a full table. */
static void
test_ini_of_a_hostile_table_loads(void **state)
{
	struct policy *before = policy_with(NULL), *after;
	char host[HOSTNAME_MAX + 1];
	char *text;

	(void)state;
	for (unsigned i = 0; i < DENIED_MAX; i++) {
		struct hostname name;
		size_t len = 20 + i % (HOSTNAME_MAX - 20 + 1);

		for (size_t n = 0; n < len; n++)
			host[n] = n % 60 == 59 ? '.' : 'a';
		(void)snprintf(host, sizeof(host), "%06u", i);
		host[6] = 'b';
		host[len] = '\0';
		if (hostname_parse(&name, span_of(host, len)) == HOSTNAME_NAME)
			note(host, i % 2 != 0 ? 443 : 65535, i, i + 1);
	}
	look();
	assert_true(list.count > DENIED_MAX / 2);
	text = page_of(denied_page_ini, before, DENIED_MAX);
	assert_true(strlen(text) < (size_t)1 << 20);
	check_holds(text, "No line of a list can hold so long a name.");
	after = policy_with(text);
	free(text);
	text = page_of(denied_page_json, before, DENIED_MAX);
	assert_true(strlen(text) < (size_t)4 << 20);
	free(text);
	policy_unref(before);
	policy_unref(after);
}

static void
test_empty_table(void **state)
{
	struct policy *p = policy_with(NULL), *after;
	char *text;

	(void)state;
	look();
	text = page_of(denied_page_json, p, DENIED_MAX);
	check_holds(text, "\"denied\": []");
	free(text);
	text = page_of(denied_page_ini, p, DENIED_MAX);
	after = policy_with(text);
	free(text);
	policy_unref(p);
	policy_unref(after);
}

int
main(void)
{
#define WITH_TABLES(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
	    WITH_TABLES(test_counts_and_times),
	    WITH_TABLES(test_let_through_is_counted_apart),
	    WITH_TABLES(test_many_clients_are_estimated),
	    WITH_TABLES(test_the_latest_thousand_stay),
	    WITH_TABLES(test_any_bytes_and_lengths),
	    WITH_TABLES(test_tables_are_read_as_one),
	    WITH_TABLES(test_reader_sees_whole_entries),
	    WITH_TABLES(test_json_tells_the_nearest_rule),
	    WITH_TABLES(test_ini_admits_what_was_denied),
	    WITH_TABLES(test_ini_of_a_hostile_table_loads),
	    WITH_TABLES(test_empty_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
