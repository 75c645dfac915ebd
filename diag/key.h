/* SPDX-License-Identifier: Apache-2.0
 *
 * The API key: read from a file or a variable, judged without being shown, and
 * forgotten. */
#ifndef SEKISHO_DIAG_KEY_H
#define SEKISHO_DIAG_KEY_H

#include <stdbool.h>

#include "core/span.h"
#include "result.h"

enum {
	KEY_MAX = 4096, /* bytes of a key, with its NUL */
};

struct api_key {
	char text[KEY_MAX];
};

/* Judges a key as it was found; sets given, fault, length, position,
 * byte_class, usual_shape. The shape of a key is only a hint. Pure. */
void key_lint(struct key_lint *out, struct span key);

/* Reads the first KEY_MAX - 1 bytes of path into key and lints them; source is
 * path. False with one line in error (size len) when it cannot be read. */
bool key_read_file(struct api_key *key, struct key_lint *lint, const char *path,
    char *error, size_t len) MUST_CHECK;

/* The same from the value of a variable. */
void key_read_value(struct api_key *key, struct key_lint *lint,
    const char *variable, const char *value);

/* Whether it can be sent as it is: then a key with a fault in it is not sent,
 * as every answer would be about the fault. */
bool key_is_sendable(const struct key_lint *lint);

void key_forget(struct api_key *key);

#endif
