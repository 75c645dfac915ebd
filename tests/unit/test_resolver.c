/* SPDX-License-Identifier: Apache-2.0
 *
 * What is asked, whom, and what becomes of the answers; and the contract of
 * lookups. The cache has a test of its own (test_resolver_cache.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "net_fixture.h"
#include "resolver_fixture.h"

/* --- answers -------------------------------------------------------------- */

static void
test_families_take_turns(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};

	dns_server_script(f->dns, "a.example", DNS_A,
	    "A 192.0.2.1 60; A 192.0.2.2 60; A 192.0.2.3 60");
	dns_server_script(f->dns, "a.example", DNS_AAAA,
	    "AAAA 2001:db8::2 60; AAAA 2001:db8::1 60");
	fixture_open(f, false);
	ask_now(f, &a, "a.example");
	assert_int_equal(a.why, OUTCOME_OK);
	assert_addresses(&a.addrs, "2001:db8::2 192.0.2.1 2001:db8::1 "
				   "192.0.2.2 192.0.2.3");
}

static void
test_only_the_family_wanted_is_asked(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};

	dns_server_script(f->dns, "a.example", DNS_A, "A 192.0.2.1 60");
	dns_server_script(f->dns, "a.example", DNS_AAAA, "AAAA 2001:db8::1 60");
	f->opt.family = RESOLVER_IPV4;
	fixture_open(f, false);
	ask_now(f, &a, "a.example");
	assert_addresses(&a.addrs, "192.0.2.1");
	assert_int_equal(dns_server_queries(f->dns, NULL, 0), 1);

	resolver_free(f->resolver);
	f->opt.family = RESOLVER_IPV6;
	fixture_open(f, false);
	ask_now(f, &a, "a.example");
	assert_addresses(&a.addrs, "2001:db8::1");
	assert_int_equal(dns_server_queries(f->dns, NULL, 0), 2);
}

static void
test_names_are_asked_as_absolute_ones(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};

	assert_int_equal(setenv("LOCALDOMAIN", "corp.example", 1), 0);
	assert_int_equal(setenv("RES_OPTIONS", "ndots:5", 1), 0);
	dns_server_script(f->dns, "intranet", DNS_A, "RCODE 3");
	dns_server_script(
	    f->dns, "intranet.corp.example", DNS_A, "A 192.0.2.66 60");
	dns_server_script(f->dns, "www.example", DNS_A, "A 192.0.2.1 60");
	fixture_open(f, false);
	ask_now(f, &a, "intranet");
	assert_int_equal(a.why, OUTCOME_DNS_NXDOMAIN);
	ask_now(f, &a, "www.example");
	assert_addresses(&a.addrs, "192.0.2.1");
	assert_int_equal(dns_server_queries(f->dns, "intranet", 0), 2);
	assert_int_equal(dns_server_queries(f->dns, NULL, 0), 4);
	(void)unsetenv("LOCALDOMAIN");
	(void)unsetenv("RES_OPTIONS");
}

static void
test_what_answers_mean(void **state)
{
	static const struct {
		const char *a, *aaaa;
		enum outcome why;
		const char *detail; /* with OUTCOME_OK: the addresses */
	} rows[] = {
	    {"RCODE 3", "RCODE 3", OUTCOME_DNS_NXDOMAIN, "NXDOMAIN"},
	    {"", "", OUTCOME_DNS_ERROR, "no address record"},
	    {"CNAME b.example 60", "CNAME b.example 60", OUTCOME_DNS_ERROR,
		"no address record"},
	    {"RCODE 2", "RCODE 2", OUTCOME_DNS_ERROR, "SERVFAIL"},
	    {"RCODE 5", "RCODE 5", OUTCOME_DNS_ERROR, "REFUSED"},
	    {"RCODE 4", "RCODE 4", OUTCOME_DNS_ERROR, "NOTIMP"},
	    {"RCODE 1", "RCODE 1", OUTCOME_DNS_ERROR, "FORMERR"},
	    {"RCODE 9", "RCODE 9", OUTCOME_DNS_ERROR,
		"unexpected response code"},
	    {"GARBAGE", "GARBAGE", OUTCOME_DNS_ERROR, "malformed answer"},
	    {"SILENT", "SILENT", OUTCOME_DNS_TIMEOUT,
		"no answer from any DNS server"},
	    {"SHORT", "SHORT", OUTCOME_DNS_TIMEOUT,
		"no answer from any DNS server"},
	    /* The families differ. */
	    {"A 192.0.2.1 60", "", OUTCOME_OK, "192.0.2.1"},
	    {"A 192.0.2.1 60", "RCODE 2", OUTCOME_OK, "192.0.2.1"},
	    {"A 192.0.2.1 60", "RCODE 3", OUTCOME_OK, "192.0.2.1"},
	    {"A 192.0.2.1 60", "SILENT", OUTCOME_OK, "192.0.2.1"},
	    {"RCODE 3", "AAAA 2001:db8::1 60", OUTCOME_OK, "2001:db8::1"},
	    {"SILENT", "AAAA 2001:db8::1 60", OUTCOME_OK, "2001:db8::1"},
	    {"", "RCODE 2", OUTCOME_DNS_ERROR, "SERVFAIL"},
	    {"", "RCODE 3", OUTCOME_DNS_NXDOMAIN, "NXDOMAIN"},
	    {"", "SILENT", OUTCOME_DNS_TIMEOUT,
		"no answer from any DNS server"},
	    {"RCODE 3", "SILENT", OUTCOME_DNS_NXDOMAIN, "NXDOMAIN"},
	    {"RCODE 2", "SILENT", OUTCOME_DNS_ERROR, "SERVFAIL"},
	    /* Aliases, and what servers and networks do. */
	    {"CNAME b.example 60; CNAME c.example 60; A 192.0.2.1 60", "",
		OUTCOME_OK, "192.0.2.1"},
	    {"CNAME b.example 60; CNAME c.example 60; A 192.0.2.1 60; REVERSED",
		"", OUTCOME_OK, "192.0.2.1"},
	    {"A 192.0.2.1 60; TWICE", "TWICE", OUTCOME_OK, "192.0.2.1"},
	    {"A 192.0.2.1 60; WRONG-ID", "", OUTCOME_OK, "192.0.2.1"},
	    {"A 192.0.2.1 60; WRONG-NAME", "", OUTCOME_OK, "192.0.2.1"},
	    {"A 192.0.2.1 60; NO-EDNS", "NO-EDNS", OUTCOME_OK, "192.0.2.1"},
	};
	struct fixture *f = *state;

	f->opt.timeout_ms = 150; /* more than the resolution delay */
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ask a = {0};

		dns_server_script(f->dns, "a.example", DNS_A, rows[i].a);
		dns_server_script(f->dns, "a.example", DNS_AAAA, rows[i].aaaa);
		f->opt.attempts = 1;
		fixture_open(f, false);
		ask_now(f, &a, "a.example");
		if (rows[i].why == OUTCOME_OK) {
			assert_int_equal(a.why, OUTCOME_OK);
			assert_addresses(&a.addrs, rows[i].detail);
		} else {
			assert_failure(&a, rows[i].why, rows[i].detail);
		}
		resolver_free(f->resolver);
		f->resolver = NULL;
	}
}

static void
test_truncated_answers_are_fetched_over_tcp(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};

	dns_server_script(f->dns, "a.example", DNS_A, "TC; A 192.0.2.1 60");
	dns_server_script(
	    f->dns, "a.example", DNS_AAAA, "TC; AAAA 2001:db8::1 60");
	fixture_open(f, false);
	ask_now(f, &a, "a.example");
	assert_addresses(&a.addrs, "2001:db8::1 192.0.2.1");
	assert_int_equal(dns_server_tcp_queries(f->dns), 2);
}

static void
test_large_answers_come_over_udp_with_edns(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};

	dns_server_script(f->dns, "a.example", DNS_A, "LARGE; A 192.0.2.1 60");
	fixture_open(f, false);
	ask_now(f, &a, "a.example");
	assert_addresses(&a.addrs, "192.0.2.1");
	assert_int_equal(dns_server_tcp_queries(f->dns), 0);
}

static void
test_a_slow_family_is_waited_for_a_moment_only(void **state)
{
	static const struct {
		unsigned quick;
		const char *answer, *first;
	} rows[] = {
	    {DNS_A, "A 192.0.2.1 60", "192.0.2.1"},
	    {DNS_AAAA, "AAAA 2001:db8::1 60", "2001:db8::1"},
	};
	struct fixture *f = *state;
	unsigned queries = 0;

	for (size_t i = 0; i < 2; i++) {
		const char *held = i == 0 ? "AAAA 2001:db8::1 60; HOLD"
					  : "A 192.0.2.1 60; HOLD";
		struct ask a = {0};

		dns_server_script(
		    f->dns, "a.example", rows[i].quick, rows[i].answer);
		dns_server_script(f->dns, "a.example", rows[1 - i].quick, held);
		fixture_open(f, false);
		ask_now(f, &a, "a.example");
		assert_addresses(&a.addrs, rows[i].first);
		/* What comes late is not lost. */
		dns_server_release(f->dns);
		fixture_run(f, 10);
		ask_now(f, &a, "a.example");
		assert_addresses(&a.addrs, "2001:db8::1 192.0.2.1");
		queries += 2;
		assert_int_equal(dns_server_queries(f->dns, NULL, 0), queries);
		resolver_free(f->resolver);
		f->resolver = NULL;
	}
}

/* The second family comes 5 ms after the first. On a machine that stands still
 * for longer than the resolution delay it comes too late, so there are some
 * tries; without a delay none would succeed. */
static void
test_a_family_that_comes_soon_is_waited_for(void **state)
{
	static const char *const names[] = {"a.example", "b.example",
	    "c.example", "d.example", "e.example", "f.example"};
	struct fixture *f = *state;
	struct ask a = {0};

	fixture_open(f, false);
	for (unsigned i = 0; i < 6 && a.addrs.count < 2; i++) {
		dns_server_script(f->dns, names[i], DNS_A, "A 192.0.2.1 60");
		dns_server_script(
		    f->dns, names[i], DNS_AAAA, "AAAA 2001:db8::1 60; HOLD");
		ask_start(f, &a, names[i]);
		fixture_wait_queries(f, 2 * (i + 1));
		dns_server_release(f->dns);
		fixture_wait(f);
	}
	assert_addresses(&a.addrs, "2001:db8::1 192.0.2.1");
}

/* --- servers -------------------------------------------------------------- */

static void
test_each_try_is_counted(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};

	dns_server_script(f->dns, "a.example", DNS_A, "SILENT");
	dns_server_script(f->dns, "a.example", DNS_AAAA, "RCODE 2");
	f->opt.timeout_ms = 10;
	f->opt.attempts = 3;
	fixture_open(f, false);
	ask_now(f, &a, "a.example");
	assert_int_equal(dns_server_queries(f->dns, "a.example", DNS_A), 3);
	/* An error code is an answer: asking again would give the same. */
	assert_int_equal(dns_server_queries(f->dns, "a.example", DNS_AAAA), 1);
}

static void
test_the_second_server_is_asked_when_the_first_fails(void **state)
{
	static const char *const failures[] = {
	    "RCODE 2", "RCODE 5", "GARBAGE", "SILENT"};
	struct fixture *f = *state;

	f->opt.timeout_ms = 30;
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		struct ask a = {0};

		dns_server_script(f->dns, "a.example", DNS_A, failures[i]);
		dns_server_script(f->dns, "a.example", DNS_AAAA, failures[i]);
		fixture_open(f, true);
		dns_server_script(
		    f->dns2, "a.example", DNS_A, "A 192.0.2.1 60");
		ask_now(f, &a, "a.example");
		assert_addresses(&a.addrs, "192.0.2.1");
		assert_int_equal(
		    dns_server_queries(f->dns, NULL, 0), 2 * (i + 1));
		assert_int_equal(dns_server_queries(f->dns2, NULL, 0), 2);
		resolver_free(f->resolver);
		f->resolver = NULL;
		dns_server_free(f->dns2);
		f->dns2 = NULL;
	}
}

static void
test_an_error_says_more_than_silence(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};

	dns_server_script(f->dns, "a.example", DNS_A, "RCODE 5");
	f->opt.timeout_ms = 10;
	f->opt.family = RESOLVER_IPV4;
	fixture_open(f, true);
	dns_server_mute(f->dns2, true);
	ask_now(f, &a, "a.example");
	assert_failure(&a, OUTCOME_DNS_ERROR, "REFUSED");
	assert_int_equal(dns_server_queries(f->dns, NULL, 0), 1);
	assert_true(dns_server_queries(f->dns2, NULL, 0) >= 2);
}

static void
test_a_name_that_does_not_exist_is_not_asked_elsewhere(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};

	fixture_open(f, true);
	dns_server_script(f->dns2, "a.example", DNS_A, "A 192.0.2.1 60");
	ask_now(f, &a, "a.example");
	assert_failure(&a, OUTCOME_DNS_NXDOMAIN, "NXDOMAIN");
	assert_int_equal(dns_server_queries(f->dns2, NULL, 0), 0);
}

static void
test_a_silent_server_is_not_asked_first_again(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};
	unsigned before;

	dns_server_mute(f->dns, true);
	f->opt.timeout_ms = 30;
	fixture_open(f, true);
	dns_server_script(f->dns2, "a.example", DNS_A, "A 192.0.2.1 60");
	dns_server_script(f->dns2, "b.example", DNS_A, "A 192.0.2.2 60");
	ask_now(f, &a, "a.example");
	before = dns_server_queries(f->dns, NULL, 0);
	assert_true(before > 0);
	ask_now(f, &a, "b.example");
	assert_addresses(&a.addrs, "192.0.2.2");
	assert_int_equal(dns_server_queries(f->dns, NULL, 0), before);
}

static void
test_a_closed_port(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};

	fixture_open(f, false);
	dns_server_free(f->dns);
	f->dns = NULL;
	f->condition = NULL;
	ask_now(f, &a, "a.example");
	assert_failure(
	    &a, OUTCOME_DNS_ERROR, "DNS server refused the connection");
}

static void
test_the_system_servers(void **state)
{
	struct fixture *f = *state;

	/* With resolv.conf or without: there is a resolver; it is not used. */
	f->resolver = resolver_new(f->loop, &f->opt);
	assert_non_null(f->resolver);
}

static void
test_an_idle_resolver_has_no_socket_and_changes_ports(void **state)
{
	struct fixture *f = *state;
	int fds;

	f->opt.negative_ttl_ms = 0;
	fixture_open(f, false);
	fds = fixture_open_fds();
	for (int i = 0; i < 8; i++) {
		struct ask a = {0};

		ask_now(f, &a, "a.example");
		assert_int_equal(fixture_open_fds(), fds);
	}
	/* Of 8 random ports, more than one is the same with p < 1e-6. */
	assert_true(dns_server_source_ports(f->dns) >= 7);
}

/* --- the hosts file ------------------------------------------------------- */

static void
test_the_hosts_file_comes_first(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};

	fixture_write_hosts(f, "# comment\n"
			       "192.0.2.7 A.Example alias.example # more\n"
			       "2001:db8::7\tx.example a.example\r\n"
			       "not-an-address a.example\n"
			       "192.0.2.8 b.example");
	fixture_open(f, false);
	ask_now(f, &a, "a.example");
	assert_addresses(&a.addrs, "2001:db8::7 192.0.2.7");
	ask_now(f, &a, "alias.example");
	assert_addresses(&a.addrs, "192.0.2.7");
	ask_now(f, &a, "b.example");
	assert_addresses(&a.addrs, "192.0.2.8");
	assert_int_equal(dns_server_queries(f->dns, NULL, 0), 0);
	ask_now(f, &a, "more.example");
	assert_int_equal(a.why, OUTCOME_DNS_NXDOMAIN);
}

static void
test_the_hosts_file_follows_the_family_and_edits(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};

	fixture_write_hosts(f, "192.0.2.7 a.example\n2001:db8::7 a.example\n");
	f->opt.family = RESOLVER_IPV6;
	f->opt.max_ttl_ms = 10;
	fixture_open(f, false);
	ask_now(f, &a, "a.example");
	assert_addresses(&a.addrs, "2001:db8::7");
	fixture_write_hosts(f, "2001:db8::8 a.example\n");
	fixture_run(f, 12);
	ask_now(f, &a, "a.example");
	assert_addresses(&a.addrs, "2001:db8::8");
	assert_int_equal(unlink(f->hosts), 0);
	fixture_run(f, 12);
	ask_now(f, &a, "a.example");
	assert_int_equal(a.why, OUTCOME_DNS_NXDOMAIN);
}

/* --- the contract of lookups ---------------------------------------------- */

static void
test_lookups_of_one_name_are_one_question(void **state)
{
	struct fixture *f = *state;
	struct ask all[100] = {{0}};

	dns_server_script(f->dns, "a.example", DNS_A, "A 192.0.2.1 60");
	fixture_open(f, false);
	for (int i = 0; i < 100; i++)
		ask_start(f, &all[i], "a.example");
	fixture_wait(f);
	for (int i = 0; i < 100; i++)
		assert_addresses(&all[i].addrs, "192.0.2.1");
	assert_int_equal(dns_server_queries(f->dns, "a.example", DNS_A), 1);
	assert_int_equal(dns_server_queries(f->dns, "a.example", DNS_AAAA), 1);
	assert_int_equal(fixture_answers(f, RESOLVER_MISS), 1);
	assert_int_equal(fixture_answers(f, RESOLVER_COALESCED), 99);
}

/* c-ares answers these inside the call: still, done comes later. */
static void
test_what_is_never_asked(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};

	fixture_open(f, false);
	ask_now(f, &a, "a.onion"); /* RFC 7686 */
	assert_failure(&a, OUTCOME_DNS_NXDOMAIN, "NXDOMAIN");
	assert_int_equal(dns_server_queries(f->dns, NULL, 0), 0);
}

static void
cancel(struct ask *a)
{
	lookup_cancel(&a->lookup);
	assert_null(a->lookup);
	a->f->pending--;
}

static void
test_cancel_one_of_two(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0}, b = {0};

	dns_server_script(f->dns, "a.example", DNS_A, "A 192.0.2.1 60");
	fixture_open(f, false);
	ask_start(f, &a, "a.example");
	ask_start(f, &b, "a.example");
	cancel(&a);
	lookup_cancel(&a.lookup); /* NULL is fine */
	fixture_wait(f);
	assert_int_equal(a.calls, 0);
	assert_addresses(&b.addrs, "192.0.2.1");
}

static void
test_the_answer_to_a_cancelled_lookup_is_kept(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};

	dns_server_script(f->dns, "a.example", DNS_A, "A 192.0.2.1 60");
	fixture_open(f, false);
	ask_start(f, &a, "a.example");
	cancel(&a);
	fixture_wait_queries(f, 2);
	assert_int_equal(a.calls, 0);
	assert_true(fixture_is_cached(f, "a.example"));
}

static void
test_cancel_of_a_cached_answer(void **state)
{
	struct fixture *f = *state;
	struct ask a = {0};

	dns_server_script(f->dns, "a.example", DNS_A, "A 192.0.2.1 60");
	fixture_open(f, false);
	ask_now(f, &a, "a.example");
	ask_start(f, &a, "a.example");
	cancel(&a);
	fixture_run(f, 5);
	assert_int_equal(a.calls, 0);
}

static void
cancel_other(struct ask *a)
{
	if (a->other->lookup != NULL)
		cancel(a->other);
}

static void
test_cancel_inside_a_callback(void **state)
{
	struct fixture *f = *state;
	struct ask a = {.then = cancel_other}, b = {.then = cancel_other};

	fixture_open(f, false);
	a.other = &b;
	b.other = &a;
	ask_start(f, &a, "a.example");
	ask_start(f, &b, "a.example");
	fixture_wait(f);
	fixture_run(f, 5);
	assert_int_equal(a.calls + b.calls, 1);
}

static void
start_other(struct ask *a)
{
	ask_start(a->f, a->other, "a.example");
}

static void
test_start_inside_a_callback(void **state)
{
	struct fixture *f = *state;
	struct ask c = {0};
	struct ask b = {.then = start_other, .other = &c};
	struct ask a = {.then = start_other, .other = &b};

	dns_server_script(f->dns, "a.example", DNS_A, "A 192.0.2.1 60");
	fixture_open(f, false);
	ask_now(f, &a, "a.example");
	assert_int_equal(b.calls, 1);
	assert_int_equal(c.calls, 1);
	assert_int_equal(fixture_answers(f, RESOLVER_HIT), 2);
}

static void
free_resolver(struct ask *a)
{
	resolver_free(a->f->resolver);
	a->f->resolver = NULL;
	a->f->pending = 0;
}

static void
test_free_with_lookups_pending(void **state)
{
	struct fixture *f = *state;
	struct ask waiting[2] = {{0}}, ready = {0}, tcp = {0};

	dns_server_script(f->dns, "a.example", DNS_A, "A 192.0.2.1 60");
	dns_server_script(f->dns, "t.example", DNS_A, "TC; HOLD");
	fixture_open(f, false);
	ask_now(f, &ready, "a.example");
	ask_start(f, &tcp, "t.example");
	fixture_wait_queries(f, 4);
	ask_start(f, &waiting[0], "b.example");
	ask_start(f, &waiting[1], "b.example");
	ask_start(f, &ready, "a.example");
	free_resolver(&ready);
	fixture_run(f, 10);
	assert_int_equal(waiting[0].calls + waiting[1].calls, 0);
	assert_int_equal(ready.calls + tcp.calls, 0);
}

static void
test_free_inside_a_callback(void **state)
{
	struct fixture *f = *state;
	struct ask a = {.then = free_resolver}, b = {.then = free_resolver};
	struct ask c = {0};

	fixture_open(f, false);
	ask_start(f, &a, "a.example");
	ask_start(f, &b, "a.example");
	dns_server_script(f->dns, "c.example", DNS_A, "SILENT");
	ask_start(f, &c, "c.example");
	fixture_wait(f);
	fixture_run(f, 5);
	assert_int_equal(a.calls + b.calls, 1);
	assert_int_equal(c.calls, 0);
}

#define TEST(f)                                                                \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_families_take_turns),
	    TEST(test_only_the_family_wanted_is_asked),
	    TEST(test_names_are_asked_as_absolute_ones),
	    TEST(test_what_answers_mean),
	    TEST(test_truncated_answers_are_fetched_over_tcp),
	    TEST(test_large_answers_come_over_udp_with_edns),
	    TEST(test_a_slow_family_is_waited_for_a_moment_only),
	    TEST(test_a_family_that_comes_soon_is_waited_for),
	    TEST(test_each_try_is_counted),
	    TEST(test_the_second_server_is_asked_when_the_first_fails),
	    TEST(test_an_error_says_more_than_silence),
	    TEST(test_a_name_that_does_not_exist_is_not_asked_elsewhere),
	    TEST(test_a_silent_server_is_not_asked_first_again),
	    TEST(test_a_closed_port),
	    TEST(test_the_system_servers),
	    TEST(test_an_idle_resolver_has_no_socket_and_changes_ports),
	    TEST(test_the_hosts_file_comes_first),
	    TEST(test_the_hosts_file_follows_the_family_and_edits),
	    TEST(test_lookups_of_one_name_are_one_question),
	    TEST(test_what_is_never_asked),
	    TEST(test_cancel_one_of_two),
	    TEST(test_the_answer_to_a_cancelled_lookup_is_kept),
	    TEST(test_cancel_of_a_cached_answer),
	    TEST(test_cancel_inside_a_callback),
	    TEST(test_start_inside_a_callback),
	    TEST(test_free_with_lookups_pending),
	    TEST(test_free_inside_a_callback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
