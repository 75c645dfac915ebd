/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns_answer.h"

#include <string.h>

enum {
	HEADER_LEN = 12,
	NAME_MAX_LEN = 255, /* RFC 1035 section 2.3.4, with the root's byte */
	ALIASES_MAX = 16,   /* BIND's limit too; real chains have up to 5 */
	POINTERS_MAX = 32,  /* in one name; bounds the work for a hostile one */
	RECORD_TAIL_LEN = 10 /* type, class, TTL, length of the data */
};

enum {
	TYPE_A = 1,
	TYPE_CNAME = 5,
	TYPE_AAAA = 28,
	CLASS_IN = 1,
};

struct packet {
	const uint8_t *bytes;
	size_t len;
};

/* Labels with their length bytes, lower case, without the root's. */
struct wire_name {
	size_t len;
	uint8_t bytes[NAME_MAX_LEN];
};

struct record {
	struct wire_name owner;
	unsigned type, class;
	uint32_t ttl_s;
	size_t data, data_len;
};

static unsigned
u16_at(const struct packet *p, size_t at)
{
	return (unsigned)p->bytes[at] << 8 | p->bytes[at + 1];
}

static uint32_t
u32_at(const struct packet *p, size_t at)
{
	return (uint32_t)u16_at(p, at) << 16 | u16_at(p, at + 2);
}

static bool
name_append(struct wire_name *n, const uint8_t *label, size_t len)
{
	if (n->len + 1 + len > NAME_MAX_LEN - 1)
		return false;
	n->bytes[n->len++] = (uint8_t)len;
	for (size_t i = 0; i < len; i++)
		n->bytes[n->len++] = (uint8_t)ascii_lower((char)label[i]);
	return true;
}

static void
name_of_host(struct wire_name *n, const struct hostname *host)
{
	const char *label = host->text, *end = host->text + host->len;

	n->len = 0;
	while (label < end) {
		const char *dot = memchr(label, '.', (size_t)(end - label));
		size_t len = (size_t)((dot != NULL ? dot : end) - label);

		/* Always fits: a hostname is shorter than a wire name. */
		(void)name_append(n, (const uint8_t *)label, len);
		label += len + 1;
	}
}

static bool
name_equal(const struct wire_name *a, const struct wire_name *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* Reads the name at *at, through compression pointers (RFC 1035 section
 * 4.1.4), and moves *at behind it. Each pointer must lead before all that was
 * read so far, so that a loop is impossible. */
static bool
name_read(const struct packet *p, size_t *at, struct wire_name *out)
{
	size_t pos = *at, barrier = pos, target;
	unsigned jumps = 0;

	out->len = 0;
	while (pos < p->len) {
		unsigned head = p->bytes[pos];

		if (head == 0) {
			if (jumps == 0)
				*at = pos + 1;
			return true;
		}
		if (head < 64) {
			if (pos + 1 + head > p->len ||
			    !name_append(out, p->bytes + pos + 1, head))
				return false;
			pos += 1 + head;
			continue;
		}
		if (head < 192 || pos + 2 > p->len)
			return false;
		target = u16_at(p, pos) & 0x3fffU;
		if (target >= barrier || jumps == POINTERS_MAX)
			return false;
		if (jumps++ == 0)
			*at = pos + 2;
		barrier = pos = target;
	}
	return false;
}

static bool
record_read(const struct packet *p, size_t *at, struct record *r)
{
	if (!name_read(p, at, &r->owner) || *at + RECORD_TAIL_LEN > p->len)
		return false;
	r->type = u16_at(p, *at);
	r->class = u16_at(p, *at + 2);
	r->ttl_s = u32_at(p, *at + 4);
	/* RFC 2181 section 8: the highest bit set means zero. */
	if (r->ttl_s > INT32_MAX)
		r->ttl_s = 0;
	r->data_len = u16_at(p, *at + 8);
	r->data = *at + RECORD_TAIL_LEN;
	*at = r->data + r->data_len;
	return *at <= p->len;
}

static bool
record_take_address(
    const struct packet *p, const struct record *r, struct dns_answer *out)
{
	size_t want = r->type == TYPE_A ? 4 : 16;
	struct ipaddr *a = &out->list.addrs[out->list.count];

	if (r->data_len != want)
		return false;
	if (out->list.count == ADDR_LIST_MAX)
		return true;
	*a = (struct ipaddr){.family = r->type == TYPE_A ? IP_V4 : IP_V6};
	memcpy(a->bytes, p->bytes + r->data, want);
	out->list.count++;
	if (r->ttl_s < out->ttl_s)
		out->ttl_s = r->ttl_s;
	return true;
}

struct walk {
	struct packet packet;
	size_t answers_at;
	unsigned answers, type;
};

/* Looks for name's records: takes its addresses, or says what it is an alias
 * of. False when the answer is malformed. */
static bool
walk_answers(const struct walk *w, const struct wire_name *name,
    struct dns_answer *out, struct wire_name *alias_of, bool *is_alias)
{
	size_t at = w->answers_at;
	struct record r;

	*is_alias = false;
	for (unsigned i = 0; i < w->answers; i++) {
		if (!record_read(&w->packet, &at, &r))
			return false;
		if (r.class != CLASS_IN || !name_equal(&r.owner, name))
			continue;
		if (r.type == w->type &&
		    !record_take_address(&w->packet, &r, out))
			return false;
		if (r.type == TYPE_CNAME && !*is_alias) {
			size_t data = r.data;

			if (!name_read(&w->packet, &data, alias_of) ||
			    data != r.data + r.data_len)
				return false;
			*is_alias = true;
			if (r.ttl_s < out->ttl_s)
				out->ttl_s = r.ttl_s;
		}
	}
	return true;
}

static void
answer_fail(struct dns_answer *out, const char *detail)
{
	out->status = DNS_FAILED;
	out->detail = detail;
	out->list.count = 0;
}

/* Checks header and question; fills *w. NULL, or what is wrong. */
static const char *
walk_begin(struct walk *w, const struct wire_name *name)
{
	const struct packet *p = &w->packet;
	struct wire_name asked;
	size_t at = HEADER_LEN;

	if (p->len < HEADER_LEN)
		return "malformed answer";
	/* QR must be set, the opcode 0. */
	if ((p->bytes[2] & 0xf8U) != 0x80U || u16_at(p, 4) != 1)
		return "malformed answer";
	if (!name_read(p, &at, &asked) || at + 4 > p->len)
		return "malformed answer";
	if (!name_equal(&asked, name) || u16_at(p, at) != w->type ||
	    u16_at(p, at + 2) != CLASS_IN)
		return "answer to another question";
	w->answers = u16_at(p, 6);
	w->answers_at = at + 4;
	return NULL;
}

/* RFC 1035 section 4.1.1. False when the answer section is of no interest. */
static bool
read_rcode(struct dns_answer *out, const struct packet *p)
{
	static const char *const errors[] = {
	    [DNS_RCODE_FORMERR] = "FORMERR",
	    [2] = "SERVFAIL",
	    [4] = "NOTIMP",
	    [5] = "REFUSED",
	};
	unsigned rcode = p->bytes[3] & 0xfU;

	out->rcode = rcode;
	if (rcode == 0)
		return true;
	if (rcode == DNS_RCODE_NXDOMAIN)
		out->status = DNS_NO_NAME;
	else if (rcode < sizeof(errors) / sizeof(errors[0]))
		answer_fail(out, errors[rcode]);
	else
		answer_fail(out, "unexpected response code");
	return false;
}

void
dns_answer_read(struct dns_answer *out, const uint8_t *packet, size_t len,
    const struct hostname *name, enum ip_family family)
{
	struct walk w = {.packet = {.bytes = packet, .len = len},
	    .type = family == IP_V4 ? TYPE_A : TYPE_AAAA};
	struct wire_name owner, next;
	const char *fault;
	bool is_alias = true;

	out->status = DNS_NO_DATA;
	out->detail = NULL;
	out->rcode = 0;
	out->ttl_s = INT32_MAX;
	out->list.count = 0;
	name_of_host(&owner, name);
	fault = walk_begin(&w, &owner);
	if (fault != NULL) {
		answer_fail(out, fault);
		return;
	}
	if (!read_rcode(out, &w.packet))
		return;
	for (int i = 0; is_alias && i <= ALIASES_MAX; i++) {
		if (!walk_answers(&w, &owner, out, &next, &is_alias)) {
			answer_fail(out, "malformed answer");
			return;
		}
		if (out->list.count > 0) {
			out->status = DNS_FOUND;
			return;
		}
		owner = next;
	}
	if (is_alias)
		answer_fail(out, "too many aliases");
}

void
dns_take_turns(struct addr_list *out, const struct addr_list *v6,
    const struct addr_list *v4)
{
	out->count = 0;
	for (size_t i = 0; i < ADDR_LIST_MAX; i++) {
		if (i < v6->count && out->count < ADDR_LIST_MAX)
			out->addrs[out->count++] = v6->addrs[i];
		if (i < v4->count && out->count < ADDR_LIST_MAX)
			out->addrs[out->count++] = v4->addrs[i];
	}
}
