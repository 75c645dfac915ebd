/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/htpasswd.h"
#include "guard.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define B53      "0123456789012345678901234567890123456789012345678901."
#define S86                                                                    \
	"01234567890123456789012345678901234567890123456789012345678901234567" \
	"89012345678901234."
#define Y43 "0123456789012345678901234567890123456789ab."

#define BCRYPT   "$2y$05$" B53
#define SHA512   "$6$salt$" S86
#define YESCRYPT "$y$j9T$salt$" Y43

struct errors {
	char text[4096];
	size_t len, count;
};

static void
on_error(void *arg, const char *text)
{
	struct errors *e = arg;
	int n =
	    snprintf(e->text + e->len, sizeof(e->text) - e->len, "%s\n", text);

	assert_true(n > 0 && (size_t)n < sizeof(e->text) - e->len);
	e->len += (size_t)n;
	e->count++;
}

/* As text in memory that ends before a guard page. */
static bool
parse(struct htpasswd *h, const char *text, size_t len, struct errors *e)
{
	struct guard g = guard_copy(text, len);
	bool ok;

	*e = (struct errors){.len = 0};
	ok = htpasswd_parse(
	    h, "f", span_of((const char *)g.data, len), on_error, e);
	guard_free(&g);
	assert_int_equal(ok, e->count == 0);
	return ok;
}

static const struct {
	const char *text;
	size_t users;
	const char *says; /* the whole error; NULL: fine */
} rows[] = {
    {"a:" BCRYPT "\n", 1, NULL},
    {"a:" BCRYPT, 1, NULL},
    {"a:" BCRYPT "\r\nb:" SHA512 "\r\n", 2, NULL},
    {"# who may\n\na:$2a$14$" B53 "\nb:$2b$04$" B53 "\n", 2, NULL},
    {"a b@c/d#:" YESCRYPT "\n", 1, NULL},
    {"\xe9\x96\xa2:$6$rounds=5000$s$" S86 "\n", 1, NULL},
    {"a:$6$rounds=1000000$0123456789abcdef$" S86, 1, NULL},

    {"", 0, "f: holds no user\n"},
    {"# nobody\n\r\n", 0, "f: holds no user\n"},
    {"a\n", 0, "f:1: expected user:hash\n"},
    {":" BCRYPT, 0, "f:1: no user before the colon\n"},
    {"a:", 0, "f:1: no hash behind the user\n"},
    {"a:" BCRYPT ":x", 0, "f:1: more than one colon: expected user:hash\n"},
    {"a\tb:" BCRYPT, 0, "f:1: control character in the user name\n"},
    {"a:" BCRYPT "\na:" SHA512, 0,
	"f:2: user a: given twice, first in line 1\n"},
    {"a:$2y$05$" B53 "x", 0, "f:1: malformed bcrypt hash\n"},
    {"a:$2y$5$" B53, 0, "f:1: malformed bcrypt hash\n"},
    {"a:$2y$03$" B53, 0, "f:1: malformed bcrypt hash\n"},
    {"a:$2y$xx$" B53, 0, "f:1: malformed bcrypt hash\n"},
    {"a:$2y$05$", 0, "f:1: malformed bcrypt hash\n"},
    {"a:$2y$15$" B53, 0,
	"f:1: bcrypt cost above 14: a check would take seconds\n"},
    {"a:$6$0123456789abcdefg$" S86, 0, "f:1: malformed SHA-512 hash\n"},
    {"a:$6$$" S86, 0, "f:1: malformed SHA-512 hash\n"},
    {"a:$6$s$" S86 "x", 0, "f:1: malformed SHA-512 hash\n"},
    {"a:$6$rounds=99$s$" S86, 0, "f:1: malformed SHA-512 hash\n"},
    {"a:$6$rounds=$s$" S86, 0, "f:1: malformed SHA-512 hash\n"},
    {"a:$6$rounds=1000001$s$" S86, 0,
	"f:1: more than 1000000 rounds: a check would take seconds\n"},
    {"a:$y$j9T$" Y43, 0, "f:1: malformed yescrypt hash\n"},
    {"a:$y$j9T$s$" Y43 "x", 0, "f:1: malformed yescrypt hash\n"},
    {"a:$y$$s$" Y43, 0, "f:1: malformed yescrypt hash\n"},
};

static void
test_lines(void **state)
{
	struct htpasswd h;
	struct errors e;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		bool ok = parse(&h, rows[i].text, strlen(rows[i].text), &e);

		assert_string_equal(
		    e.text, rows[i].says != NULL ? rows[i].says : "");
		assert_int_equal(h.count, rows[i].users);
		if (ok)
			htpasswd_fini(&h);
	}
}

/* A hash of another kind is refused with what to do, and never shown. */
static void
test_other_hashes(void **state)
{
	static const char *const lines[] = {"secret", "$apr1$salt$secret",
	    "{SHA}secret=", "$1$salt$secret", "$5$salt$secret", "rlsecret",
	    ("$2x$05$" B53), "*", "!"};
	struct htpasswd h;
	struct errors e;
	char text[128];

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		int n = snprintf(text, sizeof(text), "a:%s\n", lines[i]);

		assert_false(parse(&h, text, (size_t)n, &e));
		assert_non_null(strstr(e.text, "f:1: not a bcrypt"));
		assert_non_null(strstr(e.text, "--hash-password"));
		assert_null(strstr(e.text, "secret"));
	}
}

static void
test_long_names(void **state)
{
	char text[512];
	struct htpasswd h;
	struct errors e;
	size_t tail = strlen(":" BCRYPT);

	(void)state;
	memset(text, 'a', 256);
	(void)snprintf(text + 255, sizeof(text) - 255, ":" BCRYPT);
	assert_true(parse(&h, text, 255 + tail, &e));
	htpasswd_fini(&h);
	text[255] = 'a';
	(void)snprintf(text + 256, sizeof(text) - 256, ":" BCRYPT);
	assert_false(parse(&h, text, 256 + tail, &e));
	assert_string_equal(e.text, "f:1: user name of more than 255 bytes\n");
}

/* Every error of a file is told, each with its line. */
static void
test_all_errors(void **state)
{
	static const char text[] = "x\na:" BCRYPT "\na:" BCRYPT "\nb:c\n";
	struct htpasswd h;
	struct errors e;

	(void)state;
	assert_false(parse(&h, text, sizeof(text) - 1, &e));
	assert_int_equal(e.count, 3);
	assert_non_null(strstr(e.text, "f:1: expected"));
	assert_non_null(strstr(e.text, "f:4: not a"));
	assert_non_null(strstr(e.text, "f:3: user a: given twice"));
}

static void
test_find(void **state)
{
	static const char text[] = "b:" BCRYPT "\nab:" SHA512 "\na:" YESCRYPT
				   "\nabc:" BCRYPT "\nB:" SHA512 "\n";
	static const char *const there[] = {"a", "ab", "abc", "b", "B"};
	static const char *const absent[] = {"", "A", "abcd", "c", "aa"};
	struct htpasswd h;
	struct errors e;

	(void)state;
	assert_true(parse(&h, text, sizeof(text) - 1, &e));
	for (size_t i = 0; i < COUNT(there); i++) {
		const struct htpasswd_user *u =
		    htpasswd_find(&h, span_str(there[i]));

		assert_non_null(u);
		assert_string_equal(u->name, there[i]);
		assert_int_equal(u->hash[0], '$');
	}
	for (size_t i = 0; i < COUNT(absent); i++)
		assert_null(htpasswd_find(&h, span_str(absent[i])));
	assert_null(htpasswd_find(&h, span_of("a\0", 2)));
	htpasswd_fini(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_other_hashes),
	    cmocka_unit_test(test_long_names),
	    cmocka_unit_test(test_all_errors),
	    cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
