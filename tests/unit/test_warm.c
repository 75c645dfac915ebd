/* SPDX-License-Identifier: Apache-2.0
 *
 * Spare connections to a real listener on loopback, whose name comes from a
 * hosts file by the real resolver. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "warm.h"

enum {
	GUARD_MS = 10000,
	PEERS_MAX = 64
};

#define MS 1000000ULL

struct rig {
	struct loop *loop;
	struct resolver *resolver;
	struct warm *warm;
	struct watch listener;
	struct timer look;
	struct lookup *lookup;
	struct allowlist_entry entry;
	struct rule rule;
	uint64_t give_up_ns;
	bool (*condition)(struct rig *r);
	bool found;
	int peers[PEERS_MAX];
	size_t peer_count;
	char hosts[32];
};

/* --- the rig ----------------------------------------------------------------
 */

static void
on_listener(struct watch *w, uint32_t events)
{
	struct rig *r =
	    (struct rig *)(void *)((char *)w - offsetof(struct rig, listener));
	int fd = accept(w->fd, NULL, NULL);

	(void)events;
	assert_true(fd >= 0 && r->peer_count < PEERS_MAX);
	r->peers[r->peer_count++] = fd;
}

static void
on_look(struct timer *t)
{
	struct rig *r =
	    (struct rig *)(void *)((char *)t - offsetof(struct rig, look));

	r->found = r->condition(r);
	if (r->found || loop_now(r->loop) > r->give_up_ns)
		loop_stop(r->loop);
	else
		timer_set(r->loop, t, loop_now(r->loop) + MS, on_look);
}

static void
run_until(struct rig *r, bool (*condition)(struct rig *r))
{
	r->condition = condition;
	r->give_up_ns = clock_now_ns() + GUARD_MS * MS;
	timer_set(r->loop, &r->look, clock_now_ns(), on_look);
	loop_run(r->loop);
	assert_true(r->found);
}

static void
on_resolved(void *arg, enum outcome why, const struct addr_list *addrs,
    const char *detail)
{
	struct rig *r = arg;

	(void)addrs;
	(void)detail;
	assert_int_equal(why, OUTCOME_OK);
	r->lookup = NULL;
}

static bool
is_resolved(struct rig *r)
{
	return r->lookup == NULL;
}

static void
listen_on_loopback(struct rig *r)
{
	struct ip_endpoint e;
	struct sockaddr_storage ss;
	socklen_t len;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(ip_endpoint_parse(&e, span_str("127.0.0.1:0")));
	len = ip_endpoint_to_sockaddr(&e, &ss);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	assert_int_equal(listen(fd, PEERS_MAX), 0);
	len = sizeof(ss);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	assert_true(ip_endpoint_from_sockaddr(&e, (struct sockaddr *)&ss));
	r->entry.port = e.port;
	assert_true(
	    loop_watch(r->loop, &r->listener, fd, EPOLLIN, on_listener));
}

static void
resolve_by_hosts_file(struct rig *r)
{
	static const char text[] = "127.0.0.1 spare.test\n";
	struct resolver_options opt = {.timeout_ms = 100,
	    .attempts = 1,
	    .min_ttl_ms = 60000,
	    .max_ttl_ms = 60000,
	    .hosts_file = r->hosts};
	int fd;

	(void)snprintf(r->hosts, sizeof(r->hosts), "/tmp/sekisho-hosts-XXXXXX");
	fd = mkstemp(r->hosts);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	(void)close(fd);
	r->resolver = resolver_new(r->loop, &opt);
	assert_non_null(r->resolver);
	assert_int_equal(hostname_parse(&r->entry.host, span_str("spare.test")),
	    HOSTNAME_NAME);
	assert_int_equal(lookup_start(&r->lookup, r->resolver, &r->entry.host,
			     on_resolved, r),
	    OUTCOME_OK);
	run_until(r, is_resolved);
}

static const char *
allow_all(void *arg, const struct rule *rule, const struct ip_endpoint *to,
    enum outcome *why)
{
	const struct rig *r = arg;

	(void)to;
	*why = OUTCOME_OK;
	assert_ptr_equal(rule, &r->rule);
	return NULL;
}

static const struct addr_list *
cached_addresses(void *arg, const struct rule *rule)
{
	const struct rig *r = arg;
	const struct addr_list *addrs;

	return resolver_cached(r->resolver, &rule->entry->host, &addrs) ? addrs
									: NULL;
}

static void
rig_init(struct rig *r, unsigned most, unsigned limit)
{
	const struct warm_options opt = {.most = most,
	    .limit = limit,
	    .endpoints = 1,
	    .connect_timeout_ms = GUARD_MS,
	    .attempt_delay_ms = 250,
	    .filter = allow_all,
	    .addresses = cached_addresses,
	    .arg = r};

	memset(r, 0, sizeof(*r));
	r->loop = loop_new();
	r->rule.entry = &r->entry;
	listen_on_loopback(r);
	resolve_by_hosts_file(r);
	r->warm = warm_new(r->loop, &opt);
	assert_non_null(r->warm);
}

static void
rig_fini(struct rig *r)
{
	warm_free(r->warm);
	resolver_free(r->resolver);
	watch_close(r->loop, &r->listener);
	loop_free(r->loop);
	for (size_t i = 0; i < r->peer_count; i++)
		(void)close(r->peers[i]);
	(void)unlink(r->hosts);
}

static uint64_t
result(const struct rig *r, enum warm_result which)
{
	return warm_stats(r->warm)->results[which];
}

static bool
one_is_ready(struct rig *r)
{
	return warm_stats(r->warm)->ready == 1 && r->peer_count > 0;
}

static bool
none_is_ready(struct rig *r)
{
	return warm_stats(r->warm)->ready == 0;
}

static bool
two_were_accepted(struct rig *r)
{
	return warm_stats(r->warm)->ready == 1 && r->peer_count == 2;
}

/* --- promises
 * ----------------------------------------------------------------- */

static void
test_a_request_finds_the_spare_of_the_one_before(void **state)
{
	struct ip_endpoint peer;
	struct rig r;
	char byte = 0;
	int fd;

	(void)state;
	rig_init(&r, 4, 100);
	assert_false(warm_take(r.warm, &r.rule, &fd, &peer));
	assert_int_equal(result(&r, WARM_MISSED), 1);
	run_until(&r, one_is_ready);
	assert_true(warm_take(r.warm, &r.rule, &fd, &peer));
	assert_int_equal(result(&r, WARM_TAKEN), 1);
	assert_int_equal(peer.port, r.entry.port);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(read(r.peers[0], &byte, 1), 1);
	assert_int_equal(byte, 'x');
	(void)close(fd);
	/* And one for the next request is on its way. */
	run_until(&r, two_were_accepted);
	rig_fini(&r);
}

static void
test_a_spare_that_the_far_end_closes_is_dropped(void **state)
{
	struct ip_endpoint peer;
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r, 4, 100);
	assert_false(warm_take(r.warm, &r.rule, &fd, &peer));
	run_until(&r, one_is_ready);
	(void)close(r.peers[0]);
	r.peers[0] = -1;
	run_until(&r, none_is_ready);
	assert_int_equal(result(&r, WARM_CLOSED), 1);
	assert_false(warm_take(r.warm, &r.rule, &fd, &peer));
	rig_fini(&r);
}

static void
test_a_spare_whose_far_end_speaks_first_is_dropped(void **state)
{
	struct ip_endpoint peer;
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r, 4, 100);
	assert_false(warm_take(r.warm, &r.rule, &fd, &peer));
	run_until(&r, one_is_ready);
	assert_int_equal(write(r.peers[0], "220 hello\r\n", 11), 11);
	run_until(&r, none_is_ready);
	assert_int_equal(result(&r, WARM_CLOSED), 1);
	rig_fini(&r);
}

static void
test_an_endpoint_that_refuses_is_left_alone_for_a_while(void **state)
{
	struct ip_endpoint peer;
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r, 4, 100);
	watch_close(r.loop, &r.listener);
	assert_false(warm_take(r.warm, &r.rule, &fd, &peer));
	run_until(&r, none_is_ready);
	while (result(&r, WARM_FAILED) == 0)
		run_until(&r, none_is_ready);
	for (int i = 0; i < 10; i++)
		assert_false(warm_take(r.warm, &r.rule, &fd, &peer));
	assert_int_equal(warm_stats(r.warm)->connecting, 0);
	assert_int_equal(result(&r, WARM_FAILED), 1);
	rig_fini(&r);
}

static void
test_no_more_than_the_limit_of_all(void **state)
{
	struct ip_endpoint peer;
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r, 4, 0);
	assert_false(warm_take(r.warm, &r.rule, &fd, &peer));
	assert_int_equal(warm_stats(r.warm)->connecting, 0);
	rig_fini(&r);
}

static size_t
open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n;
}

static void
test_nothing_is_left_open(void **state)
{
	size_t before = open_files();
	struct ip_endpoint peer;
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r, 4, 100); /* freed with one connecting */
	assert_false(warm_take(r.warm, &r.rule, &fd, &peer));
	rig_fini(&r);
	rig_init(&r, 4, 100); /* freed with one ready */
	assert_false(warm_take(r.warm, &r.rule, &fd, &peer));
	run_until(&r, one_is_ready);
	rig_fini(&r);
	assert_int_equal(open_files(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_request_finds_the_spare_of_the_one_before),
	    cmocka_unit_test(test_a_spare_that_the_far_end_closes_is_dropped),
	    cmocka_unit_test(
		test_a_spare_whose_far_end_speaks_first_is_dropped),
	    cmocka_unit_test(
		test_an_endpoint_that_refuses_is_left_alone_for_a_while),
	    cmocka_unit_test(test_no_more_than_the_limit_of_all),
	    cmocka_unit_test(test_nothing_is_left_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
