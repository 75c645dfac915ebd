/* SPDX-License-Identifier: Apache-2.0
 *
 * How much may be open at once: tunnels in all, and tunnels and requests of one
 * client address. Shared by all workers; the count in all is one atomic number,
 * and only limits per client, which are off by default, take a lock. */
#ifndef SEKISHO_QUOTA_H
#define SEKISHO_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "core/ipaddr.h"
#include "core/outcome.h"
#include "core/span.h"

struct quota;

/* What the process may use, worked out from RLIMIT_NOFILE. */
struct quota_budget {
	unsigned tunnels;  /* at once */
	unsigned clients;  /* connections of clients at once: tunnels, and those
			    * that are still asking or being refused */
	unsigned pipes;    /* per worker */
	unsigned attempts; /* to connect, beside a dial's first; per worker */
};

/* Shares out files descriptors among workers with listeners listeners each;
 * wanted is limits.tunnels (0: as many as fit). False when files is too small
 * for a single tunnel; then *least is what would do. */
bool quota_share_out(struct quota_budget *out, uint64_t files, unsigned workers,
    unsigned listeners, unsigned wanted, unsigned *least) MUST_CHECK;

/* NULL when out of memory. */
struct quota *quota_new(
    const struct quota_budget *budget, const struct config *config);
void quota_free(struct quota *l); /* NULL is fine */

/* A client has connected: false when there are too many to serve this one. True
 * takes a place, which quota_client_gone() gives back. */
bool quota_client_came(struct quota *l) MUST_CHECK;
void quota_client_gone(struct quota *l);

/* A request has come: OUTCOME_OK or OUTCOME_RATE_LIMITED, with *retry_after_s.
 * now_ns is monotonic. An address of IP_NONE is never limited. */
enum outcome quota_request(struct quota *l, const struct ipaddr *client,
    uint64_t now_ns, unsigned *retry_after_s) MUST_CHECK;

/* Takes a place for a tunnel: OUTCOME_OK, OUTCOME_LIMIT_REACHED, or
 * OUTCOME_RATE_LIMITED when this client has too many. OK is undone by
 * quota_leave(). */
enum outcome quota_enter(
    struct quota *l, const struct ipaddr *client) MUST_CHECK;
void quota_leave(struct quota *l, const struct ipaddr *client);

#endif
