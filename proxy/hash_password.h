/* SPDX-License-Identifier: Apache-2.0
 *
 * The command that makes a line of a htpasswd file. */
#ifndef SEKISHO_HASH_PASSWORD_H
#define SEKISHO_HASH_PASSWORD_H

#include <stdbool.h>
#include <stdio.h>

/* Reads a password from the terminal, twice and without showing it, or the
 * first line of another standard input; prints "user:hash" to out, or the hash
 * alone when user is NULL. The hash is yescrypt with the default cost of
 * crypt(5). False: *why says what is wrong (static). */
bool hash_password(const char *user, FILE *in, FILE *out, const char **why);

#endif
