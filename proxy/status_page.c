/* SPDX-License-Identifier: Apache-2.0 */
#include "status_page.h"

#include <stdio.h>

#include "net/csp.h"

void
status_page_policy(char *out)
{
	struct span page = span_of((const char *)status_page, status_page_len);
	char style[CSP_SOURCE_MAX], script[CSP_SOURCE_MAX];

	csp_source(page, "style", style);
	csp_source(page, "script", script);
	(void)snprintf(out, STATUS_PAGE_POLICY_MAX,
	    "default-src 'none'; script-src %s; style-src %s; "
	    "connect-src 'self'; img-src data:; base-uri 'none'; "
	    "form-action 'none'; frame-ancestors 'none'",
	    script, style);
}
