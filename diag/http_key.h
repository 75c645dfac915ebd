/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether the API key may go out, and what of an answer to it may be kept.
 * Pure. */
#ifndef SEKISHO_DIAG_HTTP_KEY_H
#define SEKISHO_DIAG_HTTP_KEY_H

#include "probe.h"

/* After the answer to a request without the key: there is one, the host is
 * meant to get it, its certificate is its own, and what answered is the
 * service and no page in its place. */
bool http_key_wanted(const struct probe_job *job);

/* After the answer to a request with the key: a peer may send back what it was
 * sent, and what a key opens is nobody's business in a report. */
void http_key_scrub(struct http_result *out, const char *key);

#endif
