/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a DNS answer (RFC 1035 section 4) to a question for addresses. Pure:
 * works on any bytes, allocates nothing.
 *
 * c-ares' own parsers are not used: they follow an alias only when it stands
 * before what it leads to, take an alias of any owner, and do not tell a
 * malformed answer from an empty one. */
#ifndef SEKISHO_NET_DNS_ANSWER_H
#define SEKISHO_NET_DNS_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "core/hostname.h"
#include "core/ipaddr.h"
#include "net/resolver.h"

enum dns_status {
	DNS_FOUND,   /* there are addresses */
	DNS_NO_DATA, /* the name exists, but has none of this family */
	DNS_NO_NAME, /* NXDOMAIN: the name, or what it is an alias of, does not
		      * exist */
	DNS_FAILED,  /* the server says that it cannot tell, or makes no sense:
		      * another one may know better */
	DNS_SILENT,  /* nobody answered in time (never from a packet) */
};

enum {
	DNS_RCODE_FORMERR = 1,
	DNS_RCODE_NXDOMAIN = 3
};

struct dns_answer {
	enum dns_status status;
	const char *detail; /* with DNS_FAILED: "SERVFAIL", "malformed answer";
			     * static text */
	unsigned rcode; /* RFC 1035 section 4.1.1, of a packet that has one */
	uint32_t ttl_s; /* with DNS_FOUND: the least of the addresses' and of
			 * the aliases' that lead to them */
	struct addr_list list; /* in the server's order */
};

/* Reads the len bytes of an answer to the question for name's A records
 * (family IP_V4) or AAAA records (IP_V6). Aliases are followed within the
 * answer, in whatever order its records stand. */
void dns_answer_read(struct dns_answer *out, const uint8_t *packet, size_t len,
    const struct hostname *name, enum ip_family family);

/* Both families' addresses in the order to try them: they take turns, IPv6
 * first (RFC 8305 section 4), each in the server's order. */
void dns_take_turns(struct addr_list *out, const struct addr_list *v6,
    const struct addr_list *v4);

#endif
