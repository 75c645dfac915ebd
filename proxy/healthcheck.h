/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks a gateway that runs on this machine whether it is ready: the health
 * check of a container that has no other program in it. */
#ifndef SEKISHO_HEALTHCHECK_H
#define SEKISHO_HEALTHCHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "core/span.h"

enum {
	HEALTHCHECK_LINE_MAX = 320, /* of healthcheck()'s line, with its NUL */
	HEALTHCHECK_LIMIT_MS = 4000,
};

/* Sends GET /readyz to the admin address (its loopback address where it is a
 * wildcard) and waits at most limit_ms for the answer. True when it is 200.
 * line, of HEALTHCHECK_LINE_MAX bytes, says in either case who was asked and
 * what came back: printable ASCII, without a newline. Blocks. */
bool healthcheck(
    const struct config_admin *admin, unsigned limit_ms, char *line) MUST_CHECK;

#endif
