/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "registry.h"

#define SIXTEEN "0123456789abcdef"
#define DIGEST  "sha256:" SIXTEEN SIXTEEN SIXTEEN SIXTEEN
#define OTHER   "sha256:" SIXTEEN SIXTEEN SIXTEEN "ffffffffffffffff"
#define REPO    "/v2/docker/library/busybox"

static bool
answer(struct registry_walk *w, int status, const char *body)
{
	assert_true(registry_take(w, span_str(body)));
	return registry_next(w, status);
}

static struct registry_walk *
begun(void)
{
	struct registry_walk *w = registry_new("public.ecr.aws");

	assert_non_null(w);
	assert_string_equal(registry_path(w),
	    "/token/?service=public.ecr.aws"
	    "&scope=repository:docker/library/busybox:pull");
	assert_string_equal(registry_token(w), "");
	return w;
}

static struct registry_walk *
with_token(void)
{
	struct registry_walk *w = begun();

	assert_true(answer(w, 200, "{\"token\":\"abc.DEF-1=\"}"));
	assert_string_equal(registry_token(w), "abc.DEF-1=");
	assert_string_equal(registry_path(w), REPO "/manifests/latest");
	return w;
}

static void
goes_to_the_first_layer(void **state)
{
	struct registry_walk *w = with_token();

	(void)state;
	assert_true(answer(w, 200,
	    "{\"config\":{\"digest\":\"" OTHER "\"},"
	    "\"layers\":[{\"digest\":\"" DIGEST "\"},{\"digest\":\"" OTHER
	    "\"}]}"));
	assert_string_equal(registry_path(w), REPO "/blobs/" DIGEST);
	assert_false(answer(w, 307, ""));
	registry_free(w);
}

static void
goes_through_an_index_once(void **state)
{
	struct registry_walk *w = with_token();
	const char *index = "{\"manifests\":[{\"digest\":\"" DIGEST "\"}]}";

	(void)state;
	assert_true(answer(w, 200, index));
	assert_string_equal(registry_path(w), REPO "/manifests/" DIGEST);
	assert_false(answer(w, 200, index));
	registry_free(w);
}

static void
ends_at_answers_that_lead_nowhere(void **state)
{
	static const struct {
		int status;
		const char *body;
	} tokens[] = {
	    {200, ""},
	    {200, "{"},
	    {200, "[]"},
	    {200, "{\"token\":1}"},
	    {200, "{\"token\":\"\"}"},
	    {200, "{\"token\":\"a\\r\\nX: b\"}"},
	    {200, "{\"token\":\"a b\"}"},
	    {200, "{\"token\":\"\\u00e9\"}"},
	    {401, "{\"token\":\"abc\"}"},
	    {429, "{\"token\":\"abc\"}"},
	};
	static const char *const manifests[] = {
	    "",
	    "null",
	    "{\"layers\":[]}",
	    "{\"layers\":{}}",
	    "{\"layers\":[{\"digest\":\"sha256:12\"}]}",
	    "{\"layers\":[{\"digest\":\"../../../etc\"}]}",
	    "{\"layers\":[{\"digest\":\"sha256:" SIXTEEN SIXTEEN SIXTEEN
	    "0123456789abcde/\"}]}",
	    "{\"manifests\":[{\"digest\":1}]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		struct registry_walk *w = begun();

		assert_false(answer(w, tokens[i].status, tokens[i].body));
		registry_free(w);
	}
	for (size_t i = 0; i < sizeof(manifests) / sizeof(*manifests); i++) {
		struct registry_walk *w = with_token();

		assert_false(answer(w, 200, manifests[i]));
		registry_free(w);
	}
}

static void
documents_are_bounded(void **state)
{
	struct registry_walk *w = begun();
	char *piece = malloc(4096);
	unsigned taken = 0;

	(void)state;
	assert_non_null(piece);
	memset(piece, ' ', 4096);
	while (taken < 1000 && registry_take(w, span_of(piece, 4096)))
		taken++;
	assert_in_range(taken, 16, 999);
	assert_false(registry_next(w, 200));
	free(piece);
	registry_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(goes_to_the_first_layer),
	    cmocka_unit_test(goes_through_an_index_once),
	    cmocka_unit_test(ends_at_answers_that_lead_nowhere),
	    cmocka_unit_test(documents_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
