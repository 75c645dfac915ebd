/* SPDX-License-Identifier: Apache-2.0
 *
 * The head of an HTTP CONNECT request: strict, one spelling, everything else
 * refused (RFC 9112 sections 2, 3.2.3 and 5; RFC 9110 section 9.3.6). Pure and
 * incremental: works on a buffer that only grows, allocates nothing, remembers
 * where it stopped, so that the cost does not grow with the number of reads. */
#ifndef SEKISHO_CORE_REQUEST_H
#define SEKISHO_CORE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "core/endpoint.h"
#include "core/outcome.h"
#include "core/span.h"

enum request_status {
	REQUEST_MORE, /* the head is not complete yet */
	REQUEST_DONE, /* target, head_len and fields are set */
	REQUEST_BAD,  /* why and detail are set; nothing more is read, ever */
};

/* Part of the head as offset and length: the buffer may move as it grows. */
struct request_slice {
	size_t offset, len; /* len 0: absent */
};

struct request {
	/* Results. */
	struct endpoint target;         /* with REQUEST_DONE */
	struct request_slice authority; /* the target as sent; set as soon as
					 * a CONNECT line is there, also for a
					 * REQUEST_BAD in or behind it. Absent
					 * where it may hold a secret: with
					 * userinfo, or another method's URL */
	struct request_slice authorization; /* value of Proxy-Authorization */
	size_t head_len;    /* bytes up to and with the blank line; what stands
			     * behind belongs to the tunnel */
	unsigned minor;     /* HTTP/1.minor: 0 or 1 */
	bool is_head;       /* method HEAD: its answer must have no body */
	enum outcome why;   /* with REQUEST_BAD: bad_request,
			     * method_not_allowed, denied_address_literal,
			     * header_too_large */
	const char *detail; /* with REQUEST_BAD: what exactly, static ASCII */

	/* The parser's own. */
	size_t limit;            /* bytes that a head may have */
	size_t line_start;       /* of the line being read */
	size_t scanned;          /* bytes looked at so far */
	unsigned lines;          /* lines complete so far */
	unsigned hosts;          /* Host lines seen */
	unsigned authorizations; /* Proxy-Authorization lines seen */
};

/* Prepares for a new head of at most limit bytes. */
void request_init(struct request *r, size_t limit);

/* Reads on: buf holds all bytes so far, the first len of them valid, and those
 * of earlier calls unchanged (buf itself may have moved). After REQUEST_DONE or
 * REQUEST_BAD it only says the same again. The first fault in the order of
 * bytes decides, so the answer is the same however the bytes were cut into
 * reads.
 *
 * bad_request at once: bare CR, bare LF, NUL and other control bytes, non-ASCII
 * bytes. When the line is complete: a request line that is not METHOD TARGET
 * HTTP/1.0 or HTTP/1.1 with single blanks, an empty first line, a target that
 * is not host:port, folded lines, a blank before a colon, field names that are
 * no tokens, a second Host or Proxy-Authorization, Transfer-Encoding, a
 * Content-Length other than 0. With the blank line: HTTP/1.1 without Host. A
 * head of exactly limit bytes is taken; one that does not end within limit
 * bytes is header_too_large. A valid request line with another method (methods
 * are case-sensitive) is method_not_allowed. */
enum request_status request_parse(
    struct request *r, const char *buf, size_t len) MUST_CHECK;

static inline struct span
request_slice_span(struct request_slice s, const char *buf)
{
	return span_of(buf + s.offset, s.len);
}

#endif
