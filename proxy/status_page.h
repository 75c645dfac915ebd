/* SPDX-License-Identifier: Apache-2.0
 *
 * The status page (design A8): status_page.html, compiled in. It shows what
 * /api/status and /api/denied say and asks for nothing else; its policy (CSP)
 * admits its own style and script by their digests. */
#ifndef SEKISHO_STATUS_PAGE_H
#define SEKISHO_STATUS_PAGE_H

#include <stddef.h>

/* status_page.html, from the build. */
extern const unsigned char status_page[];
extern const size_t status_page_len;

enum {
	STATUS_PAGE_POLICY_MAX = 512,
};

/* The value of its Content-Security-Policy field. out has
 * STATUS_PAGE_POLICY_MAX bytes. */
void status_page_policy(char *out);

#endif
