/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net_fixture.h"

enum {
	CONNECTIONS_MAX = 256,
	WAIT_S = 10,
};

struct connection {
	struct peer *peer;
	int fd;
	unsigned number;
	pthread_t thread;
};

struct peer {
	peer_fn serve;
	void *arg;
	int fd;
	uint16_t port;
	pthread_t thread;
	struct connection connections[CONNECTIONS_MAX];
	atomic_uint count;
};

static void *
serve_one(void *arg)
{
	struct connection *c = arg;

	c->peer->serve(c->fd, c->number, c->peer->arg);
	(void)close(c->fd);
	return NULL;
}

static void *
accept_all(void *arg)
{
	struct peer *p = arg;
	const struct timeval wait = {.tv_sec = WAIT_S};

	for (unsigned n = 0; n < CONNECTIONS_MAX; n++) {
		struct connection *c = &p->connections[n];

		c->fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC);
		if (c->fd < 0)
			break;
		(void)setsockopt(
		    c->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
		(void)setsockopt(
		    c->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
		c->peer = p;
		c->number = n;
		if (pthread_create(&c->thread, NULL, serve_one, c) != 0) {
			(void)close(c->fd);
			break;
		}
		atomic_fetch_add(&p->count, 1);
	}
	return NULL;
}

struct peer *
peer_new(peer_fn serve, void *arg)
{
	struct peer *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	/* OpenSSL's servers write without MSG_NOSIGNAL. */
	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	p->serve = serve;
	p->arg = arg;
	p->fd = fixture_listening("127.0.0.1", &p->port);
	assert_int_equal(pthread_create(&p->thread, NULL, accept_all, p), 0);
	return p;
}

void
peer_free(struct peer *p)
{
	unsigned n;

	(void)shutdown(p->fd, SHUT_RDWR);
	(void)pthread_join(p->thread, NULL);
	(void)close(p->fd);
	n = atomic_load(&p->count);
	for (unsigned i = 0; i < n; i++)
		(void)pthread_join(p->connections[i].thread, NULL);
	free(p);
}

uint16_t
peer_port(const struct peer *p)
{
	return p->port;
}

unsigned
peer_connections(struct peer *p)
{
	return atomic_load(&p->count);
}

void
peer_write(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		at += n;
		len -= (size_t)n;
	}
}

void
peer_say(int fd, const char *text)
{
	peer_write(fd, text, strlen(text));
}

bool
peer_read_until(int fd, const char *text)
{
	char seen[16384];
	size_t len = 0, want = strlen(text);

	while (len < sizeof(seen) && recv(fd, seen + len, 1, 0) == 1) {
		len++;
		if (len >= want && memcmp(seen + len - want, text, want) == 0)
			return true;
	}
	return false;
}

bool
peer_read(int fd, void *buf, size_t len)
{
	return recv(fd, buf, len, MSG_WAITALL) == (ssize_t)len;
}

bool
peer_read_some(int fd)
{
	char sink[65536];

	return recv(fd, sink, sizeof(sink), 0) > 0;
}

void
peer_reset(int fd)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

void
peer_wait(int fd)
{
	while (peer_read_some(fd))
		;
}
