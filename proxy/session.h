/* SPDX-License-Identifier: Apache-2.0
 *
 * One client from accept to end: read the head, decide, resolve, dial, answer,
 * inspect the TLS hello, relay, log. A session owns its sockets and, at any
 * time, one lookup or one dial at most; it ends exactly once, and is freed by
 * itself when the loop's turn is over. */
#ifndef SEKISHO_SESSION_H
#define SEKISHO_SESSION_H

#include <stdbool.h>

#include "access_log.h"
#include "auth.h"
#include "config.h"
#include "core/ipaddr.h"
#include "core/policy.h"
#include "denied.h"
#include "metrics.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "quota.h"
#include "tunnel.h"
#include "warm.h"

struct session;
struct echoes;

/* What the sessions of one worker share; owned by the worker. */
struct gate {
	struct relay relay; /* and its loop */
	struct resolver *resolver;
	struct warm *warm;     /* NULL: upstream.warm is off */
	struct config *config; /* held; sessions keep the one they began with */
	struct worker_metrics *metrics;
	struct denied *denied;    /* borrowed; NULL: nobody looks */
	struct access_ring *ring; /* NULL: no access log */
	struct quota *quota;      /* borrowed: shared by all workers */
	struct auth *auth;        /* the same; NULL: no listener asks */
	struct echoes *echoes;    /* the same */
	/* Where this gateway itself listens: dialling these would be a loop. */
	const struct ip_endpoint *own;
	size_t own_count;
	unsigned spare_attempts; /* see struct dial_options */
	bool draining;
	struct session *sessions; /* all that have not ended */
	/* Called when a session has given its descriptors back. */
	void (*freed)(void *arg);
	void *freed_arg;
};

/* Whether this gateway itself listens there. */
bool gate_is_own(const struct gate *gate, const struct ip_endpoint *e);

/* Judges an address of a rule's host right before connect(2) under the gate's
 * policy: for spare connections, arg is the gate. */
const char *gate_filter_address(void *arg, const struct rule *rule,
    const struct ip_endpoint *to, enum outcome *why);
/* Where to find a rule's host without asking anybody: its fixed addresses, or
 * what the resolver has kept. NULL: not known. For spare connections, arg is
 * the gate. */
const struct addr_list *gate_addresses(void *arg, const struct rule *rule);

/* Takes over fd, freshly accepted on door from peer (IP_NONE: a Unix socket),
 * and serves it. */
void session_accept(struct gate *gate, const struct config_listener *door,
    int fd, const struct ip_endpoint *peer);

/* CLOCK_REALTIME in nanoseconds. */
uint64_t clock_unix_ns(void);

/* Ends every session for the reason why (drained, shutdown). */
void session_end_all(struct gate *gate, enum outcome why);

#endif
