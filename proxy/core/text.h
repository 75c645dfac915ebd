/* SPDX-License-Identifier: Apache-2.0
 *
 * A writer into a fixed buffer: appends, never overflows, remembers whether
 * anything was cut; with JSON and logfmt quoting and cheap number formatting.
 * For the access log, reports and answers. Pure. */
#ifndef SEKISHO_CORE_TEXT_H
#define SEKISHO_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/span.h"

struct text {
	char *buf;
	size_t cap, len; /* len <= cap; not NUL-terminated */
	bool cut;        /* something did not fit */
};

static inline struct text
text_in(char *buf, size_t cap)
{
	return (struct text){.buf = buf, .cap = cap};
}

void text_add(struct text *t, struct span s);
void text_str(struct text *t, const char *s);
void text_char(struct text *t, char c);
void text_u64(struct text *t, uint64_t n);

/* Milliseconds with microsecond precision and no needless zeros: 1234 ns is
 * 0.001, 1500000 ns is 1.5, 2000000 ns is 2. */
void text_ms(struct text *t, uint64_t ns);

/* RFC 3339 UTC with milliseconds: 2026-01-31T08:09:10.123Z. */
void text_time(struct text *t, uint64_t unix_ns);

/* s on one line: control characters (C0, DEL, C1), U+2028 and U+2029 as JSON
 * escapes; so is each byte that is not part of valid UTF-8 (RFC 3629), by its
 * value: byte FF is \u00ff, which tells a reader more than U+FFFD would. Quotes
 * and backslashes stay as they are. */
void text_line(struct text *t, struct span s);

/* A JSON string with its quotes (RFC 8259 section 7), escaped as text_line does
 * and quotes and backslashes too, so that the result is one line of valid JSON
 * whatever s holds. */
void text_json(struct text *t, struct span s);

/* A logfmt value: bare when it is plain, else quoted and escaped like JSON. */
void text_logfmt(struct text *t, struct span s);

/* Ends the text with a NUL inside cap (cutting a byte if need be, which counts
 * as cut) and returns it; "" when cap is 0. */
const char *text_end(struct text *t);

#endif
