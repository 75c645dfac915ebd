/* SPDX-License-Identifier: Apache-2.0
 *
 * What `sekisho-diag gke` shows: the verdict first, then what is known and the
 * commands. */
#ifndef SEKISHO_DIAG_GKE_PRINT_H
#define SEKISHO_DIAG_GKE_PRINT_H

#include <stdio.h>

#include "gke_facts.h"
#include "gke_rules.h"
#include "lang.h"

struct gke_view {
	const struct gke_facts *facts;
	bool judged; /* answer is there */
	struct gke_answer answer;
	const char *node; /* the answer is about; NULL: all nodes alike */
};

void gke_print(FILE *out, const struct gke_view *view, enum lang lang);

#endif
