/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "glyph.h"
#include "report.h"
#include "report_sample.h"

enum {
	BLOCK_LINES = 8,
};

static struct report_style
style_of(unsigned width, const char *flags)
{
	return (struct report_style){
	    .width = width,
	    .ascii = strchr(flags, 'a') != NULL,
	    .colour = strchr(flags, 'c') != NULL,
	    .verbose = strchr(flags, 'v') != NULL,
	};
}

/* The report of a sample; free() it. */
static char *
text_of(const char *name, enum lang lang, unsigned width, const char *flags)
{
	struct diag_case *c = report_sample_new(name, lang);
	struct report_input in = {.style = style_of(width, flags)};
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(c);
	assert_non_null(out);
	in.run = c->run;
	in.diagnosis = c->d;
	assert_true(report_text(out, &in));
	assert_int_equal(fclose(out), 0);
	assert_int_equal(strlen(text), len);
	diag_case_free(c);
	return text;
}

static size_t
count_of(const char *text, const char *needle)
{
	size_t n = 0;

	for (; (text = strstr(text, needle)) != NULL; text += strlen(needle))
		n++;
	return n;
}

static void
assert_has(const char *text, const char *needle)
{
	if (strstr(text, needle) == NULL)
		fail_msg("not found: \"%s\" in:\n%s", needle, text);
}

static void
test_healthy(void **state)
{
	char *text = text_of("healthy", LANG_EN, 100, "");

	(void)state;
	assert_int_equal(strncmp(text, "READY: 9 of 9 endpoints", 23), 0);
	assert_int_equal(count_of(text, "✗"), 0);
	assert_int_equal(count_of(text, "▲"), 0);
	assert_int_equal(count_of(text, "ERROR"), 0);
	assert_has(text, "\n  public.ecr.aws    ");
	assert_has(text, "\n  · HTTP-401-NOKEY  401 without a key");
	assert_has(text, "\n  Path           direct (no proxy is set)\n");
	assert_has(text, "\n  CA bundle      /etc/ssl/certs/"
			 "ca-certificates.crt, 142 roots\n");
	assert_null(strstr(text, "PROXY"));
	free(text);
}

/* One block; the first phase that failed is marked, what follows is not. */
static void
test_one_cause(void **state)
{
	char *text = text_of("drop", LANG_EN, 120, "");

	(void)state;
	assert_int_equal(strncmp(text, "NOT READY: ", 11), 0);
	assert_has(text, "1 cause, 9 of 9 hosts. Owner: network team.");
	assert_int_equal(count_of(text, "✗ ERROR "), 1);
	assert_has(text, "\n✗ ERROR TCP-DROP  Connections vanish: no answer to "
			 "the SYN  [9 of 9 hosts]\n  Seen   SYN to ");
	assert_has(text, "\n  Proof  sekisho-diag check --region us-1\n");
	assert_int_equal(count_of(text, "  ✗ FAIL  -    -     TCP-DROP\n"), 9);
	free(text);
}

static void
test_two_causes(void **state)
{
	char *text = text_of("two", LANG_EN, 200, "");
	const char *matrix = strstr(text, "Endpoints (times in ms)");

	(void)state;
	assert_has(text, "2 causes, 4 of 9 hosts. Owner: DNS team, security "
			 "appliance team.");
	assert_has(text, "ERROR DNS-NX");
	assert_has(text, "[1 of 9 hosts; DNS team]\n");
	assert_has(text, "[3 of 9 hosts; security appliance team]\n");
	assert_true(strstr(text, "DNS-NX") < strstr(text, "TLS-MITM"));
	assert_non_null(matrix);
	assert_int_equal(count_of(matrix, "TLS-MITM\n"), 3);
	assert_int_equal(count_of(matrix, "DNS-NX\n"), 1);
	assert_int_equal(count_of(matrix, "✗ FAIL"), 4);
	free(text);
}

static void
test_cannot_tell(void **state)
{
	char *text = text_of("cannot-tell", LANG_EN, 100, "");

	(void)state;
	assert_int_equal(strncmp(text, "CANNOT TELL: ", 13), 0);
	assert_int_equal(count_of(text, "✗ FAIL"), 0);
	assert_int_equal(count_of(text, "? unknown"), 5);
	free(text);
	text = text_of("interrupted", LANG_EN, 100, "");
	assert_int_equal(strncmp(text, "INTERRUPTED: ", 13), 0);
	free(text);
}

/* Nothing is said about the endpoints themselves. */
static void
test_proxy_down(void **state)
{
	char *text = text_of("proxy-down", LANG_EN, 100, "");

	(void)state;
	assert_int_equal(count_of(text, "✗ ERROR "), 1);
	assert_has(text, "✗ ERROR PX-CONN");
	assert_has(text, "  DNS   TCP     PROXY  TLS  HTTP\n");
	assert_has(text, "http://10.0.0.5:3128 (HTTPS_PROXY)");
	free(text);
}

/* The way that is there to compare with is never in the colour of a fault. */
static void
test_comparison_is_not_red(void **state)
{
	char *text = text_of("compare", LANG_EN, 120, "c");

	(void)state;
	assert_has(text, "READY\033[0m: 9 of 9 endpoints");
	assert_has(text, "direct (for comparison only)");
	assert_int_equal(count_of(text, "✗ FAIL"), 9);
	assert_null(strstr(text, "\033[1;31m"));
	free(text);
}

static void
test_colour_only_when_asked(void **state)
{
	char *text = text_of("drop", LANG_EN, 100, "c");

	(void)state;
	assert_int_equal(strncmp(text, "\033[1;31mNOT READY\033[0m: ", 22), 0);
	free(text);
	text = text_of("drop", LANG_EN, 100, "");
	assert_null(strchr(text, '\033'));
	free(text);
}

/* No control byte, no raw non-UTF-8, and no line of a peer's making. */
static void
test_peers_cannot_steer(void **state)
{
	static const char *const names[] = {
	    "hostile", "proxy-words", "changed"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *text = text_of(names[i], LANG_EN, 80, "v");

		for (const char *c = text; *c != '\0'; c++)
			assert_true((unsigned char)*c >= ' ' || *c == '\n');
		assert_null(strstr(text, "\x7f"));
		assert_null(strstr(text, "\xff"));
		assert_null(strstr(text, "\xe2\x80\xae"));
		assert_null(strstr(text, "\nX: y"));
		assert_has(text, "\\u001b[2J\\u001b]0;owned\\u0007");
		free(text);
	}
}

static void
test_ascii(void **state)
{
	(void)state;
	for (size_t i = 0; report_sample_names[i] != NULL; i++) {
		char *text = text_of(report_sample_names[i], LANG_EN, 80, "av");

		for (const char *c = text; *c != '\0'; c++)
			assert_true((unsigned char)*c < 0x7f);
		free(text);
	}
}

/* The widest line that could have been broken: commands and names stay whole.
 */
static void
check_width(const char *text, unsigned width)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		struct span line = span_of(text, len);
		const char *blank;

		/* The mark of a cut may stand behind a name too long. */
		if (line.len > 4 &&
		    memcmp(line.ptr + line.len - 4, " …", 4) == 0)
			line.len -= 4;
		while (line.len > 0 && line.ptr[0] == ' ')
			line = span_of(line.ptr + 1, line.len - 1);
		blank = line.len ? memchr(line.ptr, ' ', line.len) : NULL;
		if (glyph_columns(span_of(text, len)) > width &&
		    blank != NULL &&
		    memmem(text, len, "sekisho-diag", 12) == NULL &&
		    memmem(text, len, "curl ", 5) == NULL &&
		    memmem(text, len, "openssl ", 8) == NULL &&
		    memmem(text, len, "dig ", 4) == NULL)
			fail_msg("wider than %u: %.*s", width, (int)len, text);
		text += len + (text[len] == '\n');
	}
}

static void
test_width(void **state)
{
	static const unsigned widths[] = {80, 100, 132};
	static const char *const names[] = {
	    "healthy", "drop", "cannot-tell", "proxy-down", "everywhere"};

	(void)state;
	for (size_t w = 0; w < sizeof(widths) / sizeof(widths[0]); w++) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			for (unsigned l = 0; l < LANG_COUNT; l++) {
				char *text = text_of(
				    names[i], (enum lang)l, widths[w], "");

				check_width(text, widths[w]);
				free(text);
			}
		}
	}
}

/* In a pipe nothing is wrapped: the first line is the whole headline. */
static void
test_pipe(void **state)
{
	char *text = text_of("two", LANG_EN, 0, "");
	const char *end = strchr(text, '\n');

	(void)state;
	assert_non_null(end);
	assert_int_equal(
	    strncmp(end - strlen("appliance team."), "appliance team.", 15), 0);
	assert_has(text, "sensor-components-prod-componentsstoragebucket-"
			 "a1g8t8ve13ql.s3.amazonaws.com  ✗ FAIL");
	free(text);
}

static size_t
lines_of_block(const char *block)
{
	const char *end = strstr(block, "\n\n");
	size_t lines = 1;

	assert_non_null(end);
	for (; block < end; block++)
		lines += *block == '\n';
	return lines;
}

static void
test_block_length(void **state)
{
	static const char *const names[] = {"drop", "proxy-down", "hostile"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *text = text_of(names[i], LANG_EN, 120, "");
		const char *at = text;

		while ((at = strstr(at, "\n✗ ERROR ")) != NULL) {
			at++;
			assert_in_range(lines_of_block(at), 5, BLOCK_LINES);
		}
		free(text);
	}
}

static void
test_japanese(void **state)
{
	char *text = text_of("drop", LANG_JA, 80, "");

	(void)state;
	assert_int_equal(strncmp(text, "未準備: ", strlen("未準備: ")), 0);
	assert_has(text, "\n✗ エラー TCP-DROP  ");
	assert_has(text, "\n  事象  ");
	assert_has(text, "\n  対処  ");
	assert_has(text, "✗ 失敗");
	assert_null(strstr(text, "Seen"));
	assert_null(strstr(text, "FAIL"));
	free(text);
}

static void
test_verbose(void **state)
{
	char *text = text_of("changed", LANG_EN, 0, "v");

	(void)state;
	assert_has(text, "\n  Hosts  container.us-1.cloudone.trendmicro.com ");
	assert_has(text, "\n    A     answer 52.10.0.0 (60 s); 10.0.0.53:53");
	assert_has(text, "TLSv1.3 TLS_AES_128_GCM_SHA256 X25519");
	assert_has(text, "\n    cert  0 CN=container.us-1");
	assert_has(text, "41 / 67 / 102");
	assert_has(text, "issuer: Amazon RSA 2048 M02 → ");
	free(text);
}

static void
test_full_disk(void **state)
{
	struct diag_case *c = report_sample_new("drop", LANG_EN);
	struct report_input in = {.run = c->run, .diagnosis = c->d};
	FILE *out = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(out);
	for (unsigned f = 0; f < REPORT_FORMAT_COUNT; f++) {
		assert_false(report_for((enum report_format)f)(out, &in));
		clearerr(out);
	}
	(void)fclose(out);
	diag_case_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_healthy),
	    cmocka_unit_test(test_one_cause),
	    cmocka_unit_test(test_two_causes),
	    cmocka_unit_test(test_cannot_tell),
	    cmocka_unit_test(test_proxy_down),
	    cmocka_unit_test(test_comparison_is_not_red),
	    cmocka_unit_test(test_colour_only_when_asked),
	    cmocka_unit_test(test_peers_cannot_steer),
	    cmocka_unit_test(test_ascii),
	    cmocka_unit_test(test_width),
	    cmocka_unit_test(test_pipe),
	    cmocka_unit_test(test_block_length),
	    cmocka_unit_test(test_japanese),
	    cmocka_unit_test(test_verbose),
	    cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
