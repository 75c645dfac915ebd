/* SPDX-License-Identifier: Apache-2.0
 *
 * A table of objects by host name, in the order of their last use. The objects
 * embed their place in it and belong to the caller. */
#ifndef SEKISHO_NET_DNS_TABLE_H
#define SEKISHO_NET_DNS_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "core/hostname.h"
#include "net/node.h"

enum {
	DNS_TABLE_BUCKETS = 1024 /* a power of two */
};

struct named {
	struct node used; /* first: a node of by_use is its object */
	struct named *chain;
	uint32_t hash;
	struct hostname name;
};

struct dns_table {
	struct named *buckets[DNS_TABLE_BUCKETS];
	struct node by_use; /* the latest used one first */
	size_t count;
	uint32_t seed;
};

void dns_table_init(struct dns_table *t);

struct named *dns_table_find(
    const struct dns_table *t, const struct hostname *name);

/* Adds n as the latest used one; name must not be in the table yet. */
void dns_table_add(
    struct dns_table *t, struct named *n, const struct hostname *name);

/* Makes n the latest used one. */
void dns_table_touch(struct dns_table *t, struct named *n);

void dns_table_remove(struct dns_table *t, struct named *n);

#endif
