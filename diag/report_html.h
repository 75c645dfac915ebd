/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the HTML report. The page is report.html, compiled in, with
 * {{name}} where a part goes; it holds no script, no style attribute and no
 * address, and its policy (CSP) forbids all three. */
#ifndef SEKISHO_DIAG_REPORT_HTML_H
#define SEKISHO_DIAG_REPORT_HTML_H

#include <stddef.h>
#include <stdio.h>

#include "report.h"

/* report.html, from the build. */
extern const unsigned char report_html_template[];
extern const size_t report_html_template_len;

struct html {
	FILE *out;
	const struct run *run;
	const struct diagnosis *d;
	enum lang lang;
};

/* The word, quoted. */
void html_word(const struct html *h, enum word word);

/* A host's name, with places where a narrow page may break it. */
void html_host(const struct html *h, const char *host);

void html_findings(const struct html *h);
void html_notes(const struct html *h);
void html_matrix(const struct html *h);
void html_waterfall(const struct html *h);

#endif
