/* SPDX-License-Identifier: Apache-2.0
 *
 * Turns names into addresses without blocking: c-ares under a cache. One per
 * worker. Names are asked as absolute ones (no search list, whatever ndots
 * says). Answers are cached by TTL between clamps, failures for a short while;
 * lookups of one name are coalesced; names used lately are asked again before
 * they expire; when all servers fail, an expired answer serves for a while
 * (RFC 8767). Who may be contacted is policy's question. */
#ifndef SEKISHO_NET_RESOLVER_H
#define SEKISHO_NET_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hostname.h"
#include "core/ipaddr.h"
#include "core/outcome.h"
#include "net/loop.h"

struct resolver; /* owned by the worker */
struct lookup;   /* one pending question; owned by whoever started it */

enum {
	ADDR_LIST_MAX = 32
}; /* further addresses of an answer are dropped */

struct addr_list {
	size_t count;
	struct ipaddr addrs[ADDR_LIST_MAX]; /* in the order to try: families
					     * take turns, IPv6 first
					     * (RFC 8305 section 4) */
};

enum resolver_family {
	RESOLVER_ANY,
	RESOLVER_IPV4,
	RESOLVER_IPV6
};

enum {
	RESOLVER_CACHE_MAX = 4096 /* names; the least lately used one goes */
};

struct resolver_options {
	const struct ip_endpoint *servers; /* copied; none: resolv.conf(5), and
					    * without that 127.0.0.1. Port 0:
					    * 53. At most 8 are used */
	size_t server_count;
	uint32_t timeout_ms; /* per try */
	unsigned attempts;   /* tries per server; an error code is not asked
			      * for twice */
	uint32_t min_ttl_ms, max_ttl_ms; /* answers are kept so long */
	uint32_t negative_ttl_ms;        /* failures; 0: not at all */
	uint32_t stale_ms;               /* 0: never serve expired answers */
	/* Of RFC 8767 section 5, 0 for its figures: how long a lookup waits
	 * for the servers when there is an expired answer (1.8 s), and how long
	 * servers that failed are then left alone (30 s). */
	uint32_t stale_wait_ms, stale_retry_ms;
	bool prefetch;
	enum resolver_family family;
	const char *hosts_file; /* borrowed; NULL: /etc/hosts, which is asked
				 * first, and read anew whenever an answer is
				 * not in the cache */
};

/* How a lookup was answered: the labels of sekisho_dns_cache{result}. */
enum resolver_source {
	RESOLVER_HIT,       /* from the cache */
	RESOLVER_MISS,      /* asked, and waited for */
	RESOLVER_COALESCED, /* waited for a question that was already out */
	RESOLVER_STALE,     /* expired answer, as all servers failed or are slow
			     */
	RESOLVER_NEGATIVE,  /* a cached failure */
	RESOLVER_SOURCES
};

struct resolver_stats {
	uint64_t answers[RESOLVER_SOURCES]; /* as they are given */
	uint64_t prefetches;
};

/* addrs is valid only during the call, and NULL unless why is OUTCOME_OK. why
 * is else dns_nxdomain, dns_error or dns_timeout, and detail says it more
 * exactly
 * ("SERVFAIL", "REFUSED", "no address record" …; static text). */
typedef void (*lookup_done_fn)(void *arg, enum outcome why,
    const struct addr_list *addrs, const char *detail);

/* NULL when out of memory or the servers cannot be read. */
struct resolver *resolver_new(
    struct loop *loop, const struct resolver_options *opt) MUST_CHECK;

/* Cancels all lookups (their handles are dead, and no callback comes). Allowed
 * inside a callback, whose addrs it takes away. NULL is fine. */
void resolver_free(struct resolver *r);

/* The fast path: an answer from the cache, at once. True sets *addrs, which is
 * valid until the next call into the resolver or turn of the loop. Counts as a
 * hit, or as stale while failing servers are left alone. No callback is
 * involved. A cached failure is not answered here. */
bool resolver_cached(struct resolver *r, const struct hostname *name,
    const struct addr_list **addrs) MUST_CHECK;

/* Sets *out and promises exactly one later call of done, never before this
 * function has returned; or returns why not, and done is never called. done may
 * start and cancel other lookups and free the owner of this one. */
enum outcome lookup_start(struct lookup **out, struct resolver *r,
    const struct hostname *name, lookup_done_fn done, void *arg) MUST_CHECK;

/* Cancels and sets *l to NULL; done will not be called. NULL in *l is fine. */
void lookup_cancel(struct lookup **l);

const struct resolver_stats *resolver_stats(const struct resolver *r);

#endif
