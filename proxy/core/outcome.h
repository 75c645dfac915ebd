/* SPDX-License-Identifier: Apache-2.0
 *
 * The closed list of endings (outcome.def). Reasons are data: text is made from
 * them only at the edge (log, response, report). */
#ifndef SEKISHO_CORE_OUTCOME_H
#define SEKISHO_CORE_OUTCOME_H

#include <stdbool.h>

enum outcome {
#define OUTCOME(id, token, status, proxy_status, sentence) OUTCOME_##id,
#include "core/outcome.def"
#undef OUTCOME
	OUTCOME_COUNT
};

/* "denied_host": the stable token of logs, metrics and explanations. */
const char *outcome_token(enum outcome o);

/* HTTP status of the refusal; 0 when the outcome comes after the 200. */
unsigned outcome_status(enum outcome o);
/* Whether what lies beyond the gateway failed, the name or the connection: not
 * the client, and not a limit of the gateway's own. */
bool outcome_is_failure(enum outcome o);

/* Proxy error type of RFC 9209 section 2.3; "" when none is sent. */
const char *outcome_proxy_status(enum outcome o);

/* A short ASCII sentence without a full stop. */
const char *outcome_sentence(enum outcome o);

#endif
