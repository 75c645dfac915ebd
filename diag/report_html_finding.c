/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "instruction.h"
#include "markup.h"
#include "report_html.h"

static void
put_definition(const struct html *h, enum word term, const char *text)
{
	(void)fputs("<dt>", h->out);
	html_word(h, term);
	(void)fputs("</dt><dd>", h->out);
	markup_lines(h->out, text);
	(void)fputs("</dd>\n", h->out);
}

/* The first byte of a line where a command begins, or the line's end. */
static size_t
next_command(struct span line, size_t at)
{
	while (at < line.len && !instruction_is_command(line, at))
		at++;
	return at;
}

/* Prose as prose, each command as a block of its own, whole, to be copied. */
static void
put_instruction(const struct html *h, struct span line)
{
	size_t at = 0;

	while (at < line.len) {
		size_t command = next_command(line, at), end;

		if (command > at) {
			(void)fputs("<p>", h->out);
			markup_span(
			    h->out, span_of(line.ptr + at, command - at));
			(void)fputs("</p>", h->out);
		}
		if (command == line.len)
			break;
		end = instruction_command_end(line, command);
		(void)fputs("<pre>", h->out);
		markup_span(h->out, span_of(line.ptr + command, end - command));
		(void)fputs("</pre>", h->out);
		at = end;
	}
}

static void
put_instructions(const struct html *h, enum word term, const char *text)
{
	(void)fputs("<dt>", h->out);
	html_word(h, term);
	(void)fputs("</dt><dd class=\"todo\">", h->out);
	for (;;) {
		size_t len = strcspn(text, "\n");

		put_instruction(h, span_of(text, len));
		if (text[len] == '\0')
			break;
		text += len + 1;
	}
	(void)fputs("</dd>\n", h->out);
}

static void
put_host_list(const struct html *h, const struct finding *f)
{
	if (f->endpoint_count == 0)
		return;
	(void)fputs("<dt>", h->out);
	html_word(h, WORD_HOSTS);
	(void)fputs("</dt><dd><ul class=\"hosts\">", h->out);
	for (size_t i = 0; i < f->endpoint_count; i++) {
		const struct target *t =
		    h->run->endpoints[f->endpoints[i]].target;

		(void)fputs("<li class=\"host\">", h->out);
		html_host(h, t->at.host.text);
		(void)fprintf(h->out, ":%u</li>", (unsigned)t->at.port);
	}
	(void)fputs("</ul></dd>\n", h->out);
}

static void
put_parts(const struct html *h, const struct finding *f)
{
	(void)fputs("<dl>\n", h->out);
	put_definition(h, WORD_SEEN, f->seen);
	put_definition(h, WORD_MEANS, f->means);
	put_instructions(h, WORD_DO, f->todo);
	put_instructions(h, WORD_PROOF, f->proof);
	put_host_list(h, f);
	(void)fputs("</dl>", h->out);
}

static void
put_reach(const struct html *h, const struct finding *f)
{
	if (f->endpoint_count == 0)
		return;
	(void)fprintf(h->out, "%zu ", f->endpoint_count);
	html_word(h, WORD_OF);
	(void)fprintf(h->out, " %zu ", h->run->plan->host_count);
	html_word(h, WORD_UNIT_HOSTS);
}

static void
put_finding(const struct html *h, size_t index)
{
	const struct finding *f = &h->d->findings[index];
	bool error = f->severity == SEVERITY_ERROR;

	(void)fprintf(h->out,
	    "<article class=\"card finding %s\" id=\"f%zu\"><header>"
	    "<span class=\"badge\">%s ",
	    severity_str(f->severity), index, error ? "✗" : "▲");
	html_word(h, error ? WORD_ERROR : WORD_WARNING);
	(void)fprintf(h->out, "</span> <span class=\"id\">%s</span> <h3>",
	    finding_text(f->id)->id);
	markup_str(h->out, f->title);
	(void)fputs("</h3> <span class=\"who\">", h->out);
	put_reach(h, f);
	if (f->owner != OWNER_NONE) {
		(void)fputs(f->endpoint_count > 0 ? " · " : "", h->out);
		markup_str(h->out, owner_str(f->owner, h->lang));
	}
	(void)fputs("</span></header>\n", h->out);
	put_parts(h, f);
	(void)fputs("</article>\n", h->out);
}

void
html_findings(const struct html *h)
{
	size_t count = 0;

	for (size_t i = 0; i < h->d->finding_count; i++) {
		if (h->d->findings[i].severity == SEVERITY_INFO)
			continue;
		put_finding(h, i);
		count++;
	}
	if (count > 0)
		return;
	(void)fputs("<p class=\"card fine\">✓ ", h->out);
	html_word(h, WORD_NO_CAUSE);
	(void)fputs("</p>", h->out);
}

static void
put_note(const struct html *h, size_t index)
{
	const struct finding *f = &h->d->findings[index];

	(void)fprintf(h->out,
	    "<li><details id=\"f%zu\"><summary><span class=\"id\">%s</span>",
	    index, finding_text(f->id)->id);
	markup_str(h->out, f->title);
	(void)fputs(" <span class=\"dim\">", h->out);
	put_reach(h, f);
	(void)fputs("</span></summary>", h->out);
	put_parts(h, f);
	(void)fputs("</details></li>\n", h->out);
}

void
html_notes(const struct html *h)
{
	bool begun = false;

	for (size_t i = 0; i < h->d->finding_count; i++) {
		if (h->d->findings[i].severity != SEVERITY_INFO)
			continue;
		if (!begun) {
			(void)fputs("<section aria-labelledby=\"h-notes\">"
				    "<h2 id=\"h-notes\">",
			    h->out);
			html_word(h, WORD_NOTES);
			(void)fputs("</h2><ul class=\"card notes\">", h->out);
		}
		begun = true;
		put_note(h, i);
	}
	if (begun)
		(void)fputs("</ul></section>", h->out);
}
