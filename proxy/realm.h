/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may use a listener: the users of one htpasswd file, and for each of them
 * a keyed digest of the password that was right last, so that only the first
 * request of a user waits for the slow hash. Digests are set once and then only
 * read: no lock. */
#ifndef SEKISHO_REALM_H
#define SEKISHO_REALM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/htpasswd.h"

enum {
	REALM_DIGEST_LEN = 32
};

struct realm;

/* Reads the file at path. NULL after error calls ("PATH:LINE: …"). */
struct realm *realm_load(
    const char *path, ini_error_fn error, void *arg) MUST_CHECK;
void realm_free(struct realm *r); /* NULL is fine */

/* NULL when there is no such user. */
const struct htpasswd_user *realm_find(const struct realm *r, struct span user);

/* A hash that costs what those of the file cost, to be checked for a user that
 * does not exist: the time tells nobody which users do. */
const char *realm_any_hash(const struct realm *r);

/* Whether digest is that of the password that was right, in constant time.
 * user is one of realm_find(). */
bool realm_knows(const struct realm *r, const struct htpasswd_user *user,
    const uint8_t *digest);

/* Notes the digest of a password that was right. Any thread. The first one
 * stays: a user has one password. */
void realm_learn(const struct realm *r, const struct htpasswd_user *user,
    const uint8_t *digest);

#endif
