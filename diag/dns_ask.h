/* SPDX-License-Identifier: Apache-2.0
 *
 * One question to the resolvers, as a stub resolver asks it, with everything
 * kept that tells a diagnosis something: which server, how many packets, rcode,
 * truncation, TCP, errno. Servers take turns until the deadline; a late answer
 * counts still. Two further questions explain a failure: without EDNS after an
 * answer that cannot be read, with checking disabled after SERVFAIL. */
#ifndef SEKISHO_DIAG_DNS_ASK_H
#define SEKISHO_DIAG_DNS_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/span.h"
#include "net/loop.h"
#include "result.h"

struct dns_ask; /* owned by whoever started it, until done */

typedef void (*dns_ask_done_fn)(void *arg);

struct dns_ask_what {
	const char *name;                  /* absolute */
	uint16_t type;                     /* DNS_TYPE_A or DNS_TYPE_AAAA */
	const struct ip_endpoint *servers; /* borrowed; at most RESOLVERS_MAX
					    * are used */
	size_t server_count;
	uint64_t deadline_ns; /* loop clock */
	bool explain;         /* ask the further questions too */
};

/* False when it cannot begin (no server, no such name, out of memory): nothing
 * comes, and *into is untouched. Else done comes exactly once, never before
 * this has returned, with *into filled. */
bool dns_ask_start(struct dns_ask **out, struct loop *loop,
    const struct dns_ask_what *what, struct dns_query *into,
    dns_ask_done_fn done, void *arg) MUST_CHECK;

/* NULL in *a is fine; *into keeps what was seen so far. */
void dns_ask_cancel(struct dns_ask **a);

#endif
