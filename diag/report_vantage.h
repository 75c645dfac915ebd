/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a run was seen from, as labelled lines; for text and HTML. */
#ifndef SEKISHO_DIAG_REPORT_VANTAGE_H
#define SEKISHO_DIAG_REPORT_VANTAGE_H

#include "lang.h"
#include "result.h"

enum {
	VANTAGE_LINE_MAX = 1024,
};

/* Called once a line; value may hold what a peer or the machine said: raw. */
typedef void (*vantage_line_fn)(
    void *arg, const char *label, const char *value);

void vantage_each_line(
    const struct run *run, enum lang lang, vantage_line_fn line, void *arg);

#endif
