/* SPDX-License-Identifier: Apache-2.0 */
#include "core/ipaddr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

enum {
	IPV4_BYTES = 4,
	IPV6_BYTES = 16,
	MAPPED_BITS = 96, /* ::ffff:0:0/96 */
};

/* One range that a gateway must not dial. Rows are asked in order, so a name
 * that says more (a metadata service) stands before the range around it. */
struct special_range {
	uint8_t bytes[IPV6_BYTES]; /* the prefix, zeros behind its bits */
	uint8_t bits;
	const char *name;
};

/* IANA IPv4 Special-Purpose Address Registry, IPv4 multicast and class E, and
 * the well-known addresses of cloud metadata services. The registry's few
 * globally reachable anycast rows are here too: no listed endpoint lives at an
 * address that any network may announce. */
static const struct special_range special_v4[] = {
    {{169, 254, 169, 254}, 32, "metadata"},  /* AWS, Azure, Google Cloud, … */
    {{169, 254, 169, 253}, 32, "metadata"},  /* AWS DNS of a VPC */
    {{169, 254, 169, 123}, 32, "metadata"},  /* AWS time service */
    {{169, 254, 170, 2}, 32, "metadata"},    /* AWS ECS task credentials */
    {{169, 254, 170, 23}, 32, "metadata"},   /* AWS EKS pod identity */
    {{168, 63, 129, 16}, 32, "metadata"},    /* Azure's wire server: an
					      * address of public space */
    {{192, 0, 0, 192}, 32, "metadata"},      /* Oracle Cloud (classic) */
    {{100, 100, 100, 200}, 32, "metadata"},  /* Alibaba Cloud */
    {{0}, 8, "this-network"},                /* RFC 791 section 3.2 */
    {{10}, 8, "private-use"},                /* RFC 1918 */
    {{100, 64}, 10, "shared"},               /* RFC 6598 */
    {{127}, 8, "loopback"},                  /* RFC 1122 section 3.2.1.3 */
    {{169, 254}, 16, "link-local"},          /* RFC 3927 */
    {{172, 16}, 12, "private-use"},          /* RFC 1918 */
    {{192, 0, 0}, 24, "ietf-protocol"},      /* RFC 6890 section 2.1; holds
					      * RFC 7335, 7600, 7723, 8155,
					      * 7050 */
    {{192, 0, 2}, 24, "documentation"},      /* RFC 5737, TEST-NET-1 */
    {{192, 31, 196}, 24, "as112"},           /* RFC 7535 */
    {{192, 52, 193}, 24, "amt"},             /* RFC 7450 */
    {{192, 88, 99}, 24, "6to4-relay"},       /* RFC 7526 */
    {{192, 168}, 16, "private-use"},         /* RFC 1918 */
    {{192, 175, 48}, 24, "as112"},           /* RFC 7534 */
    {{198, 18}, 15, "benchmarking"},         /* RFC 2544 */
    {{198, 51, 100}, 24, "documentation"},   /* RFC 5737, TEST-NET-2 */
    {{203, 0, 113}, 24, "documentation"},    /* RFC 5737, TEST-NET-3 */
    {{224}, 4, "multicast"},                 /* RFC 5771 */
    {{255, 255, 255, 255}, 32, "broadcast"}, /* RFC 919, RFC 8190 */
    {{240}, 4, "reserved"},                  /* RFC 1112 section 4 */
};

/* IANA IPv6 Special-Purpose Address Registry, and the ranges that stand in for
 * it in older RFCs. ipaddr_special deals with embedded IPv4 before. */
static const struct special_range special_v6[] = {
    {{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128,
	"metadata"}, /* AWS, fd00:ec2::254 */
    {{0xfd, 0x20, 0x00, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128,
	"metadata"},                          /* Google Cloud, fd20:ce::254 */
    {{0}, 128, "unspecified"},                /* RFC 4291 section 2.5.2 */
    {{[15] = 1}, 128, "loopback"},            /* RFC 4291 section 2.5.3 */
    {{0}, 96, "ipv4-compatible"},             /* RFC 4291 section 2.5.5.1 */
    {{[10] = 0xff, 0xff}, 96, "ipv4-mapped"}, /* RFC 4291 section 2.5.5.2 */
    {{0x00, 0x64, 0xff, 0x9b, 0, 1}, 48, "nat64-local"}, /* RFC 8215 */
    {{0x01}, 64, "discard-only"},                        /* RFC 6666 */
    {{0x01, [7] = 1}, 64, "dummy"},                      /* RFC 9780 */
    {{0x20, 0x01}, 32, "teredo"},                        /* RFC 4380 */
    {{0x20, 0x01, 0x00, 0x02}, 48, "benchmarking"},      /* RFC 5180 */
    {{0x20, 0x01, 0x00, 0x03}, 32, "amt"},               /* RFC 7450 */
    {{0x20, 0x01, 0x00, 0x04, 0x01, 0x12}, 48, "as112"}, /* RFC 7535 */
    {{0x20, 0x01, 0x00, 0x10}, 28, "orchid"},            /* RFC 4843 */
    {{0x20, 0x01, 0x00, 0x20}, 28, "orchid"},            /* RFC 7343 */
    {{0x20, 0x01, 0x00, 0x30}, 28, "drone-id"},          /* RFC 9374 */
    {{0x20, 0x01}, 23, "ietf-protocol"},                 /* RFC 2928 */
    {{0x20, 0x01, 0x0d, 0xb8}, 32, "documentation"},     /* RFC 3849 */
    {{0x26, 0x20, 0x00, 0x4f, 0x80}, 48, "as112"},       /* RFC 7534 */
    {{0x3f, 0xff}, 20, "documentation"},                 /* RFC 9637 */
    {{0x5f, 0x00}, 16, "segment-routing"},               /* RFC 9602 */
    {{0xfc}, 7, "unique-local"},                         /* RFC 4193 */
    {{0xfe, 0x80}, 10, "link-local"},                    /* RFC 4291 */
    {{0xfe, 0xc0}, 10, "site-local"},                    /* RFC 3879 */
    {{0xff}, 8, "multicast"},                            /* RFC 4291 */
};

static const uint8_t mapped_prefix[IPV6_BYTES] = {[10] = 0xff, 0xff};
static const uint8_t nat64_prefix[IPV6_BYTES] = {0x00, 0x64, 0xff, 0x9b};
static const uint8_t sixtofour_prefix[IPV6_BYTES] = {0x20, 0x02};
static const uint8_t global_prefix[IPV6_BYTES] = {0x20}; /* 2000::/3 */

static bool
bits_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

static unsigned
family_bits(enum ip_family family)
{
	return family == IP_V4 ? IPV4_BYTES * 8 : IPV6_BYTES * 8;
}

/* The IPv4 address whose bytes begin at offset. */
static struct ipaddr
embedded_v4(const struct ipaddr *a, size_t offset)
{
	struct ipaddr v4 = {.family = IP_V4};

	memcpy(v4.bytes, a->bytes + offset, IPV4_BYTES);
	return v4;
}

static bool
is_mapped(const struct ipaddr *a)
{
	return a->family == IP_V6 &&
	       bits_equal(a->bytes, mapped_prefix, MAPPED_BITS);
}

void
ipaddr_unmap(struct ipaddr *a)
{
	if (is_mapped(a))
		*a = embedded_v4(a, 12);
}

bool
ipaddr_parse(struct ipaddr *out, struct span text)
{
	struct ipaddr a = {0};
	char buf[IPADDR_TEXT_MAX + 1];

	if (text.len == 0 || text.len > IPADDR_TEXT_MAX ||
	    memchr(text.ptr, '\0', text.len) != NULL)
		return false;
	memcpy(buf, text.ptr, text.len);
	buf[text.len] = '\0';
	if (inet_pton(AF_INET, buf, a.bytes) == 1)
		a.family = IP_V4;
	else if (inet_pton(AF_INET6, buf, a.bytes) == 1)
		a.family = IP_V6;
	else
		return false;
	*out = a;
	return true;
}

/* inet_ntop(3) goes through printf(3): too long a way for each tunnel's answer
 * and log line. */
static size_t
format_v4(const uint8_t *bytes, char *buf)
{
	struct text t = text_in(buf, IPADDR_TEXT_MAX + 1);

	for (size_t i = 0; i < 4; i++) {
		if (i > 0)
			text_char(&t, '.');
		text_u64(&t, bytes[i]);
	}
	(void)text_end(&t);
	return t.len;
}

size_t
ipaddr_format(const struct ipaddr *a, char *buf)
{
	if (a->family == IP_V4)
		return format_v4(a->bytes, buf);
	buf[0] = '\0';
	if (a->family == IP_V6)
		(void)inet_ntop(AF_INET6, a->bytes, buf, IPADDR_TEXT_MAX + 1);
	return strlen(buf);
}

bool
ipaddr_equal(const struct ipaddr *a, const struct ipaddr *b)
{
	return a->family == b->family &&
	       (a->family == IP_NONE ||
		   bits_equal(a->bytes, b->bytes, family_bits(a->family)));
}

/* A decimal number up to max, without sign or leading zero. */
static bool
decimal_parse(unsigned *out, struct span text, unsigned max)
{
	unsigned n = 0;

	if (text.len == 0 || text.len > 5 ||
	    (text.len > 1 && text.ptr[0] == '0'))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		n = n * 10 + (unsigned)(text.ptr[i] - '0');
	}
	if (n > max)
		return false;
	*out = n;
	return true;
}

bool
ip_prefix_parse(struct ip_prefix *out, struct span text)
{
	const char *slash =
	    text.len > 0 ? memchr(text.ptr, '/', text.len) : NULL;
	struct span host = text;
	struct ip_prefix p;
	unsigned bits, max;

	if (slash != NULL)
		host.len = (size_t)(slash - text.ptr);
	if (!ipaddr_parse(&p.addr, host))
		return false;
	max = bits = family_bits(p.addr.family);
	if (slash != NULL &&
	    !decimal_parse(
		&bits, span_of(slash + 1, text.len - host.len - 1), max))
		return false;
	for (unsigned i = bits; i < max; i++) {
		if ((p.addr.bytes[i / 8] & (0x80U >> (i % 8))) != 0)
			return false;
	}
	p.bits = (uint8_t)bits;
	*out = p;
	return true;
}

size_t
ip_prefix_format(const struct ip_prefix *p, char *buf)
{
	size_t len = ipaddr_format(&p->addr, buf);

	return len + (size_t)snprintf(buf + len, 5, "/%u", p->bits);
}

bool
ip_prefix_contains(const struct ip_prefix *p, const struct ipaddr *a)
{
	struct ipaddr addr = *a;
	struct ip_prefix prefix = *p;

	if (is_mapped(&addr))
		addr = embedded_v4(&addr, 12);
	/* Somebody may have written the range itself as IPv4-mapped. */
	if (prefix.bits >= MAPPED_BITS && is_mapped(&prefix.addr)) {
		prefix.addr = embedded_v4(&prefix.addr, 12);
		prefix.bits = (uint8_t)(prefix.bits - MAPPED_BITS);
	}
	return addr.family != IP_NONE && addr.family == prefix.addr.family &&
	       bits_equal(addr.bytes, prefix.addr.bytes, prefix.bits);
}

static const char *
special_find(
    const struct special_range *table, size_t count, const struct ipaddr *a)
{
	for (size_t i = 0; i < count; i++) {
		if (bits_equal(a->bytes, table[i].bytes, table[i].bits))
			return table[i].name;
	}
	return NULL;
}

static const char *
special_v4_name(const struct ipaddr *a)
{
	return special_find(
	    special_v4, sizeof(special_v4) / sizeof(special_v4[0]), a);
}

const char *
ipaddr_special(const struct ipaddr *a)
{
	const char *name, *inner;
	struct ipaddr v4;

	if (a->family == IP_NONE)
		return "unspecified";
	if (a->family == IP_V4)
		return special_v4_name(a);
	if (bits_equal(a->bytes, nat64_prefix, 96)) { /* RFC 6052 */
		v4 = embedded_v4(a, 12);
		return special_v4_name(&v4);
	}
	if (bits_equal(a->bytes, sixtofour_prefix, 16)) { /* RFC 3056 */
		v4 = embedded_v4(a, 2);
		return special_v4_name(&v4);
	}
	name = special_find(
	    special_v6, sizeof(special_v6) / sizeof(special_v6[0]), a);
	if (name == NULL)
		return bits_equal(a->bytes, global_prefix, 3) ? NULL
							      : "reserved";
	/* What the IPv4 address inside is, says more than that one is there. */
	if (strncmp(name, "ipv4-", 5) == 0) {
		v4 = embedded_v4(a, 12);
		inner = special_v4_name(&v4);
		return inner != NULL ? inner : name;
	}
	return name;
}

bool
ip_endpoint_parse(struct ip_endpoint *out, struct span text)
{
	struct ip_endpoint e;
	const char *colon =
	    text.len > 0 ? memrchr(text.ptr, ':', text.len) : NULL;
	struct span host;
	bool bracketed;
	unsigned port;

	if (colon == NULL)
		return false;
	host = span_of(text.ptr, (size_t)(colon - text.ptr));
	bracketed = host.len >= 2 && host.ptr[0] == '[' &&
		    host.ptr[host.len - 1] == ']';
	if (bracketed)
		host = span_of(host.ptr + 1, host.len - 2);
	if (!ipaddr_parse(&e.addr, host) ||
	    (e.addr.family == IP_V6) != bracketed ||
	    !decimal_parse(&port,
		span_of(colon + 1, (size_t)(text.ptr + text.len - colon - 1)),
		UINT16_MAX))
		return false;
	e.port = (uint16_t)port;
	*out = e;
	return true;
}

size_t
ip_endpoint_format(const struct ip_endpoint *e, char *buf)
{
	char addr[IPADDR_TEXT_MAX + 1];
	bool v6 = e->addr.family == IP_V6;

	(void)ipaddr_format(&e->addr, addr);
	return (size_t)snprintf(buf, IP_ENDPOINT_TEXT_MAX + 1, "%s%s%s:%u",
	    v6 ? "[" : "", addr, v6 ? "]" : "", e->port);
}

bool
ip_endpoint_equal(const struct ip_endpoint *a, const struct ip_endpoint *b)
{
	return a->port == b->port && ipaddr_equal(&a->addr, &b->addr);
}

socklen_t
ip_endpoint_to_sockaddr(
    const struct ip_endpoint *e, struct sockaddr_storage *out)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	memset(out, 0, sizeof(*out));
	if (e->addr.family == IP_V6) {
		v6.sin6_port = htons(e->port);
		memcpy(&v6.sin6_addr, e->addr.bytes, IPV6_BYTES);
		memcpy(out, &v6, sizeof(v6));
		return sizeof(v6);
	}
	v4.sin_port = htons(e->port);
	memcpy(&v4.sin_addr, e->addr.bytes, IPV4_BYTES);
	memcpy(out, &v4, sizeof(v4));
	return sizeof(v4);
}

bool
ip_endpoint_from_sockaddr(struct ip_endpoint *out, const struct sockaddr *sa)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	*out = (struct ip_endpoint){0};
	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof(v4));
		out->addr.family = IP_V4;
		memcpy(out->addr.bytes, &v4.sin_addr, IPV4_BYTES);
		out->port = ntohs(v4.sin_port);
		return true;
	}
	if (sa->sa_family == AF_INET6) {
		memcpy(&v6, sa, sizeof(v6));
		out->addr.family = IP_V6;
		memcpy(out->addr.bytes, &v6.sin6_addr, IPV6_BYTES);
		ipaddr_unmap(&out->addr);
		out->port = ntohs(v6.sin6_port);
		return true;
	}
	return false;
}
