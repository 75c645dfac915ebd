/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the text report; report_text.c puts them together. */
#ifndef SEKISHO_DIAG_REPORT_TEXT_H
#define SEKISHO_DIAG_REPORT_TEXT_H

#include "page.h"
#include "report.h"

struct text_report {
	struct page page;
	const struct run *run;
	const struct diagnosis *diagnosis;
};

/* A row a host, a column a phase. */
void report_text_matrix(const struct text_report *r);

/* From where it was seen, and how long it took. */
void report_text_vantage(const struct text_report *r);
void report_text_timings(const struct text_report *r);

/* -v: addresses, certificates and answers of each endpoint. */
void report_text_details(const struct text_report *r);

/* "host", or "host:port" when the port is not 443. buf has REPORT_NAME_MAX
 * bytes. */
enum {
	REPORT_NAME_MAX = HOSTNAME_MAX + 10,
};
const char *report_name(const struct target *t, char *buf);

#endif
