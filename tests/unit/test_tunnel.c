/* SPDX-License-Identifier: Apache-2.0
 *
 * The relay between real TCP sockets. The peers at both ends are a thread with
 * blocking sockets; every scenario runs with pipes (splice) and without (copy).
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tunnel.h"

enum {
	BULK = 8 * 1024 * 1024,
	MEGABYTE = 1024 * 1024
};

struct rig {
	struct tunnel tunnel; /* first: watches are found by address */
	struct relay relay;
	counter bytes_up, bytes_down;
	int client, upstream; /* the peers' ends */
	bool half_closed, ended;
	enum outcome why;
};

/* --- the rig -----------------------------------------------------------------
 */

static void
tcp_pair(int *ours, int *peer)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sin);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(l, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&sin, &len), 0);
	*peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(*peer, (struct sockaddr *)&sin, len), 0);
	*ours = accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(*ours >= 0);
	(void)close(l);
}

static void
on_client(struct watch *w, uint32_t events)
{
	struct rig *r =
	    (struct rig *)(void *)((char *)w -
				   offsetof(struct rig, tunnel.client.watch));

	tunnel_on_event(&r->tunnel, &r->tunnel.client, events);
}

static void
on_upstream(struct watch *w, uint32_t events)
{
	struct rig *r =
	    (struct rig *)(void *)((char *)w -
				   offsetof(struct rig, tunnel.upstream.watch));

	tunnel_on_event(&r->tunnel, &r->tunnel.upstream, events);
}

static void
on_ended(
    struct tunnel *t, enum outcome why, int error_number, const char *tls_fault)
{
	struct rig *r = (struct rig *)(void *)t;

	(void)error_number;
	(void)tls_fault;
	assert_false(r->ended); /* once */
	r->ended = true;
	r->why = why;
	loop_stop(r->relay.loop);
}

static void
on_half_closed(struct tunnel *t)
{
	struct rig *r = (struct rig *)(void *)t;

	assert_false(r->half_closed); /* once */
	assert_true(tunnel_is_half_closed(t));
	r->half_closed = true;
}

static void
rig_init(struct rig *r, unsigned pipes)
{
	const uint32_t all = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
	int c, u;

	memset(r, 0, sizeof(*r));
	r->relay.loop = loop_new();
	r->relay.buffer = malloc(RELAY_BUFFER);
	assert_non_null(r->relay.buffer);
	r->relay.bytes_up = &r->bytes_up;
	r->relay.bytes_down = &r->bytes_down;
	pipe_pool_init(&r->relay.pipes, pipes);
	tcp_pair(&c, &r->client);
	tcp_pair(&u, &r->upstream);
	tunnel_init(&r->tunnel, &r->relay, on_ended, on_half_closed);
	assert_true(loop_watch(
	    r->relay.loop, &r->tunnel.client.watch, c, all, on_client));
	assert_true(loop_watch(
	    r->relay.loop, &r->tunnel.upstream.watch, u, all, on_upstream));
}

static void
rig_run(struct rig *r, void *(*peers)(void *))
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, peers, r), 0);
	tunnel_start(&r->tunnel);
	loop_run(r->relay.loop);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(r->ended);
}

static void
rig_fini(struct rig *r)
{
	(void)close(r->client);
	(void)close(r->upstream);
	pipe_pool_fini(&r->relay.pipes);
	/* Every pipe came back and was counted. */
	assert_int_equal(r->relay.pipes.made, 0);
	loop_free(r->relay.loop);
	free(r->relay.buffer);
}

/* --- what peers do
 * ------------------------------------------------------------ */

/* A byte that depends on its place: a piece lost, doubled or moved shows. */
static char
pattern(size_t at)
{
	return (char)(at * 2654435761U >> 13);
}

static void
send_pattern(int fd, size_t from, size_t to)
{
	char buf[8192];

	while (from < to) {
		size_t n = to - from < sizeof(buf) ? to - from : sizeof(buf);
		ssize_t sent;

		for (size_t i = 0; i < n; i++)
			buf[i] = pattern(from + i);
		sent = send(fd, buf, n, MSG_NOSIGNAL);
		assert_true(sent > 0);
		from += (size_t)sent;
	}
}

static void
expect_pattern(int fd, size_t from, size_t to)
{
	char buf[8192];

	while (from < to) {
		size_t n = to - from < sizeof(buf) ? to - from : sizeof(buf);
		ssize_t got = recv(fd, buf, n, 0);

		assert_true(got > 0);
		for (size_t i = 0; i < (size_t)got; i++)
			assert_int_equal(buf[i], pattern(from + i));
		from += (size_t)got;
	}
}

static void
expect_end(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

static void
expect_reset(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
}

static void
reset(int *fd)
{
	const struct linger now = {.l_onoff = 1};

	assert_int_equal(
	    setsockopt(*fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	(void)close(*fd);
	*fd = -1;
}

/* --- scenarios
 * ---------------------------------------------------------------- */

static void *
send_up(void *arg)
{
	struct rig *r = arg;

	send_pattern(r->client, 0, BULK);
	assert_int_equal(shutdown(r->client, SHUT_WR), 0);
	return NULL;
}

static void *
peers_bulk(void *arg)
{
	struct rig *r = arg;
	pthread_t up;

	assert_int_equal(pthread_create(&up, NULL, send_up, r), 0);
	expect_pattern(r->upstream, 0, BULK);
	expect_end(r->upstream);
	assert_int_equal(pthread_join(up, NULL), 0);
	/* The other way still works after the client's FIN. */
	send_pattern(r->upstream, 0, MEGABYTE / 2);
	expect_pattern(r->client, 0, MEGABYTE / 2);
	assert_int_equal(shutdown(r->upstream, SHUT_WR), 0);
	expect_end(r->client);
	return NULL;
}

static void
check_bulk(unsigned pipes)
{
	struct rig r;

	rig_init(&r, pipes);
	rig_run(&r, peers_bulk);
	assert_int_equal(r.why, OUTCOME_CLIENT_CLOSED);
	assert_true(r.half_closed);
	assert_int_equal(r.tunnel.client.bytes, BULK);
	assert_int_equal(r.tunnel.upstream.bytes, MEGABYTE / 2);
	assert_int_equal(counter_get(&r.bytes_up), BULK);
	assert_int_equal(counter_get(&r.bytes_down), MEGABYTE / 2);
	rig_fini(&r);
}

static void
test_bulk_up_then_half_closed_down(void **state)
{
	(void)state;
	check_bulk(8);
	check_bulk(1);
	check_bulk(0);
}

static void *
send_down(void *arg)
{
	struct rig *r = arg;

	assert_int_equal(shutdown(r->upstream, SHUT_WR), 0);
	expect_pattern(r->upstream, 0, MEGABYTE);
	expect_end(r->upstream);
	return NULL;
}

static void *
peers_upstream_ends_first(void *arg)
{
	struct rig *r = arg;
	pthread_t down;

	assert_int_equal(pthread_create(&down, NULL, send_down, r), 0);
	expect_end(r->client);
	send_pattern(r->client, 0, MEGABYTE);
	assert_int_equal(shutdown(r->client, SHUT_WR), 0);
	assert_int_equal(pthread_join(down, NULL), 0);
	return NULL;
}

static void
test_megabyte_up_after_the_upstream_fin(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 8);
	rig_run(&r, peers_upstream_ends_first);
	assert_int_equal(r.why, OUTCOME_UPSTREAM_CLOSED);
	assert_int_equal(r.tunnel.client.bytes, MEGABYTE);
	assert_true(r.half_closed);
	rig_fini(&r);
}

/* Sends until the whole path is full: nothing is taken for a while although the
 * relay runs. Returns how much went in. */
static size_t
fill_up(int fd)
{
	size_t at = 0;
	char buf[8192];

	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLOUT};
		ssize_t n;

		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] = pattern(at + i);
		n = send(fd, buf, sizeof(buf), MSG_NOSIGNAL);
		if (n > 0)
			at += (size_t)n;
		else if (poll(&p, 1, 100) == 0)
			break;
		assert_true(at < (size_t)1 << 30); /* back-pressure at all */
	}
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	return at;
}

static void *
peers_slow_reader(void *arg)
{
	struct rig *r = arg;
	size_t in = fill_up(r->upstream);

	expect_pattern(r->client, 0, in);
	send_pattern(r->upstream, in, in + MEGABYTE / 4);
	assert_int_equal(shutdown(r->upstream, SHUT_WR), 0);
	expect_pattern(r->client, in, in + MEGABYTE / 4);
	expect_end(r->client);
	assert_int_equal(shutdown(r->client, SHUT_WR), 0);
	expect_end(r->upstream);
	return NULL;
}

static void
test_reader_that_stops_is_waited_for(void **state)
{
	(void)state;
	for (unsigned pipes = 0; pipes < 2; pipes++) {
		struct rig r;

		rig_init(&r, pipes);
		rig_run(&r, peers_slow_reader);
		assert_int_equal(r.why, OUTCOME_UPSTREAM_CLOSED);
		rig_fini(&r);
	}
}

static void *
peers_client_resets(void *arg)
{
	struct rig *r = arg;

	send_pattern(r->client, 0, 100);
	expect_pattern(r->upstream, 0, 100);
	reset(&r->client);
	expect_reset(r->upstream);
	return NULL;
}

static void *
peers_upstream_resets(void *arg)
{
	struct rig *r = arg;

	send_pattern(r->client, 0, 100);
	expect_pattern(r->upstream, 0, 100);
	reset(&r->upstream);
	expect_reset(r->client);
	return NULL;
}

static void
test_reset_is_passed_on_as_reset(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 8);
	rig_run(&r, peers_client_resets);
	assert_int_equal(r.why, OUTCOME_CLIENT_RESET);
	rig_fini(&r);
	rig_init(&r, 8);
	rig_run(&r, peers_upstream_resets);
	assert_int_equal(r.why, OUTCOME_UPSTREAM_RESET);
	rig_fini(&r);
}

static void *
peers_expect_reset(void *arg)
{
	struct rig *r = arg;
	char buf[200];
	ssize_t n;

	do {
		n = recv(r->upstream, buf, sizeof(buf), 0);
	} while (n > 0); /* the bytes before it may still come */
	assert_int_equal(n, -1);
	assert_int_equal(errno, ECONNRESET);
	return NULL;
}

/* Both are there before the relay looks for the first time: one event tells of
 * both, and the reset must not be lost behind the bytes. */
static void
test_reset_right_behind_bytes(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 8);
	r.tunnel.client.readable = true;
	send_pattern(r.client, 0, 100);
	reset(&r.client);
	rig_run(&r, peers_expect_reset);
	assert_int_equal(r.why, OUTCOME_CLIENT_RESET);
	rig_fini(&r);
}

static void *
peers_client_leaves(void *arg)
{
	struct rig *r = arg;
	char buf[8192] = {0};

	send_pattern(r->client, 0, 100);
	(void)close(r->client); /* a FIN; then resets answer what comes */
	r->client = -1;
	expect_pattern(r->upstream, 0, 100);
	expect_end(r->upstream);
	while (send(r->upstream, buf, sizeof(buf), MSG_NOSIGNAL) > 0)
		;
	return NULL;
}

static void
test_reset_of_a_side_that_had_ended_is_its_end(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 8);
	rig_run(&r, peers_client_leaves);
	assert_int_equal(r.why, OUTCOME_CLIENT_CLOSED);
	rig_fini(&r);
}

static void *
peers_reset_under_pressure(void *arg)
{
	struct rig *r = arg;

	(void)fill_up(r->upstream);
	reset(&r->client);
	return NULL;
}

static void
test_reset_with_bytes_waiting_frees_them(void **state)
{
	(void)state;
	for (unsigned pipes = 0; pipes < 2; pipes++) {
		struct rig r;

		rig_init(&r, pipes);
		rig_run(&r, peers_reset_under_pressure);
		assert_int_equal(r.why, OUTCOME_CLIENT_RESET);
		rig_fini(&r);
	}
}

static bool
is_prompt(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	assert_int_equal(
	    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
	return on != 0;
}

static void *
peers_first_bytes(void *arg)
{
	struct rig *r = arg;

	expect_pattern(r->upstream, 0, 3000);
	expect_end(r->upstream);
	/* More than the first flight has passed: nothing waits for an ACK. */
	assert_true(is_prompt(r->tunnel.upstream.watch.fd));
	assert_int_equal(shutdown(r->upstream, SHUT_WR), 0);
	expect_end(r->client);
	return NULL;
}

static void
test_first_bytes_of_the_owner_go_first(void **state)
{
	char first[2000];
	struct rig r;

	(void)state;
	rig_init(&r, 8);
	for (size_t i = 0; i < sizeof(first); i++)
		first[i] = pattern(i);
	assert_true(tunnel_send_up(&r.tunnel, span_of(first, sizeof(first))));
	assert_false(is_prompt(r.tunnel.upstream.watch.fd));
	send_pattern(r.client, 2000, 3000);
	assert_int_equal(shutdown(r.client, SHUT_WR), 0);
	rig_run(&r, peers_first_bytes);
	assert_int_equal(r.why, OUTCOME_CLIENT_CLOSED);
	assert_int_equal(r.tunnel.client.bytes, 3000);
	rig_fini(&r);
}

static void
wait_for_events(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_not_equal(p.revents & (events | POLLERR | POLLHUP), 0);
}

/* The relay meets one byte of the client's, now. */
static void
client_sends_a_byte(struct rig *r)
{
	assert_int_equal(send(r->client, "x", 1, MSG_NOSIGNAL), 1);
	wait_for_events(r->tunnel.client.watch.fd, POLLIN);
	tunnel_on_event(&r->tunnel, &r->tunnel.client, EPOLLIN);
}

static void *
peers_read_all(void *arg)
{
	struct rig *r = arg;

	/* The client goes on talking; nobody is there to hear it. */
	for (size_t at = 0; at < 60000; at += 1000) {
		assert_int_equal(send(r->client, "x", 1, MSG_NOSIGNAL), 1);
		expect_pattern(r->client, at, at + 1000);
	}
	expect_end(r->client);
	assert_int_equal(shutdown(r->client, SHUT_WR), 0);
	return NULL;
}

/* An origin that answers and closes for good resets what still comes, such as
 * a window update of HTTP/2: what it has said before waits for a slow client
 * all the same. */
static void
test_bytes_of_an_origin_that_has_left_reach_a_slow_client(void **state)
{
	const int small = 4096;

	(void)state;
	for (unsigned pipes = 0; pipes < 2; pipes++) {
		struct rig r;
		int up;

		rig_init(&r, pipes);
		up = r.tunnel.upstream.watch.fd;
		(void)setsockopt(r.tunnel.client.watch.fd, SOL_SOCKET,
		    SO_SNDBUF, &small, sizeof(small));
		(void)setsockopt(
		    r.client, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
		send_pattern(r.upstream, 0, 60000);
		(void)close(r.upstream);
		r.upstream = -1;
		wait_for_events(up, POLLRDHUP);
		tunnel_on_event(
		    &r.tunnel, &r.tunnel.upstream, EPOLLIN | EPOLLRDHUP);
		client_sends_a_byte(&r);
		wait_for_events(up, POLLERR); /* the answer to that byte */
		client_sends_a_byte(&r);
		assert_false(r.ended);
		rig_run(&r, peers_read_all);
		assert_int_equal(r.why, OUTCOME_UPSTREAM_CLOSED);
		rig_fini(&r);
	}
}

static void *
peers_read_before_reset(void *arg)
{
	struct rig *r = arg;

	expect_pattern(r->client, 0, 100);
	expect_reset(r->client);
	return NULL;
}

/* As when a server refuses a handshake by an alert and closes: the client's
 * next bytes may meet the reset before the alert has been looked at. */
static void
test_last_words_before_a_reset_are_passed_on(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 8);
	client_sends_a_byte(&r);
	wait_for_events(r.upstream, POLLIN);
	send_pattern(r.upstream, 0, 100);
	(void)close(r.upstream); /* with a byte unread: a reset */
	r.upstream = -1;
	wait_for_events(r.tunnel.upstream.watch.fd, POLLERR);
	client_sends_a_byte(&r);
	rig_run(&r, peers_read_before_reset);
	assert_int_equal(r.why, OUTCOME_UPSTREAM_RESET);
	rig_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bulk_up_then_half_closed_down),
	    cmocka_unit_test(test_megabyte_up_after_the_upstream_fin),
	    cmocka_unit_test(test_reader_that_stops_is_waited_for),
	    cmocka_unit_test(test_reset_is_passed_on_as_reset),
	    cmocka_unit_test(test_reset_right_behind_bytes),
	    cmocka_unit_test(test_reset_of_a_side_that_had_ended_is_its_end),
	    cmocka_unit_test(test_reset_with_bytes_waiting_frees_them),
	    cmocka_unit_test(
		test_bytes_of_an_origin_that_has_left_reach_a_slow_client),
	    cmocka_unit_test(test_last_words_before_a_reset_are_passed_on),
	    cmocka_unit_test(test_first_bytes_of_the_owner_go_first),
	};

	(void)signal(SIGPIPE, SIG_IGN); /* as in the program: see serve.c */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
