/* SPDX-License-Identifier: Apache-2.0 */
#include "page.h"

#include <string.h>

#include "core/text.h"
#include "glyph.h"
#include "instruction.h"

enum {
	LINE_MAX_BYTES = 10240, /* cleaned: up to six bytes for one */
	NARROWEST = 40,         /* no wrapping to less: it helps nobody */
};

struct page
page_on(FILE *out, const struct report_style *s, enum lang lang)
{
	return (struct page){
	    .out = out,
	    .style = s,
	    .lang = lang,
	    .ascii = s->ascii && lang == LANG_EN,
	};
}

const char *
page_symbol(const struct page *p, enum symbol symbol)
{
	static const char *const symbols[][2] = {
	    [SYMBOL_OK] = {"✓", "ok"},
	    [SYMBOL_BAD] = {"✗", "x"},
	    [SYMBOL_WARN] = {"▲", "!"},
	    [SYMBOL_UNKNOWN] = {"?", "?"},
	    [SYMBOL_NOTE] = {"·", "-"},
	    [SYMBOL_ARROW] = {"→", "->"},
	    [SYMBOL_CUT] = {"…", "..."},
	};

	return symbols[symbol][p->style->ascii];
}

const char *
page_word(const struct page *p, enum word word)
{
	return word_str(word, p->lang);
}

static const char *
ink_code(enum ink ink)
{
	switch (ink) {
	case INK_PLAIN:
		return "";
	case INK_BOLD:
		return "\033[1m";
	case INK_DIM:
		return "\033[2m";
	case INK_OK:
		return "\033[32m";
	case INK_BAD:
		return "\033[1;31m";
	case INK_WARN:
		return "\033[33m";
	}
	return "";
}

static void
put(const struct page *p, struct span s)
{
	(void)fwrite(s.ptr, 1, s.len, p->out);
}

static struct span
clean(const struct page *p, struct text *t, struct span s)
{
	glyph_clean(t, s, p->ascii);
	return span_of(t->buf, t->len);
}

void
page_ink(const struct page *p, enum ink ink, const char *text)
{
	char buf[LINE_MAX_BYTES];
	struct text t = text_in(buf, sizeof(buf));
	bool coloured = p->style->colour && ink != INK_PLAIN;

	if (coloured)
		(void)fputs(ink_code(ink), p->out);
	put(p, clean(p, &t, span_str(text)));
	if (coloured)
		(void)fputs("\033[0m", p->out);
}

void
page_pad(const struct page *p, size_t from, size_t to)
{
	for (; from < to; from++)
		(void)fputc(' ', p->out);
}

size_t
page_columns(const struct page *p, const char *text)
{
	char buf[LINE_MAX_BYTES];
	struct text t = text_in(buf, sizeof(buf));

	return glyph_columns(clean(p, &t, span_str(text)));
}

void
page_heading(const struct page *p, enum word word)
{
	(void)fputc('\n', p->out);
	page_ink(p, INK_BOLD, page_word(p, word));
	(void)fputc('\n', p->out);
}

/* ---- wrapping ---- */

struct wrap {
	const struct page *page;
	size_t column, indent, width;
	bool commands; /* keep them whole */
	bool silent;   /* count only */
	size_t lines, most;
};

/* The end of the piece that begins at `at` and must stay on one line. */
static size_t
piece_end(const struct wrap *w, struct span line, size_t at)
{
	struct glyph g, next;

	if (w->commands && instruction_is_command(line, at))
		return instruction_command_end(line, at);
	g = glyph_first(span_of(line.ptr + at, line.len - at));
	at += g.len;
	while (at < line.len) {
		next = glyph_first(span_of(line.ptr + at, line.len - at));
		if (next.code == ' ' || glyph_may_break(g.code, next.code))
			break;
		at += next.len;
		g = next;
	}
	return at;
}

/* False: no further line may be begun. */
static bool
new_line(struct wrap *w)
{
	if (w->most > 0 && w->lines == w->most)
		return false;
	w->lines++;
	if (!w->silent) {
		(void)fputc('\n', w->page->out);
		page_pad(w->page, 0, w->indent);
	}
	w->column = w->indent;
	return true;
}

/* On the last line that is allowed, room is kept for the mark of a cut. */
static bool
fits(const struct wrap *w, size_t columns)
{
	size_t kept = w->most > 0 && w->lines == w->most ? 4 : 0;

	return w->width == 0 || w->column + columns + kept <= w->width;
}

static void
put_piece(struct wrap *w, size_t blanks, struct span piece)
{
	if (!w->silent) {
		page_pad(w->page, 0, blanks);
		put(w->page, piece);
	}
	w->column += blanks + glyph_columns(piece);
}

/* False: it was cut. */
static bool
wrap_line(struct wrap *w, struct span line)
{
	for (size_t at = 0; at < line.len;) {
		size_t blanks = 0, end;
		struct span piece;

		while (at < line.len && line.ptr[at] == ' ') {
			at++;
			blanks++;
		}
		if (at == line.len)
			break;
		end = piece_end(w, line, at);
		piece = span_of(line.ptr + at, end - at);
		if (w->column > w->indent &&
		    !fits(w, blanks + glyph_columns(piece))) {
			if (!new_line(w))
				return false;
			blanks = 0;
		}
		put_piece(w, blanks, piece);
		at = end;
	}
	return true;
}

static void
wrap_lines(struct wrap *w, const char *text)
{
	char buf[LINE_MAX_BYTES];
	bool whole = true;

	w->lines = 1;
	for (bool first = true; text != NULL && whole; first = false) {
		const char *end = strchr(text, '\n');
		size_t len = end ? (size_t)(end - text) : strlen(text);
		struct text t = text_in(buf, sizeof(buf));

		whole = (first || new_line(w)) &&
			wrap_line(w, clean(w->page, &t, span_of(text, len)));
		text = end ? end + 1 : NULL;
	}
	if (w->silent)
		return;
	if (!whole) {
		(void)fputc(' ', w->page->out);
		(void)fputs(page_symbol(w->page, SYMBOL_CUT), w->page->out);
	}
	(void)fputc('\n', w->page->out);
}

static struct wrap
wrap_on(const struct page *p, size_t column, size_t indent)
{
	unsigned width = p->style->width;

	return (struct wrap){
	    .page = p,
	    .column = column,
	    .indent = indent,
	    .width = width > 0 && width < NARROWEST ? NARROWEST : width,
	};
}

void
page_wrap(const struct page *p, size_t column, size_t indent, const char *text)
{
	struct wrap w = wrap_on(p, column, indent);
	char buf[LINE_MAX_BYTES];
	struct text t = text_in(buf, sizeof(buf));

	(void)wrap_line(&w, clean(p, &t, span_str(text)));
	(void)fputc('\n', p->out);
}

static struct wrap
wrap_part(const struct page *p, size_t width, struct part part)
{
	struct wrap w = wrap_on(p, width + 4, width + 4);

	w.commands = part.commands;
	w.most = part.most;
	return w;
}

size_t
page_part_lines(const struct page *p, size_t width, struct part part)
{
	struct wrap w = wrap_part(p, width, part);

	w.silent = true;
	w.most = 0;
	wrap_lines(&w, part.text);
	return w.lines;
}

void
page_part(const struct page *p, enum word label, size_t width, struct part part)
{
	const char *word = page_word(p, label);
	struct wrap w = wrap_part(p, width, part);

	page_pad(p, 0, 2);
	page_ink(p, INK_DIM, word);
	page_pad(p, page_columns(p, word), width + 2);
	wrap_lines(&w, part.text);
}
