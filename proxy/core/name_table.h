/* SPDX-License-Identifier: Apache-2.0
 *
 * A hash table from host names to numbers, filled once, then only read. Names
 * are hashed from their end, so that one pass over a name gives the hash of
 * each of its suffixes too. Keys are borrowed. */
#ifndef SEKISHO_CORE_NAME_TABLE_H
#define SEKISHO_CORE_NAME_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hostname.h"
#include "core/span.h"

/* The hash of no byte yet; each byte further to the front goes in by
 * name_hash_step. FNV-1a: names that are looked up may be chosen by a client,
 * but those in the table are the operator's. */
#define NAME_HASH_EMPTY 0x811c9dc5U

static inline uint32_t
name_hash_step(uint32_t hash, char c)
{
	return (hash ^ (unsigned char)c) * 0x01000193U;
}

static inline uint32_t
name_hash(struct span name)
{
	uint32_t hash = NAME_HASH_EMPTY;

	for (size_t i = name.len; i-- > 0;)
		hash = name_hash_step(hash, name.ptr[i]);
	return hash;
}

struct name_slot {
	const struct hostname *key; /* NULL: free */
	uint32_t hash, value;
};

struct name_table {
	struct name_slot *slots;
	size_t mask;  /* slots - 1; a power of two */
	size_t count; /* slots in use, at most half of them */
};

/* Makes room for max names. False when out of memory. */
bool name_table_init(struct name_table *t, size_t max) MUST_CHECK;
void name_table_fini(struct name_table *t); /* a zeroed one is fine */

/* Puts key in, unless that name is there already. */
void name_table_put(
    struct name_table *t, const struct hostname *key, uint32_t value);

/* Finds name, whose hash is known; false leaves *value alone. */
bool name_table_get(const struct name_table *t, struct span name, uint32_t hash,
    uint32_t *value);

#endif
