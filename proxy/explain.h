/* SPDX-License-Identifier: Apache-2.0
 *
 * --explain: what the policy would say to a CONNECT, and why. */
#ifndef SEKISHO_EXPLAIN_H
#define SEKISHO_EXPLAIN_H

#include <stdbool.h>
#include <stdio.h>

#include "config.h"
#include "core/policy.h"

enum {
	EXPLAIN_PORT = 443, /* of a target without one */
};

/* Judges HOST or HOST:PORT and writes the decision with its reason, several
 * plain lines: the rule's file and line, or the nearest rule and what to do.
 * True when allowed. Asks no DNS server; writes whatever target holds as
 * printable text. */
bool explain(const struct config *c, const struct policy *p, const char *target,
    FILE *out) MUST_CHECK;

#endif
