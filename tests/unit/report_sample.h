/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs for the tests of the reports, by name: what an operator may meet. */
#ifndef SEKISHO_TESTS_REPORT_SAMPLE_H
#define SEKISHO_TESTS_REPORT_SAMPLE_H

#include "diag_fixture.h"

/* Names of all samples; NULL at the end. */
extern const char *const report_sample_names[];

/* A diagnosed run, diag_case_free()d by the caller; NULL: no such sample. */
struct diag_case *report_sample_new(const char *name, enum lang lang);

/* Bytes that hostile peers send: controls, terminal escapes, markup, quotes,
 * bytes that are no UTF-8, directions of writing. */
extern const char report_sample_poison[];

#endif
