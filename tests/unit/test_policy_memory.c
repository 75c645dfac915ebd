/* SPDX-License-Identifier: Apache-2.0
 *
 * Out of memory at each allocation in turn, while lists are loaded and a policy
 * is made (as a reload does): an error that says so, nothing leaked, nothing
 * half made. The linker puts the functions below between core and libc. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/policy.h"

/* NOLINTBEGIN(bugprone-reserved-identifier) names that ld --wrap makes */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_reallocarray(void *p, size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_reallocarray(void *p, size_t count, size_t size);

/* Allocations that still succeed; SIZE_MAX: all. */
static size_t left = SIZE_MAX;

static bool
may_allocate(void)
{
	if (left == SIZE_MAX)
		return true;
	if (left == 0)
		return false;
	left--;
	return true;
}

void *
__wrap_malloc(size_t size)
{
	return may_allocate() ? __real_malloc(size) : NULL;
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return may_allocate() ? __real_calloc(count, size) : NULL;
}

void *
__wrap_reallocarray(void *p, size_t count, size_t size)
{
	return may_allocate() ? __real_reallocarray(p, count, size) : NULL;
}
/* NOLINTEND(bugprone-reserved-identifier): see above */

static void
on_error(void *arg, const char *text)
{
	unsigned *errors = arg;

	/* What follows from it may be told too, but not only that. */
	if (strstr(text, "out of memory") != NULL)
		*errors += 1;
}

/* Whether a policy could be made. */
static bool
make(unsigned *errors)
{
	static const struct allowlist_sources builtin = {.dir = NULL};
	static const char *const regions[] = {"all"};
	static const char *const sets[] = {"registry-cdn"};
	struct policy_selection sel = {.regions = regions,
	    .region_count = 1,
	    .features = FEATURE_ALL,
	    .sets = sets,
	    .set_count = 1};
	struct allowlist *a = allowlist_load(&builtin, on_error, errors);
	struct policy *p;

	if (a == NULL)
		return false;
	p = policy_new(a, &sel, on_error, errors);
	policy_unref(p);
	return p != NULL;
}

static void
running_out_of_memory_is_an_error_wherever_it_happens(void **state)
{
	size_t failed = 0;
	bool made = false;

	(void)state;
	for (size_t n = 0; !made && n < 10000; n++) {
		unsigned errors = 0;

		left = n;
		made = make(&errors);
		left = SIZE_MAX;
		assert_int_equal(made, errors == 0);
		failed += !made;
	}
	assert_true(made);
	/* Each of some hundred allocations had its turn. */
	assert_true(failed > 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		running_out_of_memory_is_an_error_wherever_it_happens),
	};

	return cmocka_run_group_tests_name("policy_memory", tests, NULL, NULL);
}
