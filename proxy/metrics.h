/* SPDX-License-Identifier: Apache-2.0
 *
 * Counters: one set per worker, written by that worker alone without locks,
 * summed by whoever reads. Every series exists from the start, at zero. */
#ifndef SEKISHO_METRICS_H
#define SEKISHO_METRICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "core/outcome.h"
#include "net/resolver.h"

typedef _Atomic uint64_t counter;

static inline void
counter_add(counter *c, uint64_t n)
{
	/* One writer: no locked instruction is needed. */
	atomic_store_explicit(c,
	    atomic_load_explicit(c, memory_order_relaxed) + n,
	    memory_order_relaxed);
}

/* For gauges: taking away, and setting. */
static inline void
counter_sub(counter *c, uint64_t n)
{
	counter_add(c, (uint64_t)0 - n);
}

static inline void
counter_set(counter *c, uint64_t n)
{
	atomic_store_explicit(c, n, memory_order_relaxed);
}

static inline uint64_t
counter_get(const counter *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

/* Upper bounds, in microseconds, of every histogram's buckets but the last. */
#define HISTOGRAM_BOUNDS                                                       \
	{                                                                      \
		100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000,  \
		    250000, 500000, 1000000, 2500000, 5000000, 10000000        \
	}
enum {
	HISTOGRAM_BUCKETS = 17
};

struct histogram {
	counter buckets[HISTOGRAM_BUCKETS]; /* not cumulative */
	counter sum_ns;
};

void histogram_add(struct histogram *h, uint64_t ns);

/* Of one rule (host and port); the array has one per rule of the policy. */
struct endpoint_metrics {
	counter outcomes[OUTCOME_COUNT]; /* by how tunnels ended */
	counter active;
	counter bytes_up, bytes_down;
	counter last_success_unix_ns;
	counter last_failure_unix_ns;
	counter last_failure; /* enum outcome */
	struct histogram connect;
};

struct worker_metrics {
	counter requests[OUTCOME_COUNT];
	counter tunnels_active; /* a gauge */
	counter bytes_up, bytes_down;
	counter dns[RESOLVER_SOURCES];
	counter prefetches;
	struct histogram dns_time, connect_time, setup_time, duration;
	size_t endpoint_count;
	struct endpoint_metrics endpoints[]; /* by struct rule's index */
};

/* NULL when out of memory. */
struct worker_metrics *worker_metrics_new(size_t endpoint_count);
void worker_metrics_free(struct worker_metrics *m); /* NULL is fine */

#endif
