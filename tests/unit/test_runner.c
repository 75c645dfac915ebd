/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "certs.h"
#include "net_fixture.h"
#include "peer.h"
#include "probe_io.h"
#include "runner.h"

enum {
	TARGETS = 6,
	TIMEOUT_MS = 600,
};

/* A run of endpoints on loopback. */
struct runner_case {
	struct loop *loop;
	struct check_options options;
	struct plan plan;
	struct target targets[TARGETS];
	struct run *run;
	struct runner *runner;
	unsigned done, begun, ended;
	struct timer stop;
	bool free_in_done;
};

static void
on_done(void *arg)
{
	struct runner_case *c = arg;

	c->done++;
	if (c->free_in_done) {
		runner_free(c->runner);
		c->runner = NULL;
	}
	loop_stop(c->loop);
}

static void
on_progress(void *arg, const struct progress *p)
{
	struct runner_case *c = arg;

	assert_true(p->endpoint < p->total);
	if (p->phase == PHASE_COUNT)
		assert_int_equal(++c->ended, p->ended);
	else
		c->begun++;
}

static void
case_init(struct runner_case *c, size_t count)
{
	*c = (struct runner_case){.loop = loop_new()};
	assert_non_null(c->loop);
	c->options.ca_file = "/dev/null";
	c->options.timeout_ns = TIMEOUT_MS * 1000000ULL;
	c->plan = (struct plan){.options = &c->options,
	    .targets = c->targets,
	    .target_count = count,
	    .path_count = 1,
	    .budget_ns = 4 * c->options.timeout_ns};
}

static void
add_target(struct runner_case *c, size_t i, const char *host, uint16_t port)
{
	struct target *t = &c->targets[i];

	t->at.port = port;
	t->at.host.len = (uint8_t)strlen(host);
	(void)snprintf(t->at.host.text, sizeof(t->at.host.text), "%s", host);
	t->alpn = "http/1.1";
	t->category = "extra";
	t->region = "-";
}

static void
start(struct runner_case *c)
{
	const struct runner_options options = {
	    .progress = on_progress, .done = on_done, .arg = c};

	c->run = run_new(&c->plan);
	assert_non_null(c->run);
	c->runner = runner_start(c->loop, &c->plan, c->run, &options);
	assert_non_null(c->runner);
	assert_int_equal(c->done, 0);
}

static void
finish(struct runner_case *c)
{
	runner_free(c->runner);
	run_free(c->run);
	loop_free(c->loop);
}

static void
on_stop(struct timer *t)
{
	loop_stop(CONTAINER_OF(t, struct runner_case, stop)->loop);
}

static void
run_for(struct runner_case *c, unsigned ms)
{
	timer_set(c->loop, &c->stop, clock_now_ns() + ms * 1000000ULL, on_stop);
	loop_run(c->loop);
	timer_clear(c->loop, &c->stop);
}

struct tls_server {
	SSL_CTX *ctx;
};

static void
serve_tls(int fd, unsigned number, void *arg)
{
	const struct tls_server *s = arg;
	SSL *ssl = cert_accept(s->ctx, fd);

	(void)number;
	if (ssl != NULL)
		peer_wait(fd);
	SSL_free(ssl);
}

static void
serve_reset(int fd, unsigned number, void *arg)
{
	(void)number;
	(void)arg;
	(void)peer_read_some(fd);
	peer_reset(fd);
}

/* Good, reset, refused, silent: each ends in its own way, and the silent one
 * holds nobody up. */
static void
endpoints_end_each_in_their_way(void **state)
{
	struct cert ca = cert_public_ca(), leaf = cert_public_leaf(&ca);
	struct tls_server s = {cert_server(&leaf, &ca)};
	struct peer *good = peer_new(serve_tls, &s);
	struct peer *bad = peer_new(serve_reset, NULL);
	uint16_t refused = 0, silent = 0;
	int bound = fixture_bound("127.0.0.1", &refused), fds[3];
	struct runner_case c;
	const struct endpoint_result *e;

	(void)state;
	fixture_silent("127.0.0.1", &silent, fds);
	case_init(&c, 4);
	add_target(&c, 0, "127.0.0.1", peer_port(good));
	add_target(&c, 1, "127.0.0.1", peer_port(bad));
	add_target(&c, 2, "127.0.0.1", refused);
	add_target(&c, 3, "127.0.0.1", silent);
	start(&c);
	loop_run(c.loop);
	assert_int_equal(c.done, 1);
	assert_int_equal(c.run->end, RUN_COMPLETE);
	assert_int_equal(c.ended, 4);
	/* dns and tcp of all, tls of two */
	assert_int_equal(c.begun, 10);
	e = c.run->endpoints;
	assert_int_equal(e[0].tls.end, TLS_FINISHED);
	assert_int_equal(e[0].http.time.end, PHASE_NOT_RUN);
	assert_int_equal(e[0].bisect.neutral_name, LOOK_NOT_TRIED);
	assert_int_equal(e[1].tls.end, TLS_RESET);
	assert_int_equal(e[1].bisect.neutral_name, LOOK_FAILED);
	assert_int_equal(e[2].tcp.attempts[0].end, TCP_REFUSED);
	assert_int_equal(e[2].tls.time.end, PHASE_NOT_RUN);
	assert_int_equal(e[3].tcp.attempts[0].end, TCP_TIMEOUT);
	assert_int_equal(e[3].tcp.time.end, PHASE_TIMED_OUT);
	assert_true(c.run->duration_ns >= c.options.timeout_ns);
	assert_true(c.run->started_unix_ns > 0);
	finish(&c);
	fixture_close(fds, 3);
	(void)close(bound);
	peer_free(good);
	peer_free(bad);
	SSL_CTX_free(s.ctx);
	cert_free(&leaf);
	cert_free(&ca);
}

static void
interrupt_at_any_time(void **state)
{
	uint16_t silent = 0;
	int fds[3];

	(void)state;
	fixture_silent("127.0.0.1", &silent, fds);
	for (unsigned ms = 0; ms < 12; ms++) {
		struct runner_case c;
		int before = fixture_open_fds();

		case_init(&c, 2);
		add_target(&c, 0, "127.0.0.1", silent);
		add_target(&c, 1, "127.0.0.1", silent);
		c.free_in_done = ms % 2 == 0;
		start(&c);
		if (ms > 0)
			run_for(&c, ms);
		assert_int_equal(c.done, 0);
		runner_interrupt(c.runner);
		runner_interrupt(c.runner);
		assert_int_equal(c.done, 0);
		loop_run(c.loop);
		assert_int_equal(c.done, 1);
		assert_int_equal(c.run->end, RUN_INTERRUPTED);
		if (ms >= 10)
			assert_int_equal(c.run->endpoints[0].tcp.time.end,
			    PHASE_INTERRUPTED);
		finish(&c);
		assert_int_equal(fixture_open_fds(), before);
	}
	fixture_close(fds, 3);
}

static void
freed_without_a_word(void **state)
{
	uint16_t silent = 0;
	int fds[3];
	struct runner_case c;

	(void)state;
	fixture_silent("127.0.0.1", &silent, fds);
	case_init(&c, 1);
	add_target(&c, 0, "127.0.0.1", silent);
	start(&c);
	run_for(&c, 20);
	runner_free(c.runner);
	c.runner = NULL;
	run_for(&c, 5);
	assert_int_equal(c.done, 0);
	finish(&c);
	fixture_close(fds, 3);
}

static void
the_runs_deadline_cuts(void **state)
{
	uint16_t silent = 0;
	int fds[3];
	struct runner_case c;

	(void)state;
	fixture_silent("127.0.0.1", &silent, fds);
	case_init(&c, 1);
	add_target(&c, 0, "127.0.0.1", silent);
	c.plan.budget_ns = 50000000ULL;
	start(&c);
	loop_run(c.loop);
	assert_int_equal(c.run->end, RUN_DEADLINE);
	assert_int_equal(c.run->endpoints[0].tcp.time.end, PHASE_INTERRUPTED);
	finish(&c);
	fixture_close(fds, 3);
}

static void
no_endpoint_is_a_run_too(void **state)
{
	struct runner_case c;

	(void)state;
	case_init(&c, 0);
	start(&c);
	loop_run(c.loop);
	assert_int_equal(c.done, 1);
	assert_int_equal(c.run->end, RUN_COMPLETE);
	finish(&c);
}

/* With few descriptors the endpoints take turns. The limit cannot be raised
 * again: the last test. */
static void
few_descriptors_are_enough(void **state)
{
	const struct rlimit few = {64, 64};
	uint16_t refused = 0;
	int bound = fixture_bound("127.0.0.1", &refused);
	struct runner_case c;

	(void)state;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	case_init(&c, TARGETS);
	for (size_t i = 0; i < TARGETS; i++)
		add_target(&c, i, "127.0.0.1", refused);
	start(&c);
	loop_run(c.loop);
	assert_int_equal(c.run->end, RUN_COMPLETE);
	for (size_t i = 0; i < TARGETS; i++)
		assert_int_equal(
		    c.run->endpoints[i].tcp.attempts[0].end, TCP_REFUSED);
	finish(&c);
	(void)close(bound);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(endpoints_end_each_in_their_way),
	    cmocka_unit_test(interrupt_at_any_time),
	    cmocka_unit_test(freed_without_a_word),
	    cmocka_unit_test(the_runs_deadline_cuts),
	    cmocka_unit_test(no_endpoint_is_a_run_too),
	    cmocka_unit_test(few_descriptors_are_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
