/* SPDX-License-Identifier: Apache-2.0
 *
 * From results to causes: the pure heart. An ordered table of rules; the first
 * rule that fits an endpoint is its cause and silences all that follows from
 * it; equal causes of many endpoints are one finding; remarks (warnings, and
 * what is healthy though it looks odd) stand beside them.
 *
 * Every answer has three values. An endpoint counts as reachable only when it
 * has proven itself: certificate of a public CA for its name, logged (SCTs),
 * and the answer of its kind of service. */
#ifndef SEKISHO_DIAG_DIAGNOSIS_H
#define SEKISHO_DIAG_DIAGNOSIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "finding.h"
#include "lang.h"
#include "result.h"

enum {
	SEEN_MAX = 768,
	DO_MAX = 1536,
	PROOF_MAX = 768,
	HEADLINE_MAX = 768,
	TITLE_MAX = 256,
};

/* One cell of the matrix. */
enum cell {
	CELL_SKIPPED, /* not run: not in the plan, or a consequence */
	CELL_OK,
	CELL_BAD,
	CELL_UNKNOWN, /* cannot tell */
};

enum verdict {
	VERDICT_READY,
	VERDICT_READY_WARNINGS,
	VERDICT_NOT_READY,
	VERDICT_CREDENTIAL, /* everything is reachable, the key was refused */
	VERDICT_UNKNOWN,
	VERDICT_INTERRUPTED,
};

struct finding {
	enum finding_id id;
	enum severity severity;
	enum owner owner;
	size_t *endpoints; /* indexes into run->endpoints, ascending */
	size_t endpoint_count;
	struct facts facts; /* the evidence, of the first endpoint where they
			     * differ; order as set */
	char title[TITLE_MAX];
	char seen[SEEN_MAX], means[SEEN_MAX], todo[DO_MAX], proof[PROOF_MAX];
};

struct endpoint_view {
	enum cell cells[PHASE_COUNT];
	enum tri reachable;
	size_t cause; /* index of the finding to blame; SIZE_MAX: none */
	bool suspect; /* something answers that is not proven to be it */
};

/* What an affected category means for the product. */
struct consequence {
	const struct allowlist_category *about; /* borrowed */
	const char *title, *text;               /* in the language asked for */
	enum tri lost;                          /* YES or UNKNOWN */
};

struct diagnosis {
	enum verdict verdict;
	int exit_code; /* design A7 */
	char headline[HEADLINE_MAX];
	enum lang lang;
	struct finding *findings; /* errors, warnings, infos */
	size_t finding_count;
	size_t error_count, warning_count;
	struct endpoint_view *views; /* one per endpoint */
	size_t endpoint_count;
	size_t ok_count, bad_count, unknown_count; /* endpoints */
	struct consequence *consequences;
	size_t consequence_count;
	enum owner owners[OWNER_COUNT]; /* who has to act, most findings first
					 * in order of appearance */
	size_t owner_count;
};

/* NULL when out of memory. The run must outlive it. */
struct diagnosis *diagnosis_make(
    const struct run *run, enum lang lang) MUST_CHECK;
void diagnosis_free(struct diagnosis *d); /* NULL is fine */

const char *cell_str(enum cell c);       /* "skipped", "ok", "bad", "unknown" */
const char *verdict_str(enum verdict v); /* "ready", "ready-with-warnings",
					  * "not-ready", "credential-refused",
					  * "cannot-tell", "interrupted" */
enum word verdict_word(enum verdict v);

#endif
