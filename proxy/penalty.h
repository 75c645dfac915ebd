/* SPDX-License-Identifier: Apache-2.0
 *
 * How long a client that gives wrong credentials waits for its refusal: longer
 * each time, so that guessing is slow, while the right credentials are never
 * slowed. One table for all workers, of a fixed size: a client that is pushed
 * out of it by others starts anew. */
#ifndef SEKISHO_PENALTY_H
#define SEKISHO_PENALTY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/ipaddr.h"
#include "core/span.h"

enum {
	PENALTY_FIRST_MS = 250, /* doubles with each failure */
	PENALTY_MOST_MS = 8000,
	PENALTY_FORGET_MS = 60 * 1000, /* without a failure */
	PENALTY_WAITERS = 32,          /* of one client */
};

struct penalties;

/* NULL when out of memory. */
struct penalties *penalties_new(void) MUST_CHECK;
void penalties_free(struct penalties *p); /* NULL is fine */

/* client has failed at now_ns (monotonic): how long it is to wait, in
 * nanoseconds. It waits until penalty_end(). Any thread, like the others. */
uint64_t penalty_begin(
    struct penalties *p, const struct ipaddr *client, uint64_t now_ns);
void penalty_end(struct penalties *p, const struct ipaddr *client);

/* Whether PENALTY_WAITERS failures of client are waiting already: it is to be
 * refused at once, lest those who wait take every place there is. */
bool penalty_is_full(struct penalties *p, const struct ipaddr *client);

#endif
