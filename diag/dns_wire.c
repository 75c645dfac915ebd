/* SPDX-License-Identifier: Apache-2.0 */
#include "dns_wire.h"

enum {
	HEADER_LEN = 12,
	TYPE_CNAME = 5,
	TYPE_OPT = 41,
	CLASS_IN = 1,
	OPTION_EDE = 15,
	RECORDS_MAX = 64, /* looked at; the rest of a section is skipped */
	POINTERS_MAX = 32,
	LABEL_MAX = 63,
};

struct reader {
	const uint8_t *msg;
	size_t len, at;
	bool bad; /* ran off the end, or met what cannot be */
};

struct record {
	char owner[HOSTNAME_MAX + 1];
	uint16_t type, class;
	uint32_t ttl;
	size_t data, data_len; /* in the message */
};

static uint16_t
get16(struct reader *r)
{
	uint16_t v;

	if (r->len - r->at < 2) {
		r->bad = true;
		r->at = r->len;
		return 0;
	}
	v = (uint16_t)(r->msg[r->at] << 8 | r->msg[r->at + 1]);
	r->at += 2;
	return v;
}

static uint32_t
get32(struct reader *r)
{
	uint32_t high = get16(r);

	return high << 16 | get16(r);
}

static uint8_t *
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

/* Writes a name as labels; NULL when it is none. */
static uint8_t *
put_name(uint8_t *p, const char *name)
{
	size_t left = strlen(name);

	if (left > 0 && name[left - 1] == '.')
		left--;
	if (left == 0 || left > HOSTNAME_MAX)
		return NULL;
	while (left > 0) {
		const char *dot = memchr(name, '.', left);
		size_t label = dot != NULL ? (size_t)(dot - name) : left;

		if (label == 0 || label > LABEL_MAX || label + 1 == left)
			return NULL;
		*p++ = (uint8_t)label;
		for (size_t i = 0; i < label; i++)
			*p++ = (uint8_t)name[i];
		name += label;
		left -= label;
		if (left > 0) {
			name++;
			left--;
		}
	}
	*p++ = 0;
	return p;
}

size_t
dns_wire_query(uint8_t *buf, const struct dns_question *q)
{
	unsigned flags = 0x0100U | (q->checking_disabled ? 0x0010U : 0U);
	uint8_t *p = buf;

	p = put16(p, q->id);
	p = put16(p, flags);
	p = put16(p, 1);
	p = put16(p, 0);
	p = put16(p, 0);
	p = put16(p, q->edns ? 1 : 0);
	p = put_name(p, q->name);
	if (p == NULL)
		return 0;
	p = put16(p, q->type);
	p = put16(p, CLASS_IN);
	if (q->edns) {
		*p++ = 0; /* the root */
		p = put16(p, TYPE_OPT);
		p = put16(p, DNS_UDP_MAX);
		p = put16(p, 0);
		p = put16(p, 0);
		p = put16(p, 0);
	}
	return (size_t)(p - buf);
}

/* One label into out, whose length so far is *used. A dot or NUL inside a label
 * would be mistaken for something else: such names count as broken. */
static bool
take_label(struct reader *r, size_t n, char *out, size_t *used)
{
	if (r->len - r->at < n || *used + n + 1 > HOSTNAME_MAX + 1)
		return false;
	if (*used > 0)
		out[(*used)++] = '.';
	if (*used + n > HOSTNAME_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = (char)r->msg[r->at + i];

		if (c == '.' || c == '\0')
			return false;
		out[(*used)++] = ascii_lower(c);
	}
	r->at += n;
	return true;
}

/* Reads a name with compression (RFC 1035 section 4.1.4); pointers are counted,
 * so that a circle ends. */
static void
get_name(struct reader *r, char *out)
{
	size_t used = 0, resume = 0;
	unsigned pointers = 0;

	out[0] = '\0';
	for (;;) {
		uint8_t n;

		if (r->at >= r->len)
			goto bad;
		n = r->msg[r->at++];
		if (n == 0)
			break;
		if ((n & 0xC0U) == 0xC0U) {
			size_t to;

			if (r->at >= r->len || ++pointers > POINTERS_MAX)
				goto bad;
			to = (size_t)(n & 0x3FU) << 8 | r->msg[r->at++];
			if (resume == 0)
				resume = r->at;
			r->at = to;
			continue;
		}
		if (n > LABEL_MAX || !take_label(r, n, out, &used))
			goto bad;
	}
	out[used] = '\0';
	if (resume != 0)
		r->at = resume;
	return;
bad:
	out[0] = '\0';
	r->bad = true;
	r->at = r->len;
}

static void
get_record(struct reader *r, struct record *rr)
{
	get_name(r, rr->owner);
	rr->type = get16(r);
	rr->class = get16(r);
	rr->ttl = get32(r);
	rr->data_len = get16(r);
	rr->data = r->at;
	if (r->len - r->at < rr->data_len) {
		r->bad = true;
		r->at = r->len;
		return;
	}
	r->at += rr->data_len;
}

static bool
same_name(const char *wire, const char *name)
{
	struct span s = span_str(name);

	if (s.len > 0 && s.ptr[s.len - 1] == '.')
		s.len--;
	return span_is_nocase(s, wire);
}

/* Follows the chain from the name asked, then takes the addresses of its end.
 * Records may stand in any order. */
static void
follow(struct dns_reply *out, const struct reader *whole,
    const struct record *rr, size_t count, const struct dns_question *q)
{
	const char *at = q->name;
	size_t need = q->type == DNS_TYPE_A ? 4 : 16;

	for (size_t i = 0; i < count && out->chain_count < DNS_CHAIN_MAX; i++) {
		struct reader target = *whole;

		if (rr[i].type != TYPE_CNAME || !same_name(rr[i].owner, at))
			continue;
		target.at = rr[i].data;
		get_name(&target, out->chain[out->chain_count]);
		if (target.bad)
			break;
		at = out->chain[out->chain_count++];
		i = (size_t)-1; /* the next link may stand before this one */
	}
	for (size_t i = 0; i < count && out->answer_count < DNS_ANSWERS_MAX;
	     i++) {
		struct dns_answer *a = &out->answers[out->answer_count];

		if (rr[i].type != q->type || rr[i].class != CLASS_IN ||
		    rr[i].data_len != need || !same_name(rr[i].owner, at))
			continue;
		a->addr.family = q->type == DNS_TYPE_A ? IP_V4 : IP_V6;
		memcpy(a->addr.bytes, whole->msg + rr[i].data, need);
		a->ttl_s = rr[i].ttl;
		out->answer_count++;
	}
}

static void
read_opt(
    struct dns_reply *out, const struct reader *whole, const struct record *rr)
{
	struct reader r = {
	    whole->msg, rr->data + rr->data_len, rr->data, false};

	out->rcode = (uint8_t)(out->rcode | (rr->ttl >> 24 & 0xFU) << 4);
	while (r.at < r.len && !r.bad) {
		uint16_t code = get16(&r);
		size_t n = get16(&r), text;

		if (r.bad || r.len - r.at < n)
			return;
		if (code == OPTION_EDE && n >= 2) {
			out->has_ede = true;
			out->ede_code =
			    (uint16_t)(r.msg[r.at] << 8 | r.msg[r.at + 1]);
			text = n - 2 < sizeof(out->ede_text) - 1
				   ? n - 2
				   : sizeof(out->ede_text) - 1;
			memcpy(out->ede_text, r.msg + r.at + 2, text);
			out->ede_text[text] = '\0';
		}
		r.at += n;
	}
}

/* Whether the question that came back is ours. An answer that reports an error
 * may leave it out. */
static enum dns_wire_end
read_question(struct reader *r, unsigned count, uint8_t rcode,
    const struct dns_question *q)
{
	char name[HOSTNAME_MAX + 1];
	uint16_t type;

	if (count == 0)
		return rcode != 0 ? DNS_WIRE_ANSWER : DNS_WIRE_BROKEN;
	get_name(r, name);
	type = get16(r);
	(void)get16(r);
	if (r->bad || count != 1)
		return DNS_WIRE_BROKEN;
	return type == q->type && same_name(name, q->name) ? DNS_WIRE_ANSWER
							   : DNS_WIRE_FOREIGN;
}

static bool
read_records(struct dns_reply *reply, struct reader *r, unsigned answers,
    unsigned others, const struct dns_question *q)
{
	struct record rr[RECORDS_MAX];
	size_t count = 0;

	for (unsigned i = 0; i < answers && !r->bad; i++) {
		struct record beyond;

		get_record(r, count < RECORDS_MAX ? &rr[count] : &beyond);
		count += count < RECORDS_MAX && !r->bad;
	}
	/* What a truncated answer still holds does not matter. */
	if (r->bad)
		return reply->truncated;
	follow(reply, r, rr, count, q);
	for (unsigned i = 0; i < others && !r->bad; i++) {
		struct record other;

		get_record(r, &other);
		if (!r->bad && other.type == TYPE_OPT)
			read_opt(reply, r, &other);
	}
	return !r->bad || reply->truncated;
}

enum dns_wire_end
dns_wire_read(struct dns_reply *out, const uint8_t *msg, size_t len,
    const struct dns_question *q)
{
	struct reader r = {msg, len, 0, false};
	struct dns_reply reply = {0};
	unsigned flags, questions, answers, others;
	enum dns_wire_end end;

	if (len < HEADER_LEN)
		return DNS_WIRE_BROKEN;
	if (get16(&r) != q->id)
		return DNS_WIRE_FOREIGN;
	flags = get16(&r);
	questions = get16(&r);
	answers = get16(&r);
	others = get16(&r);
	others += get16(&r);
	if ((flags & 0x8000U) == 0 || (flags & 0x7800U) != 0)
		return DNS_WIRE_BROKEN;
	reply.rcode = flags & 0xFU;
	reply.truncated = (flags & 0x0200U) != 0;
	reply.authoritative = (flags & 0x0400U) != 0;
	end = read_question(&r, questions, reply.rcode, q);
	if (end != DNS_WIRE_ANSWER)
		return end;
	if (!read_records(&reply, &r, answers, others, q))
		return DNS_WIRE_BROKEN;
	*out = reply;
	return DNS_WIRE_ANSWER;
}
