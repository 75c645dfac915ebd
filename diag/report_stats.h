/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures that several reports show, drawn from the results. Pure. */
#ifndef SEKISHO_DIAG_REPORT_STATS_H
#define SEKISHO_DIAG_REPORT_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "result.h"

/* How long a phase took, over the endpoints where it came to a good end. */
struct phase_stats {
	size_t count;
	uint64_t median_ns, max_ns;
	size_t slowest; /* index of the endpoint; valid when count > 0 */
};

struct phase_stats phase_stats_of(const struct run *run, enum phase phase);

/* How long it was at work; 0 when it was not run. */
uint64_t phase_time_ns(const struct phase_time *t);

/* When the last phase of any endpoint ended, from the run's start: the right
 * end of a time line. At least 1. */
uint64_t run_last_ns(const struct run *run);

#endif
