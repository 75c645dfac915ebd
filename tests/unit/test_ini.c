/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/ini.h"
#include "guard.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What a run told: entries as "LINE[section]" or "LINE section.key=value",
 * errors as "!FILE:LINE: message", each with a newline. */
struct transcript {
	char text[65536];
	size_t len;
	const char *refuse; /* key to answer false for */
};

static void note(struct transcript *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
note(struct transcript *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->text + t->len, sizeof(t->text) - t->len, fmt, ap);
	va_end(ap);
	assert_true(n >= 0 && (size_t)n < sizeof(t->text) - t->len);
	t->len += (size_t)n;
}

static bool
on_entry(void *arg, const struct ini_entry *e)
{
	struct transcript *t = arg;

	assert_string_equal(e->file, "f.ini");
	if (e->key == NULL) {
		assert_null(e->value);
		note(t, "%u[%s]\n", e->line, e->section);
		return true;
	}
	note(t, "%u %s.%s=%s\n", e->line, e->section, e->key, e->value);
	return t->refuse == NULL || strcmp(e->key, t->refuse) != 0;
}

static void
on_error(void *arg, const char *text)
{
	note(arg, "!%s\n", text);
}

/* Parses from guard-page memory. */
static bool
run(struct transcript *t, const char *text, size_t len)
{
	struct guard g = guard_copy(text, len);
	bool ok;

	t->len = 0;
	t->text[0] = '\0';
	ok = ini_parse_text("f.ini", span_of((const char *)g.data, g.len),
	    on_entry, on_error, t);
	guard_free(&g);
	return ok;
}

static const struct {
	const char *in, *out;
} good[] = {
    {"", ""},
    {"\n\n", ""},
    {"; c\n# c\n  ; indented c\n\t# c\n   \n", ""},
    {"[a]", "1[a]\n"},
    {"[a]\nk = v\n", "1[a]\n2 a.k=v\n"},
    {"[a]\nk = v", "1[a]\n2 a.k=v\n"},
    {"k=v\n", "1 .k=v\n"},
    {"[a]\r\nk = v\r\n\r\nj=w\r\n", "1[a]\n2 a.k=v\n4 a.j=w\n"},
    {"\xef\xbb\xbf[a]\nk=v\n", "1[a]\n2 a.k=v\n"},
    {"\xef\xbb\xbfk=v\n", "1 .k=v\n"},
    {"[a]\n[b]\n[a]\n", "1[a]\n2[b]\n3[a]\n"},
    {"[a] ; c\nk = v ; c\n", "1[a]\n2 a.k=v\n"},
    {"[a] # c\n[b];c\n", "1[a]\n2[b]\n"},
    {"[a]\nk = v;w\nj = v #w\n", "1[a]\n2 a.k=v;w\n3 a.j=v #w\n"},
    {"[a]\nk = a = b\nk=:\n", "1[a]\n2 a.k=a = b\n3 a.k=:\n"},
    {"[a]\nk = ; c\nj=;w\n", "1[a]\n2 a.k=\n3 a.j=;w\n"},
    {"[a]\nk =\nj = \t \n", "1[a]\n2 a.k=\n3 a.j=\n"},
    {"[a]\nk\t=\tv w\t\n", "1[a]\n2 a.k=v w\n"},
    {"[a]\nk = 1\nk = 2\n", "1[a]\n2 a.k=1\n3 a.k=2\n"},
    {"[a]\nk = [::1]:443\n", "1[a]\n2 a.k=[::1]:443\n"},
    {"[host a b]\nk = v\n", "1[host a b]\n2 host a b.k=v\n"},
    {"[\xe8\xa8\x98]\nk = \xe9\x96\xa2\xe6\x89\x80 \xf0\x9f\x9a\xa7\n",
	"1[\xe8\xa8\x98]\n2 \xe8\xa8\x98.k=\xe9\x96\xa2\xe6\x89\x80 "
	"\xf0\x9f\x9a\xa7\n"},
    /* Longer than the 49 bytes of a section name that inih keeps. */
    {"[host sensor-components-prod-componentsstoragebucket-1lllr5j8i7dmf.s3."
     "amazonaws.com]\nk=v\n",
	"1[host sensor-components-prod-componentsstoragebucket-1lllr5j8i7dmf."
	"s3.amazonaws.com]\n2 host sensor-components-prod-"
	"componentsstoragebucket-1lllr5j8i7dmf.s3.amazonaws.com.k=v\n"},
};

static void
text_is_told_entry_by_entry_with_its_lines(void **state)
{
	struct transcript *t = calloc(1, sizeof(*t));

	(void)state;
	assert_non_null(t);
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_true(run(t, good[i].in, strlen(good[i].in)));
		assert_string_equal(t->text, good[i].out);
	}
	free(t);
}

/* Each wrong line stands second, between good ones, which are still told. */
static const struct {
	const char *line, *error;
} bad_lines[] = {
    {"key", "is not understood: write key = value"},
    {"key: value", "is not understood: write key = value"},
    {"key:1 = value", "is not understood: write key = value"},
    {"*.example.com:443", "is not understood: write key = value"},
    {"key ; = value", "is not understood: write key = value"},
    {"= value", "no key before the ="},
    {"=", "no key before the ="},
    {" = value", "begins with a blank"},
    {" value that goes on", "begins with a blank"},
    {"\tkey = value", "begins with a blank"},
    {" [section]", "begins with a blank"},
    {"[section", "without a closing ]"},
    {"[", "without a closing ]"},
    {"[]", "bad section name []"},
    {"[ ]", "bad section name [ ]"},
    {"[ s]", "bad section name [ s]"},
    {"[s ]", "bad section name [s ]"},
    {"[s;t]", "bad section name [s;t]"},
    {"[[s]", "bad section name [[s]"},
    {"[s] junk", "\"junk\" behind [s]"},
    {"[s]]", "\"]\" behind [s]"},
    {"[s]key = value", "\"key = value\" behind [s]"},
    {"key = a\rb = c", "control byte 0x0d at column 8"},
    {"key = \x1b[31m", "control byte 0x1b at column 7"},
    {"key = \x7f", "control byte 0x7f at column 7"},
    {"; \x01", "control byte 0x01 at column 3"},
    {"key = \xff", "byte 0xff at column 7 is not UTF-8"},
    {"key = \xc0\xaf", "byte 0xc0 at column 7 is not UTF-8"},
    {"key = \xe3\x81", "byte 0xe3 at column 7 is not UTF-8"},
    {"key = \xe0\x80\xaf", "not UTF-8"},
    {"key = \xed\xa0\x80", "not UTF-8"},
    {"key = \xf0\x80\x80\x80", "not UTF-8"},
    {"key = \xf4\x90\x80\x80", "not UTF-8"},
    {"key = \xf5\x80\x80\x80", "not UTF-8"},
    {"key = \x80", "not UTF-8"},
    {"\xef\xbb\xbf[s]", "is not understood"},
};

static void
a_wrong_line_is_an_error_with_its_number(void **state)
{
	struct transcript *t = calloc(1, sizeof(*t));
	char text[512], before[128];

	(void)state;
	assert_non_null(t);
	for (size_t i = 0; i < COUNT(bad_lines); i++) {
		int n = snprintf(text, sizeof(text), "[a]\nk = v\n%s\nj = w\n",
		    bad_lines[i].line);

		if (run(t, text, (size_t)n))
			fail_msg("taken: %s", bad_lines[i].line);
		(void)snprintf(
		    before, sizeof(before), "1[a]\n2 a.k=v\n!f.ini:3: ");
		if (strncmp(t->text, before, strlen(before)) != 0 ||
		    strstr(t->text, bad_lines[i].error) == NULL ||
		    strstr(t->text, "\n4 a.j=w\n") == NULL)
			fail_msg("%s: %s", bad_lines[i].line, t->text);
		/* One error, one line. */
		assert_null(strchr(strchr(t->text, '!') + 1, '!'));
		assert_ptr_equal(strstr(strchr(t->text, '!'), "\n4 a.j=w\n"),
		    strchr(strchr(t->text, '!'), '\n'));
	}
	free(t);
}

static void
a_zero_byte_is_an_error_with_its_line(void **state)
{
	struct transcript *t = calloc(1, sizeof(*t));
	static const char text[] = "[a]\nk = v\0w\nj = w\n";

	(void)state;
	assert_non_null(t);
	assert_false(run(t, text, sizeof(text) - 1));
	assert_string_equal(t->text,
	    "1[a]\n!f.ini:2: control byte 0x00 at column 6: only text is "
	    "read\n3 a.j=w\n");
	free(t);
}

static char *
put(char *at, const char *text)
{
	while (*text != '\0')
		*at++ = *text++;
	return at;
}

/* Builds "[a]\nk=xxx…\nj=w\n" whose second line has len bytes. */
static size_t
long_line(char *text, size_t len, const char *end)
{
	char *at = put(text, "[a]\nk=");

	memset(at, 'x', len - 2);
	at = put(at + len - 2, end);
	at = put(at, "j=w");
	at = put(at, end);
	return (size_t)(at - text);
}

static void
lines_are_taken_whole_or_refused_never_cut(void **state)
{
	struct transcript *t = calloc(1, sizeof(*t));
	char text[5000];

	(void)state;
	assert_non_null(t);
	for (size_t len = INI_LINE_MAX - 3; len < 4500;
	     len += len < 410 ? 1 : 509) {
		const char *end = len % 2 == 0 ? "\n" : "\r\n";
		bool ok = run(t, text, long_line(text, len, end));

		assert_int_equal(ok, len <= INI_LINE_MAX);
		assert_non_null(strstr(t->text, "\n3 a.j=w\n"));
		if (ok) {
			const char *v = strstr(t->text, "2 a.k=");

			assert_non_null(v);
			assert_int_equal(strspn(v + 6, "x"), len - 2);
		} else {
			assert_null(strstr(t->text, "x"));
			assert_non_null(strstr(t->text, "!f.ini:2: line of "));
			assert_non_null(
			    strstr(t->text, "at most 190 are read"));
		}
	}
	free(t);
}

static void
every_error_of_a_text_is_told(void **state)
{
	struct transcript *t = calloc(1, sizeof(*t));
	static const char text[] = "a\n[b\n\n= c\nk = v\n  d\n";

	(void)state;
	assert_non_null(t);
	assert_false(run(t, text, sizeof(text) - 1));
	assert_non_null(strstr(t->text, "!f.ini:1: "));
	assert_non_null(strstr(t->text, "!f.ini:2: "));
	assert_non_null(strstr(t->text, "!f.ini:4: "));
	assert_non_null(strstr(t->text, "\n5 .k=v\n"));
	assert_non_null(strstr(t->text, "!f.ini:6: "));
	free(t);
}

static void
an_entry_that_the_caller_refuses_fails_the_text_but_not_the_rest(void **state)
{
	struct transcript *t = calloc(1, sizeof(*t));
	static const char text[] = "[a]\nk = v\nj = w\n";

	(void)state;
	assert_non_null(t);
	t->refuse = "k";
	assert_false(run(t, text, sizeof(text) - 1));
	assert_string_equal(t->text, "1[a]\n2 a.k=v\n3 a.j=w\n");
	t->refuse = "other";
	assert_true(run(t, text, sizeof(text) - 1));
	free(t);
}

/* Cut anywhere, a text gives the entries of its whole lines, and an error at
 * most for the line that was cut. */
static void
every_split_of_a_text_gives_its_whole_lines(void **state)
{
	static const char text[] = "\xef\xbb\xbf; \xe9\x96\xa2\r\n[a b]\r\n"
				   "key = v ; c\n\n[c]\nk = \xe6\x89\x80\n";
	struct transcript *t = calloc(1, sizeof(*t));
	struct transcript *whole = calloc(1, sizeof(*whole));

	(void)state;
	assert_non_null(t);
	assert_non_null(whole);
	assert_true(run(whole, text, sizeof(text) - 1));
	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		const char *last = memrchr(text, '\n', len);
		size_t lines = last == NULL ? 0 : (size_t)(last - text) + 1;

		(void)run(t, text, lines);
		assert_memory_equal(t->text, whole->text, t->len);
		size_t sure = t->len;
		(void)run(t, text, len);
		assert_true(t->len >= sure);
		assert_memory_equal(t->text, whole->text, sure);
	}
	free(whole);
	free(t);
}

static void
errors_are_cut_to_their_buffer_and_keep_file_and_line(void **state)
{
	struct transcript *t = calloc(1, sizeof(*t));
	char name[8192], much[4096];
	struct ini_place at = {
	    .file = name, .line = 7, .error = on_error, .arg = t};

	(void)state;
	assert_non_null(t);
	memset(much, 'm', sizeof(much) - 1);
	much[sizeof(much) - 1] = '\0';
	(void)snprintf(name, sizeof(name), "x.conf");
	ini_error_at(&at, "%s", much);
	assert_memory_equal(t->text, "!x.conf:7: mmm", 14);
	t->len = 0;
	at.line = 0;
	ini_error_at(&at, "no %s", "[list]");
	assert_string_equal(t->text, "!x.conf: no [list]\n");
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	t->len = 0;
	ini_error_at(&at, "message");
	assert_non_null(strstr(t->text, "nnn"));
	free(t);
}

static void
files_are_read_whole(void **state)
{
	struct transcript *t = calloc(1, sizeof(*t));
	char path[] = "/tmp/sekisho-test-ini.XXXXXX";
	int fd = mkstemp(path);
	size_t len = 0, want = 100000;
	char *data, *blob = malloc(want);

	(void)state;
	assert_non_null(t);
	assert_non_null(blob);
	assert_true(fd >= 0);
	for (size_t i = 0; i < want; i++)
		blob[i] = (char)(i % 251);
	assert_int_equal(write(fd, blob, want), want);
	data = ini_read_file(path, &len, on_error, t);
	assert_non_null(data);
	assert_int_equal(len, want);
	assert_memory_equal(data, blob, want);
	assert_int_equal(data[len], '\0');
	free(data);
	assert_int_equal(ftruncate(fd, 0), 0);
	data = ini_read_file(path, &len, on_error, t);
	assert_non_null(data);
	assert_int_equal(len, 0);
	assert_int_equal(data[0], '\0');
	free(data);
	assert_int_equal(t->len, 0);
	/* A sparse file costs nothing to make. */
	assert_int_equal(ftruncate(fd, (off_t)INI_FILE_MAX + 1), 0);
	assert_null(ini_read_file(path, &len, on_error, t));
	assert_non_null(strstr(t->text, "cannot read: File too large"));
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(path), 0);
	free(blob);
	free(t);
}

static void
what_cannot_be_read_says_why(void **state)
{
	struct transcript *t = calloc(1, sizeof(*t));
	size_t len = 77;

	(void)state;
	assert_non_null(t);
	assert_null(ini_read_file("/nonexistent/x.ini", &len, on_error, t));
	assert_string_equal(t->text,
	    "!/nonexistent/x.ini: cannot read: No such file or directory\n");
	t->len = 0;
	assert_null(ini_read_file("/", &len, on_error, t));
	assert_string_equal(t->text, "!/: cannot read: Is a directory\n");
	assert_int_equal(len, 77);
	free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_is_told_entry_by_entry_with_its_lines),
	    cmocka_unit_test(a_wrong_line_is_an_error_with_its_number),
	    cmocka_unit_test(a_zero_byte_is_an_error_with_its_line),
	    cmocka_unit_test(lines_are_taken_whole_or_refused_never_cut),
	    cmocka_unit_test(every_error_of_a_text_is_told),
	    cmocka_unit_test(
		an_entry_that_the_caller_refuses_fails_the_text_but_not_the_rest),
	    cmocka_unit_test(every_split_of_a_text_gives_its_whole_lines),
	    cmocka_unit_test(
		errors_are_cut_to_their_buffer_and_keep_file_and_line),
	    cmocka_unit_test(files_are_read_whole),
	    cmocka_unit_test(what_cannot_be_read_says_why),
	};

	return cmocka_run_group_tests_name("ini", tests, NULL, NULL);
}
