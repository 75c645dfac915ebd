/* SPDX-License-Identifier: Apache-2.0 */
#include "probe_fixture.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "net_fixture.h"

enum {
	TURNS_MAX = 24,
	GUARD_S = 30,
};

static void
on_guard(struct timer *t)
{
	(void)t;
	fail_msg("the probe never ended");
}

struct probe_case *
case_new(const char *host, uint16_t port)
{
	struct probe_case *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	c->loop = loop_new();
	c->result = calloc(1, sizeof(*c->result));
	assert_non_null(c->loop);
	assert_non_null(c->result);
	c->options.ca_file = "/dev/null";
	c->options.timeout_ns = 5000000000U;
	c->target.at.port = port;
	c->target.at.host.len = (uint8_t)strlen(host);
	(void)snprintf(
	    c->target.at.host.text, sizeof(c->target.at.host.text), "%s", host);
	c->target.alpn = "h2,http/1.1";
	c->target.category = "extra";
	c->target.region = "-";
	c->plan.options = &c->options;
	c->plan.targets = &c->target;
	c->plan.target_count = 1;
	c->plan.path_count = 1;
	c->vantage.ndots = 1;
	c->env = (struct probe_env){.loop = c->loop,
	    .plan = &c->plan,
	    .vantage = &c->vantage,
	    .run_start_ns = clock_now_ns()};
	c->env.tls_context = probe_tls_setup(&c->options, &c->vantage);
	assert_non_null(c->env.tls_context);
	c->job = (struct probe_job){.env = &c->env,
	    .target = &c->target,
	    .path = &c->plan.paths[0],
	    .result = c->result,
	    .conn = {.fd = -1}};
	c->timeout_ms = CASE_LONG_MS;
	return c;
}

void
case_free(struct probe_case *c)
{
	probe_conn_close(&c->job.conn, c->loop);
	probe_tls_teardown(c->env.tls_context);
	loop_free(c->loop);
	free(c->result);
	free(c);
}

void
case_trust(struct probe_case *c, const struct cert *ca)
{
	X509_STORE *store = SSL_CTX_get_cert_store(c->env.tls_context);

	assert_int_equal(X509_STORE_add_cert(store, ca->x), 1);
}

void
case_proxy(struct probe_case *c, enum proxy_kind kind, uint16_t port)
{
	struct proxy_url *u = &c->plan.paths[0].proxy;

	u->kind = kind;
	u->port = port;
	(void)snprintf(u->host, sizeof(u->host), "localhost");
	case_dial(c, "127.0.0.1", port);
}

void
case_login(struct probe_case *c, const char *user, const char *password)
{
	struct proxy_url *u = &c->plan.paths[0].proxy;

	u->has_user = true;
	(void)snprintf(u->user, sizeof(u->user), "%s", user);
	(void)snprintf(u->password, sizeof(u->password), "%s", password);
}

void
case_dial(struct probe_case *c, const char *addr, uint16_t port)
{
	c->job.conn.addresses[c->job.conn.address_count++] =
	    (struct ip_endpoint){fixture_addr(addr), port};
}

void
case_on_done(void *arg)
{
	struct probe_case *c = arg;

	c->done++;
	c->probe = NULL;
	loop_stop(c->loop);
}

void
case_wait(struct probe_case *c)
{
	timer_set(c->loop, &c->guard, clock_now_ns() + GUARD_S * 1000000000ULL,
	    on_guard);
	while (c->done == 0)
		loop_run(c->loop);
	timer_clear(c->loop, &c->guard);
	assert_int_equal(c->done, 1);
}

static bool
begin(struct probe_case *c, const struct probe_ops *ops)
{
	c->done = 0;
	c->job.deadline_ns = clock_now_ns() + c->timeout_ms * 1000000ULL;
	if (!ops->start(&c->probe, &c->job, case_on_done, c))
		return false;
	assert_int_equal(c->done, 0); /* never before start has returned */
	return true;
}

bool
case_run(struct probe_case *c, const struct probe_ops *ops)
{
	if (!begin(c, ops))
		return false;
	case_wait(c);
	return true;
}

void
case_run_to(struct probe_case *c, enum phase last)
{
	static const struct probe_ops *const ops[PHASE_COUNT] = {
	    &probe_dns, &probe_tcp, &probe_proxy, &probe_tls, &probe_http};
	bool proxied = path_has_proxy(c->job.path);

	for (unsigned p = PHASE_TCP; p <= (unsigned)last; p++) {
		if (p == PHASE_PROXY && !proxied)
			continue;
		assert_true(case_run(c, ops[p]));
		if (phase_time_of(c->result, (enum phase)p)->end != PHASE_DONE)
			return;
	}
}

static void
on_turn(struct timer *t)
{
	loop_stop(CONTAINER_OF(t, struct probe_case, turn)->loop);
}

void
case_turns(struct probe_case *c, unsigned turns)
{
	for (unsigned i = 0; i < turns && c->done == 0; i++) {
		timer_set(c->loop, &c->turn, clock_now_ns() + 1000000, on_turn);
		loop_run(c->loop);
	}
	timer_clear(c->loop, &c->turn);
}

/* The peer's threads close their ends when they see ours go. */
static void
wait_for_fds(int fds)
{
	for (unsigned i = 0; i < 5000 && fixture_open_fds() > fds; i++)
		(void)poll(NULL, 0, 1); /* between two looks */
	assert_int_equal(fixture_open_fds(), fds);
}

void
case_cancel_everywhere(struct probe_case *(*prepare)(void *arg), void *arg,
    const struct probe_ops *ops)
{
	for (unsigned turns = 0; turns < TURNS_MAX; turns++) {
		int fds = fixture_open_fds();
		struct probe_case *c = prepare(arg);

		assert_true(begin(c, ops));
		case_turns(c, turns);
		if (c->done == 0) {
			ops->cancel(&c->probe);
			assert_null(c->probe);
			case_turns(c, 3);
			assert_int_equal(c->done, 0);
		}
		case_free(c);
		wait_for_fds(fds);
	}
}
