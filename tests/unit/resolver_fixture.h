/* SPDX-License-Identifier: Apache-2.0
 *
 * A resolver over scripted DNS servers, and owners of lookups that check the
 * contract of every callback they get. */
#ifndef SEKISHO_TESTS_RESOLVER_FIXTURE_H
#define SEKISHO_TESTS_RESOLVER_FIXTURE_H

#include <stdbool.h>

#include "dns_server.h"
#include "net/resolver.h"

struct fixture {
	struct timer guard;
	struct timer tick;
	struct loop *loop;
	struct dns_server *dns, *dns2; /* dns2: NULL unless asked for */
	struct ip_endpoint servers[2];
	struct resolver_options opt; /* of the next fixture_open() */
	struct resolver *resolver;
	char hosts[64];   /* its path */
	unsigned pending; /* lookups that were started and not ended */
	bool timed_out;
	bool (*condition)(struct fixture *f);
	unsigned wanted; /* for the condition */
	int fds_before;
};

/* The owner of a lookup. */
struct ask {
	struct fixture *f;
	struct lookup *lookup;
	unsigned calls;
	bool started; /* lookup_start has returned */
	enum outcome why;
	const char *detail;
	struct addr_list addrs;      /* a copy */
	void (*then)(struct ask *a); /* called at the end of the callback */
	struct ask *other;           /* for then */
};

int fixture_setup(void **state);
/* Frees all, and checks that no descriptor is left. */
int fixture_teardown(void **state);

/* Makes the resolver with f->opt, and a second server if two is set. */
void fixture_open(struct fixture *f, bool two);

struct hostname fixture_name(const char *text);

/* Starts a lookup. */
void ask_start(struct fixture *f, struct ask *a, const char *name);

/* Runs until no lookup is pending; fails the test if that takes too long. */
void fixture_wait(struct fixture *f);

/* Starts a lookup and waits for its end. */
void ask_now(struct fixture *f, struct ask *a, const char *name);

/* Runs for a time, whatever happens. */
void fixture_run(struct fixture *f, unsigned ms);

/* Runs until the server has seen so many queries, and a bit more. */
void fixture_wait_queries(struct fixture *f, unsigned queries);

/* Whether the name is answered from the cache. */
bool fixture_is_cached(struct fixture *f, const char *name);

/* The addresses as text: "2001:db8::1 192.0.2.1". */
void assert_addresses(const struct addr_list *l, const char *text);

void assert_failure(const struct ask *a, enum outcome why, const char *detail);

uint64_t fixture_answers(const struct fixture *f, enum resolver_source source);

void fixture_write_hosts(struct fixture *f, const char *text);

#endif
