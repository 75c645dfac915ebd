/* SPDX-License-Identifier: Apache-2.0
 *
 * What `watch` remembers over its rounds: for each endpoint its state, counters
 * and its last changes, in rings of a fixed size. All of it is allocated at the
 * first round. */
#ifndef SEKISHO_DIAG_WATCH_HISTORY_H
#define SEKISHO_DIAG_WATCH_HISTORY_H

#include <stdint.h>
#include <stdio.h>

#include "diagnosis.h"
#include "report_prometheus.h"

enum {
	HISTORY_CHANGES = 16, /* of each endpoint, and of the verdict */
};

struct watch_history; /* owned by the watch */

/* A change of an endpoint's state, or of the verdict (names NULL). States are
 * static text: "none" before the first round, then "ok", "bad", "unknown"; or
 * verdicts ("ready"). */
struct watch_change {
	uint64_t unix_ns;
	const struct prometheus_names *names;
	const char *from, *to;
	const char *cause; /* id of the finding to blame; "" for none */
};

typedef void (*watch_change_fn)(void *arg, const struct watch_change *change);

struct watch_history *watch_history_new(void) MUST_CHECK;
void watch_history_free(struct watch_history *h); /* NULL is fine */

/* Takes a round; calls changed() for each difference to the one before. False
 * when out of memory: nothing was taken. */
bool watch_history_take(struct watch_history *h, const struct run *run,
    const struct diagnosis *d, watch_change_fn changed, void *arg) MUST_CHECK;

/* Prometheus text, and JSON: {"rounds": N, "verdict": …, "endpoints": […]}. */
void watch_history_metrics(FILE *out, const struct watch_history *h);
void watch_history_json(FILE *out, const struct watch_history *h);

#endif
