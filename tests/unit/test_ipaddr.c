/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "core/ipaddr.h"
#include "guard.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct ipaddr
addr_of(const char *text)
{
	struct ipaddr a;

	if (!ipaddr_parse(&a, span_str(text)))
		fail_msg("not an address: %s", text);
	return a;
}

static struct ip_prefix
prefix_of(const char *text)
{
	struct ip_prefix p;

	if (!ip_prefix_parse(&p, span_str(text)))
		fail_msg("not a prefix: %s", text);
	return p;
}

static void
assert_text(const char *got, const char *want, const char *what)
{
	if ((got == NULL) != (want == NULL) ||
	    (got != NULL && want != NULL && strcmp(got, want) != 0))
		fail_msg("%s: got %s, want %s", what, got ? got : "(null)",
		    want ? want : "(null)");
}

/* Text that must be read, and how it is written back. */
static const struct {
	const char *in, *out;
	enum ip_family family;
} good_addrs[] = {
    {"0.0.0.0", "0.0.0.0", IP_V4},
    {"1.2.3.4", "1.2.3.4", IP_V4},
    {"255.255.255.255", "255.255.255.255", IP_V4},
    {"::", "::", IP_V6},
    {"::1", "::1", IP_V6},
    {"2001:DB8::A", "2001:db8::a", IP_V6},
    {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", IP_V6},
    {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", IP_V6},
    {"2001:0db8:0:0:0:0:2:1", "2001:db8::2:1", IP_V6},
    {"::ffff:10.0.0.1", "::ffff:10.0.0.1", IP_V6},
    {"::ffff:0a00:1", "::ffff:10.0.0.1", IP_V6},
    {"64:ff9b::10.0.0.1", "64:ff9b::a00:1", IP_V6},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", IP_V6},
};

static const char *const bad_addrs[] = {"", " ", "1", "1.2.3", "1.2.3.4.5",
    "1.2.3.256", "01.2.3.4", "1.2.3.04", "0x1.2.3.4", "1.2.3.4 ", " 1.2.3.4",
    "1.2.3.4\n", "+1.2.3.4", "1..3.4", "1.2.3.", "16909060", "[::1]", "::1%lo",
    "fe80::1%eth0", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
    "12345::", "::g", "::1.2.3", "::1.2.3.256", "1.2.3.4/32", "localhost",
    "\xef\xbc\x91.2.3.4", "1.2.3.4:443",
    "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"};

static void
addresses_are_read_and_written_in_one_spelling(void **state)
{
	char buf[IPADDR_TEXT_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(good_addrs); i++) {
		struct guard g =
		    guard_copy(good_addrs[i].in, strlen(good_addrs[i].in));
		struct ipaddr a, again;

		assert_true(
		    ipaddr_parse(&a, span_of((const char *)g.data, g.len)));
		assert_int_equal(a.family, good_addrs[i].family);
		assert_int_equal(
		    ipaddr_format(&a, buf), strlen(good_addrs[i].out));
		assert_string_equal(buf, good_addrs[i].out);
		assert_true(ipaddr_parse(&again, span_str(buf)));
		assert_true(ipaddr_equal(&a, &again));
		guard_free(&g);
	}
}

static void
anything_else_is_no_address_and_leaves_the_result_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_addrs); i++) {
		struct guard g = guard_copy(bad_addrs[i], strlen(bad_addrs[i]));
		struct ipaddr a, before;

		memset(&a, 0x5a, sizeof(a));
		before = a;
		if (ipaddr_parse(&a, span_of((const char *)g.data, g.len)))
			fail_msg("read as an address: '%s'", bad_addrs[i]);
		assert_memory_equal(&a, &before, sizeof(a));
		guard_free(&g);
	}
	struct ipaddr a;
	assert_false(ipaddr_parse(&a, span_of("1.2.3.4\0", 8)));
	assert_false(ipaddr_parse(&a, span_of("1.2.\0003.4", 8)));
	assert_false(ipaddr_parse(&a, span_of(NULL, 0)));
}

/* A prefix of an address text is an address only where the table says so. */
static void
every_split_of_an_address_is_judged_alone(void **state)
{
	static const char text[] = "2001:db8::ffff:192.168.100.200";
	struct ipaddr a, b;

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		struct guard g = guard_copy(text, len);
		char copy[sizeof(text)];

		memcpy(copy, text, len);
		copy[len] = '\0';
		assert_int_equal(
		    ipaddr_parse(&a, span_of((const char *)g.data, g.len)),
		    ipaddr_parse(&b, span_str(copy)));
		guard_free(&g);
	}
}

static const struct {
	const char *in, *out;
} good_prefixes[] = {
    {"10.0.0.0/8", "10.0.0.0/8"},
    {"10.1.2.3", "10.1.2.3/32"},
    {"10.1.2.3/32", "10.1.2.3/32"},
    {"0.0.0.0/0", "0.0.0.0/0"},
    {"128.0.0.0/1", "128.0.0.0/1"},
    {"10.1.2.2/31", "10.1.2.2/31"},
    {"::/0", "::/0"},
    {"fd00::/8", "fd00::/8"},
    {"fe80::/10", "fe80::/10"},
    {"2001:db8::1", "2001:db8::1/128"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127",
	"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127"},
};

static const char *const bad_prefixes[] = {"", "/", "/8", "10.0.0.0/",
    "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/08",
    "10.0.0.0/8 ", "10.0.0.0 /8", "10.0.0.0/8/8", "10.0.0.0/255.0.0.0",
    "10.0.0.0/99999999999", "10/8", "::/129", "fd00::1/8", "fec0::/9",
    "fe80::/00", "[::]/0", "0.0.0.1/0", "10.1.2.3/31",
    "::ffff:ffff:ffff:ffff:ffff/127", "example.com/8"};

static void
prefixes_are_read_strictly(void **state)
{
	char buf[IP_PREFIX_TEXT_MAX + 1];
	struct ip_prefix p;

	(void)state;
	for (size_t i = 0; i < COUNT(good_prefixes); i++) {
		p = prefix_of(good_prefixes[i].in);
		assert_int_equal(
		    ip_prefix_format(&p, buf), strlen(good_prefixes[i].out));
		assert_string_equal(buf, good_prefixes[i].out);
	}
	for (size_t i = 0; i < COUNT(bad_prefixes); i++) {
		struct guard g =
		    guard_copy(bad_prefixes[i], strlen(bad_prefixes[i]));

		if (ip_prefix_parse(&p, span_of((const char *)g.data, g.len)))
			fail_msg("read as a prefix: '%s'", bad_prefixes[i]);
		guard_free(&g);
	}
	assert_false(ip_prefix_parse(&p, span_of(NULL, 0)));
}

static const struct {
	const char *prefix, *addr;
	bool holds;
} contains[] = {
    {"10.0.0.0/8", "10.0.0.0", true},
    {"10.0.0.0/8", "10.255.255.255", true},
    {"10.0.0.0/8", "9.255.255.255", false},
    {"10.0.0.0/8", "11.0.0.0", false},
    {"172.16.0.0/12", "172.31.255.255", true},
    {"172.16.0.0/12", "172.32.0.0", false},
    {"10.1.2.3", "10.1.2.3", true},
    {"10.1.2.3", "10.1.2.2", false},
    {"0.0.0.0/0", "255.255.255.255", true},
    {"0.0.0.0/0", "::1", false},
    {"0.0.0.0/0", "::ffff:1.2.3.4", true},
    {"::/0", "2001:db8::1", true},
    {"::/0", "1.2.3.4", false},
    {"::/0", "::ffff:1.2.3.4", false},
    {"10.0.0.0/8", "::ffff:10.1.2.3", true},
    {"10.0.0.0/8", "::ffff:11.1.2.3", false},
    {"10.0.0.0/8", "::10.1.2.3", false},
    {"::ffff:10.0.0.0/104", "10.1.2.3", true},
    {"::ffff:10.0.0.0/104", "::ffff:10.1.2.3", true},
    {"::ffff:10.0.0.0/104", "11.1.2.3", false},
    {"::ffff:0.0.0.0/96", "1.2.3.4", true},
    {"fd00::/8", "fdff::1", true},
    {"fd00::/8", "fe00::1", false},
    {"fe80::/10", "febf:ffff::", true},
    {"fe80::/10", "fec0::", false},
    {"2001:db8::1", "2001:db8::1", true},
    {"2001:db8::1", "2001:db8::2", false},
};

static void
a_prefix_holds_what_lies_in_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(contains); i++) {
		struct ip_prefix p = prefix_of(contains[i].prefix);
		struct ipaddr a = addr_of(contains[i].addr);

		if (ip_prefix_contains(&p, &a) != contains[i].holds)
			fail_msg(
			    "%s in %s", contains[i].addr, contains[i].prefix);
	}
	struct ipaddr none = {.family = IP_NONE};
	struct ip_prefix all = prefix_of("0.0.0.0/0");
	assert_false(ip_prefix_contains(&all, &none));
}

/* Each special range with its edges: what its first and last addresses are,
 * and what stands right before and right behind it (NULL: a plain address;
 * "" where the address space ends). */
static const struct {
	const char *prefix, *name, *before, *after;
} special_ranges[] = {
    {"0.0.0.0/8", "this-network", "", NULL},
    {"10.0.0.0/8", "private-use", NULL, NULL},
    {"100.64.0.0/10", "shared", NULL, NULL},
    {"100.100.100.200/32", "metadata", "shared", "shared"},
    {"127.0.0.0/8", "loopback", NULL, NULL},
    {"168.63.129.16/32", "metadata", NULL, NULL},
    {"169.254.0.0/16", "link-local", NULL, NULL},
    {"169.254.169.123/32", "metadata", "link-local", "link-local"},
    {"169.254.169.253/32", "metadata", "link-local", "metadata"},
    {"169.254.169.254/32", "metadata", "metadata", "link-local"},
    {"169.254.170.2/32", "metadata", "link-local", "link-local"},
    {"169.254.170.23/32", "metadata", "link-local", "link-local"},
    {"172.16.0.0/12", "private-use", NULL, NULL},
    {"192.0.0.0/24", "ietf-protocol", NULL, NULL},
    {"192.0.0.192/32", "metadata", "ietf-protocol", "ietf-protocol"},
    {"192.0.2.0/24", "documentation", NULL, NULL},
    {"192.31.196.0/24", "as112", NULL, NULL},
    {"192.52.193.0/24", "amt", NULL, NULL},
    {"192.88.99.0/24", "6to4-relay", NULL, NULL},
    {"192.168.0.0/16", "private-use", NULL, NULL},
    {"192.175.48.0/24", "as112", NULL, NULL},
    {"198.18.0.0/15", "benchmarking", NULL, NULL},
    {"198.51.100.0/24", "documentation", NULL, NULL},
    {"203.0.113.0/24", "documentation", NULL, NULL},
    {"224.0.0.0/4", "multicast", NULL, "reserved"},
    {"240.0.0.0/5", "reserved", "multicast", "reserved"},
    {"255.255.255.255/32", "broadcast", "reserved", ""},

    {"::/128", "unspecified", "", "loopback"},
    {"::1/128", "loopback", "unspecified", "this-network"},
    {"::8.8.8.0/120", "ipv4-compatible", "ipv4-compatible", "ipv4-compatible"},
    {"::10.0.0.0/104", "private-use", "ipv4-compatible", "ipv4-compatible"},
    {"::255.255.255.255/128", "broadcast", "reserved", "reserved"},
    {"::ffff:0.0.0.0/104", "this-network", "reserved", "ipv4-mapped"},
    {"::ffff:8.8.8.8/128", "ipv4-mapped", "ipv4-mapped", "ipv4-mapped"},
    {"::ffff:10.0.0.0/104", "private-use", "ipv4-mapped", "ipv4-mapped"},
    {"::ffff:127.0.0.0/104", "loopback", "ipv4-mapped", "ipv4-mapped"},
    {"::ffff:169.254.169.254/128", "metadata", "metadata", "link-local"},
    {"::ffff:168.63.129.16/128", "metadata", "ipv4-mapped", "ipv4-mapped"},
    {"::ffff:255.255.255.255/128", "broadcast", "reserved", "reserved"},
    {"64:ff9b::/104", "this-network", "reserved", NULL},
    {"64:ff9b::10.0.0.0/104", "private-use", NULL, NULL},
    {"64:ff9b::127.0.0.0/104", "loopback", NULL, NULL},
    {"64:ff9b::169.254.169.254/128", "metadata", "metadata", "link-local"},
    {"64:ff9b::168.63.129.16/128", "metadata", NULL, NULL},
    {"64:ff9b::255.255.255.255/128", "broadcast", "reserved", "reserved"},
    {"64:ff9b:1::/48", "nat64-local", "reserved", "reserved"},
    {"100::/64", "discard-only", "reserved", "dummy"},
    {"100:0:0:1::/64", "dummy", "discard-only", "reserved"},
    {"2001::/32", "teredo", NULL, "ietf-protocol"},
    {"2001:2::/48", "benchmarking", "ietf-protocol", "ietf-protocol"},
    {"2001:3::/32", "amt", "ietf-protocol", "ietf-protocol"},
    {"2001:4:112::/48", "as112", "ietf-protocol", "ietf-protocol"},
    {"2001:10::/28", "orchid", "ietf-protocol", "orchid"},
    {"2001:20::/28", "orchid", "orchid", "drone-id"},
    {"2001:30::/28", "drone-id", "orchid", "ietf-protocol"},
    {"2001:100::/24", "ietf-protocol", "ietf-protocol", NULL},
    {"2001:db8::/32", "documentation", NULL, NULL},
    {"2002:a00::/24", "private-use", NULL, NULL},
    {"2002:7f00::/24", "loopback", NULL, NULL},
    {"2002:a9fe:a9fe::/48", "metadata", "metadata", "link-local"},
    {"2002:ffff:ffff::/48", "broadcast", "reserved", NULL},
    {"2620:4f:8000::/48", "as112", NULL, NULL},
    {"3fff::/20", "documentation", NULL, NULL},
    {"4000::/4", "reserved", NULL, "reserved"},
    {"5f00::/16", "segment-routing", "reserved", "reserved"},
    {"fc00::/8", "unique-local", "reserved", "unique-local"},
    {"fd00::/9", "unique-local", "unique-local", "unique-local"},
    {"fd00:ec2::254/128", "metadata", "unique-local", "unique-local"},
    {"fd20:ce::254/128", "metadata", "unique-local", "unique-local"},
    {"fe00::/9", "reserved", "unique-local", "link-local"},
    {"fe80::/10", "link-local", "reserved", "site-local"},
    {"fec0::/10", "site-local", "link-local", "multicast"},
    {"ff00::/8", "multicast", "site-local", ""},
};

/* Adds one (or takes one away); false at the end of the address space. */
static bool
addr_step(struct ipaddr *a, int by)
{
	size_t i = a->family == IP_V4 ? 4 : 16;

	while (i-- > 0) {
		a->bytes[i] = (uint8_t)(a->bytes[i] + by);
		if (a->bytes[i] != (by > 0 ? 0x00 : 0xff))
			return true;
	}
	return false;
}

static struct ipaddr
prefix_last(const struct ip_prefix *p)
{
	struct ipaddr a = p->addr;
	unsigned max = a.family == IP_V4 ? 32 : 128;

	for (unsigned i = p->bits; i < max; i++)
		a.bytes[i / 8] = (uint8_t)(a.bytes[i / 8] | (0x80U >> (i % 8)));
	return a;
}

static void
assert_edge(struct ipaddr a, int by, const char *want, const char *prefix)
{
	bool inside = addr_step(&a, by);

	assert_int_equal(inside, want == NULL || want[0] != '\0');
	if (inside)
		assert_text(ipaddr_special(&a), want, prefix);
}

static void
special_ranges_begin_and_end_where_the_registries_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(special_ranges); i++) {
		const char *text = special_ranges[i].prefix;
		struct ip_prefix p = prefix_of(text);
		struct ipaddr last = prefix_last(&p);

		assert_text(
		    ipaddr_special(&p.addr), special_ranges[i].name, text);
		assert_text(
		    ipaddr_special(&last), special_ranges[i].name, text);
		assert_edge(p.addr, -1, special_ranges[i].before, text);
		assert_edge(last, 1, special_ranges[i].after, text);
	}
}

static const char *const plain_addrs[] = {"1.1.1.1", "8.8.8.8", "9.255.255.255",
    "11.0.0.0", "52.94.1.1", "100.63.255.255", "100.128.0.0", "126.255.255.255",
    "128.0.0.1", "168.63.129.15", "172.15.255.255", "172.32.0.0", "191.255.0.1",
    "192.0.1.0", "192.0.3.0", "198.17.255.255", "198.20.0.0", "203.0.112.255",
    "203.0.114.0", "223.255.255.255", "2001:200::", "2001:4860:4860::8888",
    "2600:1f18::1", "2620:4f:7fff:ffff::", "2620:4f:8001::", "2a00::1",
    "3ffe:ffff::", "3fff:1000::", "64:ff9b::8.8.8.8", "2002:808:808::1"};

static void
plain_addresses_are_not_special(void **state)
{
	struct ipaddr none = {.family = IP_NONE};

	(void)state;
	for (size_t i = 0; i < COUNT(plain_addrs); i++) {
		struct ipaddr a = addr_of(plain_addrs[i]);

		assert_text(ipaddr_special(&a), NULL, plain_addrs[i]);
	}
	assert_non_null(ipaddr_special(&none));
}

/* An IPv4 address inside a NAT64 or 6to4 address is judged as itself, wherever
 * it lies: all of IPv4 in steps that meet every /14. */
static void
embedded_addresses_are_judged_as_themselves(void **state)
{
	struct ipaddr nat64 = addr_of("64:ff9b::");
	struct ipaddr sixtofour = addr_of("2002::");
	struct ipaddr mapped = addr_of("::ffff:0:0");

	(void)state;
	for (uint64_t n = 0; n <= UINT32_MAX; n += 0x3fff1) {
		struct ipaddr v4 = {.family = IP_V4,
		    .bytes = {(uint8_t)(n >> 24), (uint8_t)(n >> 16),
			(uint8_t)(n >> 8), (uint8_t)n}};
		const char *name = ipaddr_special(&v4);

		memcpy(nat64.bytes + 12, v4.bytes, 4);
		memcpy(sixtofour.bytes + 2, v4.bytes, 4);
		memcpy(mapped.bytes + 12, v4.bytes, 4);
		assert_text(ipaddr_special(&nat64), name, "nat64");
		assert_text(ipaddr_special(&sixtofour), name, "6to4");
		assert_text(ipaddr_special(&mapped),
		    name != NULL ? name : "ipv4-mapped", "mapped");
	}
}

static const struct {
	const char *in;
	bool good;
} endpoints[] = {
    {"1.2.3.4:443", true},
    {"0.0.0.0:0", true},
    {"[::1]:443", true},
    {"[::]:65535", true},
    {"[::ffff:1.2.3.4]:1", true},
    {"", false},
    {":", false},
    {":443", false},
    {"1.2.3.4", false},
    {"1.2.3.4:", false},
    {"1.2.3.4:65536", false},
    {"1.2.3.4:0443", false},
    {"1.2.3.4:00", false},
    {"1.2.3.4:+1", false},
    {"1.2.3.4:-1", false},
    {"1.2.3.4:443 ", false},
    {"1.2.3.4:4 3", false},
    {"1.2.3.4:99999999999999999999", false},
    {"[1.2.3.4]:443", false},
    {"::1:443", false},
    {"[::1]", false},
    {"[::1]443", false},
    {"[::1:443", false},
    {"::1]:443", false},
    {"[]:443", false},
    {"[[::1]]:443", false},
    {"[::1%lo]:443", false},
    {"localhost:443", false},
};

static void
endpoints_are_read_strictly_and_written_back(void **state)
{
	char buf[IP_ENDPOINT_TEXT_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(endpoints); i++) {
		struct guard g =
		    guard_copy(endpoints[i].in, strlen(endpoints[i].in));
		struct ip_endpoint e;
		bool good =
		    ip_endpoint_parse(&e, span_of((const char *)g.data, g.len));

		if (good != endpoints[i].good)
			fail_msg("endpoint '%s'", endpoints[i].in);
		if (good) {
			assert_int_equal(ip_endpoint_format(&e, buf), g.len);
			assert_string_equal(buf, endpoints[i].in);
		}
		guard_free(&g);
	}
	struct ip_endpoint e = {
	    .addr = addr_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
	    .port = 65535};
	assert_true(ip_endpoint_format(&e, buf) <= IP_ENDPOINT_TEXT_MAX);
	assert_false(ip_endpoint_parse(&e, span_of(NULL, 0)));
}

static void
socket_addresses_survive_both_ways(void **state)
{
	static const char *const texts[] = {
	    "1.2.3.4:443", "[2001:db8::1]:3128", "0.0.0.0:0", "[::]:1"};
	struct sockaddr_storage ss;
	struct ip_endpoint e, back;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_true(ip_endpoint_parse(&e, span_str(texts[i])));
		assert_int_equal(ip_endpoint_to_sockaddr(&e, &ss),
		    e.addr.family == IP_V4 ? sizeof(struct sockaddr_in)
					   : sizeof(struct sockaddr_in6));
		assert_true(ip_endpoint_from_sockaddr(
		    &back, (const struct sockaddr *)&ss));
		assert_true(ip_endpoint_equal(&e, &back));
		back.port++;
		assert_false(ip_endpoint_equal(&e, &back));
	}
}

static void
a_mapped_peer_is_its_ipv4_address(void **state)
{
	struct ip_endpoint e = {
	    .addr = addr_of("::ffff:10.1.2.3"), .port = 1234};
	struct sockaddr_storage ss;
	struct ip_endpoint back;
	struct ipaddr want = addr_of("10.1.2.3");

	(void)state;
	(void)ip_endpoint_to_sockaddr(&e, &ss);
	assert_int_equal(ss.ss_family, AF_INET6);
	assert_true(
	    ip_endpoint_from_sockaddr(&back, (const struct sockaddr *)&ss));
	assert_true(ipaddr_equal(&back.addr, &want));
	assert_int_equal(back.port, 1234);
}

static void
other_families_have_no_address(void **state)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct ip_endpoint e = {.port = 7};
	char buf[IPADDR_TEXT_MAX + 1];

	(void)state;
	assert_false(
	    ip_endpoint_from_sockaddr(&e, (const struct sockaddr *)&un));
	assert_int_equal(e.addr.family, IP_NONE);
	assert_int_equal(e.port, 0);
	assert_int_equal(ipaddr_format(&e.addr, buf), 0);
	assert_string_equal(buf, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_are_read_and_written_in_one_spelling),
	    cmocka_unit_test(
		anything_else_is_no_address_and_leaves_the_result_alone),
	    cmocka_unit_test(every_split_of_an_address_is_judged_alone),
	    cmocka_unit_test(prefixes_are_read_strictly),
	    cmocka_unit_test(a_prefix_holds_what_lies_in_it),
	    cmocka_unit_test(
		special_ranges_begin_and_end_where_the_registries_say),
	    cmocka_unit_test(plain_addresses_are_not_special),
	    cmocka_unit_test(embedded_addresses_are_judged_as_themselves),
	    cmocka_unit_test(endpoints_are_read_strictly_and_written_back),
	    cmocka_unit_test(socket_addresses_survive_both_ways),
	    cmocka_unit_test(a_mapped_peer_is_its_ipv4_address),
	    cmocka_unit_test(other_families_have_no_address),
	};

	return cmocka_run_group_tests_name("ipaddr", tests, NULL, NULL);
}
