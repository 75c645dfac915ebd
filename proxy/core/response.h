/* SPDX-License-Identifier: Apache-2.0
 *
 * The proxy's answers as bytes: the 200 that opens a tunnel, refusals that say
 * what, why and what to do (RFC 9110, RFC 9209), and TLS alerts (RFC 8446
 * section 6) for refusals after the 200. Pure. */
#ifndef SEKISHO_CORE_RESPONSE_H
#define SEKISHO_CORE_RESPONSE_H

#include <stddef.h>
#include <stdint.h>

#include "core/ipaddr.h"
#include "core/outcome.h"
#include "core/span.h"

enum {
	RESPONSE_MAX = 3072,       /* a refusal always fits: the detail stands
				    * in it three times, once with escapes */
	RESPONSE_DETAIL_MAX = 400, /* longer details are cut */
	RESPONSE_ADVICE_MAX = 600, /* longer advice is cut */
	RESPONSE_ALERT_LEN = 7,
};

struct refusal {
	enum outcome why;       /* one with a status */
	struct span detail;     /* the reason phrase ("host not on allowlist:
				 * example.com"); empty: the outcome's sentence.
				 * Bytes outside printable ASCII become '?' */
	struct span advice;     /* what to do, a line or two for the body; lines
				 * end in \n; empty: general advice for the
				 * outcome. Cleaned like detail */
	unsigned retry_after_s; /* for 429 and 503; 0: no such header */
	bool no_body;           /* to HEAD: the length alone (RFC 9110 section
				 * 9.3.2) */
};

/* Writes the whole answer, head and body, to buf, which has RESPONSE_MAX bytes;
 * returns the length. why has a status of 400 or more. The status line's reason
 * phrase is the detail, since Go clients log that text and nothing else.
 * Proxy-Status (RFC 9209, RFC 8941) has it too, behind the outcome's token:
 * details="denied_host: host not on allowlist: example.com". 405 has Allow:
 * CONNECT, 407 has Proxy-Authenticate: Basic realm="sekisho", all have
 * Connection: close. */
size_t response_refusal(char *buf, const struct refusal *r);

/* Writes the 200 with Proxy-Status next-hop (RFC 9209 section 2.1.2) and no
 * other field (RFC 9110 section 9.3.6). next-hop is the address alone, a string
 * without port: it is what the client cannot know, while the port is its own.
 * buf has RESPONSE_MAX bytes. */
size_t response_established(char *buf, const struct ip_endpoint *next_hop);

/* Writes a fatal TLS alert record (RFC 8446 section 6) that fits the outcome of
 * a refusal to a client that speaks TLS: after the 200 (sni_mismatch,
 * sni_missing, not_tls, hello_timeout, hello_too_large), and of any kind where
 * there is no 200, or no handshake yet at a TLS listener. buf has
 * RESPONSE_ALERT_LEN bytes, all are used: that many are returned. */
size_t response_alert(char *buf, enum outcome why);

#endif
