/* SPDX-License-Identifier: Apache-2.0
 *
 * The API key: judged without being shown, kept out of what others can see, and
 * forgotten. Files are key_file.h. */
#ifndef SEKISHO_DIAG_KEY_H
#define SEKISHO_DIAG_KEY_H

#include <stdbool.h>

#include "core/span.h"
#include "result.h"

enum {
	KEY_MAX = 4096, /* bytes of a key, with its NUL */
	KEY_SCRUB_MIN = 8,
};

struct api_key {
	char text[KEY_MAX];
};

/* Judges a key as it was found; sets given, fault, length, position,
 * byte_class, shape. The shape of a key is only a hint. Pure. */
void key_lint(struct key_lint *out, struct span key);

/* "usual", "legacy", "token", "other". */
const char *key_shape_str(enum key_shape shape);

/* Whether a word of the command line may be a key that was given in the wrong
 * place: it has the shape of one, or is a long word that no path is. Messages
 * then do not quote it. Pure. */
bool key_is_likely(const char *word) MUST_CHECK;

/* Before a key comes into this process: no core dump of it, and no other
 * process of this user may look inside (prctl(2) PR_SET_DUMPABLE). What cannot
 * be had is done without. */
void key_protect(void);

/* Reads and lints the key in a variable, if it is set; which is then cleared:
 * it is not left to be read in /proc/PID/environ. False when it is longer than
 * any key. */
bool key_take_variable(struct api_key *key, struct key_lint *lint,
    const char *variable) MUST_CHECK;

/* Blanks every run of KEY_SCRUB_MIN bytes or more that text has in common with
 * the key: what a peer sends back must not show it. */
void key_scrub(char *text, size_t len, const char *key);

/* Whether it can be sent as it is: then a key with a fault in it is not sent,
 * as every answer would be about the fault. */
bool key_is_sendable(const struct key_lint *lint);

void key_forget(struct api_key *key);

#endif
