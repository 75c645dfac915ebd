/* SPDX-License-Identifier: Apache-2.0
 *
 * One thread that serves clients: an event loop, listeners, a resolver with its
 * cache, and the sessions. Workers share nothing on the data path but the count
 * of tunnels. Made, started, drained and freed by the main thread. */
#ifndef SEKISHO_WORKER_H
#define SEKISHO_WORKER_H

#include <stdbool.h>
#include <stddef.h>

#include "access_log.h"
#include "auth.h"
#include "config.h"
#include "core/ipaddr.h"
#include "core/policy.h"
#include "denied.h"
#include "doors.h"
#include "metrics.h"
#include "quota.h"

struct worker;

struct worker_options {
	struct config *config; /* held; all others are borrowed */
	struct quota *quota;
	struct auth *auth; /* NULL: no listener asks for credentials */
	struct echoes *echoes;
	struct access_ring *ring;
	struct worker_metrics *metrics;
	struct denied *denied; /* NULL: none */
	/* Of which the worker takes over those with its index. */
	const struct doors *doors;
	unsigned index;
	unsigned pipes;    /* at most */
	unsigned attempts; /* to connect, beside each dial's first */
	unsigned spares;   /* warm connections at most, of all endpoints */
	/* Called once in the worker's thread, when it is drained. */
	void (*drained)(void *arg);
	void *drained_arg;
};

/* NULL when something cannot be had, after a log line. The listeners are then
 * closed too. */
struct worker *worker_new(const struct worker_options *opt) MUST_CHECK;

/* Starts the thread. From now on clients are served. */
bool worker_start(struct worker *w) MUST_CHECK;

/* New requests get 503. The worker is drained when its last session has ended,
 * or after drain_ms (0: at once), when it ends them. It goes on to answer until
 * it is freed: the kernel deals it connections as long as its listeners are
 * open, and other workers may not be drained yet. May be called again with
 * less. Any thread. */
void worker_drain(struct worker *w, uint32_t drain_ms);

/* Accepts no more, as another process does; what has been accepted is served to
 * its end, for drain_ms at most, and then the worker is drained. Any thread. */
void worker_leave(struct worker *w, uint32_t drain_ms);

/* What a reload changes; the same for all workers. */
struct worker_update {
	struct config *config; /* held by the worker from now on */
	struct auth *auth;
	/* What is new there, the worker takes over. */
	const struct doors *doors;
	/* Called in the worker's thread when it serves by the new one; until
	 * then everything here stays. */
	void (*updated)(void *arg);
	void *arg;
};

/* Takes the memory that an update needs, so that all workers can be had to
 * agree before the first one is told. One update at a time. False when out of
 * memory.
 */
bool worker_prepare_update(
    struct worker *w, const struct worker_update *update) MUST_CHECK;
/* Gives up what was prepared, if anything was: nothing has changed. */
void worker_forget_update(struct worker *w);

/* Serves new clients by another configuration, the one that was prepared; those
 * that are here keep theirs. */
void worker_update(struct worker *w);

/* Calls fn(arg) in the worker's thread, soon. False when out of memory. */
bool worker_post(struct worker *w, void (*fn)(void *arg), void *arg) MUST_CHECK;

/* Stops the thread, if it was started, and frees everything. NULL is fine.
 */
void worker_free(struct worker *w);

#endif
