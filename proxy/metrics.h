/* SPDX-License-Identifier: Apache-2.0
 *
 * Counters: one set per worker, written by that worker alone without locks,
 * summed by whoever reads. Every series exists from the start, at zero. */
#ifndef SEKISHO_METRICS_H
#define SEKISHO_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/ipaddr.h"
#include "core/outcome.h"
#include "core/span.h"
#include "net/resolver.h"
#include "warm.h"

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

/* Upper bounds, in microseconds, of every histogram's buckets but the last:
 * 100 us to 10 s for what a client waits for, up to 2 h for how long a tunnel
 * lives. */
#define HISTOGRAM_BOUNDS                                                       \
	{                                                                      \
		100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000,  \
		    250000, 500000, 1000000, 2500000, 5000000, 10000000,       \
		    30000000, 60000000, 300000000, 1800000000, 7200000000      \
	}
enum {
	HISTOGRAM_BUCKETS = 22,
	HISTOGRAM_WAIT_BOUNDS = 16, /* the bounds up to 10 s */
};

struct histogram {
	counter buckets[HISTOGRAM_BUCKETS]; /* not cumulative */
	counter sum_ns;
};

/* One sample. A bucket holds what is not above its bound. */
void histogram_add(struct histogram *h, uint64_t ns);

enum {
	ENDPOINT_ADDRESSES = 4,
};

/* The last different addresses that tunnels went to. Written by one worker,
 * read by any thread: version is odd while an address is being replaced. */
struct endpoint_addresses {
	counter version;
	counter halves[ENDPOINT_ADDRESSES][2]; /* of an IPv6 address; IPv4 is
						* mapped; zeros: none */
};

/* Of one rule (host and port). */
struct endpoint_metrics {
	counter outcomes[OUTCOME_COUNT]; /* by how tunnels ended */
	counter tunnels;                 /* that were set up */
	counter active;
	counter bytes_up, bytes_down;
	struct endpoint_addresses addresses;
	counter last_success_unix_ns;
	counter last_failure_unix_ns;
	counter last_failure; /* enum outcome */
	struct histogram connect;
};

enum {
	METRICS_LISTENERS = 32, /* the last one stands for all further ones */
	METRICS_CHUNK = 256,    /* endpoints that are allocated together */
	METRICS_CHUNKS = 4096,
	METRICS_ENDPOINTS = METRICS_CHUNK * METRICS_CHUNKS,
};

struct worker_metrics {
	counter requests[OUTCOME_COUNT];
	counter let_through_host, let_through_port;  /* by report mode */
	counter tunnels_active;                      /* a gauge */
	counter listener_tunnels[METRICS_LISTENERS]; /* the same by listener */
	counter bytes_up, bytes_down;
	counter dns[RESOLVER_SOURCES];
	counter prefetches;
	counter warm[WARM_RESULTS];
	counter warm_ready, warm_connecting; /* gauges */
	struct histogram dns_time, connect_time, setup_time, duration;
	/* By struct rule's slot. Pieces are added before a worker hears of the
	 * rules that count there, and stay. */
	struct endpoint_metrics *chunks[METRICS_CHUNKS];
};

static inline struct endpoint_metrics *
metrics_endpoint(const struct worker_metrics *m, size_t slot)
{
	return &m->chunks[slot / METRICS_CHUNK][slot % METRICS_CHUNK];
}

/* Sums the counter that lies at offset in each of the sets. */
uint64_t metrics_sum(
    const struct worker_metrics *const *workers, size_t count, size_t offset);

/* Zeroed, on cache lines of its own, with room for so many endpoints. NULL when
 * out of memory. */
struct worker_metrics *worker_metrics_new(size_t endpoint_count) MUST_CHECK;
/* Makes room for so many in all; a worker may be counting meanwhile. False when
 * out of memory, or for more than METRICS_ENDPOINTS. */
bool worker_metrics_grow(
    struct worker_metrics *m, size_t endpoint_count) MUST_CHECK;
void worker_metrics_free(struct worker_metrics *m); /* NULL is fine */

/* A tunnel went to a. The common case, an address that is known, only reads. */
void endpoint_addresses_note(
    struct endpoint_addresses *to, const struct ipaddr *a);
/* Copies them to out (ENDPOINT_ADDRESSES of them, or fewer); returns how many.
 */
size_t endpoint_addresses_read(
    const struct endpoint_addresses *from, struct ipaddr *out);

/* A tunnel of the listener with that place in the configuration begins or ends:
 * keeps tunnels_active and listener_tunnels. */
void metrics_tunnel_began(struct worker_metrics *m, size_t listener);
void metrics_tunnel_ended(struct worker_metrics *m, size_t listener);

#endif
