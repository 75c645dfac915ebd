/* SPDX-License-Identifier: Apache-2.0
 *
 * What the gateway does, as one JSON text: /api/status (design A5), which the
 * status page shows. proxy/status.schema.json describes it. */
#ifndef SEKISHO_STATUS_H
#define SEKISHO_STATUS_H

#include <stdint.h>
#include <stdio.h>

#include "config.h"
#include "denied_page.h"
#include "history.h"
#include "metrics_process.h"
#include "metrics_text.h"

enum {
	/* Rules of operators' own lists that are told of only once they are in
	 * use, when there are more rules than METRICS_RULES_AT_ZERO; and of
	 * those in use at most so many. */
	STATUS_ENDPOINTS_MAX = 1000,
};

/* All borrowed. */
struct status_source {
	const struct metrics_source *metrics;
	const struct config *config; /* in force, with its policy */
	const struct history *history;
	const struct denied_list *denied;
	const char *not_ready; /* why, or NULL: it is ready */
	const struct metrics_process_values *process; /* NULL: not known */
	uint64_t start_unix_ns, now_unix_ns;
};

void status_json(FILE *out, const struct status_source *src);

#endif
