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
