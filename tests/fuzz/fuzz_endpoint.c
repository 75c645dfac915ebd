/* SPDX-License-Identifier: Apache-2.0
 *
 * What is taken, is written and read back the same; what is refused says why,
 * in words that hold no byte of the input. */
#include <stdlib.h>

#include "core/endpoint.h"

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
	char text[ENDPOINT_TEXT_MAX + 1];
	struct endpoint e, again;
	const char *why = NULL;
	enum outcome got =
	    endpoint_parse(&e, span_of((const char *)data, len), &why);

	if (got != OUTCOME_OK) {
		check(got == OUTCOME_BAD_REQUEST ||
		      got == OUTCOME_DENIED_ADDRESS_LITERAL);
		check(why != NULL && why[0] != '\0');
		return 0;
	}
	check(e.port != 0);
	size_t n = endpoint_format(&e, text);
	check(n <= ENDPOINT_TEXT_MAX && strlen(text) == n && n <= len);
	check(endpoint_parse(&again, span_of(text, n), &why) == OUTCOME_OK);
	check(hostname_equal(&e.host, &again.host) && e.port == again.port);
	return 0;
}
