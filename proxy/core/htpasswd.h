/* SPDX-License-Identifier: Apache-2.0
 *
 * A htpasswd file: one "user:hash" a line, hashes as crypt(5) writes them. Only
 * those that are slow to guess are taken: bcrypt ($2a$, $2b$, $2y$), yescrypt
 * ($y$) and SHA-512 ($6$). Pure. */
#ifndef SEKISHO_CORE_HTPASSWD_H
#define SEKISHO_CORE_HTPASSWD_H

#include <stdbool.h>
#include <stddef.h>

#include "core/ini.h"
#include "core/span.h"

enum {
	HTPASSWD_USER_MAX = 255, /* bytes; what RFC 1929 can carry */
	HTPASSWD_HASH_MAX = 160, /* bytes of the longest hash taken */
	/* What a check may cost: a client can ask for one at any time. */
	HTPASSWD_BCRYPT_COST_MAX = 14,
	HTPASSWD_SHA512_ROUNDS_MAX = 1000000,
};

struct htpasswd_user {
	char *name, *hash; /* NUL-terminated */
	unsigned line;
};

struct htpasswd {
	struct htpasswd_user *users; /* sorted by name */
	size_t count;                /* at least 1 */
	char *text;                  /* what the names point into */
};

/* Reads text; name stands for it in messages. Blank lines and those that begin
 * with # are comments; a line may end in CR LF. Refused, with FILE:LINE: lines
 * without a colon or with more than one, names that are empty, too long or no
 * text, a name given twice, hashes of another kind, malformed or too costly,
 * and a file without any user. False when anything was wrong. Hashes are never
 * part of a message. */
bool htpasswd_parse(struct htpasswd *out, const char *name, struct span text,
    ini_error_fn error, void *arg) MUST_CHECK;
void htpasswd_fini(struct htpasswd *h); /* zeroed: fine */

/* NULL when there is no such user. */
const struct htpasswd_user *htpasswd_find(
    const struct htpasswd *h, struct span name);

#endif
