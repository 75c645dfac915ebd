/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of hosts(5), each at the end of a page and cut at every length. Reading
 * the file is part of test_resolver.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "guard.h"
#include "net/hosts.h"

static const struct {
	const char *line;
	const char *addr; /* of a.example; NULL: none */
} rows[] = {
    {"192.0.2.1 a.example", "192.0.2.1"},
    {"192.0.2.1\ta.example\n", "192.0.2.1"},
    {" \t192.0.2.1 \t a.example \r\n", "192.0.2.1"},
    {"192.0.2.1 A.EXAMPLE", "192.0.2.1"},
    {"192.0.2.1 a.example.", "192.0.2.1"},
    {"192.0.2.1 other x.y a.example z", "192.0.2.1"},
    {"192.0.2.1 a.example#comment", "192.0.2.1"},
    {"2001:db8::1 a.example", "2001:db8::1"},
    {"192.0.2.1 a.example.org", NULL},
    {"192.0.2.1 a.exampl", NULL},
    {"192.0.2.1 xa.example", NULL},
    {"192.0.2.1 . a", NULL},
    {"192.0.2.1 # a.example", NULL},
    {"192.0.2.1#a.example", NULL},
    {"# 192.0.2.1 a.example", NULL},
    {"a.example 192.0.2.1", NULL},
    {"a.example", NULL},
    {"a.example a.example", NULL},
    {"192.0.2.256 a.example", NULL},
    {"192.0.2 a.example", NULL},
    {"fe80::1%eth0 a.example", NULL},
    {"192.0.2.1", NULL},
    {"", NULL},
    {"\n", NULL},
};

static bool
match(struct ipaddr *addr, const char *text, size_t len)
{
	struct guard g = guard_copy(text, len);
	struct hostname name;
	bool found;

	assert_int_equal(
	    hostname_parse(&name, span_str("a.example")), HOSTNAME_NAME);
	found = hosts_line_match(addr, span_of((char *)g.data, g.len), &name);
	guard_free(&g);
	return found;
}

static void
test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char got[IPADDR_TEXT_MAX + 1] = "none";
		struct ipaddr a;

		if (match(&a, rows[i].line, strlen(rows[i].line)))
			(void)ipaddr_format(&a, got);
		assert_string_equal(
		    got, rows[i].addr != NULL ? rows[i].addr : "none");
		for (size_t len = 0; len < strlen(rows[i].line); len++)
			(void)match(&a, rows[i].line, len);
	}
}

static void
test_a_missing_file_says_nothing(void **state)
{
	struct addr_list v6 = {.count = 0}, v4 = {.count = 0};
	struct hostname name;

	(void)state;
	assert_int_equal(
	    hostname_parse(&name, span_str("localhost")), HOSTNAME_NAME);
	hosts_find(&v6, &v4, "/nonexistent/hosts", &name);
	assert_int_equal(v6.count + v4.count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_a_missing_file_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
