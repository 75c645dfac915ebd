/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics.h"

#include <stdlib.h>
#include <string.h>

enum {
	NS_PER_US = 1000,
	CACHE_LINE = 64, /* workers must not slow one another down */
};

void
histogram_add(struct histogram *h, uint64_t ns)
{
	static const uint64_t bounds_us[HISTOGRAM_BUCKETS - 1] =
	    HISTOGRAM_BOUNDS;
	size_t i = 0;

	while (i < HISTOGRAM_BUCKETS - 1 && ns > bounds_us[i] * NS_PER_US)
		i++;
	counter_add(&h->buckets[i], 1);
	counter_add(&h->sum_ns, ns);
}

uint64_t
metrics_sum(
    const struct worker_metrics *const *workers, size_t count, size_t offset)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++) {
		const char *base = (const char *)workers[i];

		sum +=
		    counter_get((const counter *)(const void *)(base + offset));
	}
	return sum;
}

static void *
zeroed_lines(size_t size)
{
	void *p = NULL;

	size = (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	if (posix_memalign(&p, CACHE_LINE, size) != 0)
		return NULL;
	return memset(p, 0, size);
}

struct worker_metrics *
worker_metrics_new(size_t endpoint_count)
{
	struct worker_metrics *m = zeroed_lines(sizeof(*m));

	if (m != NULL && worker_metrics_grow(m, endpoint_count))
		return m;
	worker_metrics_free(m);
	return NULL;
}

bool
worker_metrics_grow(struct worker_metrics *m, size_t endpoint_count)
{
	if (endpoint_count > METRICS_ENDPOINTS)
		return false;
	for (size_t i = 0; i * METRICS_CHUNK < endpoint_count; i++) {
		if (m->chunks[i] == NULL)
			m->chunks[i] = zeroed_lines(
			    METRICS_CHUNK * sizeof(struct endpoint_metrics));
		if (m->chunks[i] == NULL)
			return false;
	}
	return true;
}

void
worker_metrics_free(struct worker_metrics *m)
{
	for (size_t i = 0; m != NULL && i < METRICS_CHUNKS; i++)
		free(m->chunks[i]);
	free(m);
}

/* The two halves of an IPv6 address, of IPv4 of the mapped one (RFC 4291
 * section 2.5.5.2). */
static void
halves_of(const struct ipaddr *a, uint64_t out[2])
{
	if (a->family == IP_V6) {
		memcpy(out, a->bytes, sizeof(a->bytes));
		return;
	}
	out[0] = 0;
	memcpy(&out[1], "\0\0\xff\xff", 4);
	memcpy((char *)&out[1] + 4, a->bytes, 4);
}

static void
address_of(const uint64_t halves[2], struct ipaddr *out)
{
	uint64_t v4 = 0;

	*out = (struct ipaddr){.family = IP_V6};
	memcpy(out->bytes, halves, sizeof(out->bytes));
	memcpy(&v4, "\0\0\xff\xff", 4);
	if (halves[0] != 0 || memcmp(&halves[1], &v4, 4) != 0)
		return;
	*out = (struct ipaddr){.family = IP_V4};
	memcpy(out->bytes, (const char *)&halves[1] + 4, 4);
}

void
endpoint_addresses_note(struct endpoint_addresses *to, const struct ipaddr *a)
{
	uint64_t halves[2], version = counter_get(&to->version);
	counter *at = to->halves[version / 2 % ENDPOINT_ADDRESSES];

	if (a->family == IP_NONE)
		return;
	halves_of(a, halves);
	for (size_t i = 0; i < ENDPOINT_ADDRESSES; i++) {
		if (counter_get(&to->halves[i][1]) == halves[1] &&
		    counter_get(&to->halves[i][0]) == halves[0])
			return;
	}
	/* As denied.c writes its slots. */
	atomic_store_explicit(&to->version, version + 1, memory_order_relaxed);
	atomic_store_explicit(&at[0], halves[0], memory_order_release);
	atomic_store_explicit(&at[1], halves[1], memory_order_release);
	atomic_store_explicit(&to->version, version + 2, memory_order_release);
}

/* One look; false when an address was being replaced. */
static bool
addresses_look(const struct endpoint_addresses *from,
    uint64_t halves[ENDPOINT_ADDRESSES][2])
{
	uint64_t version =
	    atomic_load_explicit(&from->version, memory_order_acquire);

	for (size_t i = 0; i < ENDPOINT_ADDRESSES; i++) {
		for (size_t n = 0; n < 2; n++)
			halves[i][n] = atomic_load_explicit(
			    &from->halves[i][n], memory_order_acquire);
	}
	return version % 2 == 0 && atomic_load_explicit(&from->version,
				       memory_order_relaxed) == version;
}

size_t
endpoint_addresses_read(
    const struct endpoint_addresses *from, struct ipaddr *out)
{
	enum {
		LOOKS = 1000 /* until it is given up; a change is short */
	};
	uint64_t halves[ENDPOINT_ADDRESSES][2] = {{0}};
	size_t count = 0;
	bool whole = false;

	for (unsigned i = 0; i < LOOKS && !whole; i++)
		whole = addresses_look(from, halves);
	for (size_t i = 0; whole && i < ENDPOINT_ADDRESSES; i++) {
		if (halves[i][0] != 0 || halves[i][1] != 0)
			address_of(halves[i], &out[count++]);
	}
	return count;
}

static counter *
tunnels_of(struct worker_metrics *m, size_t listener)
{
	return &m->listener_tunnels[listener < METRICS_LISTENERS
					? listener
					: METRICS_LISTENERS - 1];
}

void
metrics_tunnel_began(struct worker_metrics *m, size_t listener)
{
	counter_add(&m->tunnels_active, 1);
	counter_add(tunnels_of(m, listener), 1);
}

void
metrics_tunnel_ended(struct worker_metrics *m, size_t listener)
{
	counter_sub(&m->tunnels_active, 1);
	counter_sub(tunnels_of(m, listener), 1);
}
