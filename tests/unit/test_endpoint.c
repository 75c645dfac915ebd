/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/endpoint.h"
#include "guard.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(s) (s), sizeof(s) - 1 /* of a literal that may hold NUL bytes */

static const struct {
	const char *text;
	size_t len;
	enum outcome want;
	unsigned port;
	const char *says; /* host, or words of the reason */
} rows[] = {
    {BYTES("example.com:443"), OUTCOME_OK, 443, "example.com"},
    {BYTES("EXAMPLE.com.:443"), OUTCOME_OK, 443, "example.com"},
    {BYTES("a:1"), OUTCOME_OK, 1, "a"},
    {BYTES("a:65535"), OUTCOME_OK, 65535, "a"},
    {BYTES("example.com.0a:443"), OUTCOME_OK, 443, "example.com.0a"},

    /* the port */
    {BYTES("example.com"), OUTCOME_BAD_REQUEST, 0, "no port"},
    {BYTES("127.0.0.1"), OUTCOME_BAD_REQUEST, 0, "no port"},
    {BYTES("[::1]"), OUTCOME_BAD_REQUEST, 0, "no port"},
    {BYTES("example.com:"), OUTCOME_BAD_REQUEST, 0, "port is not"},
    {BYTES("example.com:0"), OUTCOME_BAD_REQUEST, 0, "port is not"},
    {BYTES("example.com:0443"), OUTCOME_BAD_REQUEST, 0, "port is not"},
    {BYTES("example.com:+443"), OUTCOME_BAD_REQUEST, 0, "port is not"},
    {BYTES("example.com:-443"), OUTCOME_BAD_REQUEST, 0, "port is not"},
    {BYTES("example.com:443 "), OUTCOME_BAD_REQUEST, 0, "port is not"},
    {BYTES("example.com: 443"), OUTCOME_BAD_REQUEST, 0, "port is not"},
    {BYTES("example.com:443\0"), OUTCOME_BAD_REQUEST, 0, "port is not"},
    {BYTES("example.com:65536"), OUTCOME_BAD_REQUEST, 0, "port is not"},
    {BYTES("example.com:99999"), OUTCOME_BAD_REQUEST, 0, "port is not"},
    {BYTES("example.com:100000"), OUTCOME_BAD_REQUEST, 0, "port is not"},
    {BYTES("example.com:4294967739"), OUTCOME_BAD_REQUEST, 0, "port is not"},
    {BYTES("example.com:0x1bb"), OUTCOME_BAD_REQUEST, 0, "port is not"},
    {BYTES("example.com:https"), OUTCOME_BAD_REQUEST, 0, "port is not"},
    {BYTES("example.com:44:3x"), OUTCOME_BAD_REQUEST, 0, "port is not"},
    {BYTES("127.0.0.1:0"), OUTCOME_BAD_REQUEST, 0, "port is not"},
    {BYTES("[::1]:65536"), OUTCOME_BAD_REQUEST, 0, "port is not"},

    /* the host */
    {NULL, 0, OUTCOME_BAD_REQUEST, 0, "empty"},
    {BYTES(":"), OUTCOME_BAD_REQUEST, 0, "no host"},
    {BYTES(":443"), OUTCOME_BAD_REQUEST, 0, "no host"},
    {BYTES(".:443"), OUTCOME_BAD_REQUEST, 0, "not a host name"},
    {BYTES("a..b:443"), OUTCOME_BAD_REQUEST, 0, "not a host name"},
    {BYTES("-a:443"), OUTCOME_BAD_REQUEST, 0, "not a host name"},
    {BYTES("*.example.com:443"), OUTCOME_BAD_REQUEST, 0, "not a host name"},
    {BYTES("example.com:443:443"), OUTCOME_BAD_REQUEST, 0, "not a host name"},
    {BYTES("a_b.example:443"), OUTCOME_BAD_REQUEST, 0, "underscore"},
    {BYTES("user@example.com:443"), OUTCOME_BAD_REQUEST, 0, "userinfo"},
    {BYTES("user:pw@example.com:443"), OUTCOME_BAD_REQUEST, 0, "userinfo"},
    {BYTES("user:443@example.com"), OUTCOME_BAD_REQUEST, 0, "userinfo"},
    {BYTES("https://example.com:443"), OUTCOME_BAD_REQUEST, 0, "scheme"},
    {BYTES("https://example.com"), OUTCOME_BAD_REQUEST, 0, "scheme"},
    {BYTES("example.com:443/"), OUTCOME_BAD_REQUEST, 0, "path"},
    {BYTES("example.com/x:443"), OUTCOME_BAD_REQUEST, 0, "path"},
    {BYTES("example.com?:443"), OUTCOME_BAD_REQUEST, 0, "path"},
    {BYTES("/"), OUTCOME_BAD_REQUEST, 0, "path"},
    {BYTES("example%2ecom:443"), OUTCOME_BAD_REQUEST, 0, "percent"},
    {BYTES("example.com%00:443"), OUTCOME_BAD_REQUEST, 0, "percent"},
    {BYTES("[example.com]:443"), OUTCOME_BAD_REQUEST, 0, "brackets"},
    {BYTES("[127.0.0.1]:443"), OUTCOME_BAD_REQUEST, 0, "brackets"},
    {BYTES("[::1:443"), OUTCOME_BAD_REQUEST, 0, "brackets"},
    {BYTES("::1]:443"), OUTCOME_BAD_REQUEST, 0, "brackets"},
    {BYTES("[]:443"), OUTCOME_BAD_REQUEST, 0, "brackets"},
    {BYTES("[::1]443"), OUTCOME_BAD_REQUEST, 0, "brackets"},
    {BYTES("[::1]"
	   "x:443"),
	OUTCOME_BAD_REQUEST, 0, "brackets"},
    {BYTES("[::ffff:127.1]:443"), OUTCOME_BAD_REQUEST, 0, "brackets"},
    {BYTES("exam ple.com:443"), OUTCOME_BAD_REQUEST, 0, "blank"},
    {BYTES("example.com\0:443"), OUTCOME_BAD_REQUEST, 0, "control"},
    {BYTES("example.com\x7f:443"), OUTCOME_BAD_REQUEST, 0, "control"},
    {BYTES("b\xc3\xbc"
	   "cher.example:443"),
	OUTCOME_BAD_REQUEST, 0, "non-ASCII"},
    {BYTES("\xef\xbc\x91.1.1.1:443"), OUTCOME_BAD_REQUEST, 0, "non-ASCII"},

    /* addresses */
    {BYTES("127.0.0.1:443"), OUTCOME_DENIED_ADDRESS_LITERAL, 0, "literal"},
    {BYTES("127.0.0.1.:443"), OUTCOME_DENIED_ADDRESS_LITERAL, 0, "literal"},
    {BYTES("127.1:443"), OUTCOME_DENIED_ADDRESS_LITERAL, 0, "literal"},
    {BYTES("0177.0.0.1:443"), OUTCOME_DENIED_ADDRESS_LITERAL, 0, "literal"},
    {BYTES("0x7f000001:443"), OUTCOME_DENIED_ADDRESS_LITERAL, 0, "literal"},
    {BYTES("2130706433:443"), OUTCOME_DENIED_ADDRESS_LITERAL, 0, "literal"},
    {BYTES("[::1]:443"), OUTCOME_DENIED_ADDRESS_LITERAL, 0, "literal"},
    {BYTES("::1:443"), OUTCOME_DENIED_ADDRESS_LITERAL, 0, "literal"},
    {BYTES("[fe80::1%eth0]:443"), OUTCOME_DENIED_ADDRESS_LITERAL, 0, "literal"},
    {BYTES("[fe80::1%25eth0]:443"), OUTCOME_DENIED_ADDRESS_LITERAL, 0,
	"literal"},
    {BYTES("[::ffff:10.0.0.1]:443"), OUTCOME_DENIED_ADDRESS_LITERAL, 0,
	"literal"},
};

static void
test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct guard g = guard_copy(rows[i].text, rows[i].len);
		struct endpoint e, mark;
		const char *why = NULL;
		enum outcome got;

		memset(&e, 0x5A, sizeof(e));
		mark = e;
		got = endpoint_parse(
		    &e, span_of((const char *)g.data, g.len), &why);
		guard_free(&g);
		if (got != rows[i].want)
			fail_msg("%s: %s, %s", rows[i].text, outcome_token(got),
			    why != NULL ? why : "");
		if (got == OUTCOME_OK) {
			assert_null(why);
			assert_string_equal(e.host.text, rows[i].says);
			assert_int_equal(e.port, rows[i].port);
			continue;
		}
		assert_memory_equal(&e, &mark, sizeof(e));
		assert_non_null(why);
		if (strstr(why, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].text, why);
	}
}

/* Every number of up to five digits, in its one spelling. */
static void
test_port(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 100000; n++) {
		char text[8];
		uint16_t port = 0;
		int len = snprintf(text, sizeof(text), "%u", n);

		assert_int_equal(port_parse(&port, span_of(text, (size_t)len)),
		    n > 0 && n < 65536);
		assert_int_equal(port, n < 65536 ? n : 0);
	}
}

static void
test_format(void **state)
{
	static const char *const texts[] = {
	    "a:1", "example.com:443", "x.example.org:65535"};
	char *buf = malloc(ENDPOINT_TEXT_MAX + 1); /* watched by ASan */
	struct endpoint e;
	const char *why;

	(void)state;
	assert_non_null(buf);
	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_int_equal(
		    endpoint_parse(&e, span_str(texts[i]), &why), OUTCOME_OK);
		assert_int_equal(endpoint_format(&e, buf), strlen(texts[i]));
		assert_string_equal(buf, texts[i]);
	}
	e.host.len = HOSTNAME_MAX;
	memset(e.host.text, 'a', HOSTNAME_MAX);
	e.port = 65535;
	assert_int_equal(endpoint_format(&e, buf), ENDPOINT_TEXT_MAX);
	assert_string_equal(buf + HOSTNAME_MAX, ":65535");
	free(buf);
}

static void
test_split(void **state)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
	} targets[] = {
	    {"10.0.0.1:443", "10.0.0.1", 443},
	    {"[::1]:8443", "[::1]", 8443},
	    {"[::1]", "[::1]", 0},
	    {"a_b:443", "a_b", 443},
	    {"https://a:443", "https://a", 443},
	    {"a", "a", 0},
	    {"a:", "a:", 0},
	    {":443", ":443", 0},
	    {"a:0", "a:0", 0},
	    {"a:65536", "a:65536", 0},
	    {"", "", 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(targets); i++) {
		struct span text = span_str(targets[i].text);
		uint16_t port = 0;

		endpoint_split(&text, &port);
		assert_true(span_is(text, targets[i].host));
		assert_int_equal(port, targets[i].port);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_port),
	    cmocka_unit_test(test_format),
	    cmocka_unit_test(test_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
