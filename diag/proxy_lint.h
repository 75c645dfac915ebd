/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of proxy_env: the lints, and what they share with the readers. */
#ifndef SEKISHO_DIAG_PROXY_LINT_H
#define SEKISHO_DIAG_PROXY_LINT_H

#include "core/ipaddr.h"
#include "proxy_env.h"

/* Sets env->lints from its variables. */
void proxy_lint_all(struct proxy_env *env, const struct proxy_env_where *where);

/* Takes the next token off the front of a NO_PROXY value, as the reader parts
 * them; false at the end. */
bool no_proxy_next(
    struct span *rest, struct span *token, enum proxy_reader reader) MUST_CHECK;

/* "10.0.0.0/8", host bits ignored. False leaves *out untouched. */
bool no_proxy_prefix(struct ip_prefix *out, struct span token) MUST_CHECK;

#endif
