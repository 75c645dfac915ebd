/* SPDX-License-Identifier: Apache-2.0
 *
 * A page of text on a terminal or in a file: inks, symbols, wrapping. Every
 * text goes through glyph_clean(), so that none can steer the terminal. */
#ifndef SEKISHO_DIAG_PAGE_H
#define SEKISHO_DIAG_PAGE_H

#include <stdbool.h>
#include <stdio.h>

#include "core/span.h"
#include "lang.h"
#include "report.h"

enum ink {
	INK_PLAIN,
	INK_BOLD,
	INK_DIM,
	INK_OK,
	INK_BAD,
	INK_WARN,
};

/* Never alone: a word or a number stands beside each. */
enum symbol {
	SYMBOL_OK,
	SYMBOL_BAD,
	SYMBOL_WARN,
	SYMBOL_UNKNOWN,
	SYMBOL_NOTE,
	SYMBOL_ARROW,
	SYMBOL_CUT, /* something was left out here */
};

struct page {
	FILE *out;
	const struct report_style *style;
	enum lang lang;
	bool ascii; /* texts too: an English report where only ASCII shows */
};

struct page page_on(FILE *out, const struct report_style *s, enum lang lang);

const char *page_symbol(const struct page *p, enum symbol symbol);
const char *page_word(const struct page *p, enum word word);

/* Writes in this ink; no line end. */
void page_ink(const struct page *p, enum ink ink, const char *text);

/* Blanks up to a column. */
void page_pad(const struct page *p, size_t from, size_t to);

/* Columns of the text as page_ink() writes it. */
size_t page_columns(const struct page *p, const char *text);

/* An empty line and a heading. */
void page_heading(const struct page *p, enum word word);

/* Wraps text from column on, where the cursor is; further lines begin at
 * indent. A newline in it is escaped like any other control. Ends the line. */
void page_wrap(
    const struct page *p, size_t column, size_t indent, const char *text);

/* How page_part() treats a text. */
struct part {
	const char *text; /* its newlines end lines: a text of our own, in which
			   * all that peers said is on one line already */
	bool commands;    /* never break a command, so that it can be copied */
	size_t most; /* lines; what is longer is cut, with a mark; 0: all */
};

/* How many lines page_part() would take without a limit. */
size_t page_part_lines(const struct page *p, size_t width, struct part part);

/* A label and, wrapped behind it, its text; width is the columns of the widest
 * label. */
void page_part(
    const struct page *p, enum word label, size_t width, struct part part);

#endif
