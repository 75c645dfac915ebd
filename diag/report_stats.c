/* SPDX-License-Identifier: Apache-2.0 */
#include "report_stats.h"

uint64_t
phase_time_ns(const struct phase_time *t)
{
	return t->end_at_ns > t->start_at_ns ? t->end_at_ns - t->start_at_ns
					     : 0;
}

/* How many endpoints were faster, or as fast and before it in the list. */
static size_t
rank_of(const struct run *run, enum phase phase, size_t index)
{
	uint64_t own =
	    phase_time_ns(phase_time_of(&run->endpoints[index], phase));
	size_t rank = 0;

	for (size_t i = 0; i < run->endpoint_count; i++) {
		const struct phase_time *t =
		    phase_time_of(&run->endpoints[i], phase);
		uint64_t ns = phase_time_ns(t);

		if (t->end == PHASE_DONE &&
		    (ns < own || (ns == own && i < index)))
			rank++;
	}
	return rank;
}

struct phase_stats
phase_stats_of(const struct run *run, enum phase phase)
{
	struct phase_stats s = {.count = 0};

	for (size_t i = 0; i < run->endpoint_count; i++) {
		const struct phase_time *t =
		    phase_time_of(&run->endpoints[i], phase);

		if (t->end != PHASE_DONE)
			continue;
		if (s.count++ == 0 || phase_time_ns(t) > s.max_ns) {
			s.max_ns = phase_time_ns(t);
			s.slowest = i;
		}
	}
	/* Quadratic, over at most a few hundred endpoints: no copy to sort. */
	for (size_t i = 0; i < run->endpoint_count; i++) {
		const struct phase_time *t =
		    phase_time_of(&run->endpoints[i], phase);

		if (t->end == PHASE_DONE &&
		    rank_of(run, phase, i) == (s.count - 1) / 2) {
			s.median_ns = phase_time_ns(t);
			break;
		}
	}
	return s;
}

uint64_t
run_last_ns(const struct run *run)
{
	uint64_t last = 1;

	for (size_t i = 0; i < run->endpoint_count; i++) {
		for (unsigned p = 0; p < PHASE_COUNT; p++) {
			const struct phase_time *t =
			    phase_time_of(&run->endpoints[i], (enum phase)p);

			if (t->end != PHASE_NOT_RUN && t->end_at_ns > last)
				last = t->end_at_ns;
		}
	}
	return last;
}
