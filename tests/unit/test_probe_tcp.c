/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "net_fixture.h"
#include "probe_fixture.h"

static void
each_address_has_its_end(void **state)
{
	uint16_t open_port = 0, refused = 0, silent = 0;
	int listening = fixture_listening("127.0.0.1", &open_port);
	int bound = fixture_bound("127.0.0.1", &refused), fds[3];
	struct probe_case *c = case_new("x.example", 443);
	const struct tcp_result *t = &c->result->tcp;

	(void)state;
	fixture_silent("127.0.0.1", &silent, fds);
	case_dial(c, "127.0.0.1", refused);
	case_dial(c, "0.0.0.0", open_port);
	case_dial(c, "127.0.0.1", silent);
	case_dial(c, "127.0.0.1", open_port);
	case_dial(c, "::", open_port);
	c->timeout_ms = CASE_WAIT_MS;
	assert_true(case_run(c, &probe_tcp));
	assert_int_equal(t->attempt_count, 5);
	assert_int_equal(t->time.end, PHASE_DONE);
	assert_int_equal(t->attempts[0].end, TCP_REFUSED);
	assert_int_equal(t->attempts[0].err, ECONNREFUSED);
	assert_int_equal(t->attempts[1].end, TCP_SKIPPED);
	assert_int_equal(t->attempts[2].end, TCP_TIMEOUT);
	assert_true(t->attempts[2].figures.known);
	assert_int_equal(t->attempts[2].figures.unacked, 1);
	assert_int_equal(t->attempts[3].end, TCP_OPEN);
	assert_int_equal(t->attempts[3].err, 0);
	assert_int_equal(t->attempts[3].from.addr.family, IP_V4);
	assert_int_equal(t->attempts[4].end, TCP_SKIPPED);
	assert_int_equal(t->used, 3);
	assert_true(c->job.conn.fd >= 0);
	case_free(c);
	fixture_close(fds, 3);
	(void)close(bound);
	(void)close(listening);
}

static void
only_the_first_open_one_is_kept(void **state)
{
	uint16_t port = 0;
	int listening = fixture_listening("127.0.0.1", &port);
	int before = fixture_open_fds();
	struct probe_case *c = case_new("x.example", 443);

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		case_dial(c, "127.0.0.1", port);
	assert_true(case_run(c, &probe_tcp));
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(c->result->tcp.attempts[i].end, TCP_OPEN);
	/* the loop's two, and the connection */
	assert_int_equal(fixture_open_fds(), before + 3);
	case_free(c);
	assert_int_equal(fixture_open_fds(), before);
	(void)close(listening);
}

static void
nothing_open(void **state)
{
	uint16_t refused = 0, silent = 0;
	int bound = fixture_bound("127.0.0.1", &refused), fds[3];
	struct probe_case *c = case_new("x.example", 443);
	const struct tcp_result *t = &c->result->tcp;

	(void)state;
	case_dial(c, "127.0.0.1", refused);
	assert_true(case_run(c, &probe_tcp));
	assert_int_equal(t->time.end, PHASE_FAILED);
	assert_int_equal(t->used, -1);
	assert_int_equal(c->job.conn.fd, -1);
	case_free(c);
	fixture_silent("127.0.0.1", &silent, fds);
	c = case_new("x.example", 443);
	case_dial(c, "127.0.0.1", silent);
	c->timeout_ms = 100;
	assert_true(case_run(c, &probe_tcp));
	assert_int_equal(c->result->tcp.time.end, PHASE_TIMED_OUT);
	assert_int_equal(c->result->tcp.attempts[0].err, ETIMEDOUT);
	case_free(c);
	fixture_close(fds, 3);
	(void)close(bound);
	c = case_new("x.example", 443);
	assert_true(case_run(c, &probe_tcp)); /* no address at all */
	assert_int_equal(c->result->tcp.time.end, PHASE_FAILED);
	case_free(c);
}

static struct probe_case *
prepare(void *arg)
{
	const uint16_t *ports = arg;
	struct probe_case *c = case_new("x.example", 443);

	case_dial(c, "127.0.0.1", ports[0]);
	case_dial(c, "127.0.0.1", ports[1]);
	return c;
}

static void
cancel_in_every_state(void **state)
{
	uint16_t ports[2] = {0, 0};
	int listening = fixture_listening("127.0.0.1", &ports[0]), fds[3];

	(void)state;
	fixture_silent("127.0.0.1", &ports[1], fds);
	case_cancel_everywhere(prepare, ports, &probe_tcp);
	fixture_close(fds, 3);
	(void)close(listening);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_address_has_its_end),
	    cmocka_unit_test(only_the_first_open_one_is_kept),
	    cmocka_unit_test(nothing_open),
	    cmocka_unit_test(cancel_in_every_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
