/* SPDX-License-Identifier: Apache-2.0
 *
 * One worker, its thread and its end, with real clients. */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "listener.h"
#include "small_catalog.h"
#include "worker.h"

struct rig {
	struct config_listener listener;
	struct config config;
	struct quota *quota;
	struct worker_metrics *metrics;
	struct worker *worker;
	struct ip_endpoint bound;
	int drained; /* eventfd(2) */
};

static void
on_drained(void *arg)
{
	static const uint64_t one = 1;
	const struct rig *r = arg;

	assert_int_equal(write(r->drained, &one, sizeof(one)), sizeof(one));
}

static void
wait_drained(const struct rig *r)
{
	uint64_t count;

	assert_int_equal(
	    read(r->drained, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 1);
}

static void
rig_init(struct rig *r)
{
	static char name[] = "main";
	static struct ip_endpoint nobody = {
	    .addr = {.family = IP_V4, .bytes = {127, 0, 0, 1}}, .port = 9};
	static struct ip_prefix all = {.addr = {.family = IP_V4}};
	const struct ip_endpoint at = {
	    .addr = {.family = IP_V4, .bytes = {127, 0, 0, 1}}};
	const struct quota_budget budget = {.tunnels = 16, .clients = 20};
	struct worker_options opt;
	struct door door = {.fd = -1};
	const struct doors doors = {
	    .config = &r->config, .workers = 1, .all = &door, .count = 1};

	*r = (struct rig){
	    .listener = {.name = name, .clients = {.items = &all, .count = 1}}};
	r->config = (struct config){.listeners = &r->listener,
	    .listener_count = 1,
	    .limits = {.header_bytes = 8192, .header_timeout_ms = 10000},
	    .dns = {.servers = {.items = &nobody, .count = 1},
		.timeout_ms = 1000,
		.attempts = 1}};
	r->config.policy = small_policy();
	r->quota = quota_new(&budget, &r->config);
	r->metrics = worker_metrics_new(64);
	r->drained = eventfd(0, EFD_CLOEXEC);
	door.fd = listener_open(&r->listener, &at, &r->bound);
	assert_true(door.fd >= 0);
	opt = (struct worker_options){.config = &r->config,
	    .quota = r->quota,
	    .metrics = r->metrics,
	    .doors = &doors,
	    .drained = on_drained,
	    .drained_arg = r};
	r->worker = worker_new(&opt);
	assert_non_null(r->worker);
	assert_true(worker_start(r->worker));
}

static void
rig_fini(struct rig *r)
{
	worker_free(r->worker);
	worker_metrics_free(r->metrics);
	quota_free(r->quota);
	policy_unref(r->config.policy);
	(void)close(r->drained);
}

static int
reach(const struct rig *r)
{
	struct sockaddr_storage sa;
	socklen_t len = ip_endpoint_to_sockaddr(&r->bound, &sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&sa, len), 0);
	return fd;
}

/* A client that has been refused and stays. */
static int
refused_client(const struct rig *r)
{
	static const char head[] =
	    "CONNECT no.example:443 HTTP/1.1\r\nHost: no.example\r\n\r\n";
	char answer[9] = "";
	int fd = reach(r);

	assert_int_equal(
	    send(fd, head, sizeof(head) - 1, MSG_NOSIGNAL), sizeof(head) - 1);
	assert_int_equal(
	    recv(fd, answer, sizeof(answer), MSG_WAITALL), sizeof(answer));
	assert_memory_equal(answer, "HTTP/1.1 ", sizeof(answer));
	return fd;
}

static void
expect_close(int fd)
{
	char buf[4096];
	ssize_t n;

	do {
		n = recv(fd, buf, sizeof(buf), 0);
	} while (n > 0);
	assert_true(n == 0 || errno == ECONNRESET);
	(void)close(fd);
}

/* --- scenarios ------------------------------------------------------------ */

static void
test_is_freed_with_its_clients(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r);
	fd = refused_client(&r);
	rig_fini(&r);
	expect_close(fd);
}

/* Others may not be drained yet, and the kernel deals clients out to all. */
static void
test_answers_when_drained_until_it_is_freed(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r);
	worker_drain(r.worker, 60000);
	wait_drained(&r);
	fd = refused_client(&r);
	rig_fini(&r);
	expect_close(fd);
}

static void
test_second_order_to_drain_ends_sessions_at_once(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r);
	fd = refused_client(&r); /* lingers for two seconds */
	worker_drain(r.worker, 60000);
	worker_drain(r.worker, 0);
	wait_drained(&r);
	expect_close(fd);
	rig_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_is_freed_with_its_clients),
	    cmocka_unit_test(test_answers_when_drained_until_it_is_freed),
	    cmocka_unit_test(test_second_order_to_drain_ends_sessions_at_once),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
