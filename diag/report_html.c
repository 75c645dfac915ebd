/* SPDX-License-Identifier: Apache-2.0 */
#include "report_html.h"

#include <string.h>

#include "core/text.h"
#include "glyph.h"
#include "markup.h"
#include "net/csp.h"
#include "report_vantage.h"

void
html_word(const struct html *h, enum word word)
{
	markup_str(h->out, word_str(word, h->lang));
}

void
html_host(const struct html *h, const char *host)
{
	while (*host != '\0') {
		size_t len = strcspn(host, ".");

		markup_span(h->out, span_of(host, len));
		host += len;
		if (*host == '.') {
			(void)fputs(".<wbr>", h->out);
			host++;
		}
	}
}

static struct span
template_span(void)
{
	return span_of(
	    (const char *)report_html_template, report_html_template_len);
}

/* From the first byte behind `from` up to `to`; empty when there is none. */
static struct span
between(struct span s, const char *from, const char *to)
{
	const char *begin = memmem(s.ptr, s.len, from, strlen(from));
	const char *end;

	if (begin == NULL)
		return span_of(s.ptr, 0);
	begin += strlen(from);
	end = memmem(begin, s.len - (size_t)(begin - s.ptr), to, strlen(to));
	return span_of(begin, end ? (size_t)(end - begin) : 0);
}

/* The style's digest goes into the policy: no other style is applied. */
static void
put_style_source(const struct html *h)
{
	char source[CSP_SOURCE_MAX];

	csp_source(template_span(), "style", source);
	(void)fputs(source, h->out);
}

static void
put_lang(const struct html *h)
{
	(void)fputs(lang_name(h->lang), h->out);
}

static void
put_version(const struct html *h)
{
	(void)fputs(SEKISHO_VERSION, h->out);
}

static void
put_verdict(const struct html *h)
{
	html_word(h, verdict_word(h->d->verdict));
}

static void
put_verdict_class(const struct html *h)
{
	(void)fputs(verdict_str(h->d->verdict), h->out);
}

static void
put_verdict_mark(const struct html *h)
{
	const char *mark = "?";

	if (h->d->verdict == VERDICT_READY)
		mark = "✓";
	else if (h->d->verdict == VERDICT_NOT_READY ||
		 h->d->verdict == VERDICT_CREDENTIAL)
		mark = "✗";
	else if (h->d->verdict == VERDICT_READY_WARNINGS)
		mark = "▲";
	(void)fprintf(h->out,
	    "<span class=\"mark\" aria-hidden=\"true\">%s</span>", mark);
}

static void
put_time(const struct html *h)
{
	char buf[40];
	struct text t = text_in(buf, sizeof(buf));

	text_time(&t, h->run->started_unix_ns);
	markup_span(h->out, span_of(buf, t.len));
}

/* The headline without the verdict, which stands above it. */
static void
put_headline(const struct html *h)
{
	const char *word = word_str(verdict_word(h->d->verdict), h->lang);
	const char *rest = h->d->headline;

	if (strncmp(rest, word, strlen(word)) == 0) {
		rest += strlen(word);
		rest += strspn(rest, ": ");
	}
	markup_str(h->out, rest);
}

static void
put_count(const struct html *h, size_t n, enum word word)
{
	(void)fprintf(h->out, "<li><b>%zu</b> ", n);
	html_word(h, word);
	(void)fputs("</li>", h->out);
}

static void
put_counts(const struct html *h)
{
	put_count(h, h->d->ok_count, WORD_REACHABLE);
	put_count(h, h->d->bad_count, WORD_AFFECTED);
	put_count(h, h->d->unknown_count, WORD_UNDECIDED);
	for (size_t i = 0; i < h->d->owner_count; i++) {
		(void)fputs("<li>", h->out);
		html_word(h, WORD_OWNER);
		(void)fputs(": <b>", h->out);
		markup_str(h->out, owner_str(h->d->owners[i], h->lang));
		(void)fputs("</b></li>", h->out);
	}
}

static void
put_consequences(const struct html *h)
{
	if (h->d->consequence_count == 0)
		return;
	(void)fputs(
	    "<section aria-labelledby=\"h-lost\"><h2 id=\"h-lost\">", h->out);
	html_word(h, WORD_CONSEQUENCES);
	(void)fputs("</h2><ul class=\"card lost\">\n", h->out);
	for (size_t i = 0; i < h->d->consequence_count; i++) {
		const struct consequence *c = &h->d->consequences[i];
		bool lost = c->lost == TRI_YES;

		(void)fprintf(h->out,
		    "<li class=\"%s\"><span class=\"mark\" "
		    "aria-hidden=\"true\">%s</span><span><b>",
		    lost ? "gone" : "unknown", lost ? "✗" : "?");
		markup_str(h->out, c->title);
		(void)fputs("</b><br>", h->out);
		markup_str(h->out, c->text);
		(void)fputs("</span></li>\n", h->out);
	}
	(void)fputs("</ul></section>", h->out);
}

static void
put_changes(const struct html *h)
{
	if (h->run->baseline_time[0] == '\0')
		return;
	(void)fputs("<section aria-labelledby=\"h-changes\">"
		    "<h2 id=\"h-changes\">",
	    h->out);
	html_word(h, WORD_CHANGES);
	(void)fputc(' ', h->out);
	markup_str(h->out, h->run->baseline_time);
	(void)fputs("</h2><dl class=\"card facts\">\n", h->out);
	if (h->run->change_count == 0)
		(void)fputs("<dt>–</dt><dd></dd>", h->out);
	for (size_t i = 0; i < h->run->change_count; i++) {
		const struct change *c = &h->run->changes[i];

		(void)fputs("<dt>", h->out);
		markup_str(h->out,
		    h->run->endpoints[c->endpoint].target->at.host.text);
		(void)fputs(" · ", h->out);
		markup_str(h->out, c->what);
		(void)fputs("</dt><dd>", h->out);
		markup_str(h->out, c->before[0] ? c->before : "–");
		(void)fputs(" → ", h->out);
		markup_str(h->out, c->after[0] ? c->after : "–");
		(void)fputs("</dd>\n", h->out);
	}
	(void)fputs("</dl></section>", h->out);
}

static void
put_vantage_line(void *arg, const char *label, const char *value)
{
	const struct html *h = arg;

	(void)fputs("<dt>", h->out);
	markup_str(h->out, label);
	(void)fputs("</dt><dd>", h->out);
	markup_str(h->out, value);
	(void)fputs("</dd>\n", h->out);
}

static void
put_vantage(const struct html *h)
{
	struct html copy = *h;

	vantage_each_line(h->run, h->lang, put_vantage_line, &copy);
}

static void
put_footer(const struct html *h)
{
	(void)fputs("sekisho-diag " SEKISHO_VERSION " · ", h->out);
	html_word(h, WORD_WHOLE_RUN);
	(void)fprintf(
	    h->out, " %u ms · ", (unsigned)(h->run->duration_ns / 1000000));
	html_word(h, WORD_EXIT_CODE);
	(void)fprintf(h->out, " %d", h->d->exit_code);
}

static void
put_word_findings(const struct html *h)
{
	html_word(h, WORD_CAUSES);
}

static void
put_word_matrix(const struct html *h)
{
	html_word(h, WORD_MATRIX);
}

static void
put_word_waterfall(const struct html *h)
{
	html_word(h, WORD_WATERFALL);
}

static void
put_word_vantage(const struct html *h)
{
	html_word(h, WORD_VANTAGE);
}

static void
put_part(const struct html *h, struct span name)
{
	static const struct {
		const char *name;
		void (*put)(const struct html *h);
	} parts[] = {
	    {"lang", put_lang},
	    {"style_source", put_style_source},
	    {"version", put_version},
	    {"verdict", put_verdict},
	    {"verdict_class", put_verdict_class},
	    {"verdict_mark", put_verdict_mark},
	    {"time", put_time},
	    {"headline", put_headline},
	    {"counts", put_counts},
	    {"findings", html_findings},
	    {"consequences", put_consequences},
	    {"matrix", html_matrix},
	    {"waterfall", html_waterfall},
	    {"changes", put_changes},
	    {"notes", html_notes},
	    {"vantage", put_vantage},
	    {"footer", put_footer},
	    {"word_findings", put_word_findings},
	    {"word_matrix", put_word_matrix},
	    {"word_waterfall", put_word_waterfall},
	    {"word_vantage", put_word_vantage},
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (span_is(name, parts[i].name)) {
			parts[i].put(h);
			return;
		}
	}
	/* A name that the template has and we do not: the tests look for it. */
	(void)fprintf(h->out, "{{%.*s}}", SPAN_ARG(name));
}

bool
report_html(FILE *out, const struct report_input *in)
{
	struct html h = {out, in->run, in->diagnosis, in->diagnosis->lang};
	struct span rest = template_span();

	while (rest.len > 0) {
		const char *open = memmem(rest.ptr, rest.len, "{{", 2);
		struct span name;
		size_t head;

		if (open == NULL)
			break;
		head = (size_t)(open - rest.ptr);
		name = between(rest, "{{", "}}");
		(void)fwrite(rest.ptr, 1, head, out);
		put_part(&h, name);
		head += name.len + 4;
		rest = span_of(rest.ptr + head, rest.len - head);
	}
	(void)fwrite(rest.ptr, 1, rest.len, out);
	return fflush(out) == 0 && !ferror(out);
}
