/* SPDX-License-Identifier: Apache-2.0
 *
 * The head of a proxy's answer to CONNECT (RFC 9112 section 4, RFC 9110 section
 * 9.3.6): how long it is, and what its status line says. Pure. */
#ifndef SEKISHO_CORE_ANSWER_H
#define SEKISHO_CORE_ANSWER_H

#include <stddef.h>

#include "core/span.h"

enum answer_status {
	ANSWER_MORE, /* every byte so far is fine, and the head is not whole */
	ANSWER_DONE,
	ANSWER_BAD, /* no HTTP/1 answer */
};

struct answer {
	unsigned status;    /* 100 to 999 */
	struct span reason; /* in the data, trimmed; may be empty, and hold any
			     * bytes but the line's end */
	size_t head_len;    /* with the empty line */
};

/* Reads the answer at the head of data. Lines may end in LF alone. Header lines
 * are not looked into: nothing in them changes what a tunnel is. */
enum answer_status answer_parse(
    struct answer *out, struct span data) MUST_CHECK;

/* Length of a head at the start of text, its empty line included; 0: not whole
 * yet. */
size_t answer_head_length(struct span text);

#endif
