/* SPDX-License-Identifier: Apache-2.0
 *
 * DNS messages (RFC 1035) as far as the DNS probe needs them: one question out,
 * one answer in, with rcode, flags, CNAME chain, TTLs and extended errors
 * (RFC 6891, RFC 8914). Own code, as c-ares 1.18 does not tell the flags, the
 * server or the extended error of an answer. Pure; reads nothing outside the
 * message whatever is in it. */
#ifndef SEKISHO_DIAG_DNS_WIRE_H
#define SEKISHO_DIAG_DNS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/span.h"
#include "result.h"

enum {
	DNS_TYPE_A = 1,
	DNS_TYPE_AAAA = 28,
	DNS_QUERY_MAX = 12 + 255 + 4 + 11, /* header, name, question, OPT */
	DNS_UDP_MAX = 1232, /* what we announce (DNS flag day 2020) */
};

struct dns_question {
	char name[HOSTNAME_MAX + 1]; /* absolute, with or without final dot */
	uint16_t id, type;
	bool edns;              /* with an OPT record */
	bool checking_disabled; /* CD (RFC 4035 section 3.2.2) */
};

/* Writes the question; buf has DNS_QUERY_MAX bytes. 0 when the name cannot be
 * written (an empty or too long label), else the length. */
size_t dns_wire_query(uint8_t *buf, const struct dns_question *q) MUST_CHECK;

enum dns_wire_end {
	DNS_WIRE_ANSWER,  /* *out is set */
	DNS_WIRE_FOREIGN, /* not the answer to this question: wait on */
	DNS_WIRE_BROKEN,  /* meant for us, but it cannot be read */
};

struct dns_reply {
	uint8_t rcode; /* with the extended bits of OPT */
	bool truncated, authoritative;
	struct dns_answer answers[DNS_ANSWERS_MAX];
	size_t answer_count;
	char chain[DNS_CHAIN_MAX][HOSTNAME_MAX + 1];
	size_t chain_count;
	bool has_ede;
	uint16_t ede_code;
	char ede_text[128];
};

/* Reads an answer. Further addresses and links of a chain than the arrays hold
 * are left out. *out is untouched unless DNS_WIRE_ANSWER is returned. */
enum dns_wire_end dns_wire_read(struct dns_reply *out, const uint8_t *msg,
    size_t len, const struct dns_question *q) MUST_CHECK;

#endif
