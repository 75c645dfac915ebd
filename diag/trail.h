/* SPDX-License-Identifier: Apache-2.0
 *
 * A second way to an endpoint beside the run's own: TCP, proxy and TLS once
 * more, with a scratch result, for the deeper looks. */
#ifndef SEKISHO_DIAG_TRAIL_H
#define SEKISHO_DIAG_TRAIL_H

#include "probe_io.h"

struct trail;

typedef void (*trail_done_fn)(void *arg, const struct endpoint_result *result);

struct trail_want {
	const struct probe_job *job; /* whose way is repeated; outlives it */
	const struct target *target; /* NULL: the job's; else resolved anew */
	enum hello_shape shape;
	uint64_t deadline_ns; /* of the whole trail */
};

/* False when it cannot begin; else done comes exactly once, later. The result
 * is valid during the call only. */
bool trail_start(struct trail **out, const struct trail_want *want,
    trail_done_fn done, void *arg) MUST_CHECK;
void trail_cancel(struct trail **t); /* NULL is fine */

#endif
