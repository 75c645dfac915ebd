/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/hostname.h"
#include "guard.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(s) (s), sizeof(s) - 1 /* of a literal that may hold NUL bytes */

#define L63  "abcdefghijklmnopqrstuvwxyz0123456789-abcdefghijklmnopqrstuvwxyz"
#define L61  "bcdefghijklmnopqrstuvwxyz0123456789-abcdefghijklmnopqrstuvwxy"
#define N189 L61 "." L63 "." L63 /* 61 + 1 + 63 + 1 + 63 */

/* Parses a copy at the end of a page; *out is filled with a mark before. */
static enum hostname_kind
parse(struct hostname *out, const char *text, size_t len)
{
	struct guard g = guard_copy(text, len);
	enum hostname_kind kind;

	memset(out, 0x5A, sizeof(*out));
	kind = hostname_parse(out, span_of((const char *)g.data, g.len));
	guard_free(&g);
	return kind;
}

static void
test_names(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
	    {"a", "a"}, {"example.com", "example.com"},
	    {"EXAMPLE.Com", "example.com"}, {"example.com.", "example.com"},
	    {"AZaz09-x.AZ", "azaz09-x.az"},
	    {"container.us-1.cloudone.trendmicro.com",
		"container.us-1.cloudone.trendmicro.com"},
	    {"public.ecr.aws", "public.ecr.aws"},
	    {"xn--bcher-kva.example", "xn--bcher-kva.example"},
	    {"r3---sn-x.example", "r3---sn-x.example"},
	    {"1.2.3.4.example", "1.2.3.4.example"},
	    {"0x7f.example", "0x7f.example"}, {"1e3", "1e3"}, {"0x7g", "0x7g"},
	    {"x0", "x0"}, {"1-2", "1-2"}, {L63 ".com", L63 ".com"},
	    {N189 "." L63, N189 "." L63},     /* 253 */
	    {N189 "." L63 ".", N189 "." L63}, /* and a dot */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hostname h;

		assert_int_equal(parse(&h, rows[i].text, strlen(rows[i].text)),
		    HOSTNAME_NAME);
		assert_string_equal(h.text, rows[i].want);
		assert_int_equal(h.len, strlen(rows[i].want));
	}
}

static void
test_address_literals(void **state)
{
	static const char *const rows[] = {
	    /* IPv4 as inet_aton(3), browsers and resolvers read it */
	    "127.0.0.1",
	    "127.0.0.1.",
	    "1.2.3.4",
	    "255.255.255.255",
	    "127.1",
	    "127.0.1",
	    "0",
	    "1",
	    "2130706433",
	    "017700000001",
	    "0177.0.0.1",
	    "0x7f000001",
	    "0X7F000001",
	    "0x7f.0.0.1",
	    "0x7f.1",
	    "127.0.0.0x1",
	    "0x",
	    "0x.0x.0x.0x",
	    "08",
	    "09.1",
	    /* numbers that some would take and others not */
	    "256.256.256.256",
	    "1.2.3.4.5",
	    "999999999999999999999",
	    "example.1",
	    "example.0x1f",
	    "example.com.0X",
	    "a.08",
	    "0000000000000000000000000000000000000000000000000000000000001",
	    /* IPv6 */
	    "0xa",
	    "0xf",
	    "::",
	    "::1",
	    "[::1]",
	    "[::]",
	    "2001:db8::1",
	    "[2001:DB8::1]",
	    "::ffff:127.0.0.1",
	    "[::ffff:7f00:1]",
	    "64:ff9b::a00:1",
	    "1:2:3:4:5:6:7:8",
	    "fe80::1%eth0",
	    "[fe80::1%eth0]",
	    "[fe80::1%25eth0]",
	    "fe80::1%1",
	    "[fe80::1%en.0_~-]",
	    "1111:2222:3333:4444:5555:6666:123.123.123.123",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hostname h, mark;

		memset(&mark, 0x5A, sizeof(mark));
		if (parse(&h, rows[i], strlen(rows[i])) != HOSTNAME_ADDRESS)
			fail_msg("%s", rows[i]);
		assert_memory_equal(&h, &mark, sizeof(h));
	}
}

static const struct {
	const char *text;
	size_t len;
} invalid[] = {
    {NULL, 0},
    {BYTES("")},
    {BYTES(".")},
    {BYTES("..")},
    {BYTES(".a")},
    {BYTES("a..b")},
    {BYTES("a..")},
    {BYTES("-")},
    {BYTES("-a.b")},
    {BYTES("a-.b")},
    {BYTES("a.-b")},
    {BYTES("a.b-")},
    {BYTES("a.b-.")},
    {BYTES("a_b.example")},
    {BYTES("_sip.example")},
    {BYTES("*.example.com")},
    {BYTES("a b")},
    {BYTES(" a")},
    {BYTES("a ")},
    {BYTES("a\tb")},
    {BYTES("a\r\n")},
    {BYTES("a\0")},
    {BYTES("\0")},
    {BYTES("example.com\0.evil.test")},
    {BYTES("b\xc3\xbc"
	   "cher.example")},
    {BYTES("a\xff")},
    {BYTES("\xe3\x80\x82")},
    {BYTES("a\x7f")},
    {BYTES("a%2eb")},
    {BYTES("a@b")},
    {BYTES("user:pw@host")},
    {BYTES("a/b")},
    {BYTES("https://a")},
    {BYTES("a:443")},
    {BYTES("a,b")},
    {BYTES("a\\b")},
    {BYTES("1..2")},
    {BYTES("1.2.3.-4")},
    {BYTES("+1")},
    {BYTES("-1")},
    {BYTES("127.0.0.1 x")},
    {BYTES("127.0.0.1\0")},
    {BYTES("127.0.0.1%eth0")},
    {BYTES("[")},
    {BYTES("]")},
    {BYTES("[]")},
    {BYTES("[::1")},
    {BYTES("::1]")},
    {BYTES("[[::1]]")},
    {BYTES("[example.com]")},
    {BYTES("[127.0.0.1]")},
    {BYTES("[v1.x]")},
    {BYTES("[::1].")},
    {BYTES(":")},
    {BYTES(":::")},
    {BYTES("::1.")},
    {BYTES("::g")},
    {BYTES("1:2:3:4:5:6:7")},
    {BYTES("1:2:3:4:5:6:7:8:9")},
    {BYTES("1111:2222:3333:4444:5555:6666:123.123.123.1230")},
    {BYTES("::1%")},
    {BYTES("[::1%]")},
    {BYTES("[::1%a b]")},
    {BYTES("[::1%\xff]")},
    {BYTES("::1%a\0")},
    {BYTES("::1\0")},
    {BYTES("::127.1")},
    {BYTES("00001::1")},
    {BYTES("%eth0")},
    {BYTES("[%eth0]")},
    {BYTES("1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb")},
    {BYTES("x" L63 ".com")},
    {BYTES(N189 ".b" L63)},
    {BYTES(N189 "." L61 ".bc")},
    {BYTES(N189 "." L63 ".a")},
    {BYTES(N189 "." L63 "..")},
};

static void
test_invalid(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(invalid); i++) {
		struct hostname h, mark;

		memset(&mark, 0x5A, sizeof(mark));
		if (parse(&h, invalid[i].text, invalid[i].len) !=
		    HOSTNAME_INVALID)
			fail_msg("row %zu: %s", i, invalid[i].text);
		assert_memory_equal(&h, &mark, sizeof(h));
	}
}

/* The whole alphabet, at the start, in the middle and at the end. */
static void
test_every_byte(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			     (c >= 'A' && c <= 'Z');
		char text[] = "x?x?x.org";
		struct hostname h;

		text[1] = (char)c;
		text[3] = 'y';
		assert_int_equal(parse(&h, text, 9) == HOSTNAME_NAME,
		    alnum || c == '-' || c == '.');
		text[1] = 'y';
		text[0] = (char)c;
		assert_int_equal(parse(&h, text, 9) == HOSTNAME_NAME, alnum);
		text[0] = 'x';
		text[4] = (char)c;
		assert_int_equal(parse(&h, text, 9) == HOSTNAME_NAME, alnum);
	}
}

static struct hostname
name(const char *text)
{
	struct hostname h;

	if (hostname_parse(&h, span_str(text)) != HOSTNAME_NAME)
		fail_msg("%s", text);
	return h;
}

static void
test_equal(void **state)
{
	struct hostname a = name("example.com"), b = name("EXAMPLE.COM."),
			c = name("example.co"), d = name("example.org");

	(void)state;
	assert_true(hostname_equal(&a, &b));
	assert_false(hostname_equal(&a, &c));
	assert_false(hostname_equal(&c, &a));
	assert_false(hostname_equal(&a, &d));
}

static void
test_is_below(void **state)
{
	static const struct {
		const char *name, *suffix;
		bool want;
	} rows[] = {
	    {"a.example.com", "example.com", true},
	    {"a.b.example.com", "example.com", true},
	    {"example.com", "example.com", false},
	    {"evilexample.com", "example.com", false},
	    {"a.example.com", "com", true},
	    {"com", "com", false},
	    {"a.example.com", "", false},
	    {"example.com", "a.example.com", false},
	    {"a.example.org", "example.com", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hostname h = name(rows[i].name);

		assert_int_equal(
		    hostname_is_below(&h, span_str(rows[i].suffix)),
		    rows[i].want);
	}
}

static void
test_in_cluster(void **state)
{
	static const struct {
		const char *name;
		bool want;
	} rows[] = {
	    {"kubernetes", true},
	    {"localhost", true},
	    {"kubernetes.default", true},
	    {"kubernetes.default.svc", true},
	    {"kubernetes.default.svc.cluster.local", true},
	    {"KUBERNETES.DEFAULT.SVC.CLUSTER.LOCAL.", true},
	    {"trendmicro-scan-manager.trendmicro-system", true},
	    {"x.kube-system", true},
	    {"x.trendmicro-system.svc", true},
	    {"x.trendmicro-system.svc.k8s.example.com", true},
	    {"pod-0.x.ns.svc.example.com", true},
	    {"10-0-0-1.ns.pod.cluster.local", true},
	    {"printer.local", true},
	    {"metadata.google.internal", true},
	    {"ip-10-0-0-1.ec2.internal", true},
	    {"x.localhost", true},
	    {"x.svc", true},
	    {"container.us-1.cloudone.trendmicro.com", false},
	    {"example.com", false},
	    {"eu.svc.ms", false},
	    {"svc.ms", false},
	    {"svc.example.com", false},
	    {"a.b.svcx.example.com", false},
	    {"a.b.xsvc.example.com", false},
	    {"local.example.com", false},
	    {"cluster.local.example.com", false},
	    {"example.xn--p1ai", false},
	    {"public.ecr.aws", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hostname h = name(rows[i].name);

		if (hostname_is_in_cluster(&h) != rows[i].want)
			fail_msg("%s", rows[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_address_literals),
	    cmocka_unit_test(test_invalid),
	    cmocka_unit_test(test_every_byte),
	    cmocka_unit_test(test_equal),
	    cmocka_unit_test(test_is_below),
	    cmocka_unit_test(test_in_cluster),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
