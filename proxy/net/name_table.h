/* SPDX-License-Identifier: Apache-2.0
 *
 * A table of objects by host name, in the order of their last use. The objects
 * embed their place in it and belong to the caller. */
#ifndef SEKISHO_NET_NAME_TABLE_H
#define SEKISHO_NET_NAME_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "core/hostname.h"
#include "net/node.h"

enum {
	NAME_TABLE_BUCKETS = 1024 /* a power of two */
};

struct named {
	struct node used; /* first: a node of by_use is its object */
	struct named *chain;
	uint32_t hash;
	struct hostname name;
};

struct name_table {
	struct named *buckets[NAME_TABLE_BUCKETS];
	struct node by_use; /* the latest used one first */
	size_t count;
	uint32_t seed;
};

void name_table_init(struct name_table *t);

struct named *name_table_find(
    const struct name_table *t, const struct hostname *name);

/* Adds n as the latest used one; name must not be in the table yet. */
void name_table_add(
    struct name_table *t, struct named *n, const struct hostname *name);

/* Makes n the latest used one. */
void name_table_touch(struct name_table *t, struct named *n);

void name_table_remove(struct name_table *t, struct named *n);

#endif
