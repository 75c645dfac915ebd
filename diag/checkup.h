/* SPDX-License-Identifier: Apache-2.0
 *
 * One check from its options to its diagnosis: lists, vantage, key, plan, run.
 * Commands add what they make of it. Messages about what cannot be done go to
 * stderr, one line each. */
#ifndef SEKISHO_DIAG_CHECKUP_H
#define SEKISHO_DIAG_CHECKUP_H

#include <stdbool.h>

#include "diagnosis.h"
#include "options.h"
#include "report.h"
#include "result.h"

enum {
	EXIT_USAGE = 2,
	EXIT_CANNOT_TELL = 5,
};

struct checkup; /* owned by the command */

/* Borrows the options, which must be settled. NULL when out of memory. */
struct checkup *checkup_new(const struct check_options *options) MUST_CHECK;

/* Reads lists, proxy variables, vantage and the API key, and makes the plan. 0,
 * or the exit code after a message. The key is read once: a second call plans
 * anew, for options that have changed since. */
int checkup_prepare(struct checkup *c) MUST_CHECK;

/* Runs the plan to its end, with progress on stderr where reports are text;
 * Ctrl-C and TERM cut it. 0, or the exit code after a message. */
int checkup_run(struct checkup *c, const struct report_style *style) MUST_CHECK;

/* Judges the run, compared with the baseline if there is one, and writes the
 * baseline anew. 0, or the exit code after a message. */
int checkup_diagnose(struct checkup *c) MUST_CHECK;

/* Of the last run; borrowed. The diagnosis is NULL before checkup_diagnose().
 */
const struct run *checkup_result(const struct checkup *c);
const struct diagnosis *checkup_diagnosis(const struct checkup *c);

/* Writes the report where the options say. The diagnosis' exit code, or
 * EXIT_CANNOT_TELL after a message. */
int checkup_report(
    const struct checkup *c, const struct report_style *style) MUST_CHECK;

/* How reports of these options look on standard output, or in a file. */
struct report_style checkup_style(const struct check_options *options);

/* Forgets the key, and all else. NULL is fine. */
void checkup_free(struct checkup *c);

/* Says why on stderr; returns code. */
int checkup_complain(int code, const char *text);

#endif
