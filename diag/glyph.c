/* SPDX-License-Identifier: Apache-2.0 */
#include "glyph.h"

#include <stdio.h>

enum {
	CLEAN_MAX = 10240, /* bytes of one line; what is longer is cut */
};

struct range {
	uint32_t first, last;
};

/* East Asian Wide and Fullwidth (UAX #11), by blocks. */
static const struct range wide[] = {{0x1100, 0x115f}, {0x2e80, 0x303e},
    {0x3041, 0x4dbf}, {0x4e00, 0x9fff}, {0xa000, 0xa4cf}, {0xac00, 0xd7a3},
    {0xf900, 0xfaff}, {0xfe30, 0xfe6f}, {0xff00, 0xff60}, {0xffe0, 0xffe6},
    {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};

/* Combining marks of the common blocks. */
static const struct range narrow[] = {{0x0300, 0x036f}, {0x0483, 0x0489},
    {0x0591, 0x05bd}, {0x064b, 0x065f}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
    {0x20d0, 0x20ff}, {0x3099, 0x309a}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};

/* Invisible, or turning the direction of writing; and what XML forbids. */
static const struct range deceitful[] = {{0x00ad, 0x00ad}, {0x061c, 0x061c},
    {0x115f, 0x1160}, {0x180e, 0x180e}, {0x200b, 0x200f}, {0x202a, 0x202e},
    {0x2060, 0x206f}, {0x3164, 0x3164}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb},
    {0xfffe, 0xffff}, {0xe0000, 0xe0fff}};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool
is_in(const struct range *ranges, size_t count, uint32_t code)
{
	for (size_t i = 0; i < count; i++) {
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	}
	return false;
}

static bool
is_wide(uint32_t code)
{
	return is_in(wide, COUNT(wide), code);
}

static size_t
sequence_len(unsigned char head)
{
	if (head >= 0xf0)
		return 4;
	if (head >= 0xe0)
		return 3;
	return head >= 0xc0 ? 2 : 1;
}

struct glyph
glyph_first(struct span s)
{
	static const unsigned char head_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	struct glyph g = {.len = 0};
	unsigned char head;

	if (s.len == 0)
		return g;
	head = (unsigned char)s.ptr[0];
	g.len = sequence_len(head);
	g.code = head & head_bits[g.len];
	if (g.len > s.len) {
		g.len = 1;
		g.code = head;
	}
	for (size_t i = 1; i < g.len; i++)
		g.code = g.code << 6 | ((unsigned char)s.ptr[i] & 0x3fU);
	g.columns = is_wide(g.code) ? 2 : 1;
	if (is_in(narrow, COUNT(narrow), g.code))
		g.columns = 0;
	return g;
}

static struct span
behind(struct span s, size_t n)
{
	return span_of(s.ptr + n, s.len - n);
}

size_t
glyph_columns(struct span s)
{
	size_t columns = 0;

	while (s.len > 0) {
		struct glyph g = glyph_first(s);

		columns += g.columns;
		s = behind(s, g.len);
	}
	return columns;
}

struct span
glyph_fit(struct span s, size_t columns)
{
	size_t used = 0, at = 0;

	while (at < s.len) {
		struct glyph g = glyph_first(behind(s, at));

		if (used + g.columns > columns)
			break;
		used += g.columns;
		at += g.len;
	}
	return span_of(s.ptr, at);
}

/* JIS X 4051: what may not begin a line, and what may not end one. */
static bool
is_closing(uint32_t code)
{
	static const uint32_t marks[] = {0x3001, 0x3002, 0x300d, 0x300f, 0xff09,
	    0xff0c, 0xff0e, 0xff1a, 0xff1b, 0x30fc, 0x30fb, 0x3063, 0x30c3,
	    0x3083, 0x3085, 0x3087, 0x30e3, 0x30e5, 0x30e7, 0x30a1, 0x30a3,
	    0x30a5, 0x30a7, 0x30a9, ',', '.', ')', ']', ':', ';', '!', '?'};

	for (size_t i = 0; i < COUNT(marks); i++) {
		if (marks[i] == code)
			return true;
	}
	return false;
}

static bool
is_opening(uint32_t code)
{
	return code == 0x300c || code == 0x300e || code == 0xff08 ||
	       code == '(';
}

bool
glyph_may_break(uint32_t a, uint32_t b)
{
	return (is_wide(a) || is_wide(b)) && !is_closing(b) && !is_opening(a);
}

static void
add_escape(struct text *out, uint32_t code)
{
	char buf[16];
	int len;

	if (code > 0xffff) {
		code -= 0x10000;
		add_escape(out, 0xd800 + (code >> 10));
		code = 0xdc00 + (code & 0x3ff);
	}
	len = snprintf(buf, sizeof(buf), "\\u%04x", (unsigned)code);
	text_add(out, span_of(buf, len > 0 ? (size_t)len : 0));
}

/* An ASCII text that says the same, or NULL. */
static const char *
ascii_like(uint32_t code)
{
	switch (code) {
	case 0x2010:
	case 0x2011:
	case 0x2013:
	case 0x2014:
	case 0x2212:
		return "-";
	case 0x2018:
	case 0x2019:
		return "'";
	case 0x201c:
	case 0x201d:
		return "\"";
	case 0x2026:
		return "...";
	case 0x2192:
		return "->";
	case 0x00d7:
		return "x";
	case 0x00b7:
		return "-";
	default:
		return NULL;
	}
}

void
glyph_clean(struct text *out, struct span s, bool ascii)
{
	char buf[CLEAN_MAX];
	struct text line = text_in(buf, sizeof(buf));
	struct span rest;

	text_line(&line, s);
	rest = span_of(buf, line.len);
	while (rest.len > 0) {
		struct glyph g = glyph_first(rest);
		const char *like = ascii ? ascii_like(g.code) : NULL;

		if (like != NULL)
			text_str(out, like);
		else if (is_in(deceitful, COUNT(deceitful), g.code) ||
			 (g.code > 0x7e && (ascii || g.len == 1)))
			add_escape(out, g.code);
		else
			text_add(out, span_of(rest.ptr, g.len));
		rest = behind(rest, g.len);
	}
}
