/* SPDX-License-Identifier: Apache-2.0
 *
 * The side that gives: all of it on the main thread's event base. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/log.h"
#include "handover.h"

enum {
	PATIENCE_S = 60, /* for the new one to serve */
};

struct handover {
	struct event_base *base;
	struct handover_owner owner;
	int path_fd; /* -1: handed over */
	struct event *accept;
	int connection; /* of the one that takes over; -1: none */
	struct event *readable, *writable, *patience;
	struct handover_message *messages;
	int *fds; /* that go with them; borrowed */
	size_t count, sent;
	bool greeted;
};

/* --- what is handed over -----------------------------------------------------
 */

/* A descriptor whose listener could not be had may be something else now. */
static bool
listens(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 &&
	       on != 0;
}

static bool
add(void *list, const struct handover_socket *s)
{
	struct handover *h = list;
	struct handover_message *m, *grown;
	int *fds;

	if (!listens(s->fd))
		return true;
	grown = reallocarray(h->messages, h->count + 1, sizeof(*grown));
	if (grown == NULL)
		return false;
	h->messages = grown;
	fds = reallocarray(h->fds, h->count + 1, sizeof(*fds));
	if (fds == NULL)
		return false;
	h->fds = fds;
	h->fds[h->count] = s->fd;
	m = &h->messages[h->count++];
	*m = handover_message(HANDOVER_SOCKET);
	m->role = s->role;
	m->ours = s->ours;
	if (s->name != NULL)
		memcpy(m->name, s->name, strnlen(s->name, INHERITED_NAME_MAX));
	return true;
}

static bool
gather(struct handover *h)
{
	const struct handover_socket path = {
	    .fd = h->path_fd, .role = HANDOVER_PATH, .ours = true};

	h->count = 0;
	h->sent = 0;
	return h->owner.each(h->owner.arg, add, h) && add(h, &path);
}

/* --- one hand-over -----------------------------------------------------------
 */

static void
hang_up(struct handover *h)
{
	(void)event_del(h->patience);
	if (h->readable != NULL)
		event_free(h->readable);
	if (h->writable != NULL)
		event_free(h->writable);
	h->readable = NULL;
	h->writable = NULL;
	if (h->connection >= 0)
		(void)close(h->connection);
	h->connection = -1;
	h->greeted = false;
}

static void
give_up(struct handover *h, const char *why)
{
	log_warn(
	    "handover_given_up", "reason=\"%s: this gateway serves on\"", why);
	hang_up(h);
	h->owner.kept(h->owner.arg);
}

static void
on_patience(evutil_socket_t fd, short what, void *arg)
{
	struct handover *h = arg;
	const struct handover_message late = handover_message(HANDOVER_LATE);

	(void)fd;
	(void)what;
	(void)!handover_send(h->connection, &late, -1);
	give_up(h, "the new gateway takes too long");
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct handover *h = arg;
	const struct handover_message end = handover_message(HANDOVER_END);

	(void)fd;
	(void)what;
	while (h->sent <= h->count) {
		bool last = h->sent == h->count;

		if (!handover_send(h->connection,
			last ? &end : &h->messages[h->sent],
			last ? -1 : h->fds[h->sent]))
			break;
		h->sent++;
	}
	if (h->sent > h->count)
		return;
	if (errno != EAGAIN || event_add(h->writable, NULL) != 0)
		give_up(h, strerrordesc_np(errno));
}

/* The socket at the path is the new one's alone. */
static void
finish(struct handover *h)
{
	const struct handover_message done = handover_message(HANDOVER_DONE);

	event_free(h->accept);
	h->accept = NULL;
	(void)close(h->path_fd);
	h->path_fd = -1;
	h->owner.taken(h->owner.arg);
	(void)!handover_send(h->connection, &done, -1);
	hang_up(h);
}

static void
on_readable(evutil_socket_t from, short what, void *arg)
{
	struct handover *h = arg;
	struct handover_message m;
	int fd;

	(void)what;
	if (!handover_receive(from, &m, &fd)) {
		if (errno != EAGAIN)
			give_up(h, errno == ECONNRESET
				       ? "the new gateway has ended"
				       : strerrordesc_np(errno));
		return;
	}
	if (fd >= 0)
		(void)close(fd);
	if (m.kind == HANDOVER_HELLO && !h->greeted) {
		h->greeted = true;
		if (gather(h))
			on_writable(from, 0, h);
		else
			give_up(h, "out of memory");
	} else if (m.kind == HANDOVER_READY && h->sent > h->count) {
		finish(h);
	} else {
		give_up(h, "it speaks out of turn");
	}
}

static bool
begin(struct handover *h, int connection)
{
	static const struct timeval patience = {.tv_sec = PATIENCE_S};

	h->connection = connection;
	h->sent = 0;
	h->count = 0;
	h->readable = event_new(
	    h->base, connection, EV_READ | EV_PERSIST, on_readable, h);
	h->writable = event_new(h->base, connection, EV_WRITE, on_writable, h);
	if (h->readable != NULL && h->writable != NULL &&
	    event_add(h->readable, NULL) == 0 &&
	    event_add(h->patience, &patience) == 0)
		return true;
	hang_up(h);
	return false;
}

static bool
not_now(void *list, const struct handover_socket *s)
{
	(void)list;
	(void)s;
	return true;
}

static void
on_path(evutil_socket_t fd, short what, void *arg)
{
	struct handover *h = arg;
	const struct handover_message busy = handover_message(HANDOVER_BUSY);
	int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)what;
	if (connection < 0)
		return;
	if (!handover_trusts(connection)) {
		log_warn("handover_refused",
		    "reason=\"asked by a process that is neither root's nor "
		    "this user's\"");
		(void)close(connection);
		return;
	}
	if (h->connection >= 0 || !h->owner.each(h->owner.arg, not_now, NULL)) {
		(void)!handover_send(connection, &busy, -1);
		(void)close(connection);
		return;
	}
	if (!begin(h, connection))
		log_error("handover_failed", "reason=\"out of memory\"");
}

/* --- life --------------------------------------------------------------------
 */

struct handover *
handover_new(
    struct event_base *base, int path_fd, const struct handover_owner *owner)
{
	struct handover *h = calloc(1, sizeof(*h));
	int flags = fcntl(path_fd, F_GETFL);

	if (h == NULL) {
		(void)close(path_fd);
		return NULL;
	}
	h->base = base;
	h->owner = *owner;
	h->path_fd = path_fd;
	h->connection = -1;
	h->patience = evtimer_new(base, on_patience, h);
	h->accept = event_new(base, path_fd, EV_READ | EV_PERSIST, on_path, h);
	if (h->patience != NULL && h->accept != NULL && flags >= 0 &&
	    fcntl(path_fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
	    event_add(h->accept, NULL) == 0)
		return h;
	handover_free(h, NULL);
	return NULL;
}

bool
handover_is_on(const struct handover *h)
{
	return h != NULL && h->connection >= 0;
}

void
handover_free(struct handover *h, const char *path)
{
	if (h == NULL)
		return;
	if (h->patience != NULL) {
		hang_up(h);
		event_free(h->patience);
	}
	if (h->accept != NULL)
		event_free(h->accept);
	if (h->path_fd >= 0) {
		if (path != NULL)
			(void)unlink(path);
		(void)close(h->path_fd);
	}
	free(h->messages);
	free(h->fds);
	free(h);
}
