/* SPDX-License-Identifier: Apache-2.0 */
#include "listener.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/log.h"
#include "doors.h"

enum {
	BACKLOG = 4096, /* cut by net.core.somaxconn */
	/* Seconds for which the kernel keeps a connection to itself until its
	 * first bytes are there: the head is then read without a wait. */
	DEFER_S = 10,
	BURST_MAX = 64,
	PAUSE_MS = 100,
};

static bool
set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

/* Accepted sockets inherit TCP_NODELAY. Deferring is a matter of speed alone:
 * go on without. */
static bool
set_speed(int fd)
{
	(void)set_int(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, DEFER_S);
	return set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

static bool
set_tcp_options(int fd, const struct ip_endpoint *address)
{
	if (address->addr.family == IP_V6 &&
	    !set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0))
		return false;
	return set_speed(fd) && set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
}

void
listener_adopt(int fd, const struct ip_endpoint *bound)
{
	if (bound->addr.family != IP_NONE)
		(void)set_speed(fd);
}

/* With SO_REUSEPORT from the start, a second process of the same user would
 * share the port without a word, and take half of the clients. So the first
 * socket binds without: it fails if anybody listens there. */
static bool
bind_alone_or_again(
    int fd, bool alone, const struct sockaddr *sa, socklen_t len)
{
	if (alone)
		return bind(fd, sa, len) == 0 &&
		       set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	return set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1) &&
	       bind(fd, sa, len) == 0;
}

static bool
bind_tcp(int fd, bool alone, const struct ip_endpoint *address,
    struct ip_endpoint *bound)
{
	struct sockaddr_storage ss;
	socklen_t len = ip_endpoint_to_sockaddr(address, &ss);

	if (!set_tcp_options(fd, address) ||
	    !bind_alone_or_again(
		fd, alone, (const struct sockaddr *)&ss, len) ||
	    listen(fd, BACKLOG) != 0)
		return false;
	len = sizeof(ss);
	return getsockname(fd, (struct sockaddr *)&ss, &len) == 0 &&
	       ip_endpoint_from_sockaddr(bound, (const struct sockaddr *)&ss);
}

static bool
unix_address(struct sockaddr_un *sun, const char *path)
{
	size_t len = strlen(path);

	*sun = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (len >= sizeof(sun->sun_path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(sun->sun_path, path, len + 1);
	return true;
}

/* A socket file that nobody listens on is a left-over and is removed; one that
 * somebody answers on is not ours to take. */
bool
listener_clear_path(const char *path, int type)
{
	struct sockaddr_un sun;
	struct stat st;
	int fd, rc;

	if (!unix_address(&sun, path))
		return false;
	if (lstat(path, &st) != 0)
		return errno == ENOENT;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return false;
	}
	fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	rc = connect(fd, (const struct sockaddr *)&sun, sizeof(sun));
	if (rc != 0 && errno == ECONNREFUSED)
		rc = unlink(path);
	else
		errno = EADDRINUSE, rc = -1;
	(void)close(fd);
	return rc == 0;
}

static bool
bind_unix(int fd, const char *path)
{
	struct sockaddr_un sun;

	return unix_address(&sun, path) &&
	       listener_clear_path(path, SOCK_STREAM) &&
	       bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0 &&
	       listen(fd, BACKLOG) == 0;
}

int
listener_open(const struct config_listener *config,
    const struct ip_endpoint *again, struct ip_endpoint *bound)
{
	const struct ip_endpoint *address =
	    again != NULL ? again : &config->address;
	int family = AF_UNIX, fd, error;
	bool ok;

	*bound = (struct ip_endpoint){.port = 0};
	if (config->unix_path == NULL)
		family = address->addr.family == IP_V6 ? AF_INET6 : AF_INET;
	fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	ok = config->unix_path != NULL
		 ? bind_unix(fd, config->unix_path)
		 : bind_tcp(fd, again == NULL, address, bound);
	if (ok)
		return fd;
	error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

static struct listener *
listener_of_watch(struct watch *w)
{
	return (struct listener *)(void *)((char *)w -
					   offsetof(struct listener, watch));
}

static void on_ready(struct watch *w, uint32_t events);

static bool
watch_listener(struct listener *l)
{
	/* Of the workers that share a socket, wake one. */
	uint32_t how = l->shared ? EPOLLEXCLUSIVE : 0;

	return loop_watch(l->loop, &l->watch, l->fd, EPOLLIN | how, on_ready);
}

static void
on_pause_over(struct timer *t)
{
	listener_resume(
	    (struct listener *)(void *)((char *)t -
					offsetof(struct listener, pause)));
}

static void
pause_accepting(struct listener *l, int error)
{
	log_warn("accept_paused", "listener=%s reason=\"%s\"", l->config->name,
	    strerror(error));
	l->paused = true;
	/* Level-triggered: it would be ready again at once. An exclusive watch
	 * cannot be changed (epoll_ctl(2)), so it ends. */
	loop_unwatch(l->loop, &l->watch);
	timer_set(l->loop, &l->pause, loop_now(l->loop) + PAUSE_MS * 1000000ULL,
	    on_pause_over);
}

void
listener_resume(struct listener *l)
{
	if (!l->paused)
		return;
	timer_clear(l->loop, &l->pause);
	l->paused = false;
	if (!watch_listener(l))
		pause_accepting(l, errno);
}

/* False: no more for now. */
static bool
accept_one(struct listener *l)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct ip_endpoint peer;
	int fd = accept4(
	    l->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		if (!ip_endpoint_from_sockaddr(
			&peer, (const struct sockaddr *)&ss))
			peer = (struct ip_endpoint){.port = 0};
		l->accept(l->arg, l, fd, &peer);
		return true;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
	    errno == ENOMEM)
		pause_accepting(l, errno);
	/* Anything else but EAGAIN is an error of that one connection, already
	 * taken off the queue (accept(2)). */
	return errno != EAGAIN && !l->paused;
}

/* With one connection at a time, one accept4 per event is enough: asking until
 * EAGAIN would cost one more for each. When the socket is ready in turn after
 * turn, more are taken at once. */
static void
on_ready(struct watch *w, uint32_t events)
{
	struct listener *l = listener_of_watch(w);
	uint64_t turn = loop_turn(l->loop);
	unsigned n = 0;

	(void)events;
	if (turn != l->last_turn + 1)
		l->burst = 1;
	else if (l->burst < BURST_MAX)
		l->burst *= 2;
	l->last_turn = turn;
	while (n < l->burst && accept_one(l))
		n++;
}

bool
listener_start(struct listener *l, struct loop *loop,
    const struct config_listener *config, const struct door *door,
    listener_accept_fn accept, void *arg)
{
	*l = (struct listener){.watch = {.fd = -1},
	    .fd = door->fd,
	    .shared = door->shared,
	    .place = door->listener,
	    .loop = loop,
	    .config = config,
	    .accept = accept,
	    .arg = arg,
	    .burst = 1};
	return watch_listener(l);
}

void
listener_finish(struct listener *l)
{
	/* No more can have waited; others may have the socket, too, and ever
	 * new ones come. */
	for (int i = 0; i < BACKLOG && !l->paused && accept_one(l); i++)
		;
	listener_stop(l);
}

void
listener_stop(struct listener *l)
{
	timer_clear(l->loop, &l->pause);
	/* Another process, or worker, may have the socket too: then close(2)
	 * does not end the watch (epoll(7)), and this loop would be woken in
	 * their place. */
	loop_unwatch(l->loop, &l->watch);
	if (l->fd >= 0)
		(void)close(l->fd);
	l->fd = -1;
	l->paused = false;
}
