/* SPDX-License-Identifier: Apache-2.0
 *
 * The gateway in operation: opens listeners, starts workers, obeys signals,
 * stops in order. */
#ifndef SEKISHO_SERVE_H
#define SEKISHO_SERVE_H

#include "config.h"
#include "core/policy.h"
#include "core/span.h"

/* Serves, in a sandbox (sandbox.h) if wanted, until TERM or INT has been
 * obeyed; HUP reads sources (borrowed) anew. Takes config and policy over.
 * Returns the process's exit status: 0, or 1 after a log line when it cannot
 * start. */
int serve(const struct config_sources *sources, struct config *config,
    struct policy *policy, bool sandboxed) MUST_CHECK;

#endif
