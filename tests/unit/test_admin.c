/* SPDX-License-Identifier: Apache-2.0
 *
 * The admin listener over real sockets. It runs in a thread of its own here, as
 * it does on main's in the program. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "admin.h"
#include "capture.h"

enum {
	ANSWER_MAX = 1 << 20,
	WAIT_S = 20, /* for an answer that must come */
};

struct gateway {
	struct event_base *base;
	struct admin *admin;
	struct event *stop;
	struct worker_metrics *worker;
	const struct worker_metrics *view;
	struct metrics_source metrics;
	struct admin_sources sources;
	_Atomic(const char *) not_ready;
	int stop_fds[2];
	pthread_t thread;
	char answer[ANSWER_MAX];
};

static const char *const own_names[] = {"gateway.example", "gw"};
static const char *const listeners[] = {"main"};

static const char *
not_ready(void *arg)
{
	struct gateway *g = arg;

	return atomic_load(&g->not_ready);
}

static void
on_stop(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)event_base_loopbreak(arg);
}

static void *
run(void *arg)
{
	const struct gateway *g = arg;

	(void)event_base_dispatch(g->base);
	return NULL;
}

static void
describe(struct gateway *g)
{
	g->worker = worker_metrics_new(0);
	assert_non_null(g->worker);
	g->view = g->worker;
	g->metrics = (struct metrics_source){
	    .workers = &g->view,
	    .worker_count = 1,
	    .listeners = listeners,
	    .listener_count = 1,
	};
	g->sources = (struct admin_sources){
	    .names = own_names,
	    .name_count = 2,
	    .metrics = &g->metrics,
	    .not_ready = not_ready,
	    .arg = g,
	};
	assert_true(
	    ip_endpoint_parse(&g->sources.address, span_str("127.0.0.1:0")));
}

static int
setup(void **state)
{
	struct gateway *g = calloc(1, sizeof(*g));

	assert_non_null(g);
	describe(g);
	g->base = event_base_new();
	assert_non_null(g->base);
	g->admin = admin_new(g->base, &g->sources);
	assert_non_null(g->admin);
	assert_int_equal(pipe2(g->stop_fds, O_CLOEXEC), 0);
	g->stop = event_new(g->base, g->stop_fds[0], EV_READ, on_stop, g->base);
	assert_non_null(g->stop);
	assert_int_equal(event_add(g->stop, NULL), 0);
	assert_int_equal(pthread_create(&g->thread, NULL, run, g), 0);
	*state = g;
	return 0;
}

static int
teardown(void **state)
{
	struct gateway *g = *state;

	assert_int_equal(write(g->stop_fds[1], "", 1), 1);
	assert_int_equal(pthread_join(g->thread, NULL), 0);
	admin_free(g->admin);
	event_free(g->stop);
	event_base_free(g->base);
	(void)close(g->stop_fds[0]);
	(void)close(g->stop_fds[1]);
	worker_metrics_free(g->worker);
	free(g);
	return 0;
}

static int
client_new(void)
{
	struct timeval limit = {.tv_sec = WAIT_S};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	return fd;
}

static void
client_connect(int fd, const struct gateway *g)
{
	struct ip_endpoint to = admin_address(g->admin);
	struct sockaddr_storage sa;
	socklen_t len = ip_endpoint_to_sockaddr(&to, &sa);

	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
}

static void
client_send(int fd, const char *request)
{
	size_t len = strlen(request);

	assert_int_equal(send(fd, request, len, MSG_NOSIGNAL), len);
}

/* All that comes until the other side closes. */
static const char *
client_answer(int fd, struct gateway *g)
{
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, g->answer + len, ANSWER_MAX - 1 - len, 0)) > 0)
		len += (size_t)n;
	/* A reset behind a whole answer is fine, a timeout is not. */
	assert_true(n == 0 || errno == ECONNRESET);
	g->answer[len] = '\0';
	(void)close(fd);
	return g->answer;
}

static const char *
ask(struct gateway *g, const char *request)
{
	int fd = client_new();

	client_connect(fd, g);
	client_send(fd, request);
	return client_answer(fd, g);
}

static void
check_starts(const char *answer, const char *start)
{
	if (strncmp(answer, start, strlen(start)) != 0)
		fail_msg("\"%.60s\" does not start with \"%s\"", answer, start);
}

static void
check_holds(const char *answer, const char *part)
{
	if (strstr(answer, part) == NULL)
		fail_msg("\"%.600s\" does not hold \"%s\"", answer, part);
}

static const char *
body_of(const char *answer)
{
	const char *end = strstr(answer, "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

#define END       "Connection: close\r\n\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n" END

static void
test_health(void **state)
{
	const char *answer = ask(*state, GET("/healthz"));

	check_starts(answer, "HTTP/1.1 200 OK\r\n");
	check_holds(answer, "\r\nContent-Type: text/plain; charset=utf-8\r\n");
	check_holds(answer, "\r\nX-Content-Type-Options: nosniff\r\n");
	assert_string_equal(body_of(answer), "ok\n");
}

static void
test_head_has_no_body(void **state)
{
	const char *answer =
	    ask(*state, "HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n" END);

	check_starts(answer, "HTTP/1.1 200 OK\r\n");
	check_holds(answer, "\r\nContent-Length: 3\r\n");
	assert_string_equal(body_of(answer), "");
}

static void
test_readiness(void **state)
{
	struct gateway *g = *state;

	check_starts(ask(g, GET("/readyz")), "HTTP/1.1 200 ");
	atomic_store(&g->not_ready, "draining");
	check_starts(ask(g, GET("/readyz")), "HTTP/1.1 503 ");
	assert_string_equal(body_of(g->answer), "draining\n");
	check_starts(ask(g, GET("/healthz")), "HTTP/1.1 200 ");
	atomic_store(&g->not_ready, NULL);
	check_starts(ask(g, GET("/readyz")), "HTTP/1.1 200 ");
}

static void
test_metrics_page(void **state)
{
	struct gateway *g = *state;
	const char *answer;

	counter_add(&g->worker->bytes_up, 42);
	answer = ask(g, GET("/metrics"));
	check_starts(answer, "HTTP/1.1 200 ");
	check_holds(answer,
	    "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
	check_holds(answer, "\nsekisho_bytes_total{direction=\"up\"} 42\n");
	check_holds(answer, "\nprocess_open_fds ");
	check_starts(ask(g, GET("/metrics?x=/healthz")), "HTTP/1.1 200 ");
}

static void
test_unknown_paths(void **state)
{
	static const char *const paths[] = {"/index.html", "/metric",
	    "/metrics/", "/healthz/..", "/api", "/%68ealthz", "*"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char request[256];

		(void)snprintf(request, sizeof(request),
		    "GET %s HTTP/1.1\r\nHost: localhost\r\n" END, paths[i]);
		check_starts(ask(*state, request), "HTTP/1.1 404 Not Found");
		check_holds(((struct gateway *)*state)->answer, "nosniff");
	}
}

static void
test_reading_only(void **state)
{
	static const char *const methods[] = {
	    "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		char request[256];
		const char *answer;

		(void)snprintf(request, sizeof(request),
		    "%s /healthz HTTP/1.1\r\nHost: localhost\r\n"
		    "Content-Length: 2\r\n" END "hi",
		    methods[i]);
		answer = ask(*state, request);
		check_starts(answer, "HTTP/1.1 405 Method Not Allowed\r\n");
		check_holds(answer, "\r\nAllow: GET, HEAD\r\n");
		check_holds(answer, "nosniff");
	}
}

static void
test_names_of_others_are_refused(void **state)
{
	static const struct {
		const char *host;
		bool ours;
	} rows[] = {
	    {"localhost", true},
	    {"LocalHost:3129", true},
	    {"localhost.", true},
	    {"127.0.0.1", true},
	    {"10.1.2.3:3129", true},
	    {"[::1]", true},
	    {"[2001:db8::1]:80", true},
	    {"gateway.example:3129", true},
	    {"GW", true},
	    {"evil.example", false},
	    {"127.0.0.1.evil.example", false},
	    {"localhost.evil.example:3129", false},
	    {"gateway.example.evil.example", false},
	    {"0x7f.1", false},
	    {"[::1", false},
	    {"[localhost]", false},
	    {":3129", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char request[256];

		(void)snprintf(request, sizeof(request),
		    "GET /healthz HTTP/1.1\r\nHost: %s\r\n" END, rows[i].host);
		check_starts(ask(*state, request),
		    rows[i].ours ? "HTTP/1.1 200 " : "HTTP/1.1 421 ");
	}
}

static void
test_host_cannot_be_smuggled(void **state)
{
	check_starts(ask(*state, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
				 "Host: evil.example\r\n" END),
	    "HTTP/1.1 421 ");
	check_starts(ask(*state, "GET http://evil.example/healthz HTTP/1.1\r\n"
				 "Host: localhost\r\n" END),
	    "HTTP/1.1 421 ");
	check_starts(ask(*state, "GET http://localhost/healthz HTTP/1.1\r\n"
				 "Host: localhost\r\n" END),
	    "HTTP/1.1 200 ");
	check_starts(
	    ask(*state, "GET /healthz HTTP/1.0\r\n\r\n"), "HTTP/1.0 200 ");
}

static void
test_keep_alive(void **state)
{
	struct gateway *g = *state;
	int fd = client_new();
	const char *second;

	client_connect(fd, g);
	client_send(fd,
	    "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" GET("/readyz"));
	check_starts(client_answer(fd, g), "HTTP/1.1 200 ");
	second = strstr(g->answer + 1, "HTTP/1.1 200 ");
	assert_non_null(second);
	assert_string_equal(body_of(second), "ready\n");
}

/* count bytes of 'a' behind a head; the answer, which may be none. */
static const char *
ask_with_flood(struct gateway *g, const char *head, size_t count)
{
	char flood[1024];
	int fd = client_new();

	memset(flood, 'a', sizeof(flood));
	client_connect(fd, g);
	client_send(fd, head);
	for (size_t sent = 0; sent < count; sent += sizeof(flood)) {
		if (send(fd, flood, sizeof(flood), MSG_NOSIGNAL) < 0)
			break; /* it has had enough */
	}
	return client_answer(fd, g);
}

static void
test_floods_are_cut_off(void **state)
{
	struct gateway *g = *state;

	/* Neither is ever ended by the client: the server must end it. */
	check_starts(
	    ask_with_flood(g,
		"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ", 256 << 10),
	    "");
	assert_null(strstr(g->answer, "HTTP/1.1 200 "));
	check_starts(ask_with_flood(g,
			 "POST /healthz HTTP/1.1\r\nHost: localhost\r\n"
			 "Content-Length: 100000000\r\n\r\n",
			 256 << 10),
	    "");
	assert_null(strstr(g->answer, "HTTP/1.1 200 "));
	check_starts(ask(g, GET("/healthz")), "HTTP/1.1 200 ");
}

/* Takes every descriptor that is left; returns how many. */
static size_t
take_all(int *fds, size_t max)
{
	size_t count = 0;

	while (count < max) {
		int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

		if (fd < 0)
			break;
		fds[count++] = fd;
	}
	assert_true(count < max);
	assert_int_equal(errno, EMFILE);
	return count;
}

static void
test_answers_when_no_descriptor_is_left(void **state)
{
	enum {
		CLIENTS = 12,
		LIMIT = 200
	};
	struct gateway *g = *state;
	struct rlimit before, low;
	int clients[CLIENTS], taken[LIMIT];
	size_t count;

	for (size_t i = 0; i < CLIENTS; i++)
		clients[i] = client_new();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = before;
	low.rlim_cur = LIMIT;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	count = take_all(taken, LIMIT);
	/* All wait at once: more than the reserve. */
	for (size_t i = 0; i < CLIENTS; i++)
		client_connect(clients[i], g);
	for (size_t i = 0; i < CLIENTS; i++) {
		/* The first would like to stay, and must not. */
		client_send(clients[i], i == 0 ? "GET /metrics HTTP/1.1\r\n"
						 "Host: localhost\r\n\r\n"
					       : GET("/metrics"));
		check_starts(client_answer(clients[i], g), "HTTP/1.1 200 ");
		check_holds(g->answer, "\r\nConnection: close\r\n");
		check_holds(g->answer, "\nprocess_max_fds 200\n");
		/* What has come free is taken by others at once. */
		if (count < LIMIT)
			count += take_all(taken + count, LIMIT - count);
	}
	while (count > 0)
		(void)close(taken[--count]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	check_starts(ask(g, GET("/healthz")), "HTTP/1.1 200 ");
}

static void
test_taken_address_is_said(void **state)
{
	struct gateway *g = *state;
	struct admin_sources again = g->sources;
	struct capture c = capture_start();
	char where[IP_ENDPOINT_TEXT_MAX + 1];
	struct event_base *base = event_base_new();

	assert_non_null(base);
	again.address = admin_address(g->admin);
	assert_null(admin_new(base, &again));
	event_base_free(base);
	(void)ip_endpoint_format(&again.address, where);
	assert_int_equal(capture_count(&c, where), 1);
	assert_int_equal(capture_count(&c, strerror(EADDRINUSE)), 1);
	capture_end(&c);
}

int
main(void)
{
#define SERVED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
	    SERVED(test_health),
	    SERVED(test_head_has_no_body),
	    SERVED(test_readiness),
	    SERVED(test_metrics_page),
	    SERVED(test_unknown_paths),
	    SERVED(test_reading_only),
	    SERVED(test_names_of_others_are_refused),
	    SERVED(test_host_cannot_be_smuggled),
	    SERVED(test_keep_alive),
	    SERVED(test_floods_are_cut_off),
	    SERVED(test_answers_when_no_descriptor_is_left),
	    SERVED(test_taken_address_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
