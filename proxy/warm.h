/* SPDX-License-Identifier: Apache-2.0
 *
 * Spare connections (upstream.warm), so that a CONNECT to an endpoint in use is
 * answered without a round trip. One pool per worker. An endpoint is in use for
 * a minute after a request for it; as many spares are kept as requests come in
 * the time of a few connects, at least one and at most the configured number.
 *
 * Most servers close a connection that does not begin its TLS handshake within
 * seconds to a minute: a spare is given up before that age, which is learnt
 * from those that the far end closes. One that closes or speaks first is
 * dropped at once. With nothing in use there is no timer and no wake-up. */
#ifndef SEKISHO_WARM_H
#define SEKISHO_WARM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/ipaddr.h"
#include "core/policy.h"
#include "core/span.h"
#include "net/dialer.h"
#include "net/loop.h"
#include "net/resolver.h"

struct warm; /* owned by the worker */

/* What became of spares: the labels of sekisho_warm_total{result}. */
enum warm_result {
	WARM_TAKEN,   /* served a request */
	WARM_MISSED,  /* a request found none */
	WARM_EXPIRED, /* given up at the age limit, or no longer wanted */
	WARM_CLOSED,  /* the far end closed it, or spoke first */
	WARM_FAILED,  /* could not be connected */
	WARM_RESULTS
};

struct warm_stats {
	uint64_t results[WARM_RESULTS];
	unsigned ready, connecting; /* now */
};

struct warm_options {
	unsigned most;    /* per endpoint and worker */
	unsigned limit;   /* of all endpoints together: descriptors */
	size_t endpoints; /* rules of the policy */
	/* Borrowed, or NULL: results of a pool before this one, which are
	 * counted on. */
	const struct warm_stats *counted;
	uint32_t connect_timeout_ms, attempt_delay_ms;
	unsigned *spare_attempts; /* as for any dial */
	/* As dial_filter_fn, for the host of a rule. */
	const char *(*filter)(void *arg, const struct rule *rule,
	    const struct ip_endpoint *to, enum outcome *why);
	/* Its addresses, valid for this turn; NULL: not known, the request
	 * itself asks. */
	const struct addr_list *(*addresses)(
	    void *arg, const struct rule *rule);
	void *arg; /* of both */
};

/* NULL when out of memory. */
struct warm *warm_new(
    struct loop *loop, const struct warm_options *opt) MUST_CHECK;
void warm_free(struct warm *w); /* closes all spares; NULL is fine */

/* A request for an endpoint (rule's host, which is no suffix, at port). True:
 * here is a spare, the owner's as a dial's result is (see dialer.h), connected
 * to *peer. In both cases spares for the requests to come are seen to. */
bool warm_take(struct warm *w, const struct rule *rule, int *fd,
    struct ip_endpoint *peer) MUST_CHECK;

/* The endpoint has just been connected to: the time for the first spare. */
void warm_fill(struct warm *w, const struct rule *rule);

const struct warm_stats *warm_stats(const struct warm *w);

#endif
