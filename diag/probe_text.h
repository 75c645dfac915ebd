/* SPDX-License-Identifier: Apache-2.0
 *
 * Small helpers for peers' texts: lines, header fields, bounded copies. Pure.
 */
#ifndef SEKISHO_DIAG_PROBE_TEXT_H
#define SEKISHO_DIAG_PROBE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/span.h"

/* Copies a peer's text: cut to fit, ends with NUL, NULs in it become '?'. */
void copy_text(char *out, size_t size, struct span text);

/* Without blanks, tabs, CR and LF at its ends. */
struct span text_trim(struct span s);

/* Takes the next line off *text; false when none is left. */
bool text_next_line(struct span *text, struct span *line) MUST_CHECK;

/* "Name: value"; false when there is no colon. */
bool text_split_field(
    struct span line, struct span *name, struct span *value) MUST_CHECK;

/* Where the value of a header field goes. */
struct text_field {
	const char *name; /* any case */
	char *out;
	size_t size;
};

/* Copies the value to the field of this name, if it is still empty. */
void text_field_take(const struct text_field *fields, size_t count,
    struct span name, struct span value);

/* The text of the first <title> of an HTML page, blanks folded. */
void text_title(char *out, size_t size, struct span html);

#endif
