/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers byte by byte, at the end of a page, and cut at every length. The
 * question is always for a.example. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "guard.h"
#include "net/dns_answer.h"
#include "net_fixture.h"

/* ID, flags (response, recursion), one question, answers, no more. */
#define HEAD(rcode, answers) "\x12\x34\x81" rcode "\0\1\0" answers "\0\0\0\0"
#define ASK(type)            "\1a\7example\0\0" type "\0\1"
#define ASKED                "\xc0\x0c" /* a pointer to the question's name */
#define IN_A(ttl, ip)        "\0\1\0\1" ttl "\0\4" ip
#define IN_AAAA(ttl)                                                           \
	"\0\x1c\0\1" ttl "\0\x10\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
#define IN_CNAME(ttl, len, name) "\0\5\0\1" ttl "\0" len name
#define MINUTE                   "\0\0\0\x3c"
#define HOUR                     "\0\0\xe\x10"
#define IP1                      "\xc0\0\2\1"
#define IP2                      "\xc0\0\2\2"
#define B_EXAMPLE                "\1b\7example\0" /* 11 bytes */
#define C_EXAMPLE                "\1c\7example\0"

#define BYTES(text) text, sizeof(text) - 1

struct row {
	const char *what, *bytes;
	size_t len;
	enum ip_family family;
	enum dns_status status;
	const char *detail; /* with DNS_FOUND: the addresses */
	uint32_t ttl_s;     /* with DNS_FOUND */
};

static const struct row answers[] = {
    {"one address", BYTES(HEAD("\x80", "\1") ASK("\1") ASKED IN_A(MINUTE, IP1)),
	IP_V4, DNS_FOUND, "192.0.2.1", 60},
    {"its name written out, in capitals",
	BYTES(HEAD("\x80", "\1") ASK("\1") "\1A\7EXAMPLE\0" IN_A(MINUTE, IP1)),
	IP_V4, DNS_FOUND, "192.0.2.1", 60},
    {"two, the lesser TTL counts",
	BYTES(HEAD("\x80", "\2") ASK("\1") ASKED IN_A(HOUR, IP2)
		ASKED IN_A(MINUTE, IP1)),
	IP_V4, DNS_FOUND, "192.0.2.2 192.0.2.1", 60},
    {"IPv6", BYTES(HEAD("\x80", "\1") ASK("\x1c") ASKED IN_AAAA(MINUTE)), IP_V6,
	DNS_FOUND, "2001:db8::1", 60},
    {"a TTL with the highest bit set is zero",
	BYTES(HEAD("\x80", "\1") ASK("\1") ASKED IN_A("\x80\0\0\1", IP1)),
	IP_V4, DNS_FOUND, "192.0.2.1", 0},
    {"an alias",
	BYTES(HEAD("\x80", "\2") ASK("\1") ASKED IN_CNAME(
	    MINUTE, "\xb", B_EXAMPLE) B_EXAMPLE IN_A(HOUR, IP1)),
	IP_V4, DNS_FOUND, "192.0.2.1", 60},
    {"an alias that points into the question",
	BYTES(HEAD("\x80", "\2") ASK("\1") ASKED IN_CNAME(
	    HOUR, "\4", "\1b\xc0\x0e") B_EXAMPLE IN_A(MINUTE, IP1)),
	IP_V4, DNS_FOUND, "192.0.2.1", 60},
    {"aliases behind what they lead to",
	BYTES(HEAD("\x80", "\3") ASK("\1") C_EXAMPLE IN_A(HOUR, IP1)
		B_EXAMPLE IN_CNAME(MINUTE, "\xb", C_EXAMPLE)
		    ASKED IN_CNAME(HOUR, "\xb", B_EXAMPLE)),
	IP_V4, DNS_FOUND, "192.0.2.1", 60},
    {"somebody else's address and alias are not ours",
	BYTES(HEAD("\x80", "\4") ASK("\1") C_EXAMPLE IN_A("\0\0\0\1", IP2)
		C_EXAMPLE IN_CNAME("\0\0\0\1", "\xb", B_EXAMPLE)
		    B_EXAMPLE IN_A("\0\0\0\1", IP2) ASKED IN_A(MINUTE, IP1)),
	IP_V4, DNS_FOUND, "192.0.2.1", 60},
    {"only somebody else's",
	BYTES(HEAD("\x80", "\1") ASK("\1") C_EXAMPLE IN_A(MINUTE, IP1)), IP_V4,
	DNS_NO_DATA, NULL, 0},
    {"the other family's",
	BYTES(HEAD("\x80", "\1") ASK("\1") ASKED IN_AAAA(MINUTE)), IP_V4,
	DNS_NO_DATA, NULL, 0},
    {"another class",
	BYTES(HEAD("\x80", "\1") ASK("\1") ASKED "\0\1\0\3" MINUTE "\0\4" IP1),
	IP_V4, DNS_NO_DATA, NULL, 0},
    {"nothing", BYTES(HEAD("\x80", "\0") ASK("\1")), IP_V4, DNS_NO_DATA, NULL,
	0},
    {"an alias to nothing",
	BYTES(HEAD("\x80", "\1") ASK("\1")
		ASKED IN_CNAME(MINUTE, "\xb", B_EXAMPLE)),
	IP_V4, DNS_NO_DATA, NULL, 0},
    {"no such name", BYTES(HEAD("\x83", "\0") ASK("\1")), IP_V4, DNS_NO_NAME,
	NULL, 0},
    {"no such name, with an address all the same",
	BYTES(HEAD("\x83", "\1") ASK("\1") ASKED IN_A(MINUTE, IP1)), IP_V4,
	DNS_NO_NAME, NULL, 0},

    {"FORMERR", BYTES(HEAD("\x81", "\0") ASK("\1")), IP_V4, DNS_FAILED,
	"FORMERR", 0},
    {"SERVFAIL", BYTES(HEAD("\x82", "\0") ASK("\1")), IP_V4, DNS_FAILED,
	"SERVFAIL", 0},
    {"NOTIMP", BYTES(HEAD("\x84", "\0") ASK("\1")), IP_V4, DNS_FAILED, "NOTIMP",
	0},
    {"REFUSED", BYTES(HEAD("\x85", "\0") ASK("\1")), IP_V4, DNS_FAILED,
	"REFUSED", 0},
    {"a code of dynamic update", BYTES(HEAD("\x86", "\0") ASK("\1")), IP_V4,
	DNS_FAILED, "unexpected response code", 0},

    {"empty", BYTES(""), IP_V4, DNS_FAILED, "malformed answer", 0},
    {"a query", BYTES("\x12\x34\1\x80\0\1\0\0\0\0\0\0" ASK("\1")), IP_V4,
	DNS_FAILED, "malformed answer", 0},
    {"a status request's answer",
	BYTES("\x12\x34\x91\x80\0\1\0\0\0\0\0\0" ASK("\1")), IP_V4, DNS_FAILED,
	"malformed answer", 0},
    {"no question", BYTES("\x12\x34\x81\x80\0\0\0\0\0\0\0\0"), IP_V4,
	DNS_FAILED, "malformed answer", 0},
    {"two questions",
	BYTES("\x12\x34\x81\x80\0\2\0\0\0\0\0\0" ASK("\1") ASK("\1")), IP_V4,
	DNS_FAILED, "malformed answer", 0},
    {"another name", BYTES(HEAD("\x80", "\0") "\1b\7example\0\0\1\0\1"), IP_V4,
	DNS_FAILED, "answer to another question", 0},
    {"a longer name", BYTES(HEAD("\x80", "\0") "\1a\7example\1x\0\0\1\0\1"),
	IP_V4, DNS_FAILED, "answer to another question", 0},
    {"another type", BYTES(HEAD("\x80", "\0") ASK("\x1c")), IP_V4, DNS_FAILED,
	"answer to another question", 0},
    {"another class asked", BYTES(HEAD("\x80", "\0") "\1a\7example\0\0\1\0\3"),
	IP_V4, DNS_FAILED, "answer to another question", 0},
    {"an address of three bytes",
	BYTES(HEAD("\x80", "\1") ASK("\1") ASKED "\0\1\0\1" MINUTE
						 "\0\3\xc0\0\2"),
	IP_V4, DNS_FAILED, "malformed answer", 0},
    {"an address of 16 bytes as IPv4",
	BYTES(HEAD("\x80", "\1") ASK("\1") ASKED "\0\1\0\1" MINUTE
						 "\0\x10" IP1 IP1 IP1 IP1),
	IP_V4, DNS_FAILED, "malformed answer", 0},
    {"a pointer to itself",
	BYTES(HEAD("\x80", "\1") ASK("\1") "\xc0\x1b" IN_A(MINUTE, IP1)), IP_V4,
	DNS_FAILED, "malformed answer", 0},
    {"a pointer forward",
	BYTES(HEAD("\x80", "\1") ASK("\1") "\xc0\x1d" IN_A(MINUTE, IP1)), IP_V4,
	DNS_FAILED, "malformed answer", 0},
    {"a label of the obsolete kind",
	BYTES(HEAD("\x80", "\1") ASK("\1") "\x41z\0" IN_A(MINUTE, IP1)), IP_V4,
	DNS_FAILED, "malformed answer", 0},
    {"bytes behind an alias's name",
	BYTES(HEAD("\x80", "\1") ASK("\1")
		ASKED IN_CNAME(MINUTE, "\xc", B_EXAMPLE "x")),
	IP_V4, DNS_FAILED, "malformed answer", 0},
    {"an alias to itself",
	BYTES(HEAD("\x80", "\1") ASK("\1") ASKED IN_CNAME(MINUTE, "\2", ASKED)),
	IP_V4, DNS_FAILED, "too many aliases", 0},
    {"aliases in a circle",
	BYTES(HEAD("\x80", "\2") ASK("\1") ASKED IN_CNAME(
	    MINUTE, "\xb", B_EXAMPLE) B_EXAMPLE IN_CNAME(MINUTE, "\2", ASKED)),
	IP_V4, DNS_FAILED, "too many aliases", 0},
};

static struct dns_answer
read_guarded(const void *bytes, size_t len, enum ip_family family)
{
	struct guard g = guard_copy(bytes, len);
	struct hostname name;
	struct dns_answer out;

	assert_int_equal(
	    hostname_parse(&name, span_str("a.example")), HOSTNAME_NAME);
	dns_answer_read(&out, g.data, g.len, &name, family);
	guard_free(&g);
	return out;
}

static void
assert_row(const struct row *row, const struct dns_answer *got)
{
	char text[ADDR_LIST_MAX * (IPADDR_TEXT_MAX + 1)];

	if (got->status != row->status)
		fail_msg("%s: status %d", row->what, (int)got->status);
	if (row->status != DNS_FOUND) {
		assert_int_equal(got->list.count, 0);
		if (row->detail == NULL)
			assert_null(got->detail);
		else
			assert_string_equal(got->detail, row->detail);
		return;
	}
	fixture_addresses(&got->list, text);
	assert_string_equal(text, row->detail);
	assert_int_equal(got->ttl_s, row->ttl_s);
}

static void
test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		const struct row *row = &answers[i];
		struct dns_answer got =
		    read_guarded(row->bytes, row->len, row->family);

		assert_row(row, &got);
	}
}

/* A packet that ends early is never taken for an answer. */
static void
test_cut_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		const struct row *row = &answers[i];

		if (row->status != DNS_FOUND)
			continue;
		for (size_t len = 0; len < row->len; len++) {
			struct dns_answer got =
			    read_guarded(row->bytes, len, row->family);

			assert_int_equal(got.status, DNS_FAILED);
			assert_string_equal(got.detail, "malformed answer");
		}
	}
}

struct packet {
	char bytes[4096];
	size_t len;
};

static void
put(struct packet *p, const char *bytes, size_t len)
{
	assert_true(p->len + len <= sizeof(p->bytes));
	memcpy(p->bytes + p->len, bytes, len);
	p->len += len;
}

static void
test_more_addresses_than_are_kept(void **state)
{
	struct packet p = {.len = 0};
	struct dns_answer got;

	(void)state;
	put(&p, BYTES(HEAD("\x80", "\x28") ASK("\1")));
	for (int i = 0; i < 0x28; i++)
		put(&p, BYTES(ASKED IN_A(MINUTE, IP1)));
	got = read_guarded(p.bytes, p.len, IP_V4);
	assert_int_equal(got.status, DNS_FOUND);
	assert_int_equal(got.list.count, ADDR_LIST_MAX);
}

/* Names by length and by the number of pointers; the owner is somebody else, so
 * that a name which can be read gives "no data". */
static void
test_the_bounds_of_names(void **state)
{
	static const struct {
		unsigned labels; /* of 63 bytes, then one of 61 or 62 */
		unsigned last;
		enum dns_status status;
	} rows[] = {
	    {3, 60, DNS_NO_DATA},
	    {3, 61, DNS_NO_DATA}, /* 255 bytes with the root */
	    {3, 62, DNS_FAILED},
	    {4, 1, DNS_FAILED},
	};
	char label[64];

	(void)state;
	memset(label, 'x', sizeof(label));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct packet p = {.len = 0};

		put(&p, BYTES(HEAD("\x80", "\1") ASK("\1")));
		label[0] = 63;
		for (unsigned n = 0; n < rows[i].labels; n++)
			put(&p, label, 64);
		label[0] = (char)rows[i].last;
		put(&p, label, rows[i].last + 1);
		put(&p, BYTES("\0" IN_A(MINUTE, IP1)));
		assert_int_equal(
		    read_guarded(p.bytes, p.len, IP_V4).status, rows[i].status);
	}
}

static void
test_a_chain_of_pointers_is_bounded(void **state)
{
	(void)state;
	for (unsigned pointers = 30; pointers <= 36; pointers++) {
		struct packet p = {.len = 0};
		/* An unknown record whose data is the chain: each pointer leads
		 * to the one before, the first to the question's name. */
		unsigned at = 27 + 2 + 10;
		char link[2];

		put(&p, BYTES(HEAD("\x80", "\2") ASK("\1") ASKED
			    "\0\x63\0\1" MINUTE "\0"));
		link[0] = (char)(2 * (pointers - 1));
		put(&p, link, 1);
		put(&p, BYTES(ASKED));
		for (unsigned i = 1; i < pointers - 1; i++, at += 2) {
			link[0] = (char)0xc0;
			link[1] = (char)at;
			put(&p, link, 2);
		}
		link[0] = (char)0xc0;
		link[1] = (char)at;
		put(&p, link, 2);
		put(&p, BYTES(IN_A(MINUTE, IP1)));
		assert_int_equal(read_guarded(p.bytes, p.len, IP_V4).status,
		    pointers <= 32 ? DNS_FOUND : DNS_FAILED);
	}
}

static void
test_families_take_turns(void **state)
{
	static const struct {
		unsigned v6, v4;
		const char *turns; /* up to where one family is used up */
	} rows[] = {
	    {0, 1, "4"},
	    {1, 0, "6"},
	    {1, 1, "64"},
	    {3, 1, "6466"},
	    {1, 3, "6444"},
	    {32, 32, "64646464646464646464646464646464"},
	    {32, 1, "64666666666666666666666666666666"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr_list v6 = {.count = rows[i].v6}, out;
		struct addr_list v4 = {.count = rows[i].v4};
		char turns[ADDR_LIST_MAX + 1] = "";

		for (unsigned n = 0; n < ADDR_LIST_MAX; n++) {
			v6.addrs[n] = (struct ipaddr){
			    .family = IP_V6, .bytes = {(uint8_t)n}};
			v4.addrs[n] = (struct ipaddr){
			    .family = IP_V4, .bytes = {(uint8_t)n}};
		}
		dns_take_turns(&out, &v6, &v4);
		for (size_t n = 0, six = 0, four = 0; n < out.count; n++) {
			bool is6 = out.addrs[n].family == IP_V6;

			turns[n] = is6 ? '6' : '4';
			assert_int_equal(
			    out.addrs[n].bytes[0], is6 ? six++ : four++);
		}
		assert_string_equal(turns, rows[i].turns);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_cut_answers),
	    cmocka_unit_test(test_more_addresses_than_are_kept),
	    cmocka_unit_test(test_the_bounds_of_names),
	    cmocka_unit_test(test_a_chain_of_pointers_is_bounded),
	    cmocka_unit_test(test_families_take_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
