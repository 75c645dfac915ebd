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
	INI_MESSAGE_MAX = 1024,  /* bytes of an error behind FILE:LINE */
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

/* Where an error is, and where it goes. */
struct ini_place {
	const char *file;
	unsigned line; /* 0: the file as a whole */
	ini_error_fn error;
	void *arg;
};

/* Reports "FILE:LINE: " and what fmt makes of the rest (without a newline; at
 * most INI_MESSAGE_MAX bytes of it). For the callers' own errors too. */
void ini_error_at(const struct ini_place *at, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Reads text; name stands for it in messages. One key = value a line, [section]
 * lines, comments that begin with ; or # at the start of a line, or with " ;"
 * behind a value; a byte order mark is fine. Refused: lines of more than
 * INI_LINE_MAX bytes, bytes that are no text (UTF-8 without control characters
 * but tab), indented lines (inih would join them to the value above), a line
 * without =, an empty key or section name, anything behind a "]". Values may be
 * empty, and keys may repeat: that is the caller's question. False when
 * anything was wrong. */
bool ini_parse_text(const char *name, struct span text, ini_entry_fn entry,
    ini_error_fn error, void *arg) MUST_CHECK;

/* Reads a whole file into fresh memory (NUL-terminated behind its end), which
 * the caller frees; NULL after an error call ("PATH: cannot read: …"). */
char *ini_read_file(
    const char *path, size_t *len, ini_error_fn error, void *arg) MUST_CHECK;

#endif
