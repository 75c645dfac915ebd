/* SPDX-License-Identifier: Apache-2.0 */
#include "handover.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"
#include "listener.h"

enum {
	VERSION = 1,
	BACKLOG = 8,
	ANSWER_S = 10, /* for each message of the old one */
	BUSY_S = 30,   /* while another one takes over, or it reloads */
	RETRY_MS = 100,
};

static const char magic[8] = "sekisho";

/* --- messages ----------------------------------------------------------------
 */

struct handover_message
handover_message(enum handover_kind kind)
{
	struct handover_message m = {.version = VERSION, .kind = kind};

	memcpy(m.magic, magic, sizeof(magic));
	return m;
}

union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

bool
handover_send(int to, const struct handover_message *m, int fd)
{
	struct handover_message copy = *m;
	struct iovec iov = {.iov_base = &copy, .iov_len = sizeof(copy)};
	union control control = {.room = {0}};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		struct cmsghdr *c;

		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	return sendmsg(to, &msg, MSG_NOSIGNAL) == (ssize_t)sizeof(copy);
}

static int
descriptor_of(struct msghdr *msg)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int fd = -1;

	if (c != NULL && c->cmsg_level == SOL_SOCKET &&
	    c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static bool
is_ours(const struct handover_message *m, ssize_t len)
{
	return len == (ssize_t)sizeof(*m) &&
	       memcmp(m->magic, magic, sizeof(magic)) == 0 &&
	       m->version == VERSION &&
	       memchr(m->name, '\0', sizeof(m->name)) != NULL;
}

bool
handover_receive(int from, struct handover_message *m, int *fd)
{
	struct iovec iov = {.iov_base = m, .iov_len = sizeof(*m)};
	union control control = {.room = {0}};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	ssize_t len = recvmsg(from, &msg, MSG_CMSG_CLOEXEC);

	*fd = -1;
	if (len < 0)
		return false;
	*fd = descriptor_of(&msg);
	if (is_ours(m, len) && (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
		return true;
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = len == 0 ? ECONNRESET : EPROTO;
	return false;
}

bool
handover_trusts(int connection)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &len) ==
		   0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

/* --- the path ----------------------------------------------------------------
 */

static bool
path_address(struct sockaddr_un *sun, const char *path)
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

static int
new_socket(void)
{
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
}

/* For root and this user alone. -1 with errno. */
static int
listen_at(const char *path)
{
	struct sockaddr_un sun;
	int fd = -1, saved;
	mode_t mask;
	bool ok;

	if (!path_address(&sun, path) ||
	    !listener_clear_path(path, SOCK_SEQPACKET))
		return -1;
	fd = new_socket();
	if (fd < 0)
		return -1;
	mask = umask(S_IRWXG | S_IRWXO | S_IXUSR);
	ok = bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0 &&
	     listen(fd, BACKLOG) == 0;
	saved = errno;
	(void)umask(mask);
	if (ok)
		return fd;
	(void)close(fd);
	errno = saved;
	return -1;
}

/* Of the gateway that runs. -1 with errno. */
static int
connect_to(const char *path)
{
	const struct timeval wait = {.tv_sec = ANSWER_S};
	struct sockaddr_un sun;
	int fd, saved;

	if (!path_address(&sun, path))
		return -1;
	fd = new_socket();
	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == 0 &&
	    connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	saved = errno;
	(void)close(fd);
	errno = saved;
	return -1;
}

/* --- taking ------------------------------------------------------------------
 */

static bool
take_socket(struct inherited *in, const struct handover_message *m, int fd,
    int *path_fd)
{
	struct inherited_socket like = {.number = fd, .ours = m->ours != 0};

	if (fd < 0) {
		errno = EPROTO;
		return false;
	}
	if (m->role == HANDOVER_PATH) {
		if (*path_fd >= 0)
			(void)close(*path_fd);
		*path_fd = fd;
		return true;
	}
	memcpy(like.name,
	    m->role == HANDOVER_ADMIN ? INHERITED_ADMIN_NAME : m->name,
	    m->role == HANDOVER_ADMIN ? sizeof(INHERITED_ADMIN_NAME)
				      : sizeof(like.name));
	errno = EPROTO;
	return inherited_add(in, fd, &like);
}

/* False with errno; EBUSY: later. */
static bool
take_all(int connection, struct inherited *in, int *path_fd)
{
	const struct handover_message hello = handover_message(HANDOVER_HELLO);
	struct handover_message m;
	int fd;

	/* When it is busy it may have closed already, and its word is there. */
	(void)!handover_send(connection, &hello, -1);
	for (;;) {
		if (!handover_receive(connection, &m, &fd))
			return false;
		if (m.kind == HANDOVER_SOCKET) {
			if (!take_socket(in, &m, fd, path_fd))
				return false;
			continue;
		}
		if (fd >= 0)
			(void)close(fd);
		if (m.kind == HANDOVER_END && *path_fd >= 0)
			return true;
		errno = m.kind == HANDOVER_BUSY ? EBUSY : EPROTO;
		return false;
	}
}

static enum handover_result
fail(const char *path)
{
	const char *why = strerrordesc_np(errno);

	if (errno == EAGAIN || errno == EBUSY)
		why = "the gateway there does not answer in time";
	else if (errno == EPROTO)
		why = "it speaks another version of the hand-over";
	else if (errno == EPERM)
		why = "the process there is neither root's nor this user's";
	log_error("handover_failed",
	    "key=gateway.handover path=\"%s\" reason=\"%s\" do=\"stop the "
	    "gateway that runs first, or see that its folder is this user's\"",
	    path, why);
	return HANDOVER_FAILED;
}

/* One attempt. HANDOVER_FAILED with errno, and nothing taken. */
static enum handover_result
try_once(const char *path, struct inherited *in, int *path_fd, int *connection)
{
	size_t before = in->count;
	int fd = connect_to(path), saved;

	if (fd < 0 && (errno == ENOENT || errno == ECONNREFUSED)) {
		*path_fd = listen_at(path);
		return *path_fd >= 0 ? HANDOVER_NOBODY : HANDOVER_FAILED;
	}
	if (fd < 0)
		return HANDOVER_FAILED;
	errno = EPERM;
	if (handover_trusts(fd) && take_all(fd, in, path_fd)) {
		*connection = fd;
		return HANDOVER_TAKEN;
	}
	saved = errno;
	while (in->count > before)
		(void)close(in->items[--in->count].fd);
	if (*path_fd >= 0)
		(void)close(*path_fd);
	*path_fd = -1;
	(void)close(fd);
	errno = saved;
	return HANDOVER_FAILED;
}

static time_t
seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* The one there may hand over to another at this moment, be on its way out, or
 * be about to listen. */
static bool
passes(int error)
{
	return error == EBUSY || error == ECONNRESET || error == EPIPE ||
	       error == EADDRINUSE;
}

enum handover_result
handover_take(
    const char *path, struct inherited *in, int *path_fd, int *connection)
{
	time_t end = seconds() + BUSY_S;

	*path_fd = -1;
	*connection = -1;
	for (;;) {
		enum handover_result r =
		    try_once(path, in, path_fd, connection);

		if (r != HANDOVER_FAILED)
			return r;
		if (!passes(errno) || seconds() >= end)
			return fail(path);
		(void)poll(NULL, 0, RETRY_MS);
	}
}

/* No word at all: the old one has died, or hangs. Whichever it is, this one
 * has the sockets and serves. */
bool
handover_confirm(int connection)
{
	const struct handover_message ready = handover_message(HANDOVER_READY);
	struct handover_message m;
	int fd;
	bool said, late;

	(void)!handover_send(connection, &ready, -1);
	said = handover_receive(connection, &m, &fd);
	if (said && fd >= 0)
		(void)close(fd);
	late = said && m.kind == HANDOVER_LATE;
	if (late)
		log_error("handover_failed",
		    "reason=\"the gateway before has waited too long, and "
		    "serves on\" do=\"start again\"");
	else if (!said)
		log_warn("handover_unanswered",
		    "reason=\"the gateway before has said nothing: %s\"",
		    strerrordesc_np(errno));
	(void)close(connection);
	return !late;
}
