/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/nearest.h"
#include "guard.h"

static const char *const known[] = {"admission", "runtime",
    "vulnerability-scan", "artifact-scanner", "telemetry", "images", "us-1",
    "in-1", "gb-1", "jp-1", "regions", "allowlist_dir"};

static const struct {
	const char *word, *best; /* NULL: nothing is near */
} cases[] = {
    {"runtime", "runtime"},
    {"RunTime", "runtime"},
    {"runtmie", "runtime"},
    {"untime", "runtime"},
    {"run-time", "runtime"},
    {"telemtry", "telemetry"},
    {"vulnerabilty-scan", "vulnerability-scan"},
    {"vulnerability", "vulnerability-scan"},
    {"artifactscanner", "artifact-scanner"},
    {"us1", "us-1"},
    {"us-2", "us-1"},
    {"jp-l", "jp-1"},
    {"pj-1", "jp-1"},
    {"region", "regions"},
    {"allow_list_dir", "allowlist_dir"},
    {"xx-9", NULL},
    {"us", NULL},
    {"s", NULL},
    {"", NULL},
    {"something else", NULL},
};

static void
the_word_that_was_meant_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct guard g =
		    guard_copy(cases[i].word, strlen(cases[i].word));
		struct nearest n =
		    nearest_to(span_of((const char *)g.data, g.len));

		for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
			nearest_try(&n, known[k]);
		if ((n.best == NULL) != (cases[i].best == NULL) ||
		    (n.best != NULL && strcmp(n.best, cases[i].best) != 0))
			fail_msg("%s: %s", cases[i].word,
			    n.best != NULL ? n.best : "(none)");
		guard_free(&g);
	}
}

static void
the_first_of_equally_near_words_wins(void **state)
{
	struct nearest n = nearest_to(span_str("port"));

	(void)state;
	nearest_try(&n, "ports");
	assert_string_equal(n.best, "ports");
	assert_int_equal(n.distance, 1);
	nearest_try(&n, "sort");
	assert_string_equal(n.best, "ports");
	nearest_try(&n, "port");
	assert_string_equal(n.best, "port");
	assert_int_equal(n.distance, 0);
}

static void
words_of_any_length_are_safe(void **state)
{
	char longest[NEAREST_WORD_MAX + 2];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	longest[NEAREST_WORD_MAX] = '\0';
	struct nearest n = nearest_to(span_of(longest, NEAREST_WORD_MAX));
	nearest_try(&n, longest);
	assert_int_equal(n.distance, 0);
	assert_ptr_equal(n.best, longest);

	longest[NEAREST_WORD_MAX] = 'a';
	n = nearest_to(span_of(longest, NEAREST_WORD_MAX + 1));
	nearest_try(&n, "aaaa");
	assert_null(n.best);
	longest[NEAREST_WORD_MAX + 1] = '\0';
	n = nearest_to(span_str("aaaa"));
	nearest_try(&n, longest);
	nearest_try(&n, "");
	assert_null(n.best);
	n = nearest_to(span_of(NULL, 0));
	nearest_try(&n, "a");
	assert_null(n.best);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_word_that_was_meant_is_found),
	    cmocka_unit_test(the_first_of_equally_near_words_wins),
	    cmocka_unit_test(words_of_any_length_are_safe),
	};

	return cmocka_run_group_tests_name("nearest", tests, NULL, NULL);
}
