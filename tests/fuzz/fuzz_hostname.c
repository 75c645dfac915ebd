/* SPDX-License-Identifier: Apache-2.0
 *
 * A name that is taken is taken again as itself, in its one spelling. */
#include <ctype.h>
#include <stdlib.h>

#include "core/hostname.h"

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
	struct hostname name, again;

	if (hostname_parse(&name, span_of((const char *)data, len)) !=
	    HOSTNAME_NAME)
		return 0;
	check(name.len > 0 && name.len <= HOSTNAME_MAX);
	check(strlen(name.text) == name.len);
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.text[i];

		check(c == '.' || c == '-' || islower(c) || isdigit(c));
	}
	check(hostname_parse(&again, span_of(name.text, name.len)) ==
	      HOSTNAME_NAME);
	check(hostname_equal(&name, &again));
	check(!hostname_is_below(&name, span_of(name.text, name.len)));
	(void)hostname_is_in_cluster(&name);
	return 0;
}
