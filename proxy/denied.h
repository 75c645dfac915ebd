/* SPDX-License-Identifier: Apache-2.0
 *
 * What clients asked for and may not have: the last DENIED_MAX distinct
 * host:port, each with how often, by whom and when. One table per worker,
 * written by that worker alone, without a lock; any thread may read. Its memory
 * is fixed, whatever clients ask for: a new name takes the place of the one
 * that was asked for longest ago. */
#ifndef SEKISHO_DENIED_H
#define SEKISHO_DENIED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hostname.h"
#include "core/ipaddr.h"
#include "core/outcome.h"
#include "core/span.h"

enum {
	DENIED_MAX = 1000,      /* entries of a table, and of what is read */
	DENIED_CLIENTS = 8,     /* addresses kept of an entry */
	DENIED_CLIENT_BITS = 8, /* words of the bitmap that counts them */
};

/* One host:port. Clients are compared without their port. */
struct denied_entry {
	uint64_t count;       /* requests */
	uint64_t let_through; /* of these, by gateway.mode = report */
	uint64_t first_unix_ns, last_unix_ns;
	/* Clients are counted by linear counting (Whang et al. 1990): a bit
	 * for each client's hash. */
	uint64_t client_bits[DENIED_CLIENT_BITS];
	struct ipaddr clients[DENIED_CLIENTS]; /* the first different ones;
						* IP_NONE: no more. A Unix
						* socket's client has none */
	enum outcome why; /* of the last request: OUTCOME_DENIED_HOST, _PORT or
			   * _ADDRESS_LITERAL */
	uint16_t port;    /* 0: none was named */
	uint8_t host_len;
	char host[HOSTNAME_MAX]; /* a hostname's text; of an address literal
				  * what was sent, cut at this length */
};

struct denied; /* one worker's table */

/* seed: a random number, the same for all tables that are read together, so
 * that no client can choose which names collide. NULL when out of memory. Pages
 * are used as entries come. */
struct denied *denied_new(uint64_t seed) MUST_CHECK;
void denied_free(struct denied *d); /* NULL is fine */

/* One request that was refused, or would have been. */
struct denied_event {
	struct span host;
	uint16_t port;
	enum outcome why;
	bool let_through;
	const struct ipaddr *client;
	uint64_t unix_ns;
};

/* By the table's worker alone. Allocates nothing, never waits. */
void denied_note(struct denied *d, const struct denied_event *e);

/* The tables' entries as one list, the latest first: at most DENIED_MAX, in
 * out. The same host:port of several tables is one. *forgotten is how many
 * entries have given their place to others. Any thread; false when out of
 * memory. */
bool denied_read(const struct denied *const *tables, size_t count,
    struct denied_entry *out, size_t *out_count,
    uint64_t *forgotten) MUST_CHECK;

/* How many different clients: exact (*exact is true) as long as all their
 * addresses are kept, else an estimate (within some 10 % up to 500). */
uint64_t denied_client_count(const struct denied_entry *e, bool *exact);

#endif
