/* SPDX-License-Identifier: Apache-2.0
 *
 * A file of users: whatever is taken is found again, whatever is refused has a
 * message of one line. */
#include <stdint.h>
#include <stdlib.h>

#include "core/htpasswd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(bool holds)
{
	if (!holds)
		abort();
}

static void
on_error(void *arg, const char *text)
{
	size_t *count = arg;

	check(strncmp(text, "f:", 2) == 0 && strchr(text, '\n') == NULL);
	++*count;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct htpasswd h;
	size_t errors = 0;

	if (!htpasswd_parse(
		&h, "f", span_of((const char *)data, len), on_error, &errors)) {
		check(errors > 0 && h.count == 0);
		return 0;
	}
	check(errors == 0 && h.count > 0);
	for (size_t i = 0; i < h.count; i++) {
		const char *name = h.users[i].name;

		check(htpasswd_find(&h, span_str(name)) == &h.users[i]);
		check(name[0] != '\0' && strlen(name) <= HTPASSWD_USER_MAX);
		check(h.users[i].hash[0] == '$' &&
		      strlen(h.users[i].hash) <= HTPASSWD_HASH_MAX);
	}
	htpasswd_fini(&h);
	return 0;
}
