/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns_table.h"

#include <string.h>
#include <sys/random.h>

/* FNV-1a, seeded: names come from clients where the allowlist has wildcards. */
static uint32_t
hash_name(const struct dns_table *t, const struct hostname *name)
{
	uint32_t h = 2166136261U ^ t->seed;

	for (size_t i = 0; i < name->len; i++)
		h = (h ^ (uint8_t)name->text[i]) * 16777619U;
	return h ^ h >> 15;
}

static struct named **
bucket_of(struct dns_table *t, uint32_t hash)
{
	return &t->buckets[hash & (DNS_TABLE_BUCKETS - 1)];
}

void
dns_table_init(struct dns_table *t)
{
	memset(t, 0, sizeof(*t));
	node_init(&t->by_use);
	/* Without entropy the seed is 0: slower under attack, not wrong. */
	(void)!getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK);
}

struct named *
dns_table_find(const struct dns_table *t, const struct hostname *name)
{
	uint32_t hash = hash_name(t, name);
	struct named *n = t->buckets[hash & (DNS_TABLE_BUCKETS - 1)];

	while (
	    n != NULL && (n->hash != hash || !hostname_equal(&n->name, name)))
		n = n->chain;
	return n;
}

void
dns_table_add(struct dns_table *t, struct named *n, const struct hostname *name)
{
	struct named **bucket;

	n->hash = hash_name(t, name);
	n->name = *name;
	bucket = bucket_of(t, n->hash);
	n->chain = *bucket;
	*bucket = n;
	node_insert(t->by_use.next, &n->used);
	t->count++;
}

void
dns_table_touch(struct dns_table *t, struct named *n)
{
	node_remove(&n->used);
	node_insert(t->by_use.next, &n->used);
}

void
dns_table_remove(struct dns_table *t, struct named *n)
{
	struct named **at = bucket_of(t, n->hash);

	while (*at != n)
		at = &(*at)->chain;
	*at = n->chain;
	node_remove(&n->used);
	t->count--;
}
