/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "slots.h"

enum {
	MANY = 5000
};

static size_t
number_of(struct slots *s, const char *name)
{
	size_t slot = SIZE_MAX;

	assert_true(slots_get(s, span_str(name), &slot));
	return slot;
}

static void
test_names_keep_their_numbers(void **state)
{
	struct slots *s = slots_new();

	(void)state;
	assert_non_null(s);
	assert_int_equal(slots_count(s), 0);
	assert_int_equal(number_of(s, "a.example:443"), 0);
	assert_int_equal(number_of(s, "a.example:44"), 1);
	assert_int_equal(number_of(s, "*.a.example:443"), 2);
	assert_int_equal(number_of(s, "a.example:443"), 0);
	assert_int_equal(slots_count(s), 3);
	slots_free(s);
}

static void
test_many_names(void **state)
{
	struct slots *s = slots_new();

	(void)state;
	assert_non_null(s);
	for (size_t round = 0; round < 2; round++) {
		for (size_t i = 0; i < MANY; i++) {
			char name[32];

			(void)snprintf(name, sizeof(name), "n%zu.example", i);
			assert_int_equal(number_of(s, name), i);
		}
	}
	assert_int_equal(slots_count(s), MANY);
	slots_free(s);
}

static void
test_no_names(void **state)
{
	(void)state;
	slots_free(NULL);
	slots_free(slots_new());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names_keep_their_numbers),
	    cmocka_unit_test(test_many_names),
	    cmocka_unit_test(test_no_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
