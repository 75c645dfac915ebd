/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "basic.h"
#include "guard.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *value;
	const char *user, *password; /* NULL: refused */
	const char *says;
} rows[] = {
    {"Basic YTpi", "a", "b", NULL},
    {"basic YTpi", "a", "b", NULL},
    {"BASIC   YTpi", "a", "b", NULL},
    {"Basic YTo=", "a", "", NULL},
    {"Basic YTpiOmM=", "a", "b:c", NULL},
    {"Basic YTpAOi8jJSA=", "a", "@:/#% ", NULL},
    {"Basic w6k6w6k=", "\xc3\xa9", "\xc3\xa9", NULL},

    {"", NULL, NULL, "only Basic"},
    {"Basic", NULL, NULL, "only Basic"},
    {"BasicYTpi", NULL, NULL, "only Basic"},
    {"Bearer YTpi", NULL, NULL, "only Basic"},
    {"NTLM TlRMTVNTUAAB", NULL, NULL, "only Basic"},
    {"Basic\tYTpi", NULL, NULL, "only Basic"},
    {"Basic ", NULL, NULL, "not base64"},
    {"Basic YTpi=", NULL, NULL, "not base64"},
    {"Basic YTp", NULL, NULL, "not base64"},
    {"Basic YTo", NULL, NULL, "not base64"},
    {"Basic =TpiYTpi", NULL, NULL, "not base64"},
    {"Basic ====", NULL, NULL, "not base64"},
    {"Basic Y===", NULL, NULL, "not base64"},
    {"Basic YTpi YTpi", NULL, NULL, "not base64"},
    {"Basic YT\xc3\xa9i", NULL, NULL, "not base64"},
    {"Basic YT_-", NULL, NULL, "not base64"},
    {"Basic YWI=", NULL, NULL, "no colon"},
    {"Basic OmI=", NULL, NULL, "user is empty"},
    {"Basic YToA", NULL, NULL, "control character"},
    {"Basic YQo6Yg==", NULL, NULL, "control character"},
};

static void
test_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t len = strlen(rows[i].value);
		struct guard g = guard_copy(rows[i].value, len);
		struct credentials c;
		const char *detail = "";
		bool ok = basic_parse(
		    &c, span_of((const char *)g.data, len), &detail);

		assert_int_equal(ok, rows[i].user != NULL);
		if (rows[i].user != NULL) {
			assert_string_equal(c.user, rows[i].user);
			assert_string_equal(c.password, rows[i].password);
			assert_int_equal(c.user_len, strlen(rows[i].user));
			assert_int_equal(
			    c.password_len, strlen(rows[i].password));
		} else {
			assert_non_null(strstr(detail, rows[i].says));
		}
		guard_free(&g);
	}
}

/* Both fit with 255 bytes, and one byte more of either is refused. */
static void
test_lengths(void **state)
{
	char plain[600], value[900] = "Basic ";

	(void)state;
	for (size_t user = 254; user <= 256; user++) {
		for (size_t password = 254; password <= 256; password++) {
			struct credentials c;
			const char *detail = NULL;
			int len;

			memset(plain, 'u', user);
			plain[user] = ':';
			memset(plain + user + 1, 'p', password);
			len = EVP_EncodeBlock((unsigned char *)value + 6,
			    (const unsigned char *)plain,
			    (int)(user + 1 + password));
			assert_int_equal(
			    basic_parse(
				&c, span_of(value, 6 + (size_t)len), &detail),
			    user <= 255 && password <= 255);
		}
	}
}

static void
test_wipe(void **state)
{
	static const struct credentials zero;
	struct credentials c;
	const char *detail;

	(void)state;
	assert_true(credentials_set(
	    &c, span_str("user"), span_str("password"), &detail));
	credentials_wipe(&c);
	assert_memory_equal(&c, &zero, sizeof(c));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_wipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
