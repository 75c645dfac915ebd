/* SPDX-License-Identifier: Apache-2.0
 *
 * The admin listener: metrics, health and the denied table over HTTP,
 * read-only. It runs on the main thread's event base, apart from the workers,
 * so that it answers however busy they are.
 *
 * It also answers when no file descriptor is left: a few are held in reserve.
 * Before each accept(2) it tries whether a descriptor can be had; if not, it
 * gives one of the reserve back for the connection, and takes it again once the
 * connection has ended. (Workers may snatch a freed descriptor, therefore
 * several.) With the reserve used up, it stops accepting for a moment instead
 * of spinning. Nothing else on the way to an answer opens a descriptor. */
#ifndef SEKISHO_ADMIN_H
#define SEKISHO_ADMIN_H

#include <stddef.h>

#include <event2/event.h>

#include "config.h"
#include "core/ipaddr.h"
#include "core/span.h"
#include "denied.h"
#include "history.h"
#include "metrics_text.h"

struct admin; /* owned by main */

/* NULL when the gateway takes tunnels, else why not ("draining"; static text,
 * ASCII). Called on the main thread at each /readyz. */
typedef const char *(*admin_not_ready_fn)(void *arg);

/* The configuration in force, with its policy. Valid until the base's next
 * turn. */
typedef const struct config *(*admin_config_fn)(void *arg);

/* Borrowed for the life of the admin, but for the names. */
struct admin_sources {
	struct ip_endpoint address; /* port 0: any free one */
	int fd; /* listens there already, and is taken over; 0: none */
	/* Names that a request may carry in Host, besides addresses and
	 * localhost: all others are refused, so that no web page can read us
	 * through a name of its own (DNS rebinding). */
	const char *const *names;
	size_t name_count;
	/* .process is the admin's own and ignored here. */
	const struct metrics_source *metrics;
	const struct history *history;
	const struct denied *const *denied; /* as many as metrics has workers */
	admin_config_fn config;
	admin_not_ready_fn not_ready;
	void *arg; /* of these */
};

/* Binds, listens and answers as long as base runs. NULL after a message. */
struct admin *admin_new(
    struct event_base *base, const struct admin_sources *src) MUST_CHECK;
void admin_free(struct admin *a); /* closes all connections; NULL is fine */

/* Other names than at the start, after a reload. Borrowed until the next call
 * or admin_free(). */
void admin_set_names(struct admin *a, const char *const *names, size_t count);

/* The socket at which it listens, for another process. */
int admin_listener(const struct admin *a);

/* Another process listens there from now on: accepts no more, and says good-bye
 * with each answer. */
void admin_leave(struct admin *a);

/* Where it listens, with the true port. */
struct ip_endpoint admin_address(const struct admin *a);

#endif
