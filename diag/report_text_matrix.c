/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "core/text.h"
#include "glyph.h"
#include "report_text.h"

enum {
	CELL_MAX = 48,
	NAME_LEAST = 24, /* columns of a name, however narrow the page */
	GAP = 2,
};

struct matrix {
	const struct text_report *report;
	bool shown[PHASE_COUNT];   /* PROXY only when there is one */
	size_t width[PHASE_COUNT]; /* columns of the widest cell */
	size_t name_width;
	bool grouped; /* a line above each way or region */
};

const char *
report_name(const struct target *t, char *buf)
{
	struct text out = text_in(buf, REPORT_NAME_MAX);

	text_str(&out, t->at.host.text);
	if (t->at.port != 443) {
		text_char(&out, ':');
		text_u64(&out, t->at.port);
	}
	return text_end(&out);
}

static const char *
column_word(const struct page *p, enum phase phase)
{
	static const enum word words[] = {WORD_COL_DNS, WORD_COL_TCP,
	    WORD_COL_PROXY, WORD_COL_TLS, WORD_COL_HTTP};

	return page_word(p, words[phase]);
}

static enum ink
cell_ink(enum cell c)
{
	switch (c) {
	case CELL_SKIPPED:
		return INK_DIM;
	case CELL_OK:
		return INK_OK;
	case CELL_BAD:
		return INK_BAD;
	case CELL_UNKNOWN:
		return INK_WARN;
	}
	return INK_PLAIN;
}

static void
add_time(struct text *out, const struct phase_time *t)
{
	uint64_t ms = (t->end_at_ns - t->start_at_ns) / 1000000;

	text_char(out, ' ');
	if (ms == 0)
		text_str(out, "<1");
	else
		text_u64(out, ms);
}

/* "✓ 12", "✗ FAIL", "? unknown", "-". */
static const char *
cell_text(const struct matrix *m, size_t row, enum phase phase, char *buf)
{
	const struct page *p = &m->report->page;
	struct text out = text_in(buf, CELL_MAX);

	switch (m->report->diagnosis->views[row].cells[phase]) {
	case CELL_SKIPPED:
		text_str(&out, page_word(p, WORD_SKIPPED));
		break;
	case CELL_OK:
		text_str(&out, page_symbol(p, SYMBOL_OK));
		add_time(&out,
		    phase_time_of(&m->report->run->endpoints[row], phase));
		break;
	case CELL_BAD:
		text_str(&out, page_symbol(p, SYMBOL_BAD));
		text_char(&out, ' ');
		text_str(&out, page_word(p, WORD_CELL_BAD));
		break;
	case CELL_UNKNOWN:
		text_str(&out, page_symbol(p, SYMBOL_UNKNOWN));
		text_char(&out, ' ');
		text_str(&out, page_word(p, WORD_CELL_UNKNOWN));
		break;
	}
	return text_end(&out);
}

/* The finding to blame, when it is more than a remark. */
static const char *
cause_id(const struct matrix *m, size_t row)
{
	const struct diagnosis *d = m->report->diagnosis;
	size_t cause = d->views[row].cause;

	if (cause == SIZE_MAX)
		return "";
	return finding_text(d->findings[cause].id)->id;
}

static void
measure_cells(struct matrix *m)
{
	const struct page *p = &m->report->page;
	const struct plan *plan = m->report->run->plan;

	for (size_t i = 0; i < plan->path_count; i++)
		m->shown[PHASE_PROXY] |= path_has_proxy(&plan->paths[i]);
	for (unsigned c = 0; c < PHASE_COUNT; c++) {
		m->shown[c] |= c != PHASE_PROXY;
		m->width[c] = page_columns(p, column_word(p, (enum phase)c));
		for (size_t i = 0; i < m->report->run->endpoint_count; i++) {
			char buf[CELL_MAX];
			size_t n = page_columns(
			    p, cell_text(m, i, (enum phase)c, buf));

			m->width[c] = n > m->width[c] ? n : m->width[c];
		}
	}
}

/* Names get what the cells and causes leave of the page. */
static void
measure_names(struct matrix *m)
{
	const struct run *run = m->report->run;
	size_t page_width = m->report->page.style->width;
	size_t widest = 0, used = 2, cause = 0;

	for (size_t i = 0; i < run->endpoint_count; i++) {
		char buf[REPORT_NAME_MAX];
		size_t n = strlen(report_name(run->endpoints[i].target, buf));
		size_t id = strlen(cause_id(m, i));

		widest = n > widest ? n : widest;
		cause = id > cause ? id : cause;
	}
	for (unsigned c = 0; c < PHASE_COUNT; c++)
		used += m->shown[c] ? m->width[c] + GAP : 0;
	used += cause > 0 ? cause + GAP : 0;
	m->name_width = widest;
	if (page_width > 0 && used + widest > page_width)
		m->name_width = page_width > used + NAME_LEAST
				    ? page_width - used
				    : NAME_LEAST;
	if (m->name_width > widest)
		m->name_width = widest;
}

/* Too long a name loses its middle: the head says which service, the tail says
 * whose. */
static void
write_name(const struct matrix *m, const char *name)
{
	const struct page *p = &m->report->page;
	const char *mark = page_symbol(p, SYMBOL_CUT);
	size_t len = strlen(name), marked = page_columns(p, mark);
	size_t keep = m->name_width - marked, head = keep - keep / 3;

	page_pad(p, 0, 2);
	if (len <= m->name_width) {
		page_ink(p, INK_PLAIN, name);
		page_pad(p, len, m->name_width);
		return;
	}
	(void)fprintf(p->out, "%.*s%s%s", (int)head, name, mark,
	    name + len - (keep - head));
}

static void
write_row(const struct matrix *m, size_t row)
{
	const struct page *p = &m->report->page;
	const struct endpoint_view *v = &m->report->diagnosis->views[row];
	const char *cause = cause_id(m, row);
	char buf[REPORT_NAME_MAX];
	bool comparison = m->report->run->endpoints[row].target->comparison;
	size_t open = 0; /* blanks owed */

	write_name(m, report_name(m->report->run->endpoints[row].target, buf));
	for (unsigned c = 0; c < PHASE_COUNT; c++) {
		char cell[CELL_MAX];

		if (!m->shown[c])
			continue;
		(void)cell_text(m, row, (enum phase)c, cell);
		page_pad(p, 0, open + GAP);
		page_ink(p, comparison ? INK_DIM : cell_ink(v->cells[c]), cell);
		open = m->width[c] - page_columns(p, cell);
	}
	if (cause[0] != '\0') {
		page_pad(p, 0, open + GAP);
		page_ink(p, INK_PLAIN, cause);
	}
	(void)fputc('\n', p->out);
}

static void
write_columns(const struct matrix *m)
{
	const struct page *p = &m->report->page;
	size_t open = 0;

	page_pad(p, 0, 2);
	page_ink(p, INK_DIM, page_word(p, WORD_HOST));
	page_pad(p, page_columns(p, page_word(p, WORD_HOST)), m->name_width);
	for (unsigned c = 0; c < PHASE_COUNT; c++) {
		const char *word = column_word(p, (enum phase)c);

		if (!m->shown[c])
			continue;
		page_pad(p, 0, open + GAP);
		page_ink(p, INK_DIM, word);
		open = m->width[c] - page_columns(p, word);
	}
	(void)fputc('\n', p->out);
}

static bool
begins_group(const struct matrix *m, size_t row)
{
	const struct endpoint_result *all = m->report->run->endpoints;

	return m->grouped &&
	       (row == 0 ||
		   all[row].target->path != all[row - 1].target->path ||
		   strcmp(all[row].target->region,
		       all[row - 1].target->region) != 0);
}

static void
write_group(const struct matrix *m, const struct target *t)
{
	const struct page *p = &m->report->page;
	const struct path *path = &m->report->run->plan->paths[t->path];
	char line[PROXY_URL_TEXT_MAX + 128];
	struct text out = text_in(line, sizeof(line));

	text_str(&out, strcmp(t->region, "-") == 0 ? "--host" : t->region);
	text_str(&out, ", ");
	text_str(&out,
	    path_has_proxy(path) ? path->label : page_word(p, WORD_DIRECT));
	if (t->comparison) {
		text_str(&out, " (");
		text_str(&out, page_word(p, WORD_COMPARISON));
		text_char(&out, ')');
	}
	page_pad(p, 0, 2);
	page_ink(p, INK_BOLD, text_end(&out));
	(void)fputc('\n', p->out);
}

void
report_text_matrix(const struct text_report *r)
{
	struct matrix m = {.report = r};

	if (r->run->endpoint_count == 0)
		return;
	m.grouped = r->run->plan->path_count > 1 ||
		    r->run->plan->options->region_count > 1 ||
		    r->run->endpoint_count > 12;
	measure_cells(&m);
	measure_names(&m);
	page_heading(&r->page, WORD_MATRIX);
	write_columns(&m);
	for (size_t i = 0; i < r->run->endpoint_count; i++) {
		if (begins_group(&m, i))
			write_group(&m, r->run->endpoints[i].target);
		write_row(&m, i);
	}
}
