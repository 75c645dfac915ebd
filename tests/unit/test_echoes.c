/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "echoes.h"

enum {
	MANY = 20000 /* more than there are buckets */
};

static void
random_of(uint8_t out[HELLO_RANDOM_LEN], unsigned n)
{
	memset(out, 0, HELLO_RANDOM_LEN);
	memcpy(out, &n, sizeof(n));
}

static void
test_the_same_hello_twice(void **state)
{
	struct echoes *e = echoes_new();
	struct echo first = {0}, second = {0}, third = {0};
	uint8_t random[HELLO_RANDOM_LEN], other[HELLO_RANDOM_LEN];

	(void)state;
	assert_non_null(e);
	random_of(random, 1);
	memcpy(other, random, sizeof(other));
	other[HELLO_RANDOM_LEN - 1] ^= 1;
	assert_true(echoes_enter(e, &first, random));
	assert_false(echoes_enter(e, &second, random));
	assert_true(echoes_enter(e, &third, other));
	echoes_leave(e, &second); /* never came in */
	assert_false(echoes_enter(e, &second, random));
	echoes_leave(e, &first);
	echoes_leave(e, &first);
	assert_true(echoes_enter(e, &second, random));
	echoes_leave(e, &third);
	echoes_leave(e, &second);
	echoes_free(e);
	echoes_free(NULL);
}

/* They leave in another order than they came, and each is known until then. */
static void
test_many(void **state)
{
	struct echoes *e = echoes_new();
	struct echo *all = calloc(MANY, sizeof(*all)), again = {0};
	uint8_t random[HELLO_RANDOM_LEN];

	(void)state;
	assert_non_null(e);
	assert_non_null(all);
	for (unsigned i = 0; i < MANY; i++) {
		random_of(random, i);
		assert_true(echoes_enter(e, &all[i], random));
	}
	for (unsigned i = 0; i < MANY; i += 2)
		echoes_leave(e, &all[i]);
	for (unsigned i = 0; i < MANY; i++) {
		random_of(random, i);
		assert_int_equal(echoes_enter(e, &again, random), i % 2 == 0);
		echoes_leave(e, &again);
	}
	for (unsigned i = 1; i < MANY; i += 2)
		echoes_leave(e, &all[i]);
	free(all);
	echoes_free(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_same_hello_twice),
	    cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
