/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_reserve.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	RESERVE = 4,
	RETRY_MS = 200,
};

struct admin_reserve {
	struct evconnlistener *listener; /* borrowed */
	struct event *watch;             /* a client is waiting */
	struct event *refill; /* time to fill up, and to accept again */
	int fds[RESERVE];
	unsigned held;
};

static int
descriptor_new(const struct admin_reserve *r)
{
	return fcntl(evconnlistener_get_fd(r->listener), F_DUPFD_CLOEXEC, 0);
}

static void
fill(struct admin_reserve *r)
{
	while (r->held < RESERVE) {
		int fd = descriptor_new(r);

		if (fd < 0)
			return;
		r->fds[r->held++] = fd;
	}
}

static void
refill_in(struct admin_reserve *r, int ms)
{
	struct timeval tv = {.tv_sec = 0, .tv_usec = ms * 1000L};

	(void)event_add(r->refill, &tv);
}

/* Does not accept until the timer comes: the client waits in the backlog. */
static void
pause_listener(struct admin_reserve *r)
{
	(void)evconnlistener_disable(r->listener);
	(void)event_del(r->watch);
	refill_in(r, RETRY_MS);
}

static void
on_refill(evutil_socket_t fd, short what, void *arg)
{
	struct admin_reserve *r = arg;

	(void)fd;
	(void)what;
	fill(r);
	if (r->held < RESERVE)
		refill_in(r, RETRY_MS);
	if (r->held == 0)
		return;
	(void)evconnlistener_enable(r->listener);
	(void)event_add(r->watch, NULL);
}

/* Called in the same turn of the loop as the listener's own accept, or one
 * before: libevent runs the event that was added last first. Either is fine, as
 * a failed accept is tried again while the client waits. */
static void
on_client(evutil_socket_t listener_fd, short what, void *arg)
{
	struct admin_reserve *r = arg;
	int fd = descriptor_new(r);

	(void)listener_fd;
	(void)what;
	if (fd >= 0) {
		(void)close(fd);
		return;
	}
	if (r->held == 0) {
		pause_listener(r);
		return;
	}
	(void)close(r->fds[--r->held]);
	refill_in(r, RETRY_MS);
}

/* accept(2) failed. on_client() sees to what is to be seen to; without this,
 * libevent prints a line each time. */
static void
on_accept_error(struct evconnlistener *listener, void *arg)
{
	(void)listener;
	(void)arg;
}

struct admin_reserve *
admin_reserve_new(struct event_base *base, struct evconnlistener *listener)
{
	struct admin_reserve *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->listener = listener;
	r->refill = event_new(base, -1, 0, on_refill, r);
	r->watch = event_new(base, evconnlistener_get_fd(listener),
	    EV_READ | EV_PERSIST, on_client, r);
	if (r->refill == NULL || r->watch == NULL ||
	    event_add(r->watch, NULL) != 0) {
		admin_reserve_free(r);
		return NULL;
	}
	evconnlistener_set_error_cb(listener, on_accept_error);
	fill(r);
	return r;
}

void
admin_reserve_free(struct admin_reserve *r)
{
	if (r == NULL)
		return;
	if (r->watch != NULL)
		event_free(r->watch);
	if (r->refill != NULL)
		event_free(r->refill);
	while (r->held > 0)
		(void)close(r->fds[--r->held]);
	free(r);
}

void
admin_reserve_refill(struct admin_reserve *r)
{
	if (r->held < RESERVE)
		refill_in(r, 0);
}

bool
admin_reserve_is_short(const struct admin_reserve *r)
{
	return r->held < RESERVE;
}
