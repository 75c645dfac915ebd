/* SPDX-License-Identifier: Apache-2.0
 *
 * Are these credentials good? Known ones are told at once, by a keyed digest;
 * others are hashed off the event loop. */
#ifndef SEKISHO_AUTH_H
#define SEKISHO_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "basic.h"
#include "core/ipaddr.h"
#include "net/loop.h"
#include "penalty.h"
#include "realm.h"

struct auth;       /* of the process; used by all workers */
struct auth_check; /* one that waits for its hash */

enum auth_result {
	AUTH_GOOD,
	AUTH_LATER, /* the callback will tell */
	AUTH_BUSY,  /* too many checks wait, in all or of this client */
};

/* Once, in the loop's thread. user is one of the realm's, NULL: not good. The
 * check is over. */
typedef void (*auth_fn)(void *arg, const struct htpasswd_user *user);

struct auth_request {
	const struct realm *realm; /* borrowed until the callback or cancel */
	const struct credentials *credentials; /* read at once */
	struct ipaddr client;
	struct loop *loop;
	auth_fn fn;
	void *arg;
};

/* NULL after a log line. */
struct auth *auth_new(unsigned workers) MUST_CHECK;
/* Starts the threads, after any change of user. False after a log line. */
bool auth_start(struct auth *a) MUST_CHECK;
/* Ends the threads: no callback comes any more. Before the loops are freed. */
void auth_stop(struct auth *a); /* NULL is fine */
void auth_free(struct auth *a); /* NULL is fine; no check may be left */

/* AUTH_GOOD: *user is set. AUTH_LATER: *out is set. */
enum auth_result auth_start_check(struct auth_check **out,
    const struct htpasswd_user **user, struct auth *a,
    const struct auth_request *r) MUST_CHECK;
/* The callback will not come. NULL in *check is fine; it becomes NULL. */
void auth_cancel(struct auth_check **check);

/* What clients that fail have to wait (penalty.h). */
struct penalties *auth_penalties(struct auth *a);

#endif
