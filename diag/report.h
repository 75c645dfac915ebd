/* SPDX-License-Identifier: Apache-2.0
 *
 * Renderers of one model. Each writes a whole report to a stream and returns
 * false when writing failed (errno is set). They judge nothing. */
#ifndef SEKISHO_DIAG_REPORT_H
#define SEKISHO_DIAG_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "diagnosis.h"
#include "options.h"
#include "result.h"
#include "runner.h"

#define REPORT_SCHEMA_VERSION "1.0"

struct report_style {
	bool colour;
	bool ascii;     /* no box drawing or symbols beyond ASCII */
	bool verbose;   /* -v: infos in full, every address and certificate */
	unsigned width; /* columns; 0: do not wrap */
};

struct report_input {
	const struct run *run;
	const struct diagnosis *diagnosis;
	struct report_style style; /* text only */
};

typedef bool (*report_fn)(FILE *out, const struct report_input *in);

bool report_text(FILE *out, const struct report_input *in) MUST_CHECK;
bool report_json(FILE *out, const struct report_input *in) MUST_CHECK;
bool report_junit(FILE *out, const struct report_input *in) MUST_CHECK;
bool report_html(FILE *out, const struct report_input *in) MUST_CHECK;
bool report_prometheus(FILE *out, const struct report_input *in) MUST_CHECK;

/* Whether out is a terminal that understands control sequences: TERM is set,
 * and not to "dumb". */
bool report_can_redraw(FILE *out, getenv_fn get, void *arg);

/* How the text report should look on this stream (NULL: a file): colour on a
 * terminal unless NO_COLOR is set or TERM is unset or "dumb" (--color decides
 * first), ASCII unless the locale's name says UTF-8 or with --ascii, the width
 * from COLUMNS or the terminal, else 0. */
struct report_style report_style_for(
    FILE *out, const struct check_options *options, getenv_fn get, void *arg);

/* The renderer of a format. */
report_fn report_for(enum report_format format);

/* Live progress of the text report (report_progress.c): on a terminal one line
 * an endpoint, redrawn; else a line when it begins and one at its end. */
struct progress_view;

struct progress_view *progress_view_new(FILE *out, const struct plan *plan,
    const struct report_style *style, bool terminal) MUST_CHECK;
void progress_view_show(void *view, const struct progress *p); /* progress_fn */
void progress_view_free(struct progress_view *v); /* NULL is fine; clears what
						   * it drew */

#endif
