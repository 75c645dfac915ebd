/* SPDX-License-Identifier: Apache-2.0
 *
 * Real connects on loopback. 127.0.0.1, 127.0.0.2 … stand for a name's
 * addresses; a peer that does not answer is a listener whose accept queue is
 * full. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/dialer.h"
#include "net_fixture.h"

enum {
	NS_PER_MS = 1000000,
	GUARD_MS = 20000, /* a test that waits longer has failed */
	NEVER_MS = 60000, /* a delay that must not be waited for */
};

struct probe {
	struct timer guard; /* first */
	struct watch watch;
	struct loop *loop;
	struct dial *dial;
	struct dial_options opt;
	struct dial_result res;
	unsigned calls;
	bool started; /* dial_start has returned */
	bool timed_out;
	uint16_t port;
	int fds_before;
	struct addr_list localhost;
	/* What the filter is to say and what it saw. */
	const char *forbid; /* this address, or "*" */
	enum outcome forbid_why;
	unsigned filtered;
	struct ip_endpoint seen[ADDR_LIST_MAX];
};

/* A NULL-terminated list of addresses as an answer. */
static struct addr_list
list(const char *const *texts)
{
	struct addr_list l = {.count = 0};

	for (; *texts != NULL; texts++)
		l.addrs[l.count++] = fixture_addr(*texts);
	return l;
}

#define LIST(...) list((const char *const[]){__VA_ARGS__, NULL})

/* --- the owner of a dial -------------------------------------------------- */

static const char *
filter(void *arg, const struct ip_endpoint *to, enum outcome *why)
{
	struct probe *p = arg;
	struct ipaddr bad;

	p->seen[p->filtered++] = *to;
	if (p->forbid == NULL)
		return NULL;
	if (strcmp(p->forbid, "*") != 0) {
		bad = fixture_addr(p->forbid);
		if (!ipaddr_equal(&bad, &to->addr))
			return NULL;
	}
	*why = p->forbid_why;
	return "private-use";
}

static void
on_done(void *arg, const struct dial_result *res)
{
	struct probe *p = arg;

	assert_true(p->started);
	p->dial = NULL;
	p->calls++;
	p->res = *res;
	loop_stop(p->loop);
}

static void
on_guard(struct timer *t)
{
	struct probe *p = (struct probe *)(void *)t;

	p->timed_out = true;
	loop_stop(p->loop);
}

static int
setup(void **state)
{
	struct probe *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->fds_before = fixture_open_fds();
	p->loop = loop_new();
	assert_non_null(p->loop);
	p->watch.fd = -1;
	p->res.fd = -1;
	p->forbid_why = OUTCOME_DENIED_RESOLVED_ADDRESS;
	p->opt = (struct dial_options){.timeout_ms = NEVER_MS,
	    .attempt_delay_ms = NEVER_MS,
	    .filter = filter,
	    .filter_arg = p};
	*state = p;
	return 0;
}

/* Every test ends here: nothing may be left open or pending. */
static int
teardown(void **state)
{
	struct probe *p = *state;

	timer_clear(p->loop, &p->guard);
	watch_close(p->loop, &p->watch);
	if (p->res.fd >= 0)
		(void)close(p->res.fd);
	loop_free(p->loop);
	assert_int_equal(fixture_open_fds(), p->fds_before);
	free(p);
	return 0;
}

static void
start(struct probe *p, const struct addr_list *addrs)
{
	p->started = false;
	p->opt.port = p->port;
	assert_int_equal(
	    dial_start(&p->dial, p->loop, addrs, &p->opt, on_done, p),
	    OUTCOME_OK);
	assert_int_equal(p->calls, 0);
	p->started = true;
}

/* Runs until somebody stops the loop; false when that took wait_ms. */
static bool
run_for(struct probe *p, uint64_t wait_ms)
{
	p->timed_out = false;
	timer_set(
	    p->loop, &p->guard, clock_now_ns() + wait_ms * NS_PER_MS, on_guard);
	loop_run(p->loop);
	timer_clear(p->loop, &p->guard);
	return !p->timed_out;
}

/* The many tests with one address. */
static const struct addr_list *
localhost(struct probe *p)
{
	p->localhost = LIST("127.0.0.1");
	return &p->localhost;
}

static void
dial(struct probe *p, const struct addr_list *addrs)
{
	start(p, addrs);
	assert_true(run_for(p, GUARD_MS));
	assert_int_equal(p->calls, 1);
}

static void
assert_peer(const struct probe *p, const char *text)
{
	struct ip_endpoint want = {.addr = fixture_addr(text), .port = p->port};

	assert_true(ip_endpoint_equal(&p->res.peer, &want));
}

/* --- connecting ----------------------------------------------------------- */

static void
on_data(struct watch *w, uint32_t events)
{
	struct probe *p =
	    (struct probe *)(void *)((char *)w - offsetof(struct probe, watch));

	if ((events & EPOLLIN) != 0)
		loop_stop(p->loop);
}

static void
test_a_connection_is_handed_over_in_the_loop(void **state)
{
	struct probe *p = *state;
	int l = fixture_listening("127.0.0.1", &p->port), peer;
	char c;

	dial(p, localhost(p));
	assert_int_equal(p->res.why, OUTCOME_OK);
	assert_int_equal(p->res.attempts, 1);
	assert_null(p->res.detail);
	assert_peer(p, "127.0.0.1");
	assert_int_equal(p->res.events, EPOLLOUT);
	assert_true((fcntl(p->res.fd, F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(p->res.fd, F_GETFD) & FD_CLOEXEC) != 0);

	/* It stands in the loop already: the new owner gets its edges. */
	loop_adopt(p->loop, &p->watch, p->res.fd, on_data);
	peer = accept(l, NULL, NULL);
	assert_int_equal(write(peer, "x", 1), 1);
	assert_true(run_for(p, GUARD_MS));
	assert_int_equal(read(p->res.fd, &c, 1), 1);
	p->res.fd = -1; /* the watch closes it */
	fixture_close((int[]){l, peer}, 2);
}

static void
test_ipv6(void **state)
{
	struct probe *p = *state;
	int l = fixture_bound("::1", &p->port);
	struct addr_list a = LIST("::1");

	if (l < 0)
		skip(); /* a kernel without IPv6 */
	assert_int_equal(listen(l, 1), 0);
	dial(p, &a);
	assert_int_equal(p->res.why, OUTCOME_OK);
	assert_peer(p, "::1");
	(void)close(l);
}

static void
test_a_peer_that_closes_at_once_has_still_connected(void **state)
{
	struct probe *p = *state;
	int l = fixture_listening("127.0.0.1", &p->port);

	start(p, localhost(p));
	(void)close(accept(l, NULL, NULL));
	assert_true(run_for(p, GUARD_MS));
	assert_int_equal(p->res.why, OUTCOME_OK);
	assert_int_equal(p->res.events, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
	(void)close(l);
}

/* --- the next address ----------------------------------------------------- */

static void
test_the_next_address_follows_a_failure_at_once(void **state)
{
	struct probe *p = *state;
	int l = fixture_listening("127.0.0.2", &p->port);
	int refusing = fixture_bound("127.0.0.1", &p->port);
	struct addr_list a = LIST("127.0.0.1", "127.0.0.2");

	/* The delay is NEVER_MS: were it waited for, the guard would end. */
	dial(p, &a);
	assert_int_equal(p->res.why, OUTCOME_OK);
	assert_int_equal(p->res.attempts, 2);
	assert_peer(p, "127.0.0.2");
	fixture_close((int[]){l, refusing}, 2);
}

static void
test_the_next_address_follows_after_the_delay(void **state)
{
	struct probe *p = *state;
	int s[3], l;
	struct addr_list a = LIST("127.0.0.1", "127.0.0.2");

	fixture_silent("127.0.0.1", &p->port, s);
	l = fixture_listening("127.0.0.2", &p->port);
	p->opt.attempt_delay_ms = 10;
	dial(p, &a);
	assert_int_equal(p->res.why, OUTCOME_OK);
	assert_int_equal(p->res.attempts, 2);
	assert_peer(p, "127.0.0.2");
	(void)close(l);
	fixture_close(s, 3);
}

static void
test_a_failing_second_attempt_does_not_end_the_first(void **state)
{
	struct probe *p = *state;
	int s[3], refusing, peer;
	struct addr_list a = LIST("127.0.0.1", "127.0.0.2");

	fixture_silent("127.0.0.1", &p->port, s);
	refusing = fixture_bound("127.0.0.2", &p->port);
	p->opt.attempt_delay_ms = 1;
	start(p, &a);
	assert_false(run_for(p, 20));
	assert_int_equal(p->filtered, 2);
	/* Room in the queue: the SYN that the kernel sends again gets in. */
	peer = accept(s[0], NULL, NULL);
	assert_true(run_for(p, GUARD_MS));
	assert_int_equal(p->res.why, OUTCOME_OK);
	assert_peer(p, "127.0.0.1");
	fixture_close((int[]){refusing, peer}, 2);
	fixture_close(s, 3);
}

static void
test_attempts_side_by_side_are_shared_out(void **state)
{
	struct probe *p = *state;
	unsigned spare = 0;
	int s[3], l;
	struct addr_list a = LIST("127.0.0.1", "127.0.0.2");

	fixture_silent("127.0.0.1", &p->port, s);
	l = fixture_listening("127.0.0.2", &p->port);
	p->opt.attempt_delay_ms = 1;
	p->opt.spare_attempts = &spare;
	start(p, &a);
	/* Others have taken all: the first one is waited for alone. */
	assert_false(run_for(p, 20));
	assert_int_equal(p->filtered, 1);
	spare = 1; /* one is given back */
	assert_true(run_for(p, GUARD_MS));
	assert_int_equal(p->res.why, OUTCOME_OK);
	assert_peer(p, "127.0.0.2");
	assert_int_equal(spare, 1);
	(void)close(l);
	fixture_close(s, 3);
}

/* --- the filter ----------------------------------------------------------- */

static void
test_the_filter_sees_each_address_right_before_its_connect(void **state)
{
	struct probe *p = *state;
	int s[3], l;
	struct addr_list a = LIST("127.0.0.1", "127.0.0.2", "127.0.0.3");
	struct ip_endpoint second;

	fixture_silent("127.0.0.1", &p->port, s);
	l = fixture_listening("127.0.0.2", &p->port);
	p->opt.attempt_delay_ms = 1;
	start(p, &a);
	/* The second is not judged before its turn comes. */
	assert_int_equal(p->filtered, 1);
	assert_true(run_for(p, GUARD_MS));
	second = (struct ip_endpoint){
	    .addr = fixture_addr("127.0.0.2"), .port = p->port};
	assert_true(p->filtered >= 2);
	assert_true(ip_endpoint_equal(&p->seen[1], &second));
	assert_int_equal(p->res.attempts, p->filtered);
	(void)close(l);
	fixture_close(s, 3);
}

static void
test_a_forbidden_address_is_passed_over(void **state)
{
	struct probe *p = *state;
	int forbidden = fixture_listening("127.0.0.1", &p->port);
	int l = fixture_listening("127.0.0.2", &p->port);
	struct addr_list a = LIST("127.0.0.1", "127.0.0.2");

	p->forbid = "127.0.0.1";
	dial(p, &a);
	assert_int_equal(p->res.why, OUTCOME_OK);
	assert_int_equal(p->res.attempts, 1);
	assert_peer(p, "127.0.0.2");
	assert_int_equal(fcntl(forbidden, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(accept(forbidden, NULL, NULL), -1);
	fixture_close((int[]){forbidden, l}, 2);
}

static void
test_only_forbidden_addresses(void **state)
{
	struct probe *p = *state;
	int l = fixture_listening("127.0.0.1", &p->port);
	struct addr_list a = LIST("127.0.0.1", "127.0.0.2");

	p->forbid = "*";
	dial(p, &a);
	assert_int_equal(p->res.why, OUTCOME_DENIED_RESOLVED_ADDRESS);
	assert_string_equal(p->res.detail, "private-use");
	assert_int_equal(p->res.attempts, 0);
	assert_int_equal(p->res.fd, -1);
	assert_int_equal(p->filtered, 2);
	assert_peer(p, "127.0.0.1");
	(void)close(l);
}

static void
test_the_filter_may_say_loop(void **state)
{
	struct probe *p = *state;

	p->forbid = "*";
	p->forbid_why = OUTCOME_LOOP;
	dial(p, localhost(p));
	assert_int_equal(p->res.why, OUTCOME_LOOP);
}

/* --- failures ------------------------------------------------------------- */

static void
test_refused(void **state)
{
	struct probe *p = *state;
	int refusing = fixture_bound("127.0.0.1", &p->port);

	dial(p, localhost(p));
	assert_int_equal(p->res.why, OUTCOME_CONNECT_REFUSED);
	assert_string_equal(p->res.detail, "Connection refused");
	assert_int_equal(p->res.fd, -1);
	assert_int_equal(p->res.attempts, 1);
	assert_peer(p, "127.0.0.1");
	(void)close(refusing);
}

static void
test_reset(void **state)
{
	struct probe *p = *state;
	int l = fixture_listening("127.0.0.1", &p->port), peer;
	struct linger abort_at_close = {.l_onoff = 1, .l_linger = 0};

	start(p, localhost(p));
	peer = accept(l, NULL, NULL);
	assert_int_equal(setsockopt(peer, SOL_SOCKET, SO_LINGER,
			     &abort_at_close, sizeof(abort_at_close)),
	    0);
	(void)close(peer);
	assert_true(run_for(p, GUARD_MS));
	assert_int_equal(p->res.why, OUTCOME_CONNECT_RESET);
	assert_peer(p, "127.0.0.1");
	(void)close(l);
}

static void
test_unreachable(void **state)
{
	struct probe *p = *state;
	struct addr_list a = LIST("255.255.255.255");

	p->port = 443;
	dial(p, &a);
	assert_int_equal(p->res.why, OUTCOME_CONNECT_UNREACHABLE);
	assert_non_null(p->res.detail);
}

static void
test_the_deadline_bounds_the_whole(void **state)
{
	struct probe *p = *state;
	int s[3];
	struct addr_list a = LIST("127.0.0.1", "127.0.0.1");

	fixture_silent("127.0.0.1", &p->port, s);
	p->opt.timeout_ms = 30;
	p->opt.attempt_delay_ms = 1;
	dial(p, &a);
	assert_int_equal(p->res.why, OUTCOME_CONNECT_TIMEOUT);
	assert_string_equal(p->res.detail, "Connection timed out");
	assert_int_equal(p->res.attempts, 2);
	assert_peer(p, "127.0.0.1");
	fixture_close(s, 3);
}

/* 127.0.0.1 is silent, .2 refuses, .3 is forbidden, the last is unreachable. */
static void
test_the_most_telling_failure_is_reported(void **state)
{
	static const struct {
		const char *addrs[4];
		enum outcome why;
		const char *peer;
	} rows[] = {
	    {{"127.0.0.1", "127.0.0.2"}, OUTCOME_CONNECT_REFUSED, "127.0.0.2"},
	    {{"127.0.0.2", "127.0.0.1"}, OUTCOME_CONNECT_REFUSED, "127.0.0.2"},
	    {{"127.0.0.3", "127.0.0.2"}, OUTCOME_CONNECT_REFUSED, "127.0.0.2"},
	    {{"127.0.0.3", "127.0.0.1"}, OUTCOME_CONNECT_TIMEOUT, "127.0.0.1"},
	    {{"255.255.255.255", "127.0.0.1"}, OUTCOME_CONNECT_TIMEOUT,
		"127.0.0.1"},
	    {{"127.0.0.3", "255.255.255.255"}, OUTCOME_CONNECT_UNREACHABLE,
		"255.255.255.255"},
	    {{"255.255.255.255", "127.0.0.2", "127.0.0.3"},
		OUTCOME_CONNECT_REFUSED, "127.0.0.2"},
	};
	struct probe *p = *state;
	int s[3], refusing;

	fixture_silent("127.0.0.1", &p->port, s);
	refusing = fixture_bound("127.0.0.2", &p->port);
	p->forbid = "127.0.0.3";
	p->opt.timeout_ms = 100;
	p->opt.attempt_delay_ms = 1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr_list a = list(rows[i].addrs);

		p->calls = 0;
		p->filtered = 0;
		dial(p, &a);
		assert_int_equal(p->res.why, rows[i].why);
		assert_peer(p, rows[i].peer);
	}
	(void)close(refusing);
	fixture_close(s, 3);
}

static void
test_no_descriptor_left(void **state)
{
	struct probe *p = *state;
	struct rlimit was, few;
	int l = fixture_listening("127.0.0.1", &p->port), lowest = dup(l);

	(void)close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	few.rlim_cur = (rlim_t)lowest;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	dial(p, localhost(p));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(p->res.why, OUTCOME_INTERNAL_ERROR);
	assert_string_equal(p->res.detail, "Too many open files");
	assert_int_equal(p->res.attempts, 0);
	(void)close(l);
}

static void
test_no_address_at_all(void **state)
{
	struct probe *p = *state;
	struct addr_list none = {.count = 0};

	assert_int_equal(
	    dial_start(&p->dial, p->loop, &none, &p->opt, on_done, p),
	    OUTCOME_INTERNAL_ERROR);
	assert_false(run_for(p, 1));
	assert_int_equal(p->calls, 0);
}

/* --- cancelling ----------------------------------------------------------- */

static void
cancel_and_prove_silence(struct probe *p)
{
	dial_cancel(&p->dial);
	assert_null(p->dial);
	assert_false(run_for(p, 10));
	assert_int_equal(p->calls, 0);
}

static void
test_cancel_before_anything_came(void **state)
{
	struct probe *p = *state;
	int l = fixture_listening("127.0.0.1", &p->port);

	start(p, localhost(p));
	cancel_and_prove_silence(p);
	dial_cancel(&p->dial); /* NULL is fine */
	(void)close(l);
}

static void
test_cancel_with_two_attempts_under_way(void **state)
{
	struct probe *p = *state;
	int s[3];
	struct addr_list a = LIST("127.0.0.1", "127.0.0.1", "127.0.0.1");

	fixture_silent("127.0.0.1", &p->port, s);
	p->opt.attempt_delay_ms = 1;
	start(p, &a);
	while (p->filtered < 2)
		assert_false(run_for(p, 1));
	cancel_and_prove_silence(p);
	fixture_close(s, 3);
}

static void
test_cancel_when_all_has_failed_but_nobody_was_told(void **state)
{
	struct probe *p = *state;

	p->forbid = "*";
	start(p, localhost(p));
	cancel_and_prove_silence(p);
}

struct rival {
	struct probe *p;
	struct rival *all; /* of RIVALS */
	struct dial *dial;
};

enum {
	RIVALS = 3
};

static void
cancel_the_rivals(void *arg, const struct dial_result *res)
{
	struct rival *r = arg;

	r->dial = NULL;
	r->p->calls++;
	r->p->res.fd = res->fd;
	for (int i = 0; i < RIVALS; i++)
		dial_cancel(&r->all[i].dial);
}

static void
test_cancel_of_others_inside_a_callback(void **state)
{
	struct probe *p = *state;
	struct rival all[RIVALS];
	int l = fixture_listening("127.0.0.1", &p->port);

	p->opt.port = p->port;
	for (int i = 0; i < RIVALS; i++) {
		all[i] = (struct rival){.p = p, .all = all};
		assert_int_equal(dial_start(&all[i].dial, p->loop, localhost(p),
				     &p->opt, cancel_the_rivals, &all[i]),
		    OUTCOME_OK);
	}
	/* All are ready in the same turn; the first one told is the last. */
	assert_false(run_for(p, 10));
	assert_int_equal(p->calls, 1);
	(void)close(l);
}

static void
dial_again(void *arg, const struct dial_result *res)
{
	struct probe *p = arg;
	assert_int_equal(res->why, OUTCOME_DENIED_RESOLVED_ADDRESS);
	p->forbid = NULL;
	start(p, localhost(p));
}

static void
test_start_inside_a_callback(void **state)
{
	struct probe *p = *state;
	int l = fixture_listening("127.0.0.1", &p->port);

	p->opt.port = p->port;
	p->forbid = "*";
	assert_int_equal(
	    dial_start(&p->dial, p->loop, localhost(p), &p->opt, dial_again, p),
	    OUTCOME_OK);
	assert_true(run_for(p, GUARD_MS));
	assert_int_equal(p->calls, 1);
	assert_int_equal(p->res.why, OUTCOME_OK);
	(void)close(l);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_connection_is_handed_over_in_the_loop),
	    TEST(test_ipv6),
	    TEST(test_a_peer_that_closes_at_once_has_still_connected),
	    TEST(test_the_next_address_follows_a_failure_at_once),
	    TEST(test_the_next_address_follows_after_the_delay),
	    TEST(test_a_failing_second_attempt_does_not_end_the_first),
	    TEST(test_attempts_side_by_side_are_shared_out),
	    TEST(test_the_filter_sees_each_address_right_before_its_connect),
	    TEST(test_a_forbidden_address_is_passed_over),
	    TEST(test_only_forbidden_addresses),
	    TEST(test_the_filter_may_say_loop),
	    TEST(test_refused),
	    TEST(test_reset),
	    TEST(test_unreachable),
	    TEST(test_the_deadline_bounds_the_whole),
	    TEST(test_the_most_telling_failure_is_reported),
	    TEST(test_no_descriptor_left),
	    TEST(test_no_address_at_all),
	    TEST(test_cancel_before_anything_came),
	    TEST(test_cancel_with_two_attempts_under_way),
	    TEST(test_cancel_when_all_has_failed_but_nobody_was_told),
	    TEST(test_cancel_of_others_inside_a_callback),
	    TEST(test_start_inside_a_callback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
