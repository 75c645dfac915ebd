/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "doors.h"
#include "listener.h"
#include "session.h"

struct worker {
	struct gate gate;
	struct loop *loop;
	unsigned index;
	struct listener **listeners;
	size_t listener_count;
	unsigned warm, spares;     /* of the start: what takes a restart */
	struct warm_stats counted; /* by the pools before this one */
	/* Of the update on its way; NULL: none. */
	const struct worker_update *update;
	struct loop_message *message; /* until it is sent */
	struct timer drain_over;
	atomic_uint drain_ms; /* of the last order */
	pthread_t thread;
	bool started, is_drained;
	bool leaving; /* no listener any more */
	void (*drained)(void *arg);
	void *drained_arg;
};

static struct worker *
worker_of_timer(struct timer *t)
{
	return (struct worker *)(void *)((char *)t -
					 offsetof(struct worker, drain_over));
}

static void
worker_on_accept(
    void *arg, struct listener *l, int fd, const struct ip_endpoint *peer)
{
	struct worker *w = arg;

	session_accept(&w->gate, l->config, fd, peer);
}

static void
worker_say_drained(struct worker *w)
{
	if (w->is_drained)
		return;
	w->is_drained = true;
	w->drained(w->drained_arg);
}

static void
worker_on_freed(void *arg)
{
	struct worker *w = arg;

	for (size_t i = 0; i < w->listener_count; i++)
		listener_resume(w->listeners[i]);
	if ((w->gate.draining || w->leaving) && w->gate.sessions == NULL)
		worker_say_drained(w);
}

/* --- drain ------------------------------------------------------------------
 */

static void
worker_on_drain_over(struct timer *t)
{
	struct worker *w = worker_of_timer(t);

	session_end_all(&w->gate, OUTCOME_DRAINED);
	worker_say_drained(w);
}

static void
worker_set_deadline(struct worker *w)
{
	uint64_t ms = atomic_load(&w->drain_ms);

	if (ms == 0) {
		session_end_all(&w->gate, OUTCOME_SHUTDOWN);
		worker_say_drained(w);
		return;
	}
	timer_set(w->loop, &w->drain_over, loop_now(w->loop) + ms * 1000000,
	    worker_on_drain_over);
	if (w->gate.sessions == NULL)
		worker_say_drained(w);
}

static void
worker_on_drain_order(void *arg)
{
	struct worker *w = arg;

	w->gate.draining = true;
	worker_set_deadline(w);
}

static void
worker_on_leave_order(void *arg)
{
	struct worker *w = arg;

	for (size_t i = 0; i < w->listener_count; i++) {
		listener_finish(w->listeners[i]);
		free(w->listeners[i]);
	}
	w->listener_count = 0;
	w->leaving = true;
	worker_set_deadline(w);
}

void
worker_leave(struct worker *w, uint32_t drain_ms)
{
	atomic_store(&w->drain_ms, drain_ms);
	if (!loop_post(w->loop, worker_on_leave_order, w))
		w->drained(w->drained_arg); /* no memory: do not wait for it */
}

void
worker_drain(struct worker *w, uint32_t drain_ms)
{
	atomic_store(&w->drain_ms, drain_ms);
	if (!loop_post(w->loop, worker_on_drain_order, w))
		w->drained(w->drained_arg); /* no memory: do not wait for it */
}

/* --- life -------------------------------------------------------------------
 */

/* False, with the door closed, when it cannot be had. */
static bool
worker_listen(
    struct worker *w, const struct config *config, const struct door *door)
{
	struct listener **grown = reallocarray(
	    w->listeners, w->listener_count + 1, sizeof(struct listener *));
	struct listener *l = calloc(1, sizeof(*l));

	if (grown != NULL)
		w->listeners = grown;
	if (grown == NULL || l == NULL) {
		(void)close(door->fd);
		free(l);
		return false;
	}
	w->listeners[w->listener_count++] = l;
	return listener_start(l, w->loop, &config->listeners[door->listener],
	    door, worker_on_accept, w);
}

static enum resolver_family
resolver_family_of(enum config_family family)
{
	switch (family) {
	case FAMILY_ANY:
		return RESOLVER_ANY;
	case FAMILY_IPV4:
		return RESOLVER_IPV4;
	case FAMILY_IPV6:
		return RESOLVER_IPV6;
	}
	return RESOLVER_ANY;
}

static bool
worker_make_warm(struct worker *w)
{
	struct gate *g = &w->gate;
	const struct config *c = g->config;
	/* A parent's connections are each for one request. */
	struct warm_options warm = {.most = c->upstream.parent.on ? 0 : w->warm,
	    .limit = w->spares,
	    .connect_timeout_ms = c->upstream.connect_timeout_ms,
	    .attempt_delay_ms = c->upstream.attempt_delay_ms,
	    .spare_attempts = &g->spare_attempts,
	    .counted = &w->counted,
	    .filter = gate_filter_address,
	    .addresses = gate_addresses,
	    .arg = g};

	if (warm.most == 0)
		return true;
	(void)policy_rules(c->policy, &warm.endpoints);
	g->warm = warm_new(w->loop, &warm);
	return g->warm != NULL;
}

static bool
worker_make_gate(struct worker *w, const struct worker_options *opt)
{
	const struct config *c = opt->config;
	struct gate *g = &w->gate;
	const struct resolver_options dns = {.servers = c->dns.servers.items,
	    .server_count = c->dns.servers.count,
	    .timeout_ms = c->dns.timeout_ms,
	    .attempts = c->dns.attempts,
	    .min_ttl_ms = c->dns.min_ttl_s * 1000,
	    .max_ttl_ms = c->dns.max_ttl_s * 1000,
	    .negative_ttl_ms = c->dns.negative_ttl_s * 1000,
	    .stale_ms = c->dns.serve_stale_s * 1000,
	    .prefetch = c->dns.prefetch,
	    .family = resolver_family_of(c->upstream.family)};

	g->config = config_ref(opt->config);
	w->warm = c->upstream.warm;
	w->spares = opt->spares;
	g->metrics = opt->metrics;
	g->denied = opt->denied;
	g->ring = opt->ring;
	g->quota = opt->quota;
	g->auth = opt->auth;
	g->echoes = opt->echoes;
	g->own = opt->doors->own;
	g->own_count = opt->doors->own_count;
	g->freed = worker_on_freed;
	g->freed_arg = w;
	w->loop = loop_new();
	g->relay.loop = w->loop;
	g->relay.buffer = malloc(RELAY_BUFFER);
	g->relay.bytes_up = &opt->metrics->bytes_up;
	g->relay.bytes_down = &opt->metrics->bytes_down;
	pipe_pool_init(&g->relay.pipes, opt->pipes);
	g->spare_attempts = opt->attempts;
	if (w->loop == NULL || g->relay.buffer == NULL)
		return false;
	g->resolver = resolver_new(w->loop, &dns);
	return g->resolver != NULL && worker_make_warm(w);
}

static bool
worker_listen_all(struct worker *w, const struct worker_options *opt)
{
	const struct door *door;
	size_t i = 0;
	bool ok = true;

	while ((door = doors_next(opt->doors, opt->index, &i)) != NULL)
		ok = worker_listen(w, opt->config, door) && ok;
	return ok;
}

static void
worker_close_doors(const struct worker_options *opt)
{
	const struct door *door;
	size_t i = 0;

	while ((door = doors_next(opt->doors, opt->index, &i)) != NULL)
		(void)close(door->fd);
}

struct worker *
worker_new(const struct worker_options *opt)
{
	struct worker *w = calloc(1, sizeof(*w));
	bool made = false;

	if (w != NULL) {
		w->index = opt->index;
		w->drained = opt->drained;
		w->drained_arg = opt->drained_arg;
		made = worker_make_gate(w, opt);
		if (made && worker_listen_all(w, opt))
			return w;
	}
	log_error("worker_failed", "reason=\"%s\"", strerror(errno));
	if (!made)
		worker_close_doors(opt);
	worker_free(w);
	return NULL;
}

/* --- a new configuration ----------------------------------------------------
 */

/* The place in the new configuration of a listener that goes on there, or
 * DOOR_NEW. */
static size_t
place_after(const struct doors *next, size_t before)
{
	for (size_t i = 0; i < next->config->listener_count; i++) {
		if (next->kept[i] == before)
			return i;
	}
	return DOOR_NEW;
}

/* Connections that wait at a listener that goes are served by the configuration
 * that let them in. */
static void
worker_move_listeners(struct worker *w, const struct worker_update *u)
{
	size_t left = 0;

	for (size_t i = 0; i < w->listener_count; i++) {
		struct listener *l = w->listeners[i];
		size_t place = place_after(u->doors, l->place);

		if (place == DOOR_NEW) {
			listener_finish(l);
			free(l);
			continue;
		}
		l->place = place;
		l->config = &u->config->listeners[place];
		w->listeners[left++] = l;
	}
	w->listener_count = left;
}

static void
worker_open_listeners(struct worker *w, const struct worker_update *u)
{
	const struct door *door;
	size_t i = 0;

	while ((door = doors_next(u->doors, w->index, &i)) != NULL) {
		if (!worker_listen(w, u->config, door))
			log_error("listen_failed", "listener=%s reason=\"%s\"",
			    u->config->listeners[door->listener].name,
			    strerror(errno));
	}
}

static void
worker_renew_warm(struct worker *w)
{
	struct worker_metrics *m = w->gate.metrics;

	if (w->gate.warm != NULL)
		w->counted = *warm_stats(w->gate.warm);
	warm_free(w->gate.warm);
	w->gate.warm = NULL;
	counter_set(&m->warm_ready, 0);
	counter_set(&m->warm_connecting, 0);
	if (!worker_make_warm(w))
		log_error("warm_failed", "reason=\"out of memory\"");
}

static void
worker_on_update(void *arg)
{
	struct worker *w = arg;
	const struct worker_update *u = w->update;
	struct gate *g = &w->gate;
	struct config *before = g->config;

	w->update = NULL;
	g->own = u->doors->own;
	g->own_count = u->doors->own_count;
	g->auth = u->auth;
	worker_move_listeners(w, u);
	worker_open_listeners(w, u);
	g->config = config_ref(u->config);
	worker_renew_warm(w);
	config_free(before);
	u->updated(u->arg);
}

bool
worker_prepare_update(struct worker *w, const struct worker_update *update)
{
	w->update = update;
	w->message = loop_message_new(worker_on_update, w);
	return w->message != NULL;
}

void
worker_forget_update(struct worker *w)
{
	loop_message_free(w->message);
	w->message = NULL;
	w->update = NULL;
}

void
worker_update(struct worker *w)
{
	struct loop_message *m = w->message;

	w->message = NULL;
	loop_send(w->loop, m);
}

bool
worker_post(struct worker *w, void (*fn)(void *arg), void *arg)
{
	return loop_post(w->loop, fn, arg);
}

/* --- start and stop ---------------------------------------------------------
 */

static void *
worker_run(void *arg)
{
	struct worker *w = arg;

	loop_run(w->loop);
	return NULL;
}

bool
worker_start(struct worker *w)
{
	sigset_t all, old;

	/* Signals are the main thread's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	errno = pthread_create(&w->thread, NULL, worker_run, w);
	w->started = errno == 0;
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return w->started;
}

void
worker_free(struct worker *w)
{
	if (w == NULL)
		return;
	if (w->started) {
		loop_stop(w->loop);
		(void)pthread_join(w->thread, NULL);
	}
	for (size_t i = 0; i < w->listener_count; i++) {
		listener_stop(w->listeners[i]);
		free(w->listeners[i]);
	}
	w->listener_count = 0;
	session_end_all(&w->gate, OUTCOME_SHUTDOWN);
	warm_free(w->gate.warm);
	resolver_free(w->gate.resolver);
	/* Frees the sessions that have just ended; each tells the listeners. */
	loop_free(w->loop);
	worker_forget_update(w);
	free(w->listeners);
	pipe_pool_fini(&w->gate.relay.pipes);
	config_free(w->gate.config);
	free(w->gate.relay.buffer);
	free(w);
}
