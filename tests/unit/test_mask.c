/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"
#include "mask.h"

static const struct {
	bool addresses;
	const char *text, *want;
} rows[] = {
    {false, "", ""},
    {false, "http://h:3128", "http://h:3128"},
    {false, "p=http://bob:s3@cret@h:1/x", "p=http://***:***@h:1/x"},
    {false, "\"socks5://bob@h\" a@b", "\"socks5://***:***@h\" a@b"},
    {false, "https://h/a@b", "https://h/a@b"},
    {false, "://", "://"},
    {false, "10.0.0.1 http://u:p@10.0.0.1", "10.0.0.1 http://***:***@10.0.0.1"},
    {true, "10.0.0.1, 10.0.0.2. 10.0.0.1:443",
	"198.51.100.1, 198.51.100.2. 198.51.100.1:443"},
    {true, "10.0.0.0/8 via 192.168.1.1", "198.51.100.1/8 via 198.51.100.2"},
    {true, "127.0.0.1 8.8.8.8 0.0.0.0", "127.0.0.1 8.8.8.8 0.0.0.0"},
    {true, "fd00::1 [fd00::1]:53 ::1 2600::1",
	"2001:db8::1 [2001:db8::1]:53 ::1 2600::1"},
    {true, "v1.10.0.0.1 10.0.0.1.nip", "v1.10.0.0.1 198.51.100.1.nip"},
    {true, "a\\n10.0.0.1\\t10.0.0.2", "a\\n198.51.100.1\\t198.51.100.2"},
    {true, "10.0.0.1-10.0.0.9 ip-10.0.0.1 via_10.0.0.1",
	"198.51.100.1-198.51.100.2 ip-198.51.100.1 via_198.51.100.1"},
    {true, "::ffff:10.0.0.1 [::ffff:8.8.8.8]", "198.51.100.1 [::ffff:8.8.8.8]"},
    {true, "12:30:45 abc:def 1.2", "12:30:45 abc:def 1.2"},
};

static void
secrets_are_masked_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct guard g = guard_copy(rows[i].text, strlen(rows[i].text));
		struct mask m = {.addresses = rows[i].addresses};
		char *got = NULL;
		size_t len = 0;
		FILE *out = open_memstream(&got, &len);

		assert_non_null(out);
		mask_write(out, &m, span_of((const char *)g.data, g.len));
		assert_int_equal(fclose(out), 0);
		guard_free(&g);
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("row %zu: %s", i, got);
		free(got);
	}
}

/* What no stand-in is left for is still masked. */
static void
many_addresses_are_masked(void **state)
{
	struct mask m = {.addresses = true};
	char *got = NULL, text[32];
	size_t len = 0;
	FILE *out = open_memstream(&got, &len);

	(void)state;
	assert_non_null(out);
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(
		    text, sizeof(text), "10.1.%u.%u ", i / 250, i % 250);
		mask_write(out, &m, span_str(text));
	}
	assert_int_equal(fclose(out), 0);
	assert_null(strstr(got, "10.1."));
	assert_non_null(strstr(got, "198.51.100.250 "));
	assert_null(strstr(got, "198.51.100.251"));
	free(got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(secrets_are_masked_and_nothing_else),
	    cmocka_unit_test(many_addresses_are_masked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
