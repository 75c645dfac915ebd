/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "penalty.h"

#define MS UINT64_C(1000000)

static struct ipaddr
address(const char *text)
{
	struct ipaddr a;

	assert_true(ipaddr_parse(&a, span_str(text)));
	return a;
}

static void
test_grows_and_is_forgotten(void **state)
{
	struct penalties *p = penalties_new();
	struct ipaddr a = address("192.0.2.1"), b = address("192.0.2.2");
	uint64_t now = 1000 * MS, want = PENALTY_FIRST_MS;

	(void)state;
	for (int i = 0; i < 8; i++) {
		assert_int_equal(penalty_begin(p, &a, now), want * MS);
		penalty_end(p, &a);
		want = want * 2 < PENALTY_MOST_MS ? want * 2 : PENALTY_MOST_MS;
	}
	assert_int_equal(penalty_begin(p, &b, now), PENALTY_FIRST_MS * MS);
	now += PENALTY_FORGET_MS * MS;
	assert_int_equal(penalty_begin(p, &a, now), PENALTY_MOST_MS * MS);
	now += PENALTY_FORGET_MS * MS + 1;
	assert_int_equal(penalty_begin(p, &a, now), PENALTY_FIRST_MS * MS);
	penalties_free(p);
}

static void
test_waiters_are_bounded(void **state)
{
	struct penalties *p = penalties_new();
	struct ipaddr a = address("2001:db8::1"), b = address("2001:db8::2");

	(void)state;
	for (int i = 0; i < PENALTY_WAITERS; i++) {
		assert_false(penalty_is_full(p, &a));
		(void)penalty_begin(p, &a, MS);
	}
	assert_true(penalty_is_full(p, &a));
	assert_false(penalty_is_full(p, &b));
	penalty_end(p, &a);
	assert_false(penalty_is_full(p, &a));
	penalties_free(p);
}

/* More clients than there are places: the table forgets, and nothing else. */
static void
test_many_clients(void **state)
{
	struct penalties *p = penalties_new();
	struct ipaddr a = address("2001:db8::");

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		a.bytes[14] = (uint8_t)(i >> 8);
		a.bytes[15] = (uint8_t)i;
		assert_true(penalty_begin(p, &a, i) <= PENALTY_MOST_MS * MS);
		if (i % 2 == 0)
			penalty_end(p, &a);
	}
	penalties_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_grows_and_is_forgotten),
	    cmocka_unit_test(test_waiters_are_bounded),
	    cmocka_unit_test(test_many_clients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
