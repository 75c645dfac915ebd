/* SPDX-License-Identifier: Apache-2.0
 *
 * An event loop for one thread: descriptors (epoll(7)), timers, work put off to
 * the next turn, messages from other threads. Objects are embedded in their
 * owner, so that nothing is allocated per event. Only loop_post() and
 * loop_stop() may be called from another thread.
 *
 * A bare loop instead of libevent's, because each descriptor costs exactly one
 * epoll_ctl in its life here (the kernel forgets it at close(2)); libevent must
 * add and delete, two more system calls a tunnel. */
#ifndef SEKISHO_NET_LOOP_H
#define SEKISHO_NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/span.h"

struct loop;
struct loop_message;
struct watch;
struct timer;

/* events: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR as in epoll_ctl(2).
 */
typedef void (*watch_fn)(struct watch *w, uint32_t events);
typedef void (*timer_fn)(struct timer *t);
typedef void (*loop_fn)(void *arg);

struct watch {
	int fd; /* -1: none */
	watch_fn fn;
};

struct timer {
	timer_fn fn;
	uint64_t deadline_ns; /* when it is due */
	uint64_t key_ns;      /* when it is looked at: not after deadline */
	/* A pairing heap's links: first child, next sibling, and what points
	 * here (NULL: not set). */
	struct timer *child, *sibling, **link;
};

/* Work put off; belongs to its object. */
struct deferred {
	loop_fn fn;
	void *arg;
	struct deferred *next, **link; /* link NULL: not queued */
};

/* NULL when out of memory or descriptors (errno is set). */
struct loop *loop_new(void) MUST_CHECK;

/* Nothing may be watched or set any more, except what the owner forgets too. */
void loop_free(struct loop *l); /* NULL is fine */

/* Runs until loop_stop(). */
void loop_run(struct loop *l);

/* Ends loop_run() after the turn in hand, or the next one at once; a later
 * loop_run() goes on. Any thread. */
void loop_stop(struct loop *l);

/* CLOCK_MONOTONIC in nanoseconds, read once a turn. */
uint64_t loop_now(const struct loop *l);

/* The number of the turn in hand. */
uint64_t loop_turn(const struct loop *l);

/* CLOCK_MONOTONIC, read now. */
uint64_t clock_now_ns(void);

/* Starts to deliver events of fd to w->fn; w->fd and w->fn are set here. False
 * with errno when the kernel refuses. */
bool loop_watch(struct loop *l, struct watch *w, int fd, uint32_t events,
    watch_fn fn) MUST_CHECK;

/* Changes the events of interest. */
bool loop_rewatch(struct loop *l, struct watch *w, uint32_t events) MUST_CHECK;

/* Stops without closing fd: for descriptors that somebody else owns. */
void loop_unwatch(struct loop *l, struct watch *w);

/* Hands fd over without a system call: loop_release() ends delivery to w and
 * leaves fd registered in the kernel, loop_adopt() starts delivery to another
 * watch, of the same events. In between, close(2) is fine; events that come in
 * between are lost, which matters to those who wait for edges. */
void loop_release(struct loop *l, struct watch *w);
void loop_adopt(struct loop *l, struct watch *w, int fd, watch_fn fn);

/* Closes w->fd, which ends the watch too: events of this turn that are still on
 * their way are not delivered. w->fd becomes -1; -1 is fine, and so is a
 * descriptor that was put there without loop_watch(). */
void watch_close(struct loop *l, struct watch *w);

/* Sets or moves a timer; moving it later, the common case, is O(1). fn is
 * called once, at the first turn not before the deadline. */
void timer_set(
    struct loop *l, struct timer *t, uint64_t deadline_ns, timer_fn fn);
void timer_clear(struct loop *l, struct timer *t); /* not set: fine */
static inline bool
timer_is_set(const struct timer *t)
{
	return t->link != NULL;
}

/* Calls fn(arg) in the next turn, after its events, without waiting in between.
 * Queued already: fn and arg are replaced. */
void loop_defer(struct loop *l, struct deferred *d, loop_fn fn, void *arg);
void loop_undefer(struct deferred *d); /* not queued: fine */

/* Calls fn(arg) once this turn's events are over: the safe way to free an
 * object inside one of its own callbacks. Uses d, which lives in the object. */
void loop_free_later(struct loop *l, struct deferred *d, loop_fn fn, void *arg);

/* From any thread: calls fn(arg) in the loop's thread soon. False when out of
 * memory. Messages still waiting at loop_free() are dropped. */
bool loop_post(struct loop *l, loop_fn fn, void *arg) MUST_CHECK;

/* The same in two steps, the second of which cannot fail: for what several
 * loops are to be told, or none. A message is sent, and then the loop's, or
 * freed. NULL when out of memory. */
struct loop_message *loop_message_new(loop_fn fn, void *arg) MUST_CHECK;
void loop_message_free(struct loop_message *m); /* NULL is fine */
void loop_send(struct loop *l, struct loop_message *m);

#endif
