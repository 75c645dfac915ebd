/* SPDX-License-Identifier: Apache-2.0 */
#include "core/name_table.h"

#include <assert.h>
#include <stdlib.h>

bool
name_table_init(struct name_table *t, size_t max)
{
	size_t slots = 2;

	while (slots < max * 2)
		slots *= 2;
	t->slots = calloc(slots, sizeof(*t->slots));
	t->mask = slots - 1;
	t->count = 0;
	return t->slots != NULL;
}

void
name_table_fini(struct name_table *t)
{
	free(t->slots);
	t->slots = NULL;
	t->mask = 0;
	t->count = 0;
}

/* The slot of name, or the free one where it would stand. */
static struct name_slot *
slot_of(const struct name_table *t, struct span name, uint32_t hash)
{
	size_t i = (hash ^ hash >> 16) & t->mask;

	while (t->slots[i].key != NULL &&
	       (t->slots[i].hash != hash ||
		   !span_equal(
		       span_of(t->slots[i].key->text, t->slots[i].key->len),
		       name)))
		i = (i + 1) & t->mask;
	return &t->slots[i];
}

void
name_table_put(struct name_table *t, const struct hostname *key, uint32_t value)
{
	struct span name = span_of(key->text, key->len);
	uint32_t hash = name_hash(name);
	struct name_slot *slot = slot_of(t, name, hash);

	if (slot->key != NULL)
		return;
	t->count++;
	assert(t->count * 2 <= t->mask + 1); /* else a search might not end */
	*slot = (struct name_slot){.key = key, .hash = hash, .value = value};
}

bool
name_table_get(const struct name_table *t, struct span name, uint32_t hash,
    uint32_t *value)
{
	const struct name_slot *slot;

	if (t->count == 0)
		return false;
	slot = slot_of(t, name, hash);
	if (slot->key == NULL)
		return false;
	*value = slot->value;
	return true;
}
