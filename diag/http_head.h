/* SPDX-License-Identifier: Apache-2.0
 *
 * The head of an answer (RFC 9112 sections 4 and 5), line by line: its status
 * and the fields that tell who gave it. */
#ifndef SEKISHO_DIAG_HTTP_HEAD_H
#define SEKISHO_DIAG_HTTP_HEAD_H

#include <stdbool.h>

#include "core/span.h"
#include "result.h"

/* Reads one line, without its end, into out. A later status line (after a 1xx)
 * takes the place of the one before. True: this was the empty line at the end
 * of a final answer's head. */
bool http_head_line(struct http_result *out, struct span line);

#endif
