/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks DNS servers single questions over c-ares: UDP with EDNS, TCP for what
 * does not fit, the next server when one fails. No cache, no coalescing, no
 * cancelling: that is the resolver's part.
 *
 * Each server has a c-ares channel of its own, which tries once. So the order
 * of servers is ours: one that is silent is not asked first again for a while
 * (c-ares 1.18 begins with the first one for ever, and each lookup pays), an
 * error code is told from a closed port, and each try has the same time. */
#ifndef SEKISHO_NET_DNS_CLIENT_H
#define SEKISHO_NET_DNS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hostname.h"
#include "core/ipaddr.h"
#include "core/span.h"
#include "net/dns_answer.h"
#include "net/loop.h"

struct dns_client;

enum {
	DNS_SERVERS_MAX = 8
}; /* further ones are left out */

struct dns_query;
typedef void (*dns_query_fn)(struct dns_query *q);

/* One question; embedded in its owner, who keeps it until done. */
struct dns_query {
	struct dns_answer answer; /* when done */

	/* The client's own. */
	struct dns_client *client;
	const struct hostname *name;
	enum ip_family family;
	dns_query_fn done;
	unsigned server, tries_left;
	unsigned refused; /* bit n: server n answered with an error */
	bool formerr;     /* one came, and was let pass */
	struct dns_query *next_settled;
};

struct dns_client_options {
	const struct ip_endpoint *servers; /* copied; none: resolv.conf(5),
					    * and without that 127.0.0.1 */
	size_t server_count;
	uint32_t timeout_ms; /* per try */
	unsigned attempts;   /* tries per server */
	loop_fn settled;     /* called after one or more done, last of all: the
			      * place from which the client may be freed */
	void *arg;
};

/* NULL when out of memory. */
struct dns_client *dns_client_new(
    struct loop *loop, const struct dns_client_options *opt) MUST_CHECK;

/* Forgets the questions that are out. Not inside a dns_query_fn. NULL is fine.
 */
void dns_client_free(struct dns_client *c);

/* Asks for name's addresses of one family as an absolute name. name is borrowed
 * until done, which comes exactly once and never before this has returned,
 * unless the client is freed. */
void dns_query_start(struct dns_query *q, struct dns_client *c,
    const struct hostname *name, enum ip_family family, dns_query_fn done);

#endif
