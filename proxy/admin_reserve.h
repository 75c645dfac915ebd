/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors held back for the admin listener (admin.h tells how and why). */
#ifndef SEKISHO_ADMIN_RESERVE_H
#define SEKISHO_ADMIN_RESERVE_H

#include <stdbool.h>

#include <event2/event.h>
#include <event2/listener.h>

#include "core/span.h"

struct admin_reserve;

/* Guards a listener that is not enabled yet; NULL when out of memory. */
struct admin_reserve *admin_reserve_new(
    struct event_base *base, struct evconnlistener *listener) MUST_CHECK;

/* Before the listener is freed. NULL is fine. */
void admin_reserve_free(struct admin_reserve *r);

/* A connection has ended: fill up soon. */
void admin_reserve_refill(struct admin_reserve *r);

/* Whether descriptors are short, so that no connection should be kept. */
bool admin_reserve_is_short(const struct admin_reserve *r);

#endif
