/* SPDX-License-Identifier: Apache-2.0
 *
 * Where an answer points to, and whether that host is on the lists. */
#ifndef SEKISHO_DIAG_HTTP_REDIRECT_H
#define SEKISHO_DIAG_HTTP_REDIRECT_H

#include "plan.h"
#include "result.h"

/* Host and port of a Location (RFC 9110 section 10.2.2; a relative one points
 * to the endpoint itself). False when it is no https or http reference. */
bool http_location_read(struct endpoint *out, const char *location,
    const struct endpoint *base) MUST_CHECK;

/* Whether the lists that are in force have this endpoint: the published ones
 * and the operator's; opt-in sets only when an endpoint of them is checked. */
enum tri http_on_list(const struct plan *plan, const struct endpoint *at);

/* Fills out->redirect from status and Location. */
void http_redirect_read(struct http_result *out, const struct plan *plan,
    const struct target *target);

#endif
