/* SPDX-License-Identifier: Apache-2.0
 *
 * What a Content-Security-Policy lets a page of ours do: its own style and
 * script alone, named by their digests. */
#ifndef SEKISHO_NET_CSP_H
#define SEKISHO_NET_CSP_H

#include <stddef.h>

#include "core/span.h"

enum {
	CSP_SOURCE_MAX = 64,
};

/* The source expression 'sha256-…' (CSP Level 3, section 2.3.1), with its
 * quotes, of what stands between <tag> and </tag> in page, the first such. out
 * has CSP_SOURCE_MAX bytes; NUL-terminated; empty when there is no such element
 * or no digest can be made. */
void csp_source(struct span page, const char *tag, char *out);

#endif
