/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "core/text.h"
#include "guard.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(s) (s), sizeof(s) - 1 /* of a literal that may hold NUL bytes */

static void
test_numbers(void **state)
{
	static const struct {
		uint64_t n;
		const char *want;
	} rows[] = {
	    {0, "0"},
	    {9, "9"},
	    {10, "10"},
	    {65535, "65535"},
	    {UINT64_MAX, "18446744073709551615"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char buf[32];
		struct text t = text_in(buf, sizeof(buf));

		text_u64(&t, rows[i].n);
		assert_string_equal(text_end(&t), rows[i].want);
		assert_false(t.cut);
	}
}

static void
test_milliseconds(void **state)
{
	static const struct {
		uint64_t ns;
		const char *want;
	} rows[] = {
	    {0, "0"},
	    {999, "0"},
	    {1000, "0.001"},
	    {1234, "0.001"},
	    {10000, "0.01"},
	    {100000, "0.1"},
	    {120000, "0.12"},
	    {1500000, "1.5"},
	    {2000000, "2"},
	    {2030000, "2.03"},
	    {1234567890, "1234.567"},
	    {UINT64_MAX, "18446744073709.551"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char buf[32];
		struct text t = text_in(buf, sizeof(buf));

		text_ms(&t, rows[i].ns);
		assert_string_equal(text_end(&t), rows[i].want);
	}
}

static void
test_time_examples(void **state)
{
	static const struct {
		uint64_t s;
		const char *want;
	} rows[] = {
	    {0, "1970-01-01T00:00:00.123Z"},
	    {951782400, "2000-02-29T00:00:00.123Z"},
	    {951868799, "2000-02-29T23:59:59.123Z"},
	    {951868800, "2000-03-01T00:00:00.123Z"},
	    {1769846950, "2026-01-31T08:09:10.123Z"},
	    {4107542399, "2100-02-28T23:59:59.123Z"},
	    {4107542400, "2100-03-01T00:00:00.123Z"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char buf[32];
		struct text t = text_in(buf, sizeof(buf));

		text_time(&t, rows[i].s * 1000000000 + 123999999);
		assert_string_equal(text_end(&t), rows[i].want);
	}
}

/* Every day that 64 bits of nanoseconds can name, against libc. */
static void
test_time_agrees_with_libc(void **state)
{
	const uint64_t last = UINT64_MAX / 1000000000;

	(void)state;
	for (uint64_t s = 0; s <= last; s += 86400 + 61) {
		char buf[32], want[32];
		struct text t = text_in(buf, sizeof(buf));
		time_t clock = (time_t)s;
		struct tm tm;

		assert_non_null(gmtime_r(&clock, &tm));
		assert_int_equal(
		    strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.000Z", &tm),
		    24);
		text_time(&t, s * 1000000000);
		assert_string_equal(text_end(&t), want);
	}
}

struct quote_row {
	const char *text;
	size_t len;
	const char *json, *logfmt;
};

static const struct quote_row quote_rows[] = {
    {BYTES(""), "\"\"", "\"\""},
    {BYTES("plain-1.2:443/x"), "\"plain-1.2:443/x\"", "plain-1.2:443/x"},
    {BYTES("two words"), "\"two words\"", "\"two words\""},
    {BYTES("a=b"), "\"a=b\"", "\"a=b\""},
    {BYTES("say \"hi\""), "\"say \\\"hi\\\"\"", "\"say \\\"hi\\\"\""},
    {BYTES("\""), "\"\\\"\"", "\"\\\"\""},
    {BYTES("a\\b"), "\"a\\\\b\"", "\"a\\\\b\""},
    {BYTES("\n\r\t"), "\"\\n\\r\\t\"", "\"\\n\\r\\t\""},
    {BYTES("\0\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\\u007f\"",
	"\"\\u0000\\u0001\\u001f\\u007f\""},
    {BYTES("\x1b[31m"), "\"\\u001b[31m\"", "\"\\u001b[31m\""},
    /* valid UTF-8 of each length passes */
    {BYTES("\xc3\xa9"), "\"\xc3\xa9\"", "\"\xc3\xa9\""},
    {BYTES("\xe9\x96\xa2"), "\"\xe9\x96\xa2\"", "\"\xe9\x96\xa2\""},
    {BYTES("\xf0\x9f\x9a\xaa"), "\"\xf0\x9f\x9a\xaa\"", "\"\xf0\x9f\x9a\xaa\""},
    {BYTES("\xf4\x8f\xbf\xbf"), "\"\xf4\x8f\xbf\xbf\"", "\"\xf4\x8f\xbf\xbf\""},
    {BYTES("\xc2\xa0\xdf\xbf"), "\"\xc2\xa0\xdf\xbf\"", "\"\xc2\xa0\xdf\xbf\""},
    {BYTES("\xe0\xa0\x80"), "\"\xe0\xa0\x80\"", "\"\xe0\xa0\x80\""},
    {BYTES("\xee\x80\x80"), "\"\xee\x80\x80\"", "\"\xee\x80\x80\""},
    {BYTES("\xf0\x90\x80\x80"), "\"\xf0\x90\x80\x80\"", "\"\xf0\x90\x80\x80\""},
    /* C1 controls and line ends of Unicode do not */
    {BYTES("\xc2\x85"), "\"\\u0085\"", "\"\\u0085\""},
    {BYTES("\xe2\x80\xa8\xe2\x80\xa9"), "\"\\u2028\\u2029\"",
	"\"\\u2028\\u2029\""},
    /* not UTF-8: lone, cut, overlong, surrogate, too high */
    {BYTES("\xff"), "\"\\u00ff\"", "\"\\u00ff\""},
    {BYTES("\x80x"), "\"\\u0080x\"", "\"\\u0080x\""},
    {BYTES("\xc3"), "\"\\u00c3\"", "\"\\u00c3\""},
    {BYTES("\xe9\x96"), "\"\\u00e9\\u0096\"", "\"\\u00e9\\u0096\""},
    {BYTES("\xe9\x96x"), "\"\\u00e9\\u0096x\"", "\"\\u00e9\\u0096x\""},
    {BYTES("\xf0\x9f\x9a"), "\"\\u00f0\\u009f\\u009a\"",
	"\"\\u00f0\\u009f\\u009a\""},
    {BYTES("\xc0\xaf"), "\"\\u00c0\\u00af\"", "\"\\u00c0\\u00af\""},
    {BYTES("\xe0\x80\xaf"), "\"\\u00e0\\u0080\\u00af\"",
	"\"\\u00e0\\u0080\\u00af\""},
    {BYTES("\xed\xa0\x80"), "\"\\u00ed\\u00a0\\u0080\"",
	"\"\\u00ed\\u00a0\\u0080\""},
    {BYTES("\xed\xbf\xbf"), "\"\\u00ed\\u00bf\\u00bf\"",
	"\"\\u00ed\\u00bf\\u00bf\""},
    {BYTES("\x80\x90\x80\x80"), "\"\\u0080\\u0090\\u0080\\u0080\"",
	"\"\\u0080\\u0090\\u0080\\u0080\""},
    {BYTES("\xf4\x90\x80\x80"), "\"\\u00f4\\u0090\\u0080\\u0080\"",
	"\"\\u00f4\\u0090\\u0080\\u0080\""},
    {BYTES("\xf5\x80\x80\x80"), "\"\\u00f5\\u0080\\u0080\\u0080\"",
	"\"\\u00f5\\u0080\\u0080\\u0080\""},
};

static void
test_quoting(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(quote_rows); i++) {
		const struct quote_row *row = &quote_rows[i];
		struct guard g = guard_copy(row->text, row->len);
		struct span s = span_of((const char *)g.data, g.len);
		char buf[128];
		struct text t = text_in(buf, sizeof(buf));

		text_json(&t, s);
		assert_string_equal(text_end(&t), row->json);
		t = text_in(buf, sizeof(buf));
		text_logfmt(&t, s);
		assert_string_equal(text_end(&t), row->logfmt);
		guard_free(&g);
	}
}

static void
test_line_keeps_quotes(void **state)
{
	char buf[64];
	struct text t = text_in(buf, sizeof(buf));

	(void)state;
	text_line(&t, span_str("path=\"a\\b\"\nforged=1"));
	assert_string_equal(text_end(&t), "path=\"a\\b\"\\nforged=1");
}

/* Whatever is written, nothing lands behind cap, and what fits is kept. */
static void
test_never_overflows(void **state)
{
	static const char want[] =
	    "abc|18446744073709551615|1.001|2026-01-31T08:09:10.000Z|"
	    "\"\\u0001\"|";

	(void)state;
	for (size_t cap = 0; cap < sizeof(want) + 4; cap++) {
		char zeros[sizeof(want) + 4] = {0};
		struct guard g = guard_copy(zeros, cap);
		struct text t = text_in((char *)g.data, cap);

		text_str(&t, "abc|");
		text_u64(&t, UINT64_MAX);
		text_char(&t, '|');
		text_ms(&t, 1001000);
		text_char(&t, '|');
		text_time(&t, UINT64_C(1769846950000000000));
		text_char(&t, '|');
		text_json(&t, span_str("\x01"));
		text_char(&t, '|');
		assert_int_equal(t.cut, cap < sizeof(want) - 1);
		if (!t.cut)
			assert_int_equal(t.len, sizeof(want) - 1);
		assert_memory_equal(t.buf, want, t.len < 4 ? t.len : 4);
		(void)text_end(&t);
		assert_int_equal(t.cut, cap < sizeof(want));
		guard_free(&g);
	}
}

static void
test_end(void **state)
{
	char buf[4];
	struct text t = text_in(buf, sizeof(buf));

	(void)state;
	text_str(&t, "abc");
	assert_string_equal(text_end(&t), "abc");
	assert_false(t.cut);
	text_char(&t, 'd');
	assert_string_equal(text_end(&t), "abc");
	assert_true(t.cut);
	t = text_in(NULL, 0);
	text_str(&t, "x");
	assert_string_equal(text_end(&t), "");
	assert_true(t.cut);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_milliseconds),
	    cmocka_unit_test(test_time_examples),
	    cmocka_unit_test(test_time_agrees_with_libc),
	    cmocka_unit_test(test_quoting),
	    cmocka_unit_test(test_line_keeps_quotes),
	    cmocka_unit_test(test_never_overflows),
	    cmocka_unit_test(test_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
