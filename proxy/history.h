/* SPDX-License-Identifier: Apache-2.0
 *
 * The last hour of each endpoint that is in use, minute by minute, for the
 * status page: taken from the workers' counters by the main thread, once a
 * minute, into rings of fixed size. Endpoints beyond HISTORY_ENDPOINTS have
 * none. */
#ifndef SEKISHO_HISTORY_H
#define SEKISHO_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "core/span.h"
#include "metrics_text.h"

enum {
	HISTORY_MINUTES = 60,
	HISTORY_ENDPOINTS = 256,
};

/* What happened in one minute. */
struct history_minute {
	uint64_t tunnels;    /* set up */
	uint64_t failures;   /* requests that the gateway had to answer 5xx */
	uint64_t connects;   /* connections that stood ... */
	uint64_t connect_ns; /* ... and how long they took, in all */
};

struct history; /* owned by main */

/* src is borrowed, and looked at each minute: its rules may change in between,
 * as a reload changes them. NULL when out of memory. */
struct history *history_new(
    struct event_base *base, const struct metrics_source *src) MUST_CHECK;
void history_free(struct history *h); /* NULL is fine */

/* Ends the minute that runs and begins another; the timer does so each minute.
 */
void history_next_minute(struct history *h);

/* After src has other rules: forgets those that are gone. */
void history_renew(struct history *h);

/* The last hour of rule, the oldest minute first; the last one is the minute
 * that runs. All zero for a rule without a ring. */
void history_of_rule(const struct history *h, const struct rule *rule,
    struct history_minute out[HISTORY_MINUTES]);

/* Of all rules together, those without rings too. */
void history_of_all(
    const struct history *h, struct history_minute out[HISTORY_MINUTES]);

/* Sums of a rule over all workers, and of all. Since the start. */
struct history_minute history_rule_totals(
    const struct metrics_source *src, const struct rule *rule);

#endif
