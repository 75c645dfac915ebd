/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "core/text.h"
#include "report_stats.h"
#include "report_text.h"
#include "report_vantage.h"

struct widths {
	const struct page *page;
	size_t label;
};

static void
measure_line(void *arg, const char *label, const char *value)
{
	struct widths *w = arg;
	size_t columns = page_columns(w->page, label);

	(void)value;
	if (columns > w->label)
		w->label = columns;
}

static void
write_line(void *arg, const char *label, const char *value)
{
	const struct widths *w = arg;
	const struct page *p = w->page;

	page_pad(p, 0, 2);
	page_ink(p, INK_DIM, label);
	page_pad(p, page_columns(p, label), w->label + 2);
	page_wrap(p, w->label + 4, w->label + 4, value);
}

void
report_text_vantage(const struct text_report *r)
{
	struct widths w = {.page = &r->page};

	page_heading(&r->page, WORD_VANTAGE);
	vantage_each_line(r->run, r->page.lang, measure_line, &w);
	vantage_each_line(r->run, r->page.lang, write_line, &w);
}

static void
add_ms(struct text *out, uint64_t ns)
{
	if (ns < 1000000)
		text_str(out, "<1");
	else
		text_u64(out, ns / 1000000);
}

static void
add_phase(const struct text_report *r, struct text *out, enum phase phase)
{
	struct phase_stats s = phase_stats_of(r->run, phase);

	if (s.count == 0)
		return;
	text_str(out, out->len > 0 ? ", " : "");
	for (const char *c = phase_str(phase); *c != '\0'; c++)
		text_char(out, ascii_upper(*c));
	text_char(out, ' ');
	add_ms(out, s.median_ns);
	text_str(out, " / ");
	add_ms(out, s.max_ns);
}

static void
write_whole(const struct text_report *r)
{
	const struct page *p = &r->page;
	char buf[256];
	struct text out = text_in(buf, sizeof(buf));

	text_str(&out, page_word(p, WORD_WHOLE_RUN));
	text_char(&out, ' ');
	add_ms(&out, r->run->duration_ns);
	text_str(&out, " ms (");
	text_str(&out, page_word(p, WORD_AT_MOST));
	text_char(&out, ' ');
	text_u64(&out, (r->run->plan->budget_ns + 999999999) / 1000000000);
	text_str(&out, " s)");
	page_pad(p, 0, 2);
	page_wrap(p, 2, 4, text_end(&out));
}

/* --deep: repeated round trips of those endpoints that have them. */
static void
write_trips(const struct text_report *r)
{
	const struct page *p = &r->page;
	bool begun = false;

	for (size_t i = 0; i < r->run->endpoint_count; i++) {
		const struct roundtrips *t = &r->run->endpoints[i].trips;
		char buf[REPORT_NAME_MAX + 256], name[REPORT_NAME_MAX];
		struct text out = text_in(buf, sizeof(buf));

		if (t->count == 0)
			continue;
		if (!begun)
			(void)fprintf(p->out, "  %s (p50 / p95 / max ms)\n",
			    page_word(p, WORD_ROUND_TRIPS));
		begun = true;
		add_ms(&out, t->p50_ns);
		text_str(&out, " / ");
		add_ms(&out, t->p95_ns);
		text_str(&out, " / ");
		add_ms(&out, t->max_ns);
		page_pad(p, 0, 4);
		page_ink(p, INK_PLAIN, text_end(&out));
		page_pad(p, out.len, 20);
		out = text_in(buf, sizeof(buf));
		text_str(&out, report_name(r->run->endpoints[i].target, name));
		text_str(&out, " (");
		text_u64(&out, t->count - t->failed);
		text_char(&out, '/');
		text_u64(&out, t->count);
		text_char(&out, ')');
		page_wrap(p, 24, 24, text_end(&out));
	}
}

void
report_text_timings(const struct text_report *r)
{
	const struct page *p = &r->page;
	char buf[512];
	struct text out = text_in(buf, sizeof(buf));

	page_heading(p, WORD_TIMINGS);
	for (unsigned i = 0; i < PHASE_COUNT; i++)
		add_phase(r, &out, (enum phase)i);
	if (out.len > 0) {
		text_str(&out, " ms (");
		text_str(&out, page_word(p, WORD_MEDIAN_SLOWEST));
		text_char(&out, ')');
		page_pad(p, 0, 2);
		page_wrap(p, 2, 4, text_end(&out));
	}
	write_trips(r);
	write_whole(r);
}
