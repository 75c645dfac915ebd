/* SPDX-License-Identifier: Apache-2.0
 *
 * The page /metrics (design A5) in the Prometheus text format 0.0.4. Every
 * series is there from the start, at zero, and their number is fixed by the
 * configuration: nothing that a client sends becomes a label. With more than
 * METRICS_RULES_AT_ZERO rules, the names of operators' own lists come with
 * their first tunnel instead. */
#ifndef SEKISHO_METRICS_TEXT_H
#define SEKISHO_METRICS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <event2/buffer.h>

#include "access_log.h"
#include "core/policy.h"
#include "metrics.h"
#include "metrics_process.h"

enum {
	METRICS_RULES_AT_ZERO = 1000
};

/* All borrowed. */
struct metrics_source {
	const struct worker_metrics *const *workers;
	size_t worker_count;
	const struct rule *rules; /* as in the workers' endpoints */
	size_t rule_count;
	const char *const *listeners; /* names, in the configuration's order */
	const size_t *listener_slots; /* where each counts; NULL: in order */
	size_t listener_count;
	bool report_mode; /* gateway.mode */
	uint64_t reloads, reload_failures;
	uint64_t last_reload_unix_ns; /* of the last good one, or the start */
	const struct access_log *log; /* NULL: none */
	struct metrics_process *process; /* NULL: leaves process_* out */
};

/* Appends the page. False when out of memory (out then holds a part). */
bool metrics_text_add(
    struct evbuffer *out, const struct metrics_source *src) MUST_CHECK;

#endif
