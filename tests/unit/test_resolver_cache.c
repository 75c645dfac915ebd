/* SPDX-License-Identifier: Apache-2.0
 *
 * How long answers are kept, what happens when servers fail (RFC 8767), and
 * that a busy name never waits. Times are milliseconds, so that an expiry can
 * be waited for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "resolver_fixture.h"

enum {
	LONG_MS = 3600000
};

static void
test_the_fast_path(void **state)
{
	struct fixture *f = *state;
	struct hostname name = fixture_name("a.example");
	const struct addr_list *addrs;
	struct ask a = {0};

	dns_server_script(f->dns, "a.example", DNS_A, "A 192.0.2.1 60");
	fixture_open(f, false);
	assert_false(fixture_is_cached(f, "a.example"));
	ask_start(f, &a, "a.example");
	assert_false(fixture_is_cached(f, "a.example"));
	fixture_wait(f);
	assert_true(resolver_cached(f->resolver, &name, &addrs));
	assert_addresses(addrs, "192.0.2.1");
	assert_false(fixture_is_cached(f, "b.example"));
	ask_now(f, &a, "a.example");
	assert_addresses(&a.addrs, "192.0.2.1");
	assert_int_equal(dns_server_queries(f->dns, NULL, 0), 2);
	assert_int_equal(fixture_answers(f, RESOLVER_MISS), 1);
	assert_int_equal(fixture_answers(f, RESOLVER_HIT), 2);
}

/* What is kept for longer than a moment and what is not. The server's TTLs are
 * whole seconds, so the clamps make the difference visible. */
static void
test_times_to_live(void **state)
{
	static const struct {
		const char *a, *aaaa;
		uint32_t min_ttl_ms, max_ttl_ms;
		bool kept; /* after 30 ms */
	} rows[] = {
	    {"A 192.0.2.1 60", "", 0, LONG_MS, true},
	    {"A 192.0.2.1 0", "", 0, LONG_MS, false},
	    {"A 192.0.2.1 0", "", LONG_MS, LONG_MS, true},
	    {"A 192.0.2.1 60", "", 0, 20, false},
	    {"A 192.0.2.1 4294967295", "", 0, LONG_MS, false},
	    /* The least TTL on the way counts. */
	    {"A 192.0.2.1 60; A 192.0.2.2 0", "", 0, LONG_MS, false},
	    {"CNAME b.example 0; A 192.0.2.1 60", "", 0, LONG_MS, false},
	    {"CNAME b.example 60; CNAME c.example 0; A 192.0.2.1 60; REVERSED",
		"", 0, LONG_MS, false},
	    {"CNAME b.example 60; CNAME c.example 60; A 192.0.2.1 60", "", 0,
		LONG_MS, true},
	    {"A 192.0.2.1 60", "AAAA 2001:db8::1 0", 0, LONG_MS, false},
	    {"A 192.0.2.1 0", "AAAA 2001:db8::1 60", 0, LONG_MS, false},
	    {"A 192.0.2.1 60", "AAAA 2001:db8::1 60", 0, LONG_MS, true},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ask a = {0};

		dns_server_script(f->dns, "a.example", DNS_A, rows[i].a);
		dns_server_script(f->dns, "a.example", DNS_AAAA, rows[i].aaaa);
		f->opt.min_ttl_ms = rows[i].min_ttl_ms;
		f->opt.max_ttl_ms = rows[i].max_ttl_ms;
		fixture_open(f, false);
		ask_now(f, &a, "a.example");
		assert_int_equal(a.why, OUTCOME_OK);
		fixture_run(f, 30);
		assert_int_equal(
		    fixture_is_cached(f, "a.example"), rows[i].kept);
		resolver_free(f->resolver);
		f->resolver = NULL;
	}
}

static void
test_an_expired_answer_is_asked_for_anew(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};

	dns_server_script(f->dns, "a.example", DNS_A, "A 192.0.2.1 60");
	f->opt.max_ttl_ms = 10;
	fixture_open(f, false);
	ask_now(f, &a, "a.example");
	dns_server_script(f->dns, "a.example", DNS_A, "A 192.0.2.2 60");
	fixture_run(f, 12);
	ask_now(f, &a, "a.example");
	assert_addresses(&a.addrs, "192.0.2.2");
	assert_int_equal(fixture_answers(f, RESOLVER_MISS), 2);
}

static void
test_failures_are_kept_for_a_while(void **state)
{
	static const char *const failures[] = {
	    "RCODE 3", "RCODE 2", "", "SILENT"};
	struct fixture *f = *state;

	f->opt.timeout_ms = 10;
	f->opt.attempts = 1;
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		struct ask a = {0}, again = {0};
		unsigned queries;

		dns_server_script(f->dns, "a.example", DNS_A, failures[i]);
		dns_server_script(f->dns, "a.example", DNS_AAAA, failures[i]);
		fixture_open(f, false);
		ask_now(f, &a, "a.example");
		queries = dns_server_queries(f->dns, NULL, 0);
		assert_false(fixture_is_cached(f, "a.example"));
		ask_now(f, &again, "a.example");
		assert_failure(&again, a.why, a.detail);
		assert_int_equal(dns_server_queries(f->dns, NULL, 0), queries);
		assert_int_equal(fixture_answers(f, RESOLVER_NEGATIVE), 1);
		resolver_free(f->resolver);
		f->resolver = NULL;
	}
}

static void
test_failures_are_not_kept_for_longer(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};

	f->opt.negative_ttl_ms = 20;
	fixture_open(f, false);
	ask_now(f, &a, "a.example");
	assert_int_equal(a.why, OUTCOME_DNS_NXDOMAIN);
	dns_server_script(f->dns, "a.example", DNS_A, "A 192.0.2.1 60");
	fixture_run(f, 25);
	ask_now(f, &a, "a.example");
	assert_addresses(&a.addrs, "192.0.2.1");
}

static void
test_no_negative_cache(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};

	f->opt.negative_ttl_ms = 0;
	fixture_open(f, false);
	ask_now(f, &a, "a.example");
	ask_now(f, &a, "a.example");
	assert_int_equal(dns_server_queries(f->dns, NULL, 0), 4);
	assert_int_equal(fixture_answers(f, RESOLVER_MISS), 2);
}

/* --- expired answers ------------------------------------------------------ */

/* A resolver that has an answer which is past its time, but may serve. */
static void
open_with_stale(struct fixture *f)
{
	struct ask a = {0};

	dns_server_script(f->dns, "a.example", DNS_A, "A 192.0.2.1 60");
	f->opt.max_ttl_ms = 5;
	f->opt.attempts = 1;
	if (f->opt.stale_ms == 0)
		f->opt.stale_ms = LONG_MS;
	fixture_open(f, false);
	ask_now(f, &a, "a.example");
	assert_addresses(&a.addrs, "192.0.2.1");
	fixture_run(f, 10);
	assert_false(fixture_is_cached(f, "a.example"));
}

static void
test_an_expired_answer_serves_when_the_servers_fail(void **state)
{
	static const char *const failures[] = {"RCODE 2", "SILENT", "GARBAGE"};
	struct fixture *f = *state;

	f->opt.timeout_ms = 20;
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		struct ask a = {0}, b = {0};
		unsigned queries;

		dns_server_script(f->dns, "a.example", DNS_AAAA, "");
		open_with_stale(f);
		dns_server_script(f->dns, "a.example", DNS_A, failures[i]);
		dns_server_script(f->dns, "a.example", DNS_AAAA, failures[i]);
		ask_start(f, &a, "a.example");
		ask_start(f, &b, "a.example");
		fixture_wait(f);
		assert_addresses(&a.addrs, "192.0.2.1");
		assert_addresses(&b.addrs, "192.0.2.1");
		assert_int_equal(fixture_answers(f, RESOLVER_STALE), 2);

		/* The servers are left alone now: no wait, no question. */
		queries = dns_server_queries(f->dns, NULL, 0);
		assert_true(fixture_is_cached(f, "a.example"));
		ask_now(f, &a, "a.example");
		assert_addresses(&a.addrs, "192.0.2.1");
		assert_int_equal(dns_server_queries(f->dns, NULL, 0), queries);
		assert_int_equal(fixture_answers(f, RESOLVER_STALE), 4);
		resolver_free(f->resolver);
		f->resolver = NULL;
	}
}

static void
test_servers_that_failed_are_tried_again_behind_the_scenes(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};
	unsigned queries;

	f->opt.stale_retry_ms = 30;
	f->opt.stale_wait_ms = LONG_MS; /* were it waited for, for ever */
	open_with_stale(f);
	dns_server_script(f->dns, "a.example", DNS_A, "RCODE 2");
	ask_now(f, &a, "a.example");
	assert_int_equal(fixture_answers(f, RESOLVER_STALE), 1);
	fixture_run(f, 35);

	/* The question is out, and nobody waits for it. */
	queries = dns_server_queries(f->dns, NULL, 0);
	dns_server_script(f->dns, "a.example", DNS_A, "A 192.0.2.2 60; HOLD");
	assert_false(fixture_is_cached(f, "a.example"));
	ask_now(f, &a, "a.example");
	assert_addresses(&a.addrs, "192.0.2.1");
	assert_int_equal(fixture_answers(f, RESOLVER_STALE), 2);
	fixture_wait_queries(f, queries + 2);
	dns_server_release(f->dns);
	dns_server_script(f->dns, "a.example", DNS_A, "A 192.0.2.2 60");
	fixture_run(f, 10);
	ask_now(f, &a, "a.example");
	assert_addresses(&a.addrs, "192.0.2.2");
}

static void
test_an_expired_answer_serves_when_the_servers_are_slow(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0}, b = {0};

	f->opt.stale_wait_ms = 10;
	open_with_stale(f);
	resolver_free(f->resolver);
	f->opt.timeout_ms = 10000;
	f->opt.max_ttl_ms = 200;
	fixture_open(f, false);
	ask_now(f, &a, "a.example");
	fixture_run(f, 205);

	dns_server_script(f->dns, "a.example", DNS_A, "A 192.0.2.2 60; HOLD");
	ask_now(f, &a, "a.example");
	assert_addresses(&a.addrs, "192.0.2.1");
	/* The question is still out: those who come now do not wait either. */
	ask_now(f, &b, "a.example");
	assert_addresses(&b.addrs, "192.0.2.1");
	assert_int_equal(fixture_answers(f, RESOLVER_STALE), 2);
	dns_server_release(f->dns);
	fixture_run(f, 5);
	ask_now(f, &a, "a.example");
	assert_addresses(&a.addrs, "192.0.2.2");
	assert_int_equal(fixture_answers(f, RESOLVER_HIT), 1);
}

static void
test_a_quick_answer_takes_the_expired_one_s_place(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};

	open_with_stale(f);
	dns_server_script(f->dns, "a.example", DNS_A, "A 192.0.2.2 60");
	ask_now(f, &a, "a.example");
	assert_addresses(&a.addrs, "192.0.2.2");
	assert_int_equal(fixture_answers(f, RESOLVER_STALE), 0);
}

/* A server that says "no such name" or "no address" has not failed. */
static void
test_a_denial_ends_the_expired_answer(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};

	open_with_stale(f);
	dns_server_script(f->dns, "a.example", DNS_A, "RCODE 3");
	dns_server_script(f->dns, "a.example", DNS_AAAA, "RCODE 3");
	ask_now(f, &a, "a.example");
	assert_failure(&a, OUTCOME_DNS_NXDOMAIN, "NXDOMAIN");
}

static void
test_expired_answers_do_not_serve_for_ever(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};

	f->opt.stale_ms = 1;
	f->opt.timeout_ms = 20;
	open_with_stale(f);
	dns_server_mute(f->dns, true);
	ask_now(f, &a, "a.example");
	assert_failure(
	    &a, OUTCOME_DNS_TIMEOUT, "no answer from any DNS server");
}

/* --- prefetch ------------------------------------------------------------- */

static void
open_prefetching(struct fixture *f)
{
	struct ask a = {0};

	dns_server_script(f->dns, "a.example", DNS_A, "A 192.0.2.1 60");
	f->opt.prefetch = true;
	f->opt.max_ttl_ms = 250;
	fixture_open(f, false);
	ask_now(f, &a, "a.example");
	assert_addresses(&a.addrs, "192.0.2.1");
}

static void
test_a_busy_name_never_waits(void **state)
{
	struct fixture *f = *state;

	open_prefetching(f);
	/* Each use brings one refresh, without any lookup. */
	for (unsigned i = 1; i <= 4; i++) {
		assert_true(fixture_is_cached(f, "a.example"));
		fixture_wait_queries(f, 2 + 2 * i);
		assert_int_equal(resolver_stats(f->resolver)->prefetches, i);
	}
	assert_true(fixture_is_cached(f, "a.example"));
	assert_int_equal(fixture_answers(f, RESOLVER_MISS), 1);
	assert_int_equal(fixture_answers(f, RESOLVER_HIT), 5);
}

static void
test_a_name_that_nobody_wants_is_let_go(void **state)
{
	struct fixture *f = *state;

	open_prefetching(f);
	assert_true(fixture_is_cached(f, "a.example"));
	fixture_wait_queries(f, 4);
	fixture_run(f, 600);
	assert_int_equal(dns_server_queries(f->dns, NULL, 0), 4);
	assert_false(fixture_is_cached(f, "a.example"));
	assert_int_equal(resolver_stats(f->resolver)->prefetches, 1);
}

static void
test_a_prefetch_that_fails_keeps_the_answer(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};
	unsigned queries;

	f->opt.stale_ms = LONG_MS;
	f->opt.timeout_ms = 5;
	f->opt.attempts = 1;
	open_prefetching(f);
	dns_server_mute(f->dns, true);
	assert_true(fixture_is_cached(f, "a.example"));
	fixture_wait_queries(f, 4);
	/* Used again and again, it is not asked for again and again. */
	queries = dns_server_queries(f->dns, NULL, 0);
	for (int i = 0; i < 10; i++) {
		fixture_run(f, 5);
		assert_true(fixture_is_cached(f, "a.example"));
	}
	ask_now(f, &a, "a.example");
	assert_addresses(&a.addrs, "192.0.2.1");
	assert_int_equal(dns_server_queries(f->dns, NULL, 0), queries);
}

static void
test_without_prefetch_nothing_is_asked_unasked(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};

	dns_server_script(f->dns, "a.example", DNS_A, "A 192.0.2.1 60");
	f->opt.max_ttl_ms = 20;
	fixture_open(f, false);
	ask_now(f, &a, "a.example");
	assert_true(fixture_is_cached(f, "a.example"));
	fixture_run(f, 60);
	assert_int_equal(dns_server_queries(f->dns, NULL, 0), 2);
}

/* --- the bound ------------------------------------------------------------ */

static void
test_the_least_lately_used_name_goes(void **state)
{
	struct fixture *f = *state;
	struct ask a[8] = {{0}};
	char name[32];

	dns_server_script(f->dns, "kept.example", DNS_A, "A 192.0.2.1 60");
	dns_server_script(f->dns, "lost.example", DNS_A, "A 192.0.2.2 60");
	f->opt.family = RESOLVER_IPV4;
	f->opt.negative_ttl_ms = LONG_MS;
	fixture_open(f, false);
	ask_now(f, &a[0], "kept.example");
	ask_now(f, &a[0], "lost.example");
	for (unsigned i = 0; i < RESOLVER_CACHE_MAX - 1; i++) {
		(void)snprintf(name, sizeof(name), "n%u.example", i);
		ask_start(f, &a[i % 8], name);
		if (i % 8 == 7)
			fixture_wait(f);
		if (i == 100)
			assert_true(fixture_is_cached(f, "kept.example"));
	}
	fixture_wait(f);
	assert_true(fixture_is_cached(f, "kept.example"));
	assert_false(fixture_is_cached(f, "lost.example"));
	/* The rest is still there. */
	ask_now(f, &a[0], "n1.example");
	assert_int_equal(fixture_answers(f, RESOLVER_NEGATIVE), 1);
	ask_now(f, &a[0], "lost.example");
	assert_addresses(&a[0].addrs, "192.0.2.2");
}

#define TEST(f)                                                                \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_the_fast_path),
	    TEST(test_times_to_live),
	    TEST(test_an_expired_answer_is_asked_for_anew),
	    TEST(test_failures_are_kept_for_a_while),
	    TEST(test_failures_are_not_kept_for_longer),
	    TEST(test_no_negative_cache),
	    TEST(test_an_expired_answer_serves_when_the_servers_fail),
	    TEST(test_servers_that_failed_are_tried_again_behind_the_scenes),
	    TEST(test_an_expired_answer_serves_when_the_servers_are_slow),
	    TEST(test_a_quick_answer_takes_the_expired_one_s_place),
	    TEST(test_a_denial_ends_the_expired_answer),
	    TEST(test_expired_answers_do_not_serve_for_ever),
	    TEST(test_a_busy_name_never_waits),
	    TEST(test_a_name_that_nobody_wants_is_let_go),
	    TEST(test_a_prefetch_that_fails_keeps_the_answer),
	    TEST(test_without_prefetch_nothing_is_asked_unasked),
	    TEST(test_the_least_lately_used_name_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
