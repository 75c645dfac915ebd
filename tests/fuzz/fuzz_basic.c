/* SPDX-License-Identifier: Apache-2.0
 *
 * The value of a Proxy-Authorization line. */
#include <stdint.h>
#include <stdlib.h>

#include "basic.h"

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
	struct credentials c;
	const char *detail = NULL;

	if (!basic_parse(&c, span_of((const char *)data, len), &detail)) {
		check(detail != NULL);
		return 0;
	}
	check(c.user_len > 0 && strlen(c.user) == c.user_len);
	check(strlen(c.password) == c.password_len);
	check(memchr(c.user, ':', c.user_len) == NULL);
	return 0;
}
