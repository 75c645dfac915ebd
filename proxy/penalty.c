/* SPDX-License-Identifier: Apache-2.0 */
#include "penalty.h"

#include <pthread.h>
#include <stdlib.h>

enum {
	SLOTS = 1024,
	WAYS = 4, /* places that an address may have */
};

struct slot {
	struct ipaddr client;
	unsigned failures; /* 0: free */
	unsigned waiting;  /* of them, for their refusal */
	uint64_t last_ns;
};

struct penalties {
	pthread_mutex_t lock;
	struct slot slots[SLOTS];
};

struct penalties *
penalties_new(void)
{
	struct penalties *p = calloc(1, sizeof(*p));

	if (p != NULL)
		(void)pthread_mutex_init(&p->lock, NULL);
	return p;
}

void
penalties_free(struct penalties *p)
{
	if (p == NULL)
		return;
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

/* FNV-1a. */
static size_t
place_of(const struct ipaddr *a)
{
	uint32_t h = 2166136261U;

	for (size_t i = 0; i < sizeof(a->bytes); i++)
		h = (h ^ a->bytes[i]) * 16777619U;
	return (size_t)h % (SLOTS / WAYS) * WAYS;
}

/* NULL: none. */
static struct slot *
find(struct penalties *p, const struct ipaddr *client)
{
	struct slot *ways = &p->slots[place_of(client)];

	for (size_t i = 0; i < WAYS; i++) {
		if (ways[i].failures > 0 &&
		    ipaddr_equal(&ways[i].client, client))
			return &ways[i];
	}
	return NULL;
}

/* The client's slot, or the one of its ways that failed the longest ago. */
static struct slot *
find_or_take(struct penalties *p, const struct ipaddr *client)
{
	struct slot *ways = &p->slots[place_of(client)], *oldest = ways;
	struct slot *found = find(p, client);

	if (found != NULL)
		return found;
	for (size_t i = 1; i < WAYS; i++) {
		if (ways[i].last_ns < oldest->last_ns)
			oldest = &ways[i];
	}
	*oldest = (struct slot){.client = *client};
	return oldest;
}

uint64_t
penalty_begin(struct penalties *p, const struct ipaddr *client, uint64_t now_ns)
{
	const uint64_t ms = 1000000;
	uint64_t wait = PENALTY_FIRST_MS;
	struct slot *s;

	(void)pthread_mutex_lock(&p->lock);
	s = find_or_take(p, client);
	if (now_ns - s->last_ns > PENALTY_FORGET_MS * ms)
		s->failures = 0;
	for (unsigned i = 0; i < s->failures && wait < PENALTY_MOST_MS; i++)
		wait *= 2;
	s->failures++;
	s->waiting++;
	s->last_ns = now_ns;
	(void)pthread_mutex_unlock(&p->lock);
	return wait * ms;
}

void
penalty_end(struct penalties *p, const struct ipaddr *client)
{
	struct slot *s;

	(void)pthread_mutex_lock(&p->lock);
	s = find(p, client);
	if (s != NULL && s->waiting > 0)
		s->waiting--;
	(void)pthread_mutex_unlock(&p->lock);
}

bool
penalty_is_full(struct penalties *p, const struct ipaddr *client)
{
	const struct slot *s;
	bool full;

	(void)pthread_mutex_lock(&p->lock);
	s = find(p, client);
	full = s != NULL && s->waiting >= PENALTY_WAITERS;
	(void)pthread_mutex_unlock(&p->lock);
	return full;
}
