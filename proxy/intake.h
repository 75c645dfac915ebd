/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes read from a client that could not be dealt with at once: a head or a
 * TLS hello that came in pieces, or what a client sent right behind its head.
 * Exists only while there are such bytes. */
#ifndef SEKISHO_INTAKE_H
#define SEKISHO_INTAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/request.h"
#include "core/span.h"

struct intake {
	struct request request; /* how far a head has been parsed */
	size_t len, cap;
	char *data;
};

/* The bytes so far; *in may be NULL. */
struct span intake_bytes(const struct intake *in);

/* Appends a copy of more; makes *in if it is NULL. False, and nothing changed,
 * when out of memory. more may not lie in *in. */
bool intake_add(struct intake **in, struct span more) MUST_CHECK;

/* Makes room for at least one more byte behind the last one, to be read into by
 * the caller, who then raises len: at in->data + in->len, in->cap - in->len
 * bytes. */
bool intake_grow(struct intake *in) MUST_CHECK;

/* Drops the first n bytes; without any left, frees it and sets *in to NULL. */
void intake_drop(struct intake **in, size_t n);

void intake_free(struct intake **in); /* NULL in *in is fine; sets it NULL */

#endif
