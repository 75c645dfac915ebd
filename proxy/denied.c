/* SPDX-License-Identifier: Apache-2.0
 *
 * Readers and the one writer meet in slots that are seqlocks: a slot's number
 * is odd while it is being written, and a reader who saw it odd, or changed,
 * reads again (Boehm, "Can seqlocks get along with programming language memory
 * models?", 2012: all words are atomic, and ordered by themselves, so that no
 * fence is needed). So the data path never waits for a reader. What finds a
 * slot (hash chains, the order of use) is the worker's own. */
#include "denied.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	WORDS = (sizeof(struct denied_entry) + 7) / 8,
	CHAINS = 2048, /* a power of two */
	NONE = DENIED_MAX,
	READS = 1000, /* of a slot, until it is left out; a write is short */
};

typedef _Atomic uint64_t word;

struct slot {
	word version;
	word words[WORDS];
};

/* What the worker alone knows of a slot. */
struct link {
	uint32_t hash;
	uint16_t chained;      /* next of the same chain */
	uint16_t newer, older; /* in the order of the last request */
};

struct denied {
	uint64_t seed;
	word used; /* slots that hold an entry */
	word forgotten;
	uint16_t newest, oldest;
	uint16_t chains[CHAINS];
	struct link links[DENIED_MAX];
	struct slot slots[DENIED_MAX];
};

union entry_words {
	struct denied_entry entry;
	uint64_t words[WORDS];
};

struct denied *
denied_new(uint64_t seed)
{
	struct denied *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->seed = seed;
	d->newest = d->oldest = NONE;
	for (size_t i = 0; i < CHAINS; i++)
		d->chains[i] = NONE;
	return d;
}

void
denied_free(struct denied *d)
{
	free(d);
}

static uint64_t
mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15U;
	return h ^ h >> 29;
}

static uint64_t
hash_bytes(uint64_t h, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (; len > 0; p += len < 8 ? len : 8, len -= len < 8 ? len : 8) {
		uint64_t v = len;

		memcpy(&v, p, len < 8 ? len : 8);
		h = mix(h, v);
	}
	return mix(h, h >> 32);
}

/* --- slots ------------------------------------------------------------------
 */

static void
slot_write(struct slot *s, const union entry_words *from)
{
	uint64_t version =
	    atomic_load_explicit(&s->version, memory_order_relaxed);

	atomic_store_explicit(&s->version, version + 1, memory_order_relaxed);
	for (size_t i = 0; i < WORDS; i++)
		atomic_store_explicit(
		    &s->words[i], from->words[i], memory_order_release);
	atomic_store_explicit(&s->version, version + 2, memory_order_release);
}

/* By the worker itself. */
static void
slot_own(const struct slot *s, union entry_words *to)
{
	for (size_t i = 0; i < WORDS; i++)
		to->words[i] =
		    atomic_load_explicit(&s->words[i], memory_order_relaxed);
}

/* By others. False: it changed at every look. */
static bool
slot_read(const struct slot *s, union entry_words *to)
{
	for (unsigned tries = 0; tries < READS; tries++) {
		uint64_t version =
		    atomic_load_explicit(&s->version, memory_order_acquire);

		if (version % 2 != 0)
			continue;
		for (size_t i = 0; i < WORDS; i++)
			to->words[i] = atomic_load_explicit(
			    &s->words[i], memory_order_acquire);
		if (atomic_load_explicit(&s->version, memory_order_relaxed) ==
		    version)
			return true;
	}
	return false;
}

/* --- the worker's side ------------------------------------------------------
 */

static void
order_remove(struct denied *d, uint16_t i)
{
	struct link *l = &d->links[i];

	*(l->newer == NONE ? &d->newest : &d->links[l->newer].older) = l->older;
	*(l->older == NONE ? &d->oldest : &d->links[l->older].newer) = l->newer;
}

static void
order_put_first(struct denied *d, uint16_t i)
{
	struct link *l = &d->links[i];

	l->newer = NONE;
	l->older = d->newest;
	*(d->newest == NONE ? &d->oldest : &d->links[d->newest].newer) = i;
	d->newest = i;
}

static void
chain_remove(struct denied *d, uint16_t i)
{
	uint16_t *at = &d->chains[d->links[i].hash % CHAINS];

	while (*at != i)
		at = &d->links[*at].chained;
	*at = d->links[i].chained;
}

/* A free slot, or else that of the entry asked for longest ago. */
static uint16_t
take_slot(struct denied *d, uint32_t hash)
{
	uint64_t used = atomic_load_explicit(&d->used, memory_order_relaxed);
	uint16_t i = (uint16_t)used;

	if (used < DENIED_MAX) {
		/* Readers find version 0 (even) and count 0 until it is
		 * written. */
		atomic_store_explicit(&d->used, used + 1, memory_order_relaxed);
	} else {
		i = d->oldest;
		order_remove(d, i);
		chain_remove(d, i);
		atomic_store_explicit(&d->forgotten,
		    atomic_load_explicit(&d->forgotten, memory_order_relaxed) +
			1,
		    memory_order_relaxed);
	}
	d->links[i].hash = hash;
	d->links[i].chained = d->chains[hash % CHAINS];
	d->chains[hash % CHAINS] = i;
	order_put_first(d, i);
	return i;
}

static bool
is_for(const struct denied_entry *entry, const struct denied_event *e)
{
	return entry->port == e->port &&
	       span_equal(span_of(entry->host, entry->host_len), e->host);
}

/* Finds the event's slot and what it holds, or NONE. */
static uint16_t
find(const struct denied *d, uint32_t hash, const struct denied_event *e,
    union entry_words *to)
{
	uint16_t i = d->chains[hash % CHAINS];

	for (; i != NONE; i = d->links[i].chained) {
		if (d->links[i].hash != hash)
			continue;
		slot_own(&d->slots[i], to);
		if (is_for(&to->entry, e))
			return i;
	}
	return NONE;
}

static bool
has_client(const struct denied_entry *entry, const struct ipaddr *client)
{
	for (size_t i = 0; i < DENIED_CLIENTS; i++) {
		if (ipaddr_equal(&entry->clients[i], client))
			return true;
	}
	return false;
}

static void
keep_client(struct denied_entry *entry, const struct ipaddr *client)
{
	for (size_t i = 0; i < DENIED_CLIENTS; i++) {
		if (entry->clients[i].family == IP_NONE) {
			entry->clients[i] = *client;
			return;
		}
	}
}

static void
add_client(
    const struct denied *d, struct denied_entry *entry, const struct ipaddr *c)
{
	uint64_t h;

	if (c->family == IP_NONE || has_client(entry, c))
		return;
	keep_client(entry, c);
	h = hash_bytes(d->seed, c->bytes, sizeof(c->bytes));
	entry->client_bits[h % DENIED_CLIENT_BITS] |= UINT64_C(1)
						      << (h >> 8) % 64;
}

void
denied_note(struct denied *d, const struct denied_event *event)
{
	struct denied_event e = *event;
	union entry_words w;
	uint64_t wide;
	uint32_t hash;
	uint16_t i;

	if (e.host.len > HOSTNAME_MAX)
		e.host.len = HOSTNAME_MAX;
	wide = hash_bytes(mix(d->seed, e.port), e.host.ptr, e.host.len);
	hash = (uint32_t)wide;
	i = find(d, hash, &e, &w);
	if (i == NONE) {
		i = take_slot(d, hash);
		memset(&w, 0, sizeof(w));
		w.entry.first_unix_ns = e.unix_ns;
		w.entry.port = e.port;
		w.entry.host_len = (uint8_t)e.host.len;
		if (e.host.len > 0)
			memcpy(w.entry.host, e.host.ptr, e.host.len);
	} else {
		order_remove(d, i);
		order_put_first(d, i);
	}
	w.entry.count++;
	w.entry.let_through += e.let_through;
	w.entry.last_unix_ns = e.unix_ns;
	w.entry.why = e.why;
	add_client(d, &w.entry, e.client);
	slot_write(&d->slots[i], &w);
}

/* --- readers ----------------------------------------------------------------
 */

static int
compare_targets(const void *x, const void *y)
{
	const struct denied_entry *a = x, *b = y;
	size_t len = a->host_len < b->host_len ? a->host_len : b->host_len;
	int c = memcmp(a->host, b->host, len);

	if (c == 0)
		c = (int)a->host_len - (int)b->host_len;
	return c != 0 ? c : (int)a->port - (int)b->port;
}

/* The latest first; names decide between equals, so that the order holds. */
static int
compare_times(const void *x, const void *y)
{
	const struct denied_entry *a = x, *b = y;

	if (a->last_unix_ns != b->last_unix_ns)
		return a->last_unix_ns < b->last_unix_ns ? 1 : -1;
	return compare_targets(x, y);
}

/* What other knows goes into e: both are of one host:port. */
static void
join(struct denied_entry *e, const struct denied_entry *other)
{
	e->count += other->count;
	e->let_through += other->let_through;
	if (other->first_unix_ns < e->first_unix_ns)
		e->first_unix_ns = other->first_unix_ns;
	if (other->last_unix_ns > e->last_unix_ns) {
		e->last_unix_ns = other->last_unix_ns;
		e->why = other->why;
	}
	for (size_t i = 0; i < DENIED_CLIENTS; i++) {
		if (other->clients[i].family != IP_NONE &&
		    !has_client(e, &other->clients[i]))
			keep_client(e, &other->clients[i]);
	}
	for (size_t i = 0; i < DENIED_CLIENT_BITS; i++)
		e->client_bits[i] |= other->client_bits[i];
}

/* Adds a table's entries behind the count that are there. */
static size_t
read_table(const struct denied *d, struct denied_entry *list, size_t count)
{
	uint64_t used = atomic_load_explicit(&d->used, memory_order_relaxed);
	union entry_words w;

	for (uint64_t i = 0; i < used; i++) {
		if (slot_read(&d->slots[i], &w) && w.entry.count > 0)
			list[count++] = w.entry;
	}
	return count;
}

/* Makes one of those that are of one host:port; returns how many are left. */
static size_t
join_all(struct denied_entry *list, size_t count)
{
	size_t kept = 0;

	qsort(list, count, sizeof(*list), compare_targets);
	for (size_t i = 0; i < count; i++) {
		if (kept > 0 && compare_targets(&list[kept - 1], &list[i]) == 0)
			join(&list[kept - 1], &list[i]);
		else
			list[kept++] = list[i];
	}
	return kept;
}

bool
denied_read(const struct denied *const *tables, size_t count,
    struct denied_entry *out, size_t *out_count, uint64_t *forgotten)
{
	/* Room for what is there and one table more. */
	struct denied_entry *list =
	    calloc((size_t)2 * DENIED_MAX, sizeof(*list));
	size_t n = 0;

	if (list == NULL)
		return false;
	*forgotten = 0;
	for (size_t i = 0; i < count; i++) {
		size_t before = n;

		*forgotten += atomic_load_explicit(
		    &tables[i]->forgotten, memory_order_relaxed);
		n = read_table(tables[i], list, n);
		if (n == before && i > 0)
			continue;
		n = join_all(list, n);
		qsort(list, n, sizeof(*list), compare_times);
		n = n < DENIED_MAX ? n : DENIED_MAX;
	}
	if (n > 0)
		memcpy(out, list, n * sizeof(*list));
	*out_count = n;
	free(list);
	return true;
}

uint64_t
denied_client_count(const struct denied_entry *e, bool *exact)
{
	const double bits = DENIED_CLIENT_BITS * 64;
	uint64_t kept = 0, free_bits = (uint64_t)bits, estimate;

	while (kept < DENIED_CLIENTS && e->clients[kept].family != IP_NONE)
		kept++;
	*exact = kept < DENIED_CLIENTS;
	if (*exact)
		return kept;
	for (size_t i = 0; i < DENIED_CLIENT_BITS; i++)
		free_bits -= (uint64_t)__builtin_popcountll(e->client_bits[i]);
	/* A full map says "very many" only. */
	estimate = (uint64_t)llround(
	    bits * log(bits / (double)(free_bits > 0 ? free_bits : 1)));
	return estimate > kept ? estimate : kept;
}
