/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of findings: a healthy run with one thing broken gives exactly that
 * finding for exactly that endpoint, with the evidence in it, and blames
 * nothing else. */
#ifndef SEKISHO_TESTS_DIAG_ROWS_H
#define SEKISHO_TESTS_DIAG_ROWS_H

#include "diag_fixture.h"

/* Ways to the endpoints: one more argument for diag_case_new(). */
#define DIRECT "--direct"
#define HTTP   "--proxy=http://10.0.0.5:3128"
#define HTTPS  "--proxy=https://10.0.0.5:3128"
#define USER   "--proxy=http://tcs:S3cret%23@10.0.0.5:3128"
#define SOCKS  "--proxy=socks5://10.0.0.5:1080"

#define NONE PHASE_COUNT /* nobody is to blame */
#define MS   UINT64_C(1000000)

#define COPY(field, value) (void)snprintf(field, sizeof(field), "%s", value)

typedef void (*diag_break_fn)(struct diag_case *c, struct endpoint_result *r);

#define BREAK(name)                                                            \
	static void name(struct diag_case *c, struct endpoint_result *r)
#define UNUSED (void)c

struct diag_row {
	const char *id, *way;
	const char *category; /* that is broken; NULL: none */
	diag_break_fn breaks;
	enum phase phase; /* whose cell is bad (or unknown, with exit 5) */
	int exit_code;
	const char *seen; /* words that must be in it, or NULL */
	const char *todo; /* words that must be in it, or in means */
	const char *also; /* a second finding that is right, or NULL */
};

/* Judges all rows, prints all that is wrong, then fails the test if any is. */
void diag_check_rows(const struct diag_row *rows, size_t count);

/* The texts of a finding are whole, short, in this language, and show no
 * password. Returns the number of complaints, which it prints. */
unsigned diag_check_texts(
    const struct run *run, const struct finding *f, enum lang lang);

#endif
