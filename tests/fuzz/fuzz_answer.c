/* SPDX-License-Identifier: Apache-2.0
 *
 * A parent proxy's answer: the same however it was cut, and never more than is
 * there. */
#include <stdint.h>
#include <stdlib.h>

#include "core/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(bool holds)
{
	if (!holds)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct span all = span_of((const char *)data, len);
	struct answer a, piece;

	if (answer_parse(&a, all) != ANSWER_DONE)
		return 0;
	check(a.head_len > 0 && a.head_len <= len);
	check(a.status >= 100 && a.status <= 999);
	check(a.reason.len < a.head_len);
	for (size_t n = 0; n + 1 < a.head_len; n++)
		check(answer_parse(&piece, span_of(all.ptr, n)) == ANSWER_MORE);
	return 0;
}
