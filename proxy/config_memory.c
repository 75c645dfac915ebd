/* SPDX-License-Identifier: Apache-2.0
 *
 * A configuration is made piece by piece and freed as a whole, so its parts
 * hang in one chain. */
#include <stdlib.h>
#include <string.h>

#include "config_table.h"

struct config_block {
	struct config_block *next;
	max_align_t data[];
};

void *
config_memory_alloc(struct config_memory *m, size_t size)
{
	struct config_block *b = calloc(1, sizeof(*b) + size);

	if (b == NULL) {
		m->failed = true;
		return NULL;
	}
	b->next = m->blocks;
	m->blocks = b;
	return b->data;
}

char *
config_memory_text(struct config_memory *m, struct span text)
{
	char *copy = config_memory_alloc(m, text.len + 1);

	if (copy != NULL && text.len > 0)
		memcpy(copy, text.ptr, text.len);
	return copy;
}

void *
config_memory_grow(
    struct config_memory *m, void *items, size_t count, size_t size)
{
	void *grown;

	if (count > 0 && (count & (count - 1)) != 0)
		return items;
	grown = config_memory_alloc(m, (count == 0 ? 1 : 2 * count) * size);
	if (grown != NULL && count > 0)
		memcpy(grown, items, count * size);
	return grown;
}

void
config_memory_free(void *blocks)
{
	struct config_block *b = blocks;

	while (b != NULL) {
		struct config_block *next = b->next;

		free(b);
		b = next;
	}
}
