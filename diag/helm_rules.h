/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of helm_lint: what its files share. */
#ifndef SEKISHO_DIAG_HELM_RULES_H
#define SEKISHO_DIAG_HELM_RULES_H

#include "helm_lint.h"

struct helm_run {
	const struct values *v;
	const struct helm_asked *asked;
	enum helm_chart chart;
	struct value root, proxy; /* proxy may be none */
	struct helm_traps *out;
};

/* Adds a trap at a value (at the file's begin when it has no place), with its
 * key; NULL when it is there already or there are too many. Valid until the
 * next call. */
struct facts *helm_trap(
    struct helm_run *r, enum trap_id id, struct value at, const char *key);

/* Something is set: there, and not empty. */
bool helm_is_set(struct value v);

/* The rules on noProxy (helm_noproxy.c). */
void helm_lint_noproxy(struct helm_run *r);

/* The rules on the proxy's URL and credentials (helm_proxy.c). */
void helm_lint_proxy(struct helm_run *r);

/* Duplicates, and the rules on keys wherever they stand (helm_walk.c). False
 * when out of memory. */
bool helm_lint_walk(struct helm_run *r) MUST_CHECK;

#endif
