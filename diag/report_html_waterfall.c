/* SPDX-License-Identifier: Apache-2.0
 *
 * The waterfall: a row an endpoint, a bar a phase, on one time line. SVG with
 * percentages and no viewBox, so that bars stretch with the page and texts do
 * not. Each drawing says in words what it shows. */
#include <stdio.h>

#include "core/text.h"
#include "markup.h"
#include "report_html.h"
#include "report_stats.h"

enum {
	TICKS = 4,
	LEAST_PERMILLE = 4, /* a bar is never too thin to be seen */
};

static const enum word columns[PHASE_COUNT] = {
    WORD_COL_DNS, WORD_COL_TCP, WORD_COL_PROXY, WORD_COL_TLS, WORD_COL_HTTP};

/* 1, 2 or 5 times a power of ten, of which at most TICKS make up the whole. */
static uint64_t
tick_ns(uint64_t whole_ns)
{
	static const uint64_t steps[] = {1, 2, 5};

	for (uint64_t scale = 1000; scale < UINT64_MAX / 100; scale *= 10) {
		for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
			if (steps[i] * scale * TICKS >= whole_ns)
				return steps[i] * scale;
		}
	}
	return whole_ns;
}

static double
percent(uint64_t ns, uint64_t whole_ns)
{
	return 100.0 * (double)ns / (double)whole_ns;
}

static void
put_time(const struct html *h, uint64_t ns)
{
	if (ns >= 10000000000U)
		(void)fprintf(h->out, "%.0f s", (double)ns / 1e9);
	else if (ns >= 1000000000U)
		(void)fprintf(h->out, "%.1f s", (double)ns / 1e9);
	else if (ns >= 1000000U || ns == 0)
		(void)fprintf(h->out, "%.0f ms", (double)ns / 1e6);
	else
		(void)fprintf(h->out, "%.1f ms", (double)ns / 1e6);
}

static void
put_legend(const struct html *h)
{
	(void)fputs(
	    "<svg class=\"defs\" aria-hidden=\"true\"><defs>"
	    "<pattern id=\"hatch\" width=\"6\" height=\"6\" "
	    "patternUnits=\"userSpaceOnUse\" "
	    "patternTransform=\"rotate(45)\">"
	    "<line class=\"hatch\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\"/>"
	    "</pattern></defs></svg>\n<p class=\"sr\">",
	    h->out);
	html_word(h, WORD_WATERFALL_HINT);
	(void)fputs("</p><ul class=\"legend\">", h->out);
	for (unsigned p = 0; p < PHASE_COUNT; p++) {
		if (phase_stats_of(h->run, (enum phase)p).count == 0)
			continue;
		(void)fprintf(h->out,
		    "<li><svg aria-hidden=\"true\"><rect class=\"%s\" "
		    "width=\"100%%\" height=\"100%%\" rx=\"2\"/></svg>",
		    phase_str((enum phase)p));
		html_word(h, columns[p]);
		(void)fputs("</li>", h->out);
	}
	(void)fputs("<li><svg aria-hidden=\"true\"><rect class=\"cut\" "
		    "width=\"100%\" height=\"100%\"/></svg>✗ ",
	    h->out);
	html_word(h, WORD_CELL_BAD);
	(void)fputs("</li></ul>\n", h->out);
}

static void
put_axis(const struct html *h, uint64_t whole_ns)
{
	uint64_t step = tick_ns(whole_ns);

	(void)fputs("<div class=\"axis\" aria-hidden=\"true\"><svg>", h->out);
	for (uint64_t at = 0; at <= whole_ns; at += step) {
		double x = percent(at, whole_ns);
		const char *anchor = at == 0 ? "start" : "middle";

		if (x > 90)
			anchor = "end";
		(void)fprintf(h->out,
		    "<text x=\"%.2f%%\" y=\"13\" text-anchor=\"%s\">", x,
		    anchor);
		put_time(h, at);
		(void)fputs("</text>", h->out);
	}
	(void)fputs("</svg></div>\n", h->out);
}

static void
put_grid(const struct html *h, uint64_t whole_ns)
{
	uint64_t step = tick_ns(whole_ns);

	for (uint64_t at = 0; at <= whole_ns; at += step)
		(void)fprintf(h->out,
		    "<line class=\"grid\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" "
		    "y2=\"100%%\"/>",
		    percent(at, whole_ns), percent(at, whole_ns));
}

static bool
is_bad(const struct html *h, size_t row, enum phase p)
{
	enum cell c = h->d->views[row].cells[p];

	return c == CELL_BAD || c == CELL_UNKNOWN;
}

static void
put_bar(const struct html *h, size_t row, enum phase p, uint64_t whole_ns)
{
	const struct phase_time *t = phase_time_of(&h->run->endpoints[row], p);
	double x = percent(t->start_at_ns, whole_ns);
	double width = percent(phase_time_ns(t), whole_ns);

	const char *after =
	    h->d->views[row].cells[p] == CELL_SKIPPED ? " after" : "";

	if (t->end == PHASE_NOT_RUN)
		return;
	if (width < LEAST_PERMILLE / 10.0)
		width = LEAST_PERMILLE / 10.0;
	if (x + width > 100)
		x = 100 - width;
	(void)fprintf(h->out,
	    "<rect class=\"bar %s%s\" data-phase=\"%s\" x=\"%.3f%%\" y=\"3\" "
	    "width=\"%.3f%%\" height=\"16\" rx=\"2\"/>",
	    is_bad(h, row, p) ? "cut" : phase_str(p), after, phase_str(p), x,
	    width);
}

/* "DNS 12 ms · TCP 20 ms · TLS ✗ 5.0 s". */
static void
put_words(const struct html *h, size_t row, const char *between)
{
	bool begun = false;

	for (unsigned p = 0; p < PHASE_COUNT; p++) {
		const struct phase_time *t =
		    phase_time_of(&h->run->endpoints[row], (enum phase)p);

		if (t->end == PHASE_NOT_RUN)
			continue;
		(void)fputs(begun ? between : "", h->out);
		begun = true;
		html_word(h, columns[p]);
		(void)fputc(' ', h->out);
		if (is_bad(h, row, (enum phase)p)) {
			(void)fputs("✗ ", h->out);
			html_word(h, h->d->views[row].cells[p] == CELL_BAD
					 ? WORD_CELL_BAD
					 : WORD_CELL_UNKNOWN);
			(void)fputc(' ', h->out);
		}
		put_time(h, phase_time_ns(t));
	}
	if (!begun)
		html_word(h, WORD_CELL_SKIPPED);
}

static uint64_t
end_of(const struct endpoint_result *r)
{
	uint64_t end = 0;

	for (unsigned p = 0; p < PHASE_COUNT; p++) {
		const struct phase_time *t = phase_time_of(r, (enum phase)p);

		if (t->end != PHASE_NOT_RUN && t->end_at_ns > end)
			end = t->end_at_ns;
	}
	return end;
}

static void
put_row(const struct html *h, size_t row, uint64_t whole_ns)
{
	const struct endpoint_result *r = &h->run->endpoints[row];
	bool failed = h->d->views[row].reachable == TRI_NO;

	(void)fprintf(h->out, "<li class=\"row%s\"><span class=\"host\"",
	    failed ? " failed" : "");
	markup_attr(h->out, "title", r->target->at.host.text);
	(void)fputc('>', h->out);
	markup_str(h->out, r->target->at.host.text);
	(void)fprintf(h->out,
	    "</span><svg role=\"img\" aria-labelledby=\"w%zu\"><title "
	    "id=\"w%zu\">",
	    row, row);
	markup_str(h->out, r->target->at.host.text);
	(void)fputs(": ", h->out);
	put_words(h, row, ", ");
	(void)fputs("</title>", h->out);
	put_grid(h, whole_ns);
	for (unsigned p = 0; p < PHASE_COUNT; p++)
		put_bar(h, row, (enum phase)p, whole_ns);
	(void)fputs("</svg><span class=\"sum\">", h->out);
	(void)fputs(failed ? "✗ " : "", h->out);
	put_time(h, end_of(r));
	(void)fputs(
	    "</span><span class=\"parts\" aria-hidden=\"true\">", h->out);
	put_words(h, row, " · ");
	(void)fputs("</span></li>\n", h->out);
}

void
html_waterfall(const struct html *h)
{
	uint64_t whole_ns = run_last_ns(h->run);

	put_legend(h);
	put_axis(h, whole_ns);
	(void)fputs("<ol>\n", h->out);
	for (size_t i = 0; i < h->run->endpoint_count; i++)
		put_row(h, i, whole_ns);
	(void)fputs("</ol>\n", h->out);
}
