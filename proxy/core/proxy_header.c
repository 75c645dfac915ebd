/* SPDX-License-Identifier: Apache-2.0 */
#include "core/proxy_header.h"

#include "core/endpoint.h"

enum {
	V1_FIELDS = 5, /* TCP4 or TCP6, two addresses, two ports */

	V2_SIGNATURE = 12,
	V2_HEAD = 16, /* signature, version and command, family, length */
	V2_VERSION = 2,
	COMMAND_LOCAL = 0,
	COMMAND_PROXY = 1,
	FAMILY_UNSPEC = 0,
	FAMILY_INET = 1,
	FAMILY_INET6 = 2,
	FAMILY_UNIX = 3,
	TRANSPORT_STREAM = 1,
	TRANSPORT_DGRAM = 2,
	INET_BYTES = 4,
	INET6_BYTES = 16,
	/* Both ends' addresses, and ports. */
	INET_PAIR = 2 * (INET_BYTES + 2),
	INET6_PAIR = 2 * (INET6_BYTES + 2),
	UNIX_PAIR = 2 * 108,

	TLV_HEAD = 3, /* type, length */
	TLV_CRC32C = 3,
	CRC_BYTES = 4,
};

static const char v1_start[] = "PROXY ";
static const char v2_start[] = "\r\n\r\n\0\r\nQUIT\n";

static enum proxy_header_status
bad(struct proxy_header *out, const char *detail)
{
	*out = (struct proxy_header){.detail = detail};
	return PROXY_HEADER_BAD;
}

static enum proxy_header_status
more(struct proxy_header *out, size_t need)
{
	out->need = need;
	return PROXY_HEADER_MORE;
}

/* Whether data and the len bytes of text are the same as far as both go. */
static bool
begins_alike(struct span data, const char *text, size_t len)
{
	size_t n = data.len < len ? data.len : len;

	return n == 0 || memcmp(data.ptr, text, n) == 0;
}

/* --- version 1 -------------------------------------------------------------
 */

static bool
read_port(uint16_t *out, struct span text)
{
	*out = 0;
	return span_is(text, "0") || port_parse(out, text);
}

static bool
read_address(
    struct ip_endpoint *out, enum ip_family family, struct span fields[2])
{
	return ipaddr_parse(&out->addr, fields[0]) &&
	       out->addr.family == family && read_port(&out->port, fields[1]);
}

/* One blank between fields, and none else. */
static bool
split_fields(struct span line, struct span fields[V1_FIELDS])
{
	for (size_t i = 0; i < V1_FIELDS; i++) {
		const char *end =
		    line.len > 0 ? memchr(line.ptr, ' ', line.len) : NULL;
		size_t n = end != NULL ? (size_t)(end - line.ptr) : line.len;

		if ((end == NULL) != (i == V1_FIELDS - 1))
			return false;
		fields[i] = span_of(line.ptr, n);
		if (end != NULL)
			line = span_of(end + 1, line.len - n - 1);
	}
	return true;
}

/* line: behind "PROXY " and without the line's end. */
static bool
read_line(struct proxy_header *out, struct span line)
{
	static const char unknown[] = "UNKNOWN";
	size_t n = sizeof(unknown) - 1;
	struct span fields[V1_FIELDS];
	struct ip_endpoint source, destination;
	enum ip_family family;

	/* What follows UNKNOWN is to be ignored. */
	if (line.len >= n && memcmp(line.ptr, unknown, n) == 0 &&
	    (line.len == n || line.ptr[n] == ' '))
		return true;
	if (!split_fields(line, fields))
		return false;
	if (span_is(fields[0], "TCP4"))
		family = IP_V4;
	else if (span_is(fields[0], "TCP6"))
		family = IP_V6;
	else
		return false;
	if (!read_address(
		&source, family, (struct span[]){fields[1], fields[3]}) ||
	    !read_address(
		&destination, family, (struct span[]){fields[2], fields[4]}))
		return false;
	out->client = source;
	return true;
}

static enum proxy_header_status
parse_v1(struct proxy_header *out, struct span data)
{
	size_t start = sizeof(v1_start) - 1, at = start;

	while (at < data.len && at < PROXY_HEADER_V1_MAX &&
	       data.ptr[at] != '\r' && data.ptr[at] != '\n')
		at++;
	if (at + 1 >= PROXY_HEADER_V1_MAX)
		return bad(out, "PROXY header (v1) is longer than 107 bytes");
	if (at >= data.len)
		return more(out, at + 2);
	if (data.ptr[at] == '\n' ||
	    (at + 1 < data.len && data.ptr[at + 1] != '\n'))
		return bad(out, "PROXY header (v1) does not end in CR LF");
	if (at + 1 == data.len)
		return more(out, at + 2);
	out->len = at + 2;
	if (read_line(out, span_of(data.ptr + start, at - start)))
		return PROXY_HEADER_DONE;
	return bad(out, "malformed PROXY header (v1)");
}

/* --- version 2 -------------------------------------------------------------
 */

static unsigned
byte(struct span data, size_t at)
{
	return (unsigned char)data.ptr[at];
}

static uint16_t
number16(struct span data, size_t at)
{
	return (uint16_t)(byte(data, at) << 8 | byte(data, at + 1));
}

/* RFC 3720 appendix B.4: polynomial 11EDC6F41, its bits in reverse. */
static uint32_t
crc32c_add(uint32_t crc, uint8_t c)
{
	crc ^= c;
	for (int bit = 0; bit < 8; bit++)
		crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82F63B78U : crc >> 1;
	return crc;
}

/* The checksum of header, in which it stands at at itself and counts as 0. */
static bool
checksum_is_right(struct span header, size_t at)
{
	uint32_t crc = UINT32_MAX, want = 0;

	for (size_t i = 0; i < header.len; i++) {
		bool inside = i >= at && i - at < CRC_BYTES;

		if (inside)
			want = want << 8 | byte(header, i);
		crc = crc32c_add(crc, inside ? 0 : (uint8_t)byte(header, i));
	}
	return (crc ^ UINT32_MAX) == want;
}

/* The TLVs of header, which begin at at. */
static enum proxy_header_status
read_tlvs(struct proxy_header *out, struct span header, size_t at)
{
	size_t checksum = 0;

	while (at < header.len) {
		size_t value = at + TLV_HEAD, len;

		if (header.len - at < TLV_HEAD)
			return bad(out, "PROXY header (v2) ends within a TLV");
		len = number16(header, at + 1);
		if (header.len - value < len)
			return bad(out, "PROXY header (v2) ends within a TLV");
		if (byte(header, at) == TLV_CRC32C) {
			if (len != CRC_BYTES || checksum != 0)
				return bad(out,
				    "malformed checksum in PROXY header (v2)");
			checksum = value;
		}
		at = value + len;
	}
	if (checksum != 0 && !checksum_is_right(header, checksum))
		return bad(out, "wrong checksum in PROXY header (v2)");
	return PROXY_HEADER_DONE;
}

/* How long the addresses of a family are, both ends together. */
static size_t
addresses_len(unsigned family)
{
	switch (family) {
	case FAMILY_INET:
		return INET_PAIR;
	case FAMILY_INET6:
		return INET6_PAIR;
	case FAMILY_UNIX:
		return UNIX_PAIR;
	default:
		return 0;
	}
}

/* Source, destination, and then the two ports in the same order. */
static void
read_source(struct proxy_header *out, struct span header, unsigned family)
{
	struct ip_endpoint *c = &out->client;
	size_t n = family == FAMILY_INET ? INET_BYTES : INET6_BYTES;

	c->addr.family = family == FAMILY_INET ? IP_V4 : IP_V6;
	memcpy(c->addr.bytes, header.ptr + V2_HEAD, n);
	c->port = number16(header, V2_HEAD + 2 * n);
}

static enum proxy_header_status
read_proxied(struct proxy_header *out, struct span header)
{
	unsigned family = byte(header, 13) >> 4;
	unsigned transport = byte(header, 13) & 0xF;
	size_t len = addresses_len(family);

	if (header.len - V2_HEAD < len)
		return bad(
		    out, "PROXY header (v2) is too short for its addresses");
	/* Where TLVs begin behind an unspecified family, nobody says. */
	if (family == FAMILY_UNSPEC)
		return PROXY_HEADER_DONE;
	if (transport == TRANSPORT_STREAM && family != FAMILY_UNIX)
		read_source(out, header, family);
	return read_tlvs(out, header, V2_HEAD + len);
}

/* What stands in the fixed bytes, as soon as it is there. */
static enum proxy_header_status
judge_head(struct proxy_header *out, struct span data)
{
	unsigned command;

	if (data.len <= V2_SIGNATURE)
		return more(out, V2_HEAD);
	if (byte(data, 12) >> 4 != V2_VERSION)
		return bad(out, "PROXY header of an unknown version");
	command = byte(data, 12) & 0xF;
	if (command != COMMAND_LOCAL && command != COMMAND_PROXY)
		return bad(out, "PROXY header (v2) with an unknown command");
	if (command == COMMAND_PROXY && data.len > 13 &&
	    (byte(data, 13) >> 4 > FAMILY_UNIX ||
		(byte(data, 13) & 0xF) > TRANSPORT_DGRAM))
		return bad(
		    out, "PROXY header (v2) with an unknown address family");
	return data.len < V2_HEAD ? more(out, V2_HEAD) : PROXY_HEADER_DONE;
}

static enum proxy_header_status
parse_v2(struct proxy_header *out, struct span data)
{
	enum proxy_header_status head = judge_head(out, data);
	struct span header;
	size_t len;

	if (head != PROXY_HEADER_DONE)
		return head;
	len = V2_HEAD + (size_t)number16(data, 14);
	if (len > PROXY_HEADER_MAX)
		return bad(out, "PROXY header (v2) is longer than 4096 bytes");
	if (data.len < len)
		return more(out, len);
	out->len = len;
	header = span_of(data.ptr, len);
	return (byte(data, 12) & 0xF) == COMMAND_LOCAL
		   ? PROXY_HEADER_DONE
		   : read_proxied(out, header);
}

enum proxy_header_status
proxy_header_parse(struct proxy_header *out, struct span data)
{
	enum proxy_header_status s;

	*out = (struct proxy_header){.len = 0};
	if (data.len == 0)
		return more(out, sizeof(v1_start) - 1);
	if (begins_alike(data, v1_start, sizeof(v1_start) - 1))
		s = parse_v1(out, data);
	else if (begins_alike(data, v2_start, V2_SIGNATURE))
		s = parse_v2(out, data);
	else
		return bad(out, "no PROXY header");
	ipaddr_unmap(&out->client.addr);
	return s;
}
