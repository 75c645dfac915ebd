/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a plan: every endpoint at once on one loop, one phase after the other in
 * each, a deadline per phase and one for the run. */
#ifndef SEKISHO_DIAG_RUNNER_H
#define SEKISHO_DIAG_RUNNER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/span.h"
#include "net/loop.h"
#include "plan.h"
#include "result.h"

struct runner; /* owned by whoever made it; borrows plan, run, loop */

/* What there is to show while it runs. */
struct progress {
	size_t endpoint;     /* index of the one that moved on */
	enum phase phase;    /* that now begins; PHASE_COUNT: it has ended */
	size_t ended, total; /* endpoints */
	uint64_t elapsed_ns;
};

/* Called in the loop's thread, once per begun phase and once per ended
 * endpoint; must not free the runner. */
typedef void (*progress_fn)(void *arg, const struct progress *p);

/* Exactly one call, never before runner_start() has returned; run->end is set.
 * The runner may be freed in it. */
typedef void (*runner_done_fn)(void *arg);

struct runner_options {
	const char *api_key;  /* NULL: none; borrowed */
	progress_fn progress; /* NULL: none */
	runner_done_fn done;
	void *arg; /* of both */
};

/* Fills run (run_new() of the same plan; its vantage and proxy_env are set
 * already). NULL when it could not begin: no callback comes. */
struct runner *runner_start(struct loop *loop, const struct plan *plan,
    struct run *run, const struct runner_options *options) MUST_CHECK;

/* Ctrl-C: cancels every probe, marks what was at work PHASE_INTERRUPTED, sets
 * run->end to RUN_INTERRUPTED; done comes in the next turn. May be called at
 * any time after start; a second call is fine. */
void runner_interrupt(struct runner *r);

void runner_free(struct runner *r); /* NULL is fine; cancels, no callback */

#endif
