/* SPDX-License-Identifier: Apache-2.0
 *
 * A proxy's answer to CONNECT (RFC 9110 section 9.3.6), read leniently: what a
 * diagnosis wants is what the proxy meant to say. Pure. */
#ifndef SEKISHO_DIAG_PROXY_ANSWER_H
#define SEKISHO_DIAG_PROXY_ANSWER_H

#include "core/span.h"
#include "result.h"

enum {
	PROXY_HEAD_MAX = 16384,
};

/* Whether text is, or begins like, "HTTP/": false at the first byte that
 * cannot be. */
bool proxy_head_is_http(struct span text);

/* Reads a whole head into status, reason and the telling headers of *out. False
 * when its first line is no HTTP status line. */
bool proxy_head_read(struct proxy_result *out, struct span head) MUST_CHECK;

#endif
