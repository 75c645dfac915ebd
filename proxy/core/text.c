/* SPDX-License-Identifier: Apache-2.0 */
#include "core/text.h"

enum {
	U64_DIGITS = 20,
	NS_PER_US = 1000,
	US_PER_MS = 1000,
	MS_PER_S = 1000,
	S_PER_DAY = 86400,
};

void
text_add(struct text *t, struct span s)
{
	size_t room = t->cap - t->len;
	size_t n = s.len;

	if (n > room) {
		n = room;
		t->cut = true;
	}
	if (n > 0) {
		memcpy(t->buf + t->len, s.ptr, n);
		t->len += n;
	}
}

void
text_str(struct text *t, const char *s)
{
	text_add(t, span_str(s));
}

void
text_char(struct text *t, char c)
{
	if (t->len == t->cap) {
		t->cut = true;
		return;
	}
	t->buf[t->len++] = c;
}

static char
digit(unsigned n)
{
	return (char)('0' + n);
}

void
text_u64(struct text *t, uint64_t n)
{
	char buf[U64_DIGITS];
	size_t at = sizeof(buf);

	do {
		buf[--at] = digit((unsigned)(n % 10));
		n /= 10;
	} while (n > 0);
	text_add(t, span_of(buf + at, sizeof(buf) - at));
}

/* n, at least width digits wide, with zeros in front. */
static void
add_padded(struct text *t, unsigned n, size_t width)
{
	char buf[8];

	for (size_t i = width; i-- > 0; n /= 10)
		buf[i] = digit(n % 10);
	text_add(t, span_of(buf, width));
}

void
text_ms(struct text *t, uint64_t ns)
{
	uint64_t us = ns / NS_PER_US;
	unsigned part = (unsigned)(us % US_PER_MS);
	size_t width = 3;

	text_u64(t, us / US_PER_MS);
	if (part == 0)
		return;
	for (; part % 10 == 0; part /= 10)
		width--;
	text_char(t, '.');
	add_padded(t, part, width);
}

struct date {
	unsigned year, month, day;
};

/* Gregorian date of a day counted from 1970-01-01. Years are taken to begin in
 * March, so that the leap day is the last of its year and every month's start
 * follows one straight line. (gmtime_r(3) takes libc's time zone lock.) */
static struct date
date_of(uint64_t unix_day)
{
	uint64_t day = unix_day + 719468; /* from 0000-03-01 */
	uint64_t era = day / 146097;      /* of 400 years */
	uint64_t in_era = day % 146097;
	uint64_t years =
	    (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	uint64_t in_year = in_era - (365 * years + years / 4 - years / 100);
	uint64_t month = (5 * in_year + 2) / 153; /* 0 is March */

	return (struct date){
	    .year = (unsigned)(era * 400 + years + (month >= 10)),
	    .month = (unsigned)(month < 10 ? month + 3 : month - 9),
	    .day = (unsigned)(in_year - (153 * month + 2) / 5 + 1),
	};
}

void
text_time(struct text *t, uint64_t unix_ns)
{
	uint64_t unix_ms = unix_ns / NS_PER_US / US_PER_MS;
	uint64_t unix_s = unix_ms / MS_PER_S;
	unsigned s = (unsigned)(unix_s % S_PER_DAY);
	struct date d = date_of(unix_s / S_PER_DAY);

	add_padded(t, d.year, 4);
	text_char(t, '-');
	add_padded(t, d.month, 2);
	text_char(t, '-');
	add_padded(t, d.day, 2);
	text_char(t, 'T');
	add_padded(t, s / 3600, 2);
	text_char(t, ':');
	add_padded(t, s / 60 % 60, 2);
	text_char(t, ':');
	add_padded(t, s % 60, 2);
	text_char(t, '.');
	add_padded(t, (unsigned)(unix_ms % MS_PER_S), 3);
	text_char(t, 'Z');
}

/* One character at the head of s. */
struct utf8 {
	size_t len;    /* bytes; 1 when they are not UTF-8 */
	unsigned code; /* code point, or the byte's value */
	bool valid;
};

static bool
is_continuation(char c)
{
	return ((unsigned char)c & 0xC0U) == 0x80;
}

/* RFC 3629: the shortest form only, no surrogates, nothing above U+10FFFF. s is
 * not empty. */
static struct utf8
utf8_head(struct span s)
{
	static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned first = (unsigned char)s.ptr[0];
	struct utf8 bad = {.len = 1, .code = first};
	unsigned code;
	size_t len;

	if (first < 0x80)
		return (struct utf8){.len = 1, .code = first, .valid = true};
	if (first >= 0xC2 && first <= 0xDF) {
		len = 2;
		code = first & 0x1FU;
	} else if ((first & 0xF0U) == 0xE0) {
		len = 3;
		code = first & 0x0FU;
	} else if (first >= 0xF0 && first <= 0xF4) {
		len = 4;
		code = first & 0x07U;
	} else {
		return bad;
	}
	if (s.len < len)
		return bad;
	for (size_t i = 1; i < len; i++) {
		if (!is_continuation(s.ptr[i]))
			return bad;
		code = code << 6 | ((unsigned char)s.ptr[i] & 0x3FU);
	}
	if (code < least[len] || code > 0x10FFFF ||
	    (code >= 0xD800 && code <= 0xDFFF))
		return bad;
	return (struct utf8){.len = len, .code = code, .valid = true};
}

/* Controls (C0, DEL, C1) and the two other line ends of Unicode. */
static bool
is_control(unsigned code)
{
	return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 ||
	       code == 0x2029;
}

static void
add_escape(struct text *t, unsigned code)
{
	static const char hex[] = "0123456789abcdef";
	char buf[6] = {'\\', 'u', hex[code >> 12 & 15], hex[code >> 8 & 15],
	    hex[code >> 4 & 15], hex[code & 15]};

	if (code == '\n')
		text_str(t, "\\n");
	else if (code == '\r')
		text_str(t, "\\r");
	else if (code == '\t')
		text_str(t, "\\t");
	else
		text_add(t, span_of(buf, sizeof(buf)));
}

/* Length of the head of s that is printable ASCII without " and \. */
static size_t
plain_len(struct span s)
{
	size_t i = 0;

	while (i < s.len && s.ptr[i] >= 0x20 && s.ptr[i] < 0x7F &&
	       s.ptr[i] != '"' && s.ptr[i] != '\\')
		i++;
	return i;
}

/* s on one line; with quoted, fit to stand between quotes. */
static void
add_escaped(struct text *t, struct span s, bool quoted)
{
	size_t at = 0;

	while (at < s.len) {
		struct span rest = span_of(s.ptr + at, s.len - at);
		size_t plain = plain_len(rest);
		struct utf8 c;

		if (plain > 0) {
			text_add(t, span_of(rest.ptr, plain));
			at += plain;
			continue;
		}
		c = utf8_head(rest);
		at += c.len;
		if (!c.valid || is_control(c.code)) {
			add_escape(t, c.code);
			continue;
		}
		if (quoted && (c.code == '"' || c.code == '\\'))
			text_char(t, '\\');
		text_add(t, span_of(rest.ptr, c.len));
	}
}

void
text_line(struct text *t, struct span s)
{
	add_escaped(t, s, false);
}

void
text_json(struct text *t, struct span s)
{
	text_char(t, '"');
	add_escaped(t, s, true);
	text_char(t, '"');
}

static bool
is_bare(struct span s)
{
	if (s.len == 0 || plain_len(s) != s.len)
		return false;
	return memchr(s.ptr, ' ', s.len) == NULL &&
	       memchr(s.ptr, '=', s.len) == NULL;
}

void
text_logfmt(struct text *t, struct span s)
{
	if (is_bare(s))
		text_add(t, s);
	else
		text_json(t, s);
}

const char *
text_end(struct text *t)
{
	if (t->cap == 0)
		return "";
	if (t->len == t->cap) {
		t->len--;
		t->cut = true;
	}
	t->buf[t->len] = '\0';
	return t->buf;
}
