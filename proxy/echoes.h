/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS hellos that are on their way through this gateway, by their random bytes.
 * One that comes in while it is going out has been sent back by a redirect or a
 * DNS record: without this, it would go round until every tunnel is taken.
 *
 * Shared by all workers. Takes a lock, but for sessions of sni listeners alone,
 * twice each. */
#ifndef SEKISHO_ECHOES_H
#define SEKISHO_ECHOES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/hello.h"
#include "core/span.h"

struct echoes;

/* One hello; embedded in its session. All zero: none. */
struct echo {
	struct echo *next, **link; /* link NULL: not among them */
	uint8_t random[HELLO_RANDOM_LEN];
};

/* NULL when out of memory, or without random numbers (errno). */
struct echoes *echoes_new(void);
void echoes_free(struct echoes *e); /* NULL is fine; all have left */

/* Adds the hello with these random bytes as echo. False, and nothing changed,
 * when it is among them already. */
bool echoes_enter(struct echoes *e, struct echo *echo,
    const uint8_t random[HELLO_RANDOM_LEN]) MUST_CHECK;

/* Takes it out; fine if it never came in. */
void echoes_leave(struct echoes *e, struct echo *echo);

#endif
