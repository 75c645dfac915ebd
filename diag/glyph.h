/* SPDX-License-Identifier: Apache-2.0
 *
 * Characters on a screen: how wide they are, where a line may end, and which
 * must not reach a screen as they are. Own tables, as wcwidth(3) answers -1 for
 * all but ASCII in the C locale, which is what containers run in. Pure. */
#ifndef SEKISHO_DIAG_GLYPH_H
#define SEKISHO_DIAG_GLYPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/span.h"
#include "core/text.h"

struct glyph {
	uint32_t code;    /* code point */
	size_t len;       /* bytes; 0 at the end of the text */
	unsigned columns; /* 0 (combining), 1 or 2 */
};

/* The first character of s, which text_line() has made valid UTF-8; a stray
 * byte is one column. */
struct glyph glyph_first(struct span s);

/* Columns that s takes on a screen. */
size_t glyph_columns(struct span s);

/* Whether a line may end between a and b without a blank: Japanese breaks
 * anywhere, except before closing marks and behind opening ones. */
bool glyph_may_break(uint32_t a, uint32_t b);

/* Appends s as one harmless line: what text_line() escapes, and characters
 * that turn the direction of writing or have no width and so could make a text
 * look like another (U+200B to U+200F, U+202A to U+202E …). With ascii, all
 * else beyond ASCII too: dashes, dots and quotes by their like, the rest as
 * \uXXXX. */
void glyph_clean(struct text *out, struct span s, bool ascii);

/* The part of s that fits in columns. */
struct span glyph_fit(struct span s, size_t columns);

#endif
