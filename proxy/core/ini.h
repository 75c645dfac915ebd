/* SPDX-License-Identifier: Apache-2.0
 *
 * INI files by inih, with what inih does not give: the line of every entry,
 * refusal of over-long lines (inih would cut them), of NUL bytes, and sections
 * that hold nothing. Pure: works on text in memory; ini_read_file is the one
 * function that opens a file. */
#ifndef SEKISHO_CORE_INI_H
#define SEKISHO_CORE_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "core/span.h"

enum {
	INI_LINE_MAX = 190,      /* bytes a line may have, without its end:
				  * what Debian's inih takes whole */
	INI_FILE_MAX = 64 << 20, /* bytes a file may have */
};

struct ini_entry {
	const char *section; /* "" before the first one */
	const char *key;     /* NULL: a section begins here */
	const char *value;
	const char *file; /* as given to ini_parse_text */
	unsigned line;
};

/* One call per entry and per section line, in order; all text is valid only
 * during the call. False: this entry is wrong and was reported; reading goes
 * on, so that every error of a file is seen. */
typedef bool (*ini_entry_fn)(void *arg, const struct ini_entry *e);

/* One call per error: "FILE:LINE: message", no newline, valid during the call.
 */
typedef void (*ini_error_fn)(void *arg, const char *text);

/* Reads text; name stands for it in messages. No multi-line values; comments
 * begin with ; or # at the start of a line, or with " ;" behind a value; a byte
 * order mark is fine. False when anything was wrong. */
bool ini_parse_text(const char *name, struct span text, ini_entry_fn entry,
    ini_error_fn error, void *arg) MUST_CHECK;

/* Reads a whole file into fresh memory (NUL-terminated behind its end), which
 * the caller frees; NULL after an error call ("PATH: cannot read: …"). */
char *ini_read_file(
    const char *path, size_t *len, ini_error_fn error, void *arg) MUST_CHECK;

#endif
