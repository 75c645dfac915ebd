/* SPDX-License-Identifier: Apache-2.0
 *
 * Prometheus text, for those who add series of their own to the report's. Names
 * are without their prefix "sekisho_diag_". */
#ifndef SEKISHO_DIAG_REPORT_PROMETHEUS_H
#define SEKISHO_DIAG_REPORT_PROMETHEUS_H

#include <stdio.h>

#include "result.h"

/* The labels of an endpoint's series. Borrowed. */
struct prometheus_names {
	const char *host;
	unsigned port;
	const char *region, *category, *path;
};

struct prometheus_names prometheus_names_of(
    const struct run *run, size_t endpoint);

/* "# HELP …" and "# TYPE …"; type is "gauge" or "counter". */
void prometheus_begin(
    FILE *out, const char *name, const char *type, const char *help);

/* name{host=…,port=…,region=…,category=…,path=… and the brace left open. */
void prometheus_endpoint(
    FILE *out, const char *name, const struct prometheus_names *n);

/* before, then name="value" with the value escaped. */
void prometheus_label(
    FILE *out, const char *before, const char *name, const char *value);

#endif
