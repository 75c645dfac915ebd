/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "glyph.h"
#include "guard.h"
#include "instruction.h"

static void
test_columns(void **state)
{
	static const struct {
		const char *text;
		size_t columns;
	} rows[] = {
	    {"", 0}, {"plain", 5}, {"接続先", 6}, {"ホスト A", 8},
	    {"ｱｲｳ", 3},              /* halfwidth */
	    {"（）", 4},             /* fullwidth */
	    {"e\xcc\x81", 1},        /* combining acute */
	    {"\xf0\x9f\x94\xa5", 2}, /* an emoji */
	    {"✓ 12", 4}, {"\xff", 1},
	    {"\xe3\x81", 2}, /* cut short: each byte for itself */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *text = rows[i].text;
		size_t len = strlen(text);

		assert_int_equal(
		    glyph_columns(span_of(text, len)), rows[i].columns);
	}
}

static const char *
cleaned(const char *text, bool ascii)
{
	static char buf[256];
	struct text out = text_in(buf, sizeof(buf));

	glyph_clean(&out, span_str(text), ascii);
	return text_end(&out);
}

static void
test_clean(void **state)
{
	(void)state;
	assert_string_equal(cleaned("a b", false), "a b");
	assert_string_equal(
	    cleaned("\033[2J\r\n\t\x7f", false), "\\u001b[2J\\r\\n\\t\\u007f");
	assert_string_equal(cleaned("x\xff", false), "x\\u00ff");
	assert_string_equal(cleaned("接続 ✓", false), "接続 ✓");
	/* Right-to-left override, zero width space, BOM, U+FFFE, a tag. */
	assert_string_equal(cleaned("a\xe2\x80\xae"
				    "b",
				false),
	    "a\\u202eb");
	assert_string_equal(cleaned("\xe2\x80\x8b", false), "\\u200b");
	assert_string_equal(cleaned("\xef\xbb\xbf", false), "\\ufeff");
	assert_string_equal(cleaned("\xef\xbf\xbe", false), "\\ufffe");
	assert_string_equal(
	    cleaned("\xf3\xa0\x81\x81", false), "\\udb40\\udc41");
	assert_string_equal(
	    cleaned("a … “b” – é", true), "a ... \"b\" - \\u00e9");
	assert_string_equal(
	    cleaned("\xf0\x9f\x94\xa5", true), "\\ud83d\\udd25");
}

/* Whatever stands there: no control byte comes out, and ASCII is ASCII. */
static void
test_clean_any_two_bytes(void **state)
{
	(void)state;
	for (unsigned n = 1; n < 0x10000; n++) {
		char in[] = {(char)(n >> 8), (char)(n & 0xff), '\0'};
		const char *out = cleaned(in[0] ? in : in + 1, true);

		for (; *out != '\0'; out++)
			assert_true(*out >= ' ' && *out < 0x7f);
	}
}

static void
test_fit(void **state)
{
	struct span s = span_str("a接続");

	(void)state;
	assert_int_equal(glyph_fit(s, 0).len, 0);
	assert_int_equal(glyph_fit(s, 2).len, 1);
	assert_int_equal(glyph_fit(s, 3).len, 4);
	assert_int_equal(glyph_fit(s, 9).len, 7);
}

static void
test_breaks(void **state)
{
	(void)state;
	assert_false(glyph_may_break('a', 'b'));
	assert_true(glyph_may_break(0x63a5, 0x7d9a)); /* two kanji */
	assert_true(glyph_may_break('a', 0x63a5));
	assert_false(glyph_may_break(0x63a5, 0x3002)); /* before a stop */
	assert_false(glyph_may_break(0x300c, 0x63a5)); /* behind a bracket */
}

static void
test_commands(void **state)
{
	static const struct {
		const char *line;
		size_t at, end; /* end 0: no command */
	} rows[] = {
	    {"dig @10.0.0.53 name A", 0, 21},
	    {"test: dig @10.0.0.53", 6, 20},
	    {"dig +cd a A   (works: DNSSEC)", 0, 11},
	    {"digging deeper", 0, 0},
	    {"dig", 0, 0},
	    {"we dig deeper", 3, 0},
	    {"", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span line = span_str(rows[i].line);

		assert_int_equal(
		    instruction_is_command(line, rows[i].at), rows[i].end > 0);
		if (rows[i].end > 0)
			assert_int_equal(
			    instruction_command_end(line, rows[i].at),
			    rows[i].end);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_columns),
	    cmocka_unit_test(test_clean),
	    cmocka_unit_test(test_clean_any_two_bytes),
	    cmocka_unit_test(test_fit),
	    cmocka_unit_test(test_breaks),
	    cmocka_unit_test(test_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
