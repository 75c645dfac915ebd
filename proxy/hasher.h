/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads of their own for crypt(3), which takes milliseconds by design: no
 * worker may wait for it. The queue is bounded in all and per client address,
 * so that a flood of guesses leaves room for others. */
#ifndef SEKISHO_HASHER_H
#define SEKISHO_HASHER_H

#include <stdbool.h>

#include "basic.h"
#include "core/ipaddr.h"
#include "core/span.h"
#include "net/loop.h"

enum {
	HASHER_JOBS = 64,
	HASHER_JOBS_PER_CLIENT = 16,
	HASHER_THREADS_MAX = 4,
};

struct hasher;
struct hash_job; /* one check on its way */

/* Once, in the loop's thread. */
typedef void (*hash_fn)(void *arg, bool good);

struct hash_request {
	const char *hash;                      /* copied */
	const struct credentials *credentials; /* the password is copied */
	struct ipaddr client;
	struct loop *loop; /* of the caller */
	hash_fn fn;
	void *arg;
};

/* threads: 1 to HASHER_THREADS_MAX. NULL when out of memory. */
struct hasher *hasher_new(unsigned threads) MUST_CHECK;
bool hasher_start(struct hasher *h) MUST_CHECK;
/* Ends the threads; what is queued is forgotten. Before the loops are freed. */
void hasher_stop(struct hasher *h);
/* After hasher_stop(), and when no job is held any more. NULL is fine. */
void hasher_free(struct hasher *h);

/* Queues a check. False: too many are queued, in all or of this client. */
bool hash_start(struct hash_job **out, struct hasher *h,
    const struct hash_request *r) MUST_CHECK;

/* The callback will not come. *job becomes NULL; NULL is fine. */
void hash_cancel(struct hash_job **job);

#endif
