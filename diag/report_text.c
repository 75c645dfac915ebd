/* SPDX-License-Identifier: Apache-2.0
 *
 * Order: what decides comes first. Verdict, causes, warnings, matrix, what it
 * means for the product, notes, then from where and how long. */
#include "report_text.h"

#include <stdio.h>

#include "core/text.h"

enum {
	BLOCK_LINES = 8,
};

static const enum word labels[] = {
    WORD_SEEN, WORD_MEANS, WORD_DO, WORD_PROOF, WORD_HOSTS};

static size_t
label_width(const struct page *p)
{
	size_t width = 0;

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		size_t columns = page_columns(p, page_word(p, labels[i]));

		if (columns > width)
			width = columns;
	}
	return width;
}

static enum ink
severity_ink(enum severity s)
{
	switch (s) {
	case SEVERITY_ERROR:
		return INK_BAD;
	case SEVERITY_WARNING:
		return INK_WARN;
	case SEVERITY_INFO:
		return INK_PLAIN;
	}
	return INK_PLAIN;
}

static enum symbol
severity_symbol(enum severity s)
{
	switch (s) {
	case SEVERITY_ERROR:
		return SYMBOL_BAD;
	case SEVERITY_WARNING:
		return SYMBOL_WARN;
	case SEVERITY_INFO:
		return SYMBOL_NOTE;
	}
	return SYMBOL_NOTE;
}

static enum word
severity_word(enum severity s)
{
	switch (s) {
	case SEVERITY_ERROR:
		return WORD_ERROR;
	case SEVERITY_WARNING:
		return WORD_WARNING;
	case SEVERITY_INFO:
		return WORD_INFO;
	}
	return WORD_INFO;
}

static enum ink
verdict_ink(enum verdict v)
{
	switch (v) {
	case VERDICT_READY:
		return INK_OK;
	case VERDICT_READY_WARNINGS:
	case VERDICT_INTERRUPTED:
	case VERDICT_UNKNOWN:
		return INK_WARN;
	case VERDICT_NOT_READY:
	case VERDICT_CREDENTIAL:
		return INK_BAD;
	}
	return INK_WARN;
}

/* The verdict's word in colour, then the rest of the headline in plain. */
static void
write_headline(const struct text_report *r)
{
	const struct page *p = &r->page;
	const struct diagnosis *d = r->diagnosis;
	const char *word = page_word(p, verdict_word(d->verdict));
	size_t len = strlen(word);

	if (strncmp(d->headline, word, len) != 0) {
		page_wrap(p, 0, 0, d->headline);
		return;
	}
	page_ink(p, verdict_ink(d->verdict), word);
	page_wrap(p, page_columns(p, word), 0, d->headline + len);
}

/* How many of how many: "3 of 9 hosts". */
static void
format_reach(const struct text_report *r, const struct finding *f, char *buf)
{
	struct text out = text_in(buf, 64);

	if (f->endpoint_count > 0) {
		text_u64(&out, f->endpoint_count);
		text_char(&out, ' ');
		text_str(&out, page_word(&r->page, WORD_OF));
		text_char(&out, ' ');
		text_u64(&out, r->run->plan->host_count);
		text_char(&out, ' ');
		text_str(&out, page_word(&r->page, WORD_UNIT_HOSTS));
	}
	(void)text_end(&out);
}

/* The owner only where the headline leaves it open whose job this one is. */
static bool
names_owner(const struct text_report *r, const struct finding *f)
{
	return f->owner != OWNER_NONE && f->severity != SEVERITY_INFO &&
	       (r->diagnosis->owner_count != 1 ||
		   r->diagnosis->owners[0] != f->owner);
}

static void
write_title(const struct text_report *r, const struct finding *f)
{
	const struct page *p = &r->page;
	char line[TITLE_MAX + 256], reach[64];
	struct text out = text_in(line, sizeof(line));
	const char *symbol = page_symbol(p, severity_symbol(f->severity));
	const char *word = page_word(p, severity_word(f->severity));
	const char *id = finding_text(f->id)->id;
	bool owned = names_owner(r, f);

	page_ink(p, severity_ink(f->severity), symbol);
	(void)fputc(' ', p->out);
	page_ink(p, severity_ink(f->severity), word);
	(void)fputc(' ', p->out);
	page_ink(p, INK_BOLD, id);
	format_reach(r, f, reach);
	text_str(&out, "  ");
	text_str(&out, f->title);
	text_str(&out, reach[0] || owned ? "  [" : "");
	text_str(&out, reach);
	text_str(&out, reach[0] && owned ? "; " : "");
	text_str(&out, owned ? owner_str(f->owner, p->lang) : "");
	text_str(&out, reach[0] || owned ? "]" : "");
	page_wrap(p,
	    page_columns(p, symbol) + page_columns(p, word) + strlen(id) + 2, 4,
	    text_end(&out));
}

static void
write_hosts(const struct text_report *r, const struct finding *f, size_t width)
{
	char line[4096], name[REPORT_NAME_MAX];
	struct text out = text_in(line, sizeof(line));

	for (size_t i = 0; i < f->endpoint_count; i++) {
		text_str(&out, i > 0 ? " " : "");
		text_str(
		    &out, report_name(
			      r->run->endpoints[f->endpoints[i]].target, name));
	}
	if (f->endpoint_count > 0)
		page_part(&r->page, WORD_HOSTS, width,
		    (struct part){.text = text_end(&out)});
}

/* A block is at most BLOCK_LINES, unless -v or instructions need more: those
 * are never cut. What was seen goes before what it means. */
static void
write_finding(const struct text_report *r, const struct finding *f)
{
	const struct page *p = &r->page;
	size_t width = label_width(p);
	struct part seen = {.text = f->seen}, means = {.text = f->means};
	struct part todo = {.text = f->todo, .commands = true};
	struct part proof = {.text = f->proof, .commands = true};
	size_t used = 1 + page_part_lines(p, width, todo) +
		      page_part_lines(p, width, proof);
	size_t wanted = page_part_lines(p, width, means);
	size_t room = used + 2 < BLOCK_LINES ? BLOCK_LINES - used : 2;

	if (!p->style->verbose && p->style->width > 0) {
		seen.most = page_part_lines(p, width, seen);
		if (seen.most + wanted > room)
			seen.most = room > wanted + 1 ? room - wanted : 2;
		means.most = room > seen.most + 1 ? room - seen.most : 2;
	}
	write_title(r, f);
	page_part(p, WORD_SEEN, width, seen);
	page_part(p, WORD_MEANS, width, means);
	page_part(p, WORD_DO, width, todo);
	page_part(p, WORD_PROOF, width, proof);
	if (p->style->verbose)
		write_hosts(r, f, width);
}

/* Notes are one line each: the id and what it is. */
static void
write_note(const struct text_report *r, const struct finding *f)
{
	const struct page *p = &r->page;
	char line[TITLE_MAX + 128], reach[64];
	struct text out = text_in(line, sizeof(line));
	const char *symbol = page_symbol(p, SYMBOL_NOTE);

	format_reach(r, f, reach);
	text_str(&out, f->title);
	text_str(&out, reach[0] ? "  [" : "");
	text_str(&out, reach);
	text_str(&out, reach[0] ? "]" : "");
	page_pad(p, 0, 2);
	page_ink(p, INK_PLAIN, symbol);
	(void)fputc(' ', p->out);
	page_ink(p, INK_BOLD, finding_text(f->id)->id);
	(void)fputs("  ", p->out);
	page_wrap(p,
	    5 + page_columns(p, symbol) + strlen(finding_text(f->id)->id), 4,
	    text_end(&out));
}

static void
write_findings(const struct text_report *r, enum severity severity)
{
	const struct diagnosis *d = r->diagnosis;

	for (size_t i = 0; i < d->finding_count; i++) {
		if (d->findings[i].severity != severity)
			continue;
		(void)fputc('\n', r->page.out);
		write_finding(r, &d->findings[i]);
	}
}

static void
write_notes(const struct text_report *r)
{
	const struct diagnosis *d = r->diagnosis;
	bool begun = false;

	for (size_t i = 0; i < d->finding_count; i++) {
		if (d->findings[i].severity != SEVERITY_INFO)
			continue;
		if (!begun)
			page_heading(&r->page, WORD_NOTES);
		begun = true;
		if (r->page.style->verbose)
			write_finding(r, &d->findings[i]);
		else
			write_note(r, &d->findings[i]);
	}
}

static void
write_consequences(const struct text_report *r)
{
	const struct page *p = &r->page;
	const struct diagnosis *d = r->diagnosis;

	if (d->consequence_count == 0)
		return;
	page_heading(p, WORD_CONSEQUENCES);
	for (size_t i = 0; i < d->consequence_count; i++) {
		const struct consequence *c = &d->consequences[i];
		bool lost = c->lost == TRI_YES;
		char line[1024];
		struct text out = text_in(line, sizeof(line));
		const char *symbol =
		    page_symbol(p, lost ? SYMBOL_BAD : SYMBOL_UNKNOWN);

		page_pad(p, 0, 2);
		page_ink(p, lost ? INK_BAD : INK_WARN, symbol);
		(void)fputc(' ', p->out);
		text_str(&out, c->title);
		text_str(&out, ": ");
		text_str(&out, c->text);
		page_wrap(p, 3 + page_columns(p, symbol), 4, text_end(&out));
	}
}

static void
write_changes(const struct text_report *r)
{
	const struct page *p = &r->page;

	if (r->run->baseline_time[0] == '\0')
		return;
	(void)fputc('\n', p->out);
	page_ink(p, INK_BOLD, page_word(p, WORD_CHANGES));
	(void)fputc(' ', p->out);
	page_ink(p, INK_BOLD, r->run->baseline_time);
	(void)fputc('\n', p->out);
	if (r->run->change_count == 0) {
		page_pad(p, 0, 2);
		page_wrap(p, 2, 4, "-");
	}
	for (size_t i = 0; i < r->run->change_count; i++) {
		const struct change *c = &r->run->changes[i];
		char line[1024], name[REPORT_NAME_MAX];
		struct text out = text_in(line, sizeof(line));

		text_str(&out,
		    report_name(r->run->endpoints[c->endpoint].target, name));
		text_str(&out, " ");
		text_str(&out, c->what);
		text_str(&out, ": ");
		text_str(&out, c->before[0] ? c->before : "-");
		text_str(&out, " ");
		text_str(&out, page_symbol(p, SYMBOL_ARROW));
		text_str(&out, " ");
		text_str(&out, c->after[0] ? c->after : "-");
		page_pad(p, 0, 2);
		page_wrap(p, 2, 4, text_end(&out));
	}
}

bool
report_text(FILE *out, const struct report_input *in)
{
	struct text_report r = {
	    .page = page_on(out, &in->style, in->diagnosis->lang),
	    .run = in->run,
	    .diagnosis = in->diagnosis,
	};

	write_headline(&r);
	write_findings(&r, SEVERITY_ERROR);
	write_findings(&r, SEVERITY_WARNING);
	report_text_matrix(&r);
	write_consequences(&r);
	write_changes(&r);
	write_notes(&r);
	report_text_vantage(&r);
	report_text_timings(&r);
	if (in->style.verbose)
		report_text_details(&r);
	return fflush(out) == 0 && !ferror(out);
}
