/* SPDX-License-Identifier: Apache-2.0
 *
 * Whatever a proxy answers: a longer text never moves the end of a head, and
 * every field of the result is a text that ends. */
#include <stdlib.h>

#include "core/answer.h"
#include "probe_text.h"
#include "proxy_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(bool holds)
{
	if (!holds)
		abort();
}

#define CHECK_TEXT(field) check(strnlen(field, sizeof(field)) < sizeof(field))

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct proxy_result *r = calloc(1, sizeof(*r));
	char *copy = malloc(len > 0 ? len : 1);
	struct span all = span_of(copy, len);
	size_t whole;

	check(r != NULL && copy != NULL);
	if (len > 0)
		memcpy(copy, data, len);
	whole = answer_head_length(all);
	check(whole <= len);
	for (size_t n = 0; n < len; n++) {
		size_t part = answer_head_length(span_of(copy, n));

		check(part == 0 || part == whole);
	}
	if (proxy_head_read(r, span_of(copy, whole ? whole : len)))
		check(r->status >= 0 && r->status <= 999);
	CHECK_TEXT(r->reason);
	CHECK_TEXT(r->schemes);
	CHECK_TEXT(r->via);
	CHECK_TEXT(r->request_id);
	text_title(r->reason, sizeof(r->reason), all);
	CHECK_TEXT(r->reason);
	free(copy);
	free(r);
	return 0;
}
