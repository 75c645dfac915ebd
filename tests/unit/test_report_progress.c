/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report.h"
#include "report_sample.h"

enum {
	ENDPOINTS = 9,
	MS = 1000000,
};

/* All that is shown while a sample's endpoints go through two phases and end.
 * free() it. */
static char *
shown(const char *sample, bool terminal, bool colour)
{
	struct diag_case *c = report_sample_new(sample, LANG_EN);
	struct report_style style = {.width = 80, .colour = colour};
	char *text = NULL;
	size_t len = 0, total = c->plan->target_count;
	FILE *out = open_memstream(&text, &len);
	struct progress_view *v;

	assert_non_null(out);
	v = progress_view_new(out, c->plan, &style, terminal);
	assert_non_null(v);
	for (size_t i = 0; i < total; i++) {
		struct progress p = {i, PHASE_DNS, i, total, i * MS};

		progress_view_show(v, &p);
		p.phase = PHASE_TLS;
		progress_view_show(v, &p);
		p.phase = PHASE_COUNT;
		p.ended = i + 1;
		progress_view_show(v, &p);
	}
	progress_view_free(v);
	assert_int_equal(fclose(out), 0);
	diag_case_free(c);
	return text;
}

static void
test_plain(void **state)
{
	char *text = shown("healthy", false, false);

	(void)state;
	assert_string_equal(text, "Checking 9 hosts, at most 20 s\n"
				  "9/9 done after 8 ms\n");
	free(text);
}

static size_t
count_of(const char *text, char c)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += *text == c;
	return n;
}

/* A line each, redrawn in place; at the end all that was drawn is wiped. */
static void
test_terminal(void **state)
{
	char *text = shown("healthy", true, false);

	(void)state;
	assert_int_equal(count_of(text, '\n'), 1 + ENDPOINTS);
	assert_non_null(strstr(text, "\nwaiting   container.us-1."));
	/* The first of nine stands nine lines up. */
	assert_non_null(strstr(text, "\033[9A\r\033[Kdns       container."));
	assert_non_null(strstr(text, "\033[9A\r\033[Kended     container."));
	assert_non_null(strstr(text, "\033[1A\r\033[Ktls       public.ecr.aws"
				     "\033[1B\r"));
	assert_string_equal(text + strlen(text) - strlen("\r\033[10A\033[J"),
	    "\r\033[10A\033[J");
	/* Moves of the cursor, but no colour. */
	assert_null(strstr(text, "\033[1m"));
	free(text);
}

/* More endpoints than the terminal has lines: one line that counts. */
static void
test_many(void **state)
{
	char *text = shown("everywhere", true, false);

	(void)state;
	assert_int_equal(count_of(text, '\n'), 1);
	assert_non_null(strstr(text, "\r\033[K51/51 done after"));
	assert_string_equal(
	    text + strlen(text) - strlen("\r\033[1A\033[J"), "\r\033[1A\033[J");
	free(text);
}

/* ---- how a report should look ---- */

static struct report_style
style_for(FILE *out, enum colour_mode colour, const char *const *vars)
{
	struct check_options o = {.colour = colour};
	struct diag_vars all = {.list = vars};

	return report_style_for(out, &o, diag_getenv, &all);
}

static void
test_style_of_a_file(void **state)
{
	static const char *const utf8[] = {
	    "LANG=ja_JP.UTF-8", "TERM=xterm", NULL};
	static const char *const overruled[] = {
	    "LC_ALL=C", "LANG=ja_JP.UTF-8", "COLUMNS=132", NULL};
	static const char *const none[] = {"COLUMNS=wide", NULL};
	FILE *out = tmpfile();
	struct report_style s;

	(void)state;
	assert_non_null(out);
	s = style_for(out, COLOUR_AUTO, utf8);
	assert_false(s.ascii);
	assert_false(s.colour);
	assert_int_equal(s.width, 0);
	s = style_for(out, COLOUR_ALWAYS, overruled);
	assert_true(s.ascii);
	assert_true(s.colour);
	assert_int_equal(s.width, 132);
	s = style_for(NULL, COLOUR_AUTO, none);
	assert_true(s.ascii);
	assert_int_equal(s.width, 0);
	(void)fclose(out);
}

static void
test_style_of_a_terminal(void **state)
{
	static const struct {
		const char *vars[3];
		enum colour_mode mode;
		bool colour;
	} rows[] = {
	    {{"TERM=xterm"}, COLOUR_AUTO, true},
	    {{"TERM=xterm", "NO_COLOR=1"}, COLOUR_AUTO, false},
	    {{"TERM=xterm", "NO_COLOR="}, COLOUR_AUTO, true},
	    {{"TERM=dumb"}, COLOUR_AUTO, false},
	    {{NULL}, COLOUR_AUTO, false},
	    {{"TERM=xterm", "NO_COLOR=1"}, COLOUR_ALWAYS, true},
	    {{"TERM=xterm"}, COLOUR_NEVER, false},
	};
	FILE *out = fopen("/dev/ptmx", "r+");

	(void)state;
	assert_non_null(out);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct diag_vars all = {.list = rows[i].vars};
		const char *term = rows[i].vars[0];

		assert_int_equal(
		    style_for(out, rows[i].mode, rows[i].vars).colour,
		    rows[i].colour);
		assert_int_equal(report_can_redraw(out, diag_getenv, &all),
		    term != NULL && strcmp(term, "TERM=dumb") != 0);
	}
	(void)fclose(out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plain),
	    cmocka_unit_test(test_terminal),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_style_of_a_file),
	    cmocka_unit_test(test_style_of_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
