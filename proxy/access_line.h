/* SPDX-License-Identifier: Apache-2.0
 *
 * One line of the access log (design A4), as JSON or logfmt. Pure. */
#ifndef SEKISHO_ACCESS_LINE_H
#define SEKISHO_ACCESS_LINE_H

#include <stdint.h>

#include "access_log.h"
#include "core/text.h"

enum {
	/* Every line fits: long values are cut (access_line.c), and each of
	 * their bytes becomes at most six ("\u00ff"). */
	ACCESS_LINE_MAX = 20 << 10,
	ACCESS_SECOND_LEN = 19, /* 2026-01-31T08:09:10 */
};

/* The text of the second last written: most lines of a busy worker share it.
 * Zeroed, it is a valid start (the first second of 1970 is never asked for). */
struct access_line_clock {
	uint64_t second;
	char text[ACCESS_SECOND_LEN];
};

/* Appends the line with its newline; t->cut tells that it did not fit. */
void access_line_add(struct text *t, enum config_log_format format,
    const struct access_record *r, struct access_line_clock *clock);

#endif
