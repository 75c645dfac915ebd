/* SPDX-License-Identifier: Apache-2.0
 *
 * One small GET over plain HTTP to a server of this machine or its network (the
 * metadata server, the gateway's own pages): never through a proxy, no
 * redirects, blocking. Endpoints of the service are probe_http.c's. */
#ifndef SEKISHO_DIAG_HTTP_GET_H
#define SEKISHO_DIAG_HTTP_GET_H

#include <stdbool.h>
#include <stddef.h>

#include "core/span.h"

struct http_get {
	const char *url;    /* http:// */
	const char *header; /* one more line, which the answer must have too;
			     * NULL: none */
	unsigned timeout_ms;
	size_t most; /* bytes of a body; more is a failure */
};

struct http_got {
	int status; /* 0: no answer */
	bool has_header;
	char *body; /* NUL behind it; NULL: none */
	size_t len;
	char why[128]; /* why there is no answer */
};

/* False when there is no whole answer: then why says it, and body is NULL.
 * Else the body is the caller's to free. */
bool http_get(struct http_got *out, const struct http_get *in) MUST_CHECK;

#endif
