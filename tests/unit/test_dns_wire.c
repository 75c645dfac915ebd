/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dns_wire.h"
#include "guard.h"

static const struct dns_question question = {
    .name = "a.example", .id = 0x1234, .type = DNS_TYPE_A, .edns = true};

/* Header of an answer with these flags and counts, and the question. */
#define HEAD(flags_hi, flags_lo, answers, extra)                               \
	0x12, 0x34, flags_hi, flags_lo, 0, 1, 0, answers, 0, 0, 0, extra, 1,   \
	    'a', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1
/* a.example CNAME b.example (14 bytes in: "example" at 14) */
#define CNAME_B  0xC0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 4, 1, 'b', 0xC0, 14
#define B_RECORD 1, 'B', 0xC0, 14, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 192, 0, 2, 9
#define OPT_EDE                                                                \
	0, 0, 41, 4, 208, 1, 0, 0, 0, 0, 9, 0, 15, 0, 5, 0, 6, 'b', 'a', 'd'

static enum dns_wire_end
read_guarded(struct dns_reply *out, const uint8_t *msg, size_t len)
{
	struct guard g = guard_copy(msg, len);
	enum dns_wire_end end = dns_wire_read(out, g.data, g.len, &question);

	guard_free(&g);
	return end;
}

static void
a_question_has_its_bytes(void **state)
{
	static const uint8_t want[] = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1,
	    1, 'a', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1, 0, 0,
	    41, 4, 208, 0, 0, 0, 0, 0, 0};
	uint8_t buf[DNS_QUERY_MAX];
	struct dns_question q = question;

	(void)state;
	assert_int_equal(dns_wire_query(buf, &q), sizeof(want));
	assert_memory_equal(buf, want, sizeof(want));
	q.edns = false;
	q.checking_disabled = true;
	assert_int_equal(dns_wire_query(buf, &q), sizeof(want) - 11);
	assert_int_equal(buf[3], 0x10);
	assert_int_equal(buf[11], 0);
}

static void
names_that_cannot_be_asked_for(void **state)
{
	static const char *const names[] = {"", ".", "a..b", ".a",
	    "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg"};
	uint8_t buf[DNS_QUERY_MAX];
	struct dns_question q = question;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		memcpy(q.name, names[i], strlen(names[i]) + 1);
		assert_int_equal(dns_wire_query(buf, &q), 0);
	}
	/* The longest there is, in exactly as many bytes. */
	for (size_t i = 0; i < HOSTNAME_MAX; i++)
		q.name[i] = i % 2 ? '.' : 'x';
	q.name[HOSTNAME_MAX] = '\0';
	assert_int_equal(dns_wire_query(buf, &q), DNS_QUERY_MAX);
	/* The final dot is not part of the name. */
	memcpy(q.name, "a.example.", 11);
	assert_int_equal(dns_wire_query(buf, &q), 38);
}

static void
an_answer_in_full(void **state)
{
	static const uint8_t msg[] = {
	    HEAD(0x84, 0x80, 2, 1), B_RECORD, CNAME_B, OPT_EDE};
	struct dns_reply r;

	(void)state;
	assert_int_equal(read_guarded(&r, msg, sizeof(msg)), DNS_WIRE_ANSWER);
	assert_int_equal(r.rcode, 0x10); /* extended: 1 << 4 */
	assert_true(r.authoritative);
	assert_false(r.truncated);
	assert_int_equal(r.chain_count, 1);
	assert_string_equal(r.chain[0], "b.example");
	assert_int_equal(r.answer_count, 1);
	assert_int_equal(r.answers[0].ttl_s, 5);
	assert_int_equal(r.answers[0].addr.bytes[3], 9);
	assert_true(r.has_ede);
	assert_int_equal(r.ede_code, 6);
	assert_string_equal(r.ede_text, "bad");
}

/* Cut anywhere, it is broken, never read beyond; with TC it may be cut. */
static void
cut_anywhere(void **state)
{
	uint8_t msg[] = {HEAD(0x84, 0x80, 2, 1), B_RECORD, CNAME_B, OPT_EDE};
	struct dns_reply r;

	(void)state;
	for (size_t n = 0; n < sizeof(msg); n++)
		assert_int_equal(read_guarded(&r, msg, n), DNS_WIRE_BROKEN);
	msg[2] |= 2; /* TC */
	for (size_t n = 27; n < sizeof(msg); n++) {
		assert_int_equal(read_guarded(&r, msg, n), DNS_WIRE_ANSWER);
		assert_true(r.truncated);
	}
}

static const struct {
	uint8_t msg[64];
	size_t len;
	enum dns_wire_end end;
} rows[] = {
    {{0x12, 0x35, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 12, DNS_WIRE_FOREIGN},
    /* not a response; another opcode */
    {{HEAD(0x01, 0, 0, 0)}, 27, DNS_WIRE_BROKEN},
    {{HEAD(0xA0, 0, 0, 0)}, 27, DNS_WIRE_BROKEN},
    /* without a question: only to report an error */
    {{0x12, 0x34, 0x80, 5, 0, 0, 0, 0, 0, 0, 0, 0}, 12, DNS_WIRE_ANSWER},
    {{0x12, 0x34, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 12, DNS_WIRE_BROKEN},
    /* another name, another type */
    {{0x12, 0x34, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'b', 0, 0, 1, 0, 1}, 19,
	DNS_WIRE_FOREIGN},
    {{0x12, 0x34, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 7, 'e', 'x', 'a',
	 'm', 'p', 'l', 'e', 0, 0, 28, 0, 1},
	27, DNS_WIRE_FOREIGN},
    /* a name that points to itself; a label with a NUL, with a dot */
    {{0x12, 0x34, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xC0, 12, 0, 1, 0, 1}, 18,
	DNS_WIRE_BROKEN},
    {{0x12, 0x34, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1}, 19,
	DNS_WIRE_BROKEN},
    {{0x12, 0x34, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, '.', 0, 0, 1, 0, 1}, 19,
	DNS_WIRE_BROKEN},
    /* an address of five bytes is none */
    {{HEAD(0x80, 0, 1, 0), 0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 5, 1, 2, 3, 4,
	 5},
	44, DNS_WIRE_ANSWER},
};

static void
odd_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dns_reply r = {.answer_count = 99};

		assert_int_equal(
		    read_guarded(&r, rows[i].msg, rows[i].len), rows[i].end);
		assert_int_equal(
		    r.answer_count, rows[i].end == DNS_WIRE_ANSWER ? 0 : 99);
	}
}

/* CNAMEs in a circle end. */
static void
circles_end(void **state)
{
	static const uint8_t msg[] = {HEAD(0x80, 0, 2, 0), CNAME_B, 1, 'b',
	    0xC0, 14, 0, 5, 0, 1, 0, 0, 0, 9, 0, 2, 0xC0, 12};
	struct dns_reply r;

	(void)state;
	assert_int_equal(read_guarded(&r, msg, sizeof(msg)), DNS_WIRE_ANSWER);
	assert_int_equal(r.chain_count, DNS_CHAIN_MAX);
	assert_int_equal(r.answer_count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_question_has_its_bytes),
	    cmocka_unit_test(names_that_cannot_be_asked_for),
	    cmocka_unit_test(an_answer_in_full),
	    cmocka_unit_test(cut_anywhere),
	    cmocka_unit_test(odd_messages),
	    cmocka_unit_test(circles_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
