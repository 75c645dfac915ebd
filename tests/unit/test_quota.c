/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "quota.h"

static const uint64_t second = 1000000000;

static struct ipaddr
addr(unsigned n)
{
	return (struct ipaddr){.family = IP_V4,
	    .bytes = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};
}

static struct quota *
make(unsigned tunnels, unsigned per_client, unsigned per_second)
{
	const struct quota_budget budget = {
	    .tunnels = tunnels, .clients = tunnels + 4};
	struct config c = {.limits = {.tunnels_per_client = per_client,
			       .connects_per_client = per_second}};
	struct quota *q = quota_new(&budget, &c);

	assert_non_null(q);
	return q;
}

static void
test_descriptors_are_shared_out(void **state)
{
	static const struct {
		uint64_t files;
		unsigned workers, wanted;
	} rows[] = {{64, 1, 0}, {1024, 2, 0}, {1024, 2, 10}, {20000, 2, 0},
	    {262144, 64, 0}, {20000, 1, 1000000}, {1U << 30, 2, 0},
	    {1U << 30, 256, 0}};
	struct quota_budget b;
	unsigned least;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(quota_share_out(&b, rows[i].files, rows[i].workers,
		    1, rows[i].wanted, &least));
		assert_true(b.tunnels > 0);
		assert_true(b.clients > b.tunnels);
		assert_true(b.attempts > 0);
		/* A tunnel has two, a client that asks has one. */
		assert_true(b.tunnels + b.clients +
				(2 * b.pipes + b.attempts) * rows[i].workers <
			    rows[i].files);
		if (rows[i].wanted != 0)
			assert_true(b.tunnels <= rows[i].wanted);
	}
	assert_false(quota_share_out(&b, 20, 1, 1, 0, &least));
	assert_true(least > 32);
	assert_true(quota_share_out(&b, least, 1, 1, 0, &least));
}

static void
test_tunnels_in_all(void **state)
{
	struct quota *q = make(2, 0, 0);
	struct ipaddr a = addr(1);

	(void)state;
	assert_int_equal(quota_enter(q, &a), OUTCOME_OK);
	assert_int_equal(quota_enter(q, &a), OUTCOME_OK);
	assert_int_equal(quota_enter(q, &a), OUTCOME_LIMIT_REACHED);
	quota_leave(q, &a);
	assert_int_equal(quota_enter(q, &a), OUTCOME_OK);
	quota_free(q);
}

static void
test_tunnels_of_one_client(void **state)
{
	struct quota *q = make(10, 2, 0);
	struct ipaddr a = addr(1), b = addr(2), none = {.family = IP_NONE};

	(void)state;
	assert_int_equal(quota_enter(q, &a), OUTCOME_OK);
	assert_int_equal(quota_enter(q, &a), OUTCOME_OK);
	assert_int_equal(quota_enter(q, &a), OUTCOME_RATE_LIMITED);
	assert_int_equal(quota_enter(q, &b), OUTCOME_OK);
	for (int i = 0; i < 5; i++)
		assert_int_equal(quota_enter(q, &none), OUTCOME_OK);
	quota_leave(q, &a);
	assert_int_equal(quota_enter(q, &a), OUTCOME_OK);
	quota_free(q);
}

static void
test_requests_of_one_client(void **state)
{
	struct quota *q = make(10, 0, 5);
	struct ipaddr a = addr(1), b = addr(2);
	uint64_t now = 50 * second;
	unsigned retry_s;

	(void)state;
	/* A burst of twice the rate, then the rate. */
	for (int i = 0; i < 10; i++)
		assert_int_equal(
		    quota_request(q, &a, now, &retry_s), OUTCOME_OK);
	assert_int_equal(
	    quota_request(q, &a, now, &retry_s), OUTCOME_RATE_LIMITED);
	assert_int_equal(retry_s, 1);
	assert_int_equal(quota_request(q, &b, now, &retry_s), OUTCOME_OK);
	now += second / 5;
	assert_int_equal(quota_request(q, &a, now, &retry_s), OUTCOME_OK);
	assert_int_equal(
	    quota_request(q, &a, now, &retry_s), OUTCOME_RATE_LIMITED);
	/* However long it rests, no more than the burst is saved. */
	now += 1000000 * second;
	for (int i = 0; i < 10; i++)
		assert_int_equal(
		    quota_request(q, &a, now, &retry_s), OUTCOME_OK);
	assert_int_equal(
	    quota_request(q, &a, now, &retry_s), OUTCOME_RATE_LIMITED);
	quota_free(q);
}

/* However small the steps of time are, what they refill is not lost. */
static void
test_small_steps_refill(void **state)
{
	struct quota *q = make(10, 0, 1);
	struct ipaddr a = addr(1);
	uint64_t now = 50 * second;
	unsigned retry_s, served = 0;

	(void)state;
	for (int i = 0; i < 100000; i++, now += 100000)
		served += quota_request(q, &a, now, &retry_s) == OUTCOME_OK;
	assert_int_equal(served, 2 + 9); /* ten seconds at one a second */
	quota_free(q);
}

/* More addresses than are remembered: memory is bounded, old ones make room. */
static void
test_many_addresses(void **state)
{
	struct quota *q = make(10, 0, 1);
	uint64_t now = 50 * second;
	unsigned retry_s;

	(void)state;
	for (unsigned i = 0; i < 70000; i++) {
		struct ipaddr a = addr(i);

		now += second / 100;
		assert_int_equal(
		    quota_request(q, &a, now, &retry_s), OUTCOME_OK);
	}
	quota_free(q);
}

static void
test_clients_at_once(void **state)
{
	struct quota *q = make(1, 0, 0);

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_true(quota_client_came(q));
	assert_false(quota_client_came(q));
	quota_client_gone(q);
	assert_true(quota_client_came(q));
	quota_free(q);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_descriptors_are_shared_out),
	    cmocka_unit_test(test_tunnels_in_all),
	    cmocka_unit_test(test_tunnels_of_one_client),
	    cmocka_unit_test(test_requests_of_one_client),
	    cmocka_unit_test(test_small_steps_refill),
	    cmocka_unit_test(test_many_addresses),
	    cmocka_unit_test(test_clients_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
