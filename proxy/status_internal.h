/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of /api/status: status.c writes the gateway, status_endpoint.c its
 * endpoints, status_notes.c what should be looked at. */
#ifndef SEKISHO_STATUS_INTERNAL_H
#define SEKISHO_STATUS_INTERNAL_H

#include "core/json_out.h"
#include "status.h"

/* A rule with its counters, summed over all workers. */
struct endpoint_sums {
	uint64_t outcomes[OUTCOME_COUNT];
	uint64_t requests; /* that have ended, of all outcomes */
	uint64_t tunnels, active, bytes_up, bytes_down;
	uint64_t last_success_unix_ns, last_failure_unix_ns;
	enum outcome last_failure; /* OUTCOME_OK: none */
	uint64_t connects[HISTOGRAM_BUCKETS];
	struct ipaddr addresses[ENDPOINT_ADDRESSES];
	size_t address_count;
};

void endpoint_sums_read(struct endpoint_sums *sums,
    const struct metrics_source *src, const struct rule *rule);

/* Whether anybody has asked for it. */
bool endpoint_was_requested(const struct endpoint_sums *sums);

/* The sample below which part (0 to 1) of them lie, in nanoseconds, by straight
 * lines between a histogram's bounds; 0 without samples. What lies above the
 * last bound counts as that bound. */
uint64_t histogram_quantile(
    const uint64_t buckets[HISTOGRAM_BUCKETS], double part);

/* "history": {"tunnels": [...], "failures": [...], "connect_us": [...]} */
void status_add_history(
    struct json_out *j, const struct history_minute minutes[HISTORY_MINUTES]);

void status_add_endpoints(struct json_out *j, const struct status_source *src);
void status_add_notes(struct json_out *j, const struct status_source *src);

#endif
