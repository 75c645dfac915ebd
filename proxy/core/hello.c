/* SPDX-License-Identifier: Apache-2.0
 *
 * The records are walked first, without a copy, to see whether the whole
 * message is there. Most hellos stand in one record and are read where they
 * are; one that is cut into several is put together in a local buffer. Nothing
 * is kept between calls: the caller peeks, so the bytes are all there again. */
#include "core/hello.h"

enum {
	RECORD_HEADER = 5,
	RECORD_MAX = 16384, /* RFC 8446 section 5.1 */
	RECORD_HANDSHAKE = 22,
	MESSAGE_HEADER = 4,
	MESSAGE_CLIENT_HELLO = 1,
	TLS_MAJOR = 3,
	SESSION_ID_MAX = 32,
	EXTENSION_SERVER_NAME = 0,
	NAME_TYPE_HOST = 0,
};

/* Bytes still to be read. */
struct bytes {
	const uint8_t *ptr;
	size_t len;
};

static enum hello_status
bad(struct hello *out, enum outcome why, const char *detail)
{
	out->why = why;
	out->detail = detail;
	return HELLO_BAD;
}

static enum hello_status
not_tls(struct hello *out, const char *detail)
{
	return bad(out, OUTCOME_NOT_TLS, detail);
}

static enum hello_status
mismatch(struct hello *out, const char *detail)
{
	return bad(out, OUTCOME_SNI_MISMATCH, detail);
}

static bool
take(struct bytes *from, size_t n, struct bytes *out)
{
	if (n > from->len)
		return false;
	*out = (struct bytes){from->ptr, n};
	from->ptr += n;
	from->len -= n;
	return true;
}

/* A big-endian number of width bytes, at most 3. */
static bool
take_number(struct bytes *from, size_t width, size_t *out)
{
	struct bytes b;

	if (!take(from, width, &b))
		return false;
	*out = 0;
	for (size_t i = 0; i < width; i++)
		*out = *out << 8 | b.ptr[i];
	return true;
}

/* A vector with its length before it (RFC 8446 section 3.4). */
static bool
take_vector(struct bytes *from, size_t width, struct bytes *out)
{
	size_t n;

	return take_number(from, width, &n) && take(from, n, out);
}

/* What a connection that begins with c looks like; c is no handshake record. */
static const char *
explain_first_byte(uint8_t c)
{
	if (c == 'S')
		return "not TLS: looks like an SSH banner";
	if (c >= 'A' && c <= 'Z')
		return "not TLS: looks like a plain HTTP request";
	if (c == 0x10)
		return "not TLS: looks like plain MQTT";
	if (c == 0x04 || c == 0x05)
		return "not TLS: looks like SOCKS";
	if (c >= 0x80)
		return "not TLS: looks like an SSLv2 hello";
	if (c >= 20 && c <= 24)
		return "a TLS record, but not of a handshake";
	return "not TLS: the first byte is not that of a handshake record";
}

/* The message's place on the wire. */
struct message {
	size_t len; /* with its header; 0: not known yet */
	size_t got; /* bytes of it that are there */
	uint8_t start[MESSAGE_HEADER];
};

/* Takes note of a fragment of the message. */
static enum hello_status
message_add(struct message *m, struct bytes part, struct hello *out)
{
	for (size_t i = 0; i < part.len && m->got + i < MESSAGE_HEADER; i++)
		m->start[m->got + i] = part.ptr[i];
	m->got += part.len;
	if (m->got > 0 && m->start[0] != MESSAGE_CLIENT_HELLO)
		return not_tls(out, "a TLS handshake message, but not a "
				    "ClientHello");
	if (m->got < MESSAGE_HEADER)
		return HELLO_MORE;
	m->len =
	    (size_t)m->start[1] << 16 | (size_t)m->start[2] << 8 | m->start[3];
	if (m->len > HELLO_MESSAGE_MAX)
		return bad(out, OUTCOME_HELLO_TOO_LARGE,
		    "ClientHello longer than 16384 bytes");
	m->len += MESSAGE_HEADER;
	return m->got >= m->len ? HELLO_DONE : HELLO_MORE;
}

/* Reads the header of a record as far as it is there; HELLO_DONE when it is all
 * there and good. */
static enum hello_status
take_record_header(struct bytes *wire, size_t *len, struct hello *out)
{
	struct bytes head;

	if (wire->len > 0 && wire->ptr[0] != RECORD_HANDSHAKE)
		return not_tls(out, "a record within the ClientHello is not of "
				    "a handshake");
	if (wire->len > 1 && wire->ptr[1] != TLS_MAJOR)
		return not_tls(out, "record version is not of TLS");
	if (!take(wire, RECORD_HEADER, &head))
		return HELLO_MORE;
	*len = (size_t)head.ptr[3] << 8 | head.ptr[4];
	if (*len == 0)
		return not_tls(out, "empty handshake record");
	if (*len > RECORD_MAX)
		return not_tls(out, "record longer than 16384 bytes");
	return HELLO_DONE;
}

/* Walks the records until the message is whole. */
static enum hello_status
walk_records(struct message *m, struct bytes wire, struct hello *out)
{
	for (;;) {
		enum hello_status s;
		struct bytes part;
		size_t len;

		s = take_record_header(&wire, &len, out);
		if (s != HELLO_DONE)
			return s;
		if (!take(&wire, len, &part)) {
			part = wire;
			wire.len = 0;
		}
		s = message_add(m, part, out);
		if (s != HELLO_MORE || part.len < len)
			return s;
	}
}

/* See need in struct hello. */
static size_t
bytes_needed(const struct message *m, size_t len)
{
	size_t need = len + (m->len > 0 ? m->len : MESSAGE_HEADER) - m->got;

	return need > RECORD_HEADER + MESSAGE_HEADER
		   ? need
		   : RECORD_HEADER + MESSAGE_HEADER;
}

/* Copies the message's len bytes out of records that walk_records has seen. */
static void
join_records(uint8_t *to, size_t len, const uint8_t *wire)
{
	size_t at = 0;

	while (at < len) {
		size_t n = (size_t)wire[3] << 8 | wire[4];

		if (n > len - at)
			n = len - at;
		memcpy(to + at, wire + RECORD_HEADER, n);
		at += n;
		wire += RECORD_HEADER + n;
	}
}

static enum hello_status
read_host_name(struct bytes raw, struct hello *out)
{
	struct span name = span_of((const char *)raw.ptr, raw.len);

	if (name.len == 0)
		return mismatch(out, "server name is empty");
	if (name.ptr[name.len - 1] == '.')
		return mismatch(out, "server name ends in a dot");
	switch (hostname_parse(&out->name, name)) {
	case HOSTNAME_NAME:
		return HELLO_DONE;
	case HOSTNAME_ADDRESS:
		return mismatch(out, "server name is an IP address");
	case HOSTNAME_INVALID:
		break;
	}
	return mismatch(out, "server name is not a host name");
}

/* RFC 6066 section 3: one host name, and nothing else. */
static enum hello_status
read_server_name(struct bytes ext, struct hello *out)
{
	struct bytes list, name;
	size_t type;

	if (out->has_name)
		return mismatch(out, "two server_name extensions");
	if (!take_vector(&ext, 2, &list) || ext.len != 0 || list.len == 0)
		return not_tls(out, "malformed server_name extension");
	if (!take_number(&list, 1, &type) || !take_vector(&list, 2, &name))
		return not_tls(out, "malformed server_name extension");
	if (type != NAME_TYPE_HOST)
		return mismatch(out, "server name of an unknown type");
	if (list.len != 0)
		return mismatch(out, "more than one server name");
	out->has_name = true;
	return read_host_name(name, out);
}

static enum hello_status
read_extensions(struct bytes all, struct hello *out)
{
	while (all.len > 0) {
		struct bytes ext;
		size_t type;

		if (!take_number(&all, 2, &type) || !take_vector(&all, 2, &ext))
			return not_tls(out, "malformed ClientHello extensions");
		if (type == EXTENSION_SERVER_NAME &&
		    read_server_name(ext, out) != HELLO_DONE)
			return HELLO_BAD;
	}
	return HELLO_DONE;
}

/* RFC 8446 section 4.1.2. Hellos of before TLS 1.3 may have no extensions. */
static enum hello_status
read_message(struct bytes body, struct hello *out)
{
	static const char malformed[] = "malformed ClientHello";
	struct bytes random, session, ciphers, compression, extensions;
	size_t version;

	if (!take_number(&body, 2, &version) || version >> 8 != TLS_MAJOR ||
	    !take(&body, HELLO_RANDOM_LEN, &random))
		return not_tls(out, malformed);
	memcpy(out->random, random.ptr, HELLO_RANDOM_LEN);
	if (!take_vector(&body, 1, &session) || session.len > SESSION_ID_MAX)
		return not_tls(out, malformed);
	if (!take_vector(&body, 2, &ciphers) || ciphers.len == 0 ||
	    ciphers.len % 2 != 0)
		return not_tls(out, malformed);
	if (!take_vector(&body, 1, &compression) || compression.len == 0)
		return not_tls(out, malformed);
	if (body.len == 0)
		return HELLO_DONE;
	if (!take_vector(&body, 2, &extensions) || body.len != 0)
		return not_tls(out, malformed);
	return read_extensions(extensions, out);
}

static enum hello_status
read_joined(const struct message *m, const uint8_t *wire, struct hello *out)
{
	uint8_t buf[MESSAGE_HEADER + HELLO_MESSAGE_MAX];

	join_records(buf, m->len, wire);
	return read_message(
	    (struct bytes){buf + MESSAGE_HEADER, m->len - MESSAGE_HEADER}, out);
}

static enum hello_status
read_whole(const struct message *m, const uint8_t *wire, struct hello *out)
{
	size_t first = (size_t)wire[3] << 8 | wire[4];
	enum hello_status s;

	if (first >= m->len)
		s = read_message(
		    (struct bytes){wire + RECORD_HEADER + MESSAGE_HEADER,
			m->len - MESSAGE_HEADER},
		    out);
	else
		s = read_joined(m, wire, out);
	if (s != HELLO_DONE)
		out->has_name = false;
	return s;
}

enum hello_status
hello_parse(struct hello *out, const uint8_t *data, size_t len)
{
	struct message m = {0};
	enum hello_status s;

	out->has_name = false;
	out->why = OUTCOME_OK;
	out->detail = NULL;
	out->need = RECORD_HEADER + MESSAGE_HEADER;
	if (len == 0)
		return HELLO_MORE;
	if (data[0] != RECORD_HANDSHAKE)
		return not_tls(out, explain_first_byte(data[0]));
	s = walk_records(&m, (struct bytes){data, len}, out);
	if (s == HELLO_DONE)
		return read_whole(&m, data, out);
	if (s == HELLO_MORE)
		out->need = bytes_needed(&m, len);
	return s;
}
