/* SPDX-License-Identifier: Apache-2.0
 *
 * The pages of `watch` over HTTP, read-only: /metrics, /healthz, /report.json,
 * /history.json and / (the HTML report). libevent's server on a thread of its
 * own, as the checks have a loop of their own; the two share the pages of the
 * last round, behind a lock. It answers to addresses, localhost and the names
 * given, to no other Host. */
#ifndef SEKISHO_DIAG_WATCH_HTTP_H
#define SEKISHO_DIAG_WATCH_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/ipaddr.h"
#include "core/span.h"

enum watch_page {
	PAGE_METRICS,
	PAGE_REPORT_JSON,
	PAGE_HISTORY_JSON,
	PAGE_HTML,
	PAGE_COUNT,
};

/* The pages of one round; each text is the owner's, by malloc(). */
struct watch_pages {
	char *text[PAGE_COUNT];
	size_t len[PAGE_COUNT];
};

struct watch_http; /* owned by the watch */

struct watch_http_options {
	struct ip_endpoint address; /* port 0: any free one */
	const char *const *names;   /* borrowed; further names in Host */
	size_t name_count;
	/* /healthz says 503 when no round has ended for so long. */
	uint64_t stale_ns;
};

/* Binds and starts to answer; signals must be blocked. NULL with errno. */
struct watch_http *watch_http_new(
    const struct watch_http_options *options) MUST_CHECK;
void watch_http_free(struct watch_http *h); /* ends the thread; NULL is fine */

struct ip_endpoint watch_http_address(const struct watch_http *h);

/* Takes the pages of a round over, and frees those of the one before. */
void watch_http_publish(struct watch_http *h, struct watch_pages pages);

#endif
