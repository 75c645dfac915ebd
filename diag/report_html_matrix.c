/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "markup.h"
#include "report_html.h"
#include "report_stats.h"

static const enum word columns[PHASE_COUNT] = {
    WORD_COL_DNS, WORD_COL_TCP, WORD_COL_PROXY, WORD_COL_TLS, WORD_COL_HTTP};

static bool
has_proxy(const struct plan *plan)
{
	bool any = false;

	for (size_t i = 0; i < plan->path_count; i++)
		any |= path_has_proxy(&plan->paths[i]);
	return any;
}

static bool
is_shown(const struct html *h, enum phase p)
{
	return p != PHASE_PROXY || has_proxy(h->run->plan);
}

static void
put_ms(const struct html *h, uint64_t ns)
{
	if (ns < 1000000)
		(void)fputs("&lt;1", h->out);
	else
		(void)fprintf(
		    h->out, "%llu", (unsigned long long)(ns / 1000000));
}

static void
put_cell(const struct html *h, size_t row, enum phase p)
{
	enum cell c = h->d->views[row].cells[p];

	(void)fprintf(h->out, "<td role=\"cell\" class=\"%s\"", cell_str(c));
	markup_attr(h->out, "data-phase", word_str(columns[p], h->lang));
	(void)fputc('>', h->out);
	switch (c) {
	case CELL_SKIPPED:
		(void)fputs("<span aria-hidden=\"true\">–</span>"
			    "<span class=\"sr\">",
		    h->out);
		html_word(h, WORD_CELL_SKIPPED);
		(void)fputs("</span>", h->out);
		break;
	case CELL_OK:
		(void)fputs("<span aria-hidden=\"true\">✓</span>"
			    "<span class=\"sr\">",
		    h->out);
		html_word(h, WORD_OK);
		(void)fputs("</span> ", h->out);
		put_ms(h,
		    phase_time_ns(phase_time_of(&h->run->endpoints[row], p)));
		break;
	case CELL_BAD:
		(void)fputs("✗ ", h->out);
		html_word(h, WORD_CELL_BAD);
		break;
	case CELL_UNKNOWN:
		(void)fputs("? ", h->out);
		html_word(h, WORD_CELL_UNKNOWN);
		break;
	}
	(void)fputs("</td>", h->out);
}

static void
put_row(const struct html *h, size_t row)
{
	const struct target *t = h->run->endpoints[row].target;
	size_t cause = h->d->views[row].cause;

	(void)fprintf(h->out,
	    "<tr role=\"row\"%s><th scope=\"row\" "
	    "role=\"rowheader\"><span class=\"host\">",
	    t->comparison ? " class=\"comparison\"" : "");
	html_host(h, t->at.host.text);
	if (t->at.port != 443)
		(void)fprintf(h->out, ":%u", (unsigned)t->at.port);
	(void)fputs("</span><small>", h->out);
	if (t->about != NULL)
		markup_str(h->out, h->lang == LANG_JA ? t->about->title_ja
						      : t->about->title_en);
	(void)fputs("</small></th>", h->out);
	for (unsigned p = 0; p < PHASE_COUNT; p++) {
		if (is_shown(h, (enum phase)p))
			put_cell(h, row, (enum phase)p);
	}
	(void)fputs("<td role=\"cell\" class=\"cause\"", h->out);
	markup_attr(h->out, "data-phase", word_str(WORD_CAUSE, h->lang));
	(void)fputc('>', h->out);
	if (cause != SIZE_MAX)
		(void)fprintf(h->out, "<a href=\"#f%zu\" class=\"id\">%s</a>",
		    cause, finding_text(h->d->findings[cause].id)->id);
	(void)fputs("</td></tr>\n", h->out);
}

static bool
begins_group(const struct html *h, size_t row)
{
	const struct endpoint_result *e = h->run->endpoints;

	if (h->run->plan->path_count < 2 && h->run->endpoint_count <= 12)
		return false;
	return row == 0 || e[row].target->path != e[row - 1].target->path ||
	       strcmp(e[row].target->region, e[row - 1].target->region) != 0;
}

static void
put_group(const struct html *h, const struct target *t)
{
	const struct path *path = &h->run->plan->paths[t->path];

	(void)fputs("<tr role=\"row\" class=\"group\"><th scope=\"rowgroup\" "
		    "role=\"rowheader\" colspan=\"7\">",
	    h->out);
	markup_str(h->out, strcmp(t->region, "-") == 0 ? "--host" : t->region);
	(void)fputs(" · ", h->out);
	markup_str(h->out, path_has_proxy(path)
			       ? path->label
			       : word_str(WORD_DIRECT, h->lang));
	if (t->comparison) {
		(void)fputs(" · ", h->out);
		html_word(h, WORD_COMPARISON);
	}
	(void)fputs("</th></tr>\n", h->out);
}

void
html_matrix(const struct html *h)
{
	(void)fputs("<table role=\"table\" id=\"matrix\"><thead>"
		    "<tr role=\"row\"><th scope=\"col\" "
		    "role=\"columnheader\">",
	    h->out);
	html_word(h, WORD_HOST);
	for (unsigned p = 0; p < PHASE_COUNT; p++) {
		if (!is_shown(h, (enum phase)p))
			continue;
		(void)fputs(
		    "</th><th scope=\"col\" role=\"columnheader\">", h->out);
		html_word(h, columns[p]);
	}
	(void)fputs("</th><th scope=\"col\" role=\"columnheader\">", h->out);
	html_word(h, WORD_CAUSE);
	(void)fputs("</th></tr></thead>\n<tbody role=\"rowgroup\">\n", h->out);
	for (size_t i = 0; i < h->run->endpoint_count; i++) {
		if (begins_group(h, i))
			put_group(h, h->run->endpoints[i].target);
		put_row(h, i);
	}
	(void)fputs("</tbody></table>", h->out);
}
