/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/node.h"
#include "net_fixture.h"

enum {
	NS_PER_MS = 1000000,
	GUARD_MS = 20000, /* a test that waits longer has failed */
};

int
fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fd;

	assert_non_null(f);
	f->fds_before = fixture_open_fds();
	f->loop = loop_new();
	assert_non_null(f->loop);
	(void)snprintf(f->hosts, sizeof(f->hosts), "/tmp/hosts-XXXXXX");
	fd = mkstemp(f->hosts);
	assert_true(fd >= 0);
	(void)close(fd);
	f->dns = dns_server_new(f->loop);
	f->opt = (struct resolver_options){
	    .timeout_ms = 2000,
	    .attempts = 2,
	    .min_ttl_ms = 0,
	    .max_ttl_ms = 3600000,
	    .negative_ttl_ms = 5000,
	    .stale_ms = 0,
	    .hosts_file = f->hosts,
	};
	*state = f;
	return 0;
}

int
fixture_teardown(void **state)
{
	struct fixture *f = *state;

	timer_clear(f->loop, &f->guard);
	timer_clear(f->loop, &f->tick);
	resolver_free(f->resolver);
	dns_server_free(f->dns);
	dns_server_free(f->dns2);
	loop_free(f->loop);
	(void)unlink(f->hosts);
	assert_int_equal(fixture_open_fds(), f->fds_before);
	free(f);
	return 0;
}

void
fixture_open(struct fixture *f, bool two)
{
	f->servers[0] = dns_server_at(f->dns);
	f->opt.servers = f->servers;
	f->opt.server_count = 1;
	if (two) {
		f->dns2 = dns_server_new(f->loop);
		f->servers[1] = dns_server_at(f->dns2);
		f->opt.server_count = 2;
	}
	f->resolver = resolver_new(f->loop, &f->opt);
	assert_non_null(f->resolver);
}

struct hostname
fixture_name(const char *text)
{
	struct hostname name;

	assert_int_equal(hostname_parse(&name, span_str(text)), HOSTNAME_NAME);
	return name;
}

/* --- running -------------------------------------------------------------- */

static void
on_guard(struct timer *t)
{
	struct fixture *f = owner_of(t, struct fixture, guard);

	f->timed_out = true;
	loop_stop(f->loop);
}

static bool
run_for(struct fixture *f, unsigned ms)
{
	f->timed_out = false;
	timer_set(f->loop, &f->guard, clock_now_ns() + (uint64_t)ms * NS_PER_MS,
	    on_guard);
	loop_run(f->loop);
	timer_clear(f->loop, &f->guard);
	return !f->timed_out;
}

void
fixture_run(struct fixture *f, unsigned ms)
{
	while (run_for(f, ms)) {
	}
}

/* Looks at the condition every millisecond. */
static void
on_tick(struct timer *t)
{
	struct fixture *f = owner_of(t, struct fixture, tick);

	if (f->condition(f))
		loop_stop(f->loop);
	else
		timer_set(f->loop, t, loop_now(f->loop) + NS_PER_MS, on_tick);
}

static void
wait_for(struct fixture *f, bool (*condition)(struct fixture *f))
{
	f->condition = condition;
	timer_set(f->loop, &f->tick, 0, on_tick);
	assert_true(run_for(f, GUARD_MS));
}

static bool
nothing_pending(struct fixture *f)
{
	return f->pending == 0;
}

void
fixture_wait(struct fixture *f)
{
	wait_for(f, nothing_pending);
}

static bool
enough_queries(struct fixture *f)
{
	return dns_server_queries(f->dns, NULL, 0) >= f->wanted;
}

void
fixture_wait_queries(struct fixture *f, unsigned queries)
{
	f->wanted = queries;
	wait_for(f, enough_queries);
	fixture_run(f, 5);
}

/* --- lookups -------------------------------------------------------------- */

static void
on_done(void *arg, enum outcome why, const struct addr_list *addrs,
    const char *detail)
{
	struct ask *a = arg;

	assert_true(a->started);
	assert_int_equal(a->calls, 0);
	assert_true((why == OUTCOME_OK) == (addrs != NULL));
	assert_true((why == OUTCOME_OK) == (detail == NULL));
	a->lookup = NULL;
	a->calls++;
	a->why = why;
	a->detail = detail;
	if (addrs != NULL) {
		assert_true(addrs->count > 0);
		a->addrs = *addrs;
	}
	a->f->pending--;
	if (a->then != NULL)
		a->then(a);
}

void
ask_start(struct fixture *f, struct ask *a, const char *name)
{
	struct hostname host = fixture_name(name);

	a->f = f;
	a->calls = 0;
	a->started = false;
	f->pending++;
	assert_int_equal(
	    lookup_start(&a->lookup, f->resolver, &host, on_done, a),
	    OUTCOME_OK);
	assert_int_equal(a->calls, 0);
	a->started = true;
}

void
ask_now(struct fixture *f, struct ask *a, const char *name)
{
	ask_start(f, a, name);
	fixture_wait(f);
	assert_int_equal(a->calls, 1);
}

bool
fixture_is_cached(struct fixture *f, const char *name)
{
	struct hostname host = fixture_name(name);
	const struct addr_list *addrs = NULL;
	bool cached = resolver_cached(f->resolver, &host, &addrs);

	assert_true(cached == (addrs != NULL));
	return cached;
}

uint64_t
fixture_answers(const struct fixture *f, enum resolver_source source)
{
	return resolver_stats(f->resolver)->answers[source];
}

void
assert_addresses(const struct addr_list *l, const char *text)
{
	char got[ADDR_LIST_MAX * (IPADDR_TEXT_MAX + 1)];

	fixture_addresses(l, got);
	assert_string_equal(got, text);
}

void
assert_failure(const struct ask *a, enum outcome why, const char *detail)
{
	assert_int_equal(a->calls, 1);
	assert_string_equal(outcome_token(a->why), outcome_token(why));
	assert_string_equal(a->detail, detail);
}

void
fixture_write_hosts(struct fixture *f, const char *text)
{
	FILE *file = fopen(f->hosts, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}
