/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "core/hello.h"
#include "guard.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(s) (s), sizeof(s) - 1 /* of a literal that may hold NUL bytes */

/* Bytes of a hello in the making. */
struct out {
	size_t len;
	uint8_t buf[HELLO_WIRE_MAX + 64];
};

static void
put(struct out *o, const void *data, size_t len)
{
	assert_true(len <= sizeof(o->buf) - o->len);
	if (len > 0)
		memcpy(o->buf + o->len, data, len);
	o->len += len;
}

static void
put_number(struct out *o, size_t n, size_t width)
{
	for (size_t i = width; i-- > 0;) {
		uint8_t byte = (uint8_t)(n >> (8 * i) & 0xFF);

		put(o, &byte, 1);
	}
}

static void
put_extension(struct out *o, size_t type, const void *data, size_t len)
{
	put_number(o, type, 2);
	put_number(o, len, 2);
	put(o, data, len);
}

/* A server_name extension with one host name. */
static void
put_server_name(struct out *o, const char *name, size_t len)
{
	put_number(o, 0, 2);
	put_number(o, len + 5, 2);
	put_number(o, len + 3, 2);
	put_number(o, 0, 1);
	put_number(o, len, 2);
	put(o, name, len);
}

static const uint8_t random_bytes[HELLO_RANDOM_LEN] = {1, 2, 3};

/* A ClientHello around an extension block; NULL: none at all. */
static void
put_message(struct out *o, const struct out *extensions)
{
	static const uint8_t start[] = {3, 3};
	static const uint8_t rest[] = {
	    2, 0xAA, 0xBB,             /* session id */
	    0, 4, 0x13, 1, 0xC0, 0x2F, /* cipher suites */
	    1, 0                       /* compression */
	};
	size_t len = sizeof(start) + sizeof(random_bytes) + sizeof(rest);

	put_number(o, 1, 1);
	put_number(o, len + (extensions != NULL ? 2 + extensions->len : 0), 3);
	put(o, start, sizeof(start));
	put(o, random_bytes, sizeof(random_bytes));
	put(o, rest, sizeof(rest));
	if (extensions != NULL) {
		put_number(o, extensions->len, 2);
		put(o, extensions->buf, extensions->len);
	}
}

/* The message cut into records of at most size bytes. */
static void
put_records(struct out *o, const struct out *message, size_t size)
{
	for (size_t at = 0; at < message->len; at += size) {
		size_t n = message->len - at < size ? message->len - at : size;

		put_number(o, 22, 1);
		put_number(o, 0x0301, 2);
		put_number(o, n, 2);
		put(o, message->buf + at, n);
	}
}

static struct out *
out_new(void)
{
	struct out *o = malloc(sizeof(*o));

	assert_non_null(o);
	o->len = 0;
	return o;
}

/* The hello on the wire around an extension block, in records of size bytes. */
static struct out *
wire_new(const struct out *extensions, size_t size)
{
	struct out *message = out_new();
	struct out *wire = out_new();

	put_message(message, extensions);
	put_records(wire, message, size);
	free(message);
	return wire;
}

static void
assert_same(const struct hello *a, const struct hello *b)
{
	assert_int_equal(a->why, b->why);
	assert_ptr_equal(a->detail, b->detail);
	assert_int_equal(a->has_name, b->has_name);
	if (a->has_name)
		assert_string_equal(a->name.text, b->name.text);
	if (a->why == OUTCOME_OK)
		assert_memory_equal(a->random, b->random, HELLO_RANDOM_LEN);
}

/* Parses each head of the wire, step bytes longer than the one before, right
 * before an unmapped page. All of them long enough have the same answer; *at is
 * the length of the first that has. */
static enum hello_status
parse_all_ways(
    struct hello *whole, const void *wire, size_t len, size_t step, size_t *at)
{
	struct guard g = guard_copy(wire, len);
	enum hello_status want = hello_parse(whole, g.data, len);
	size_t need = 0;

	*at = len;
	for (size_t n = len - len / step * step; n <= len; n += step) {
		uint8_t *start = g.data + len - n;
		struct hello h;
		enum hello_status got;

		if (n > 0)
			memcpy(start, wire, n);
		got = hello_parse(&h, start, n);
		if (got == HELLO_MORE) {
			assert_int_equal(*at, len);
			assert_true(h.need > n);
			need = h.need > need ? h.need : need;
			continue;
		}
		assert_int_equal(got, want);
		assert_same(&h, whole);
		if (got == HELLO_DONE) /* nothing was promised too late */
			assert_true(n >= need);
		*at = n < *at ? n : *at;
	}
	guard_free(&g);
	return want;
}

static const size_t record_sizes[] = {16384, 1, 2, 3, 4, 5, 6, 7, 50, 63};

static void
test_names(void **state)
{
	static const struct {
		const char *name, *want;
	} rows[] = {
	    {"a", "a"},
	    {"example.com", "example.com"},
	    {"EXAMPLE.Com", "example.com"},
	    {"container.us-1.cloudone.trendmicro.com",
		"container.us-1.cloudone.trendmicro.com"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows) * COUNT(record_sizes); i++) {
		const char *name = rows[i % COUNT(rows)].name;
		struct out *ext = out_new(), *wire;
		struct hello h;
		size_t at, len;

		put_extension(ext, 10, "\0\2\0\x1D", 4);
		put_server_name(ext, name, strlen(name));
		put_extension(ext, 16, "\0\3\2h2", 5);
		wire = wire_new(ext, record_sizes[i / COUNT(rows)]);
		len = wire->len;
		put(wire, "\x17\xFF\0", 3); /* behind it: left alone */
		assert_int_equal(
		    parse_all_ways(&h, wire->buf, wire->len, 1, &at),
		    HELLO_DONE);
		assert_int_equal(at, len);
		assert_memory_equal(
		    h.random, random_bytes, sizeof(random_bytes));
		assert_true(h.has_name);
		assert_string_equal(h.name.text, rows[i % COUNT(rows)].want);
		free(wire);
		free(ext);
	}
}

static void
test_no_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct out *ext = out_new(), *wire;
		struct hello h;
		size_t at;

		if (i == 2)
			put_extension(ext, 16, "\0\3\2h2", 5);
		wire = wire_new(i == 0 ? NULL : ext, 16384);
		assert_int_equal(
		    parse_all_ways(&h, wire->buf, wire->len, 1, &at),
		    HELLO_DONE);
		assert_int_equal(at, wire->len);
		assert_false(h.has_name);
		free(wire);
		free(ext);
	}
}

static void
test_bad_names(void **state)
{
	static const struct {
		const char *name;
		size_t len;
		const char *says;
	} rows[] = {
	    {BYTES(""), "empty"},
	    {BYTES("example.com."), "dot"},
	    {BYTES("."), "dot"},
	    {BYTES("example.com\0"), "not a host name"},
	    {BYTES("example.com\0.evil.test"), "not a host name"},
	    {BYTES("\0"), "not a host name"},
	    {BYTES("exam ple.com"), "not a host name"},
	    {BYTES("b\xC3\xBC"
		   "cher.example"),
		"not a host name"},
	    {BYTES("example.com:443"), "not a host name"},
	    {BYTES("*.example.com"), "not a host name"},
	    {BYTES("127.0.0.1"), "IP address"},
	    {BYTES("0x7f.1"), "IP address"},
	    {BYTES("::1"), "IP address"},
	    {BYTES("[::1]"), "IP address"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct out *ext = out_new(), *wire;
		struct hello h;
		size_t at;

		put_server_name(ext, rows[i].name, rows[i].len);
		wire = wire_new(ext, 16384);
		assert_int_equal(
		    parse_all_ways(&h, wire->buf, wire->len, 1, &at),
		    HELLO_BAD);
		assert_int_equal(h.why, OUTCOME_SNI_MISMATCH);
		assert_false(h.has_name);
		if (strstr(h.detail, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].name, h.detail);
		free(wire);
		free(ext);
	}
}

static void
test_two_extensions(void **state)
{
	struct out *ext = out_new(), *wire;
	struct hello h;
	size_t at;

	(void)state;
	put_server_name(ext, "example.com", 11);
	put_extension(ext, 16, "\0\3\2h2", 5);
	put_server_name(ext, "example.com", 11);
	wire = wire_new(ext, 16384);
	assert_int_equal(
	    parse_all_ways(&h, wire->buf, wire->len, 1, &at), HELLO_BAD);
	assert_int_equal(h.why, OUTCOME_SNI_MISMATCH);
	assert_false(h.has_name);
	assert_non_null(strstr(h.detail, "two server_name"));
	free(wire);
	free(ext);
}

/* Insides of a server_name extension. */
static void
test_server_name_structure(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		enum outcome why;
	} rows[] = {
	    {BYTES("\0\4\0\0\1a"), OUTCOME_OK},
	    {BYTES(""), OUTCOME_NOT_TLS},
	    {BYTES("\0"), OUTCOME_NOT_TLS},
	    {BYTES("\0\0"), OUTCOME_NOT_TLS},
	    {BYTES("\0\1\0"), OUTCOME_NOT_TLS},
	    {BYTES("\0\2\0\0"), OUTCOME_NOT_TLS},
	    {BYTES("\0\3\0\0\1"), OUTCOME_NOT_TLS},
	    {BYTES("\0\3\0\0\1a"), OUTCOME_NOT_TLS},
	    {BYTES("\0\5\0\0\1a"), OUTCOME_NOT_TLS},
	    {BYTES("\0\4\0\0\2a"), OUTCOME_NOT_TLS},
	    {BYTES("\0\4\0\xFF\xFF"
		   "a"),
		OUTCOME_NOT_TLS},
	    {BYTES("\0\4\0\0\1a\0"), OUTCOME_NOT_TLS},
	    {BYTES("\0\5\0\0\1ab"), OUTCOME_SNI_MISMATCH},
	    {BYTES("\0\x08\0\0\1a\0\0\1b"), OUTCOME_SNI_MISMATCH},
	    {BYTES("\0\x08\0\0\1a\0\0\1a"), OUTCOME_SNI_MISMATCH},
	    {BYTES("\0\x08\0\0\1a\1\0\1b"), OUTCOME_SNI_MISMATCH},
	    {BYTES("\0\4\1\0\1a"), OUTCOME_SNI_MISMATCH},
	    {BYTES("\0\3\0\0\0"), OUTCOME_SNI_MISMATCH},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct out *ext = out_new(), *wire;
		struct hello h;
		size_t at;

		put_extension(ext, 0, rows[i].data, rows[i].len);
		wire = wire_new(ext, 16384);
		assert_int_equal(
		    parse_all_ways(&h, wire->buf, wire->len, 1, &at),
		    rows[i].why == OUTCOME_OK ? HELLO_DONE : HELLO_BAD);
		if (h.why != rows[i].why)
			fail_msg("row %zu: %s", i, h.detail);
		assert_int_equal(h.has_name, rows[i].why == OUTCOME_OK);
		free(wire);
		free(ext);
	}
}

/* First bytes that are decided at the last of them, and not before. */
static void
test_not_tls_at_once(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		const char *says;
	} rows[] = {
	    {BYTES("S"), "SSH"},
	    {BYTES("G"), "HTTP"},
	    {BYTES("A"), "HTTP"},
	    {BYTES("P"), "HTTP"},
	    {BYTES("Z"), "HTTP"},
	    {BYTES("["), "first byte"},
	    {BYTES("\x13"), "first byte"},
	    {BYTES("\x14"), "not of a handshake"},
	    {BYTES("\x18"), "not of a handshake"},
	    {BYTES("\x19"), "first byte"},
	    {BYTES("\x80"), "SSLv2"},
	    {BYTES("\x10"), "MQTT"},
	    {BYTES("\x05"), "SOCKS"},
	    {BYTES("\x15"), "not of a handshake"},
	    {BYTES("\x17"), "not of a handshake"},
	    {BYTES("\0"), "first byte"},
	    {BYTES("{"), "first byte"},
	    {BYTES("\x16\x02"), "version"},
	    {BYTES("\x16\xFE"), "version"},
	    {BYTES("\x16\x03\x01\0\0"), "empty"},
	    {BYTES("\x16\x03\x01\x40\x01"), "longer"},
	    {BYTES("\x16\x03\x01\xFF\xFF"), "longer"},
	    {BYTES("\x16\x03\x01\0\x05\x02"), "not a ClientHello"},
	    {BYTES("\x16\x03\x01\0\x05\0"), "not a ClientHello"},
	    {BYTES("\x16\x03\x01\0\x01\x01\x15"), "not of a handshake"},
	    {BYTES("\x16\x03\x01\0\x01\x01\x17"), "not of a handshake"},
	    {BYTES("\x16\x03\x01\0\x01\x01\x16\x02"), "version"},
	    {BYTES("\x16\x03\x01\0\x01\x01\x16\x03\x03\0\0"), "empty"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hello h;
		size_t at;

		assert_int_equal(
		    parse_all_ways(&h, rows[i].data, rows[i].len, 1, &at),
		    HELLO_BAD);
		assert_int_equal(at, rows[i].len);
		assert_int_equal(h.why, OUTCOME_NOT_TLS);
		if (strstr(h.detail, rows[i].says) == NULL)
			fail_msg("row %zu: %s", i, h.detail);
	}
}

static void
test_every_first_byte(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		uint8_t byte = (uint8_t)c;
		struct hello h;

		assert_int_equal(hello_parse(&h, &byte, 1),
		    c == 22 ? HELLO_MORE : HELLO_BAD);
	}
	struct hello h;
	assert_int_equal(hello_parse(&h, NULL, 0), HELLO_MORE);
	assert_int_equal(h.need, 9);
}

/* Extensions that make the message len bytes long, with a name at the end. */
static struct out *
long_extensions(size_t message_len)
{
	const size_t others = 2 + 32 + 11 + 2 + 4 + 20;
	static const uint8_t zeros[HELLO_MESSAGE_MAX + 16];
	struct out *ext = out_new();

	put_extension(ext, 21, zeros, message_len - others);
	put_server_name(ext, "example.com", 11);
	return ext;
}

static void
test_long_hello(void **state)
{
	static const struct {
		size_t len, record, step;
	} rows[] = {
	    {1800, 16384, 1},
	    {1800, 1, 1},
	    {1800, 1400, 1},
	    {HELLO_MESSAGE_MAX, 16384, 997},
	    {HELLO_MESSAGE_MAX, 4096, 997},
	    {HELLO_MESSAGE_MAX, 1, 1999},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct out *ext = long_extensions(rows[i].len);
		struct out *wire = wire_new(ext, rows[i].record);
		struct hello h;
		size_t at;

		assert_true(wire->len <= HELLO_WIRE_MAX);
		assert_int_equal(
		    parse_all_ways(&h, wire->buf, wire->len, rows[i].step, &at),
		    HELLO_DONE);
		assert_int_equal(at, wire->len);
		assert_string_equal(h.name.text, "example.com");
		free(wire);
		free(ext);
	}
}

static void
test_too_large_at_once(void **state)
{
	static const struct {
		size_t record, at;
	} rows[] = {{16384, 9}, {2, 14}, {1, 24}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct out *ext = long_extensions(HELLO_MESSAGE_MAX + 1);
		struct out *wire = wire_new(ext, rows[i].record);
		struct hello h;
		size_t at;

		assert_int_equal(
		    parse_all_ways(&h, wire->buf, 64, 1, &at), HELLO_BAD);
		assert_int_equal(h.why, OUTCOME_HELLO_TOO_LARGE);
		assert_int_equal(at, rows[i].at);
		free(wire);
		free(ext);
	}
}

/* need lets a caller that waits for it call a few times only, even when the
 * hello comes in the worst shape. */
static void
test_need_bounds_the_calls(void **state)
{
	struct out *ext = long_extensions(HELLO_MESSAGE_MAX);
	struct out *wire = wire_new(ext, 1);
	struct hello h;
	unsigned calls = 1;

	(void)state;
	for (size_t n = 0; hello_parse(&h, wire->buf, n) == HELLO_MORE;
	     calls++) {
		assert_true(h.need > n && h.need <= wire->len);
		n = h.need;
	}
	assert_true(h.has_name);
	assert_true(calls < 80);
	free(wire);
	free(ext);
}

/* A good message cut short, its length made to fit: never taken with a name
 * that is not there, never anything but not_tls. */
static void
test_truncated_structure(void **state)
{
	struct out *ext = out_new(), *message = out_new();
	size_t bare = 4 + 2 + 32 + 11, named;

	(void)state;
	put_server_name(ext, "example.com", 11);
	put_extension(ext, 16, "\0\3\2h2", 5);
	put_message(message, ext);
	named = message->len;
	for (size_t len = 4; len < named; len++) {
		struct out *cut = out_new(), *wire = out_new();
		struct hello h;
		size_t at;

		put(cut, message->buf, len);
		cut->buf[3] = (uint8_t)(len - 4);
		put_records(wire, cut, 16384);
		assert_int_equal(
		    parse_all_ways(&h, wire->buf, wire->len, 1, &at),
		    len == bare ? HELLO_DONE : HELLO_BAD);
		assert_int_equal(
		    h.why, len == bare ? OUTCOME_OK : OUTCOME_NOT_TLS);
		assert_false(h.has_name);
		free(wire);
		free(cut);
	}
	free(message);
	free(ext);
}

/* Offsets into the message: each field of the head with a value that breaks it.
 */
static void
test_broken_fields(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} rows[] = {
	    {4, 2},             /* version */
	    {4, 0xFE},          /* DTLS */
	    {38, 33},           /* session id longer than 32 */
	    {38, 255},          /* … and than the message */
	    {41, 0xFF},         /* cipher suites longer than the message */
	    {42, 3},            /* odd */
	    {42, 0},            /* none */
	    {47, 0},            /* no compression */
	    {47, 255},          /* … longer than the message */
	    {50, 19}, {50, 21}, /* extensions shorter and longer */
	    {54, 17},           /* extension longer than the block */
	};
	struct out *ext = out_new(), *message = out_new();

	(void)state;
	put_server_name(ext, "example.com", 11);
	put_message(message, ext);
	assert_int_equal(message->buf[50], 20);
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t good = message->buf[rows[i].at];
		struct out *wire = out_new();
		struct hello h;
		size_t at;

		message->buf[rows[i].at] = rows[i].value;
		put_records(wire, message, 16384);
		message->buf[rows[i].at] = good;
		if (parse_all_ways(&h, wire->buf, wire->len, 1, &at) !=
			HELLO_BAD ||
		    h.why != OUTCOME_NOT_TLS)
			fail_msg("byte %zu as %u", rows[i].at, rows[i].value);
		free(wire);
	}
	free(message);
	free(ext);
}

/* Messages whose vectors fit, but hold what no ClientHello does. */
static void
test_vector_contents(void **state)
{
	static const struct {
		const char *rest; /* behind version and random */
		size_t len;
		enum hello_status want;
	} rows[] = {
	    {BYTES("\0\0\2\x13\1\1\0"), HELLO_DONE},
	    {BYTES("\x20"
		   "0123456789abcdef0123456789abcdef\0\2\x13\1\1\0"),
		HELLO_DONE},
	    {BYTES("\x21"
		   "0123456789abcdef0123456789abcdefX\0\2\x13\1\1\0"),
		HELLO_BAD},
	    {BYTES("\0\0\0\1\0"), HELLO_BAD},
	    {BYTES("\0\0\3\x13\1\x13\1\0"), HELLO_BAD},
	    {BYTES("\0\0\2\x13\1\0"), HELLO_BAD},
	    {BYTES("\0\0\2\x13\1\1\0\0\0"), HELLO_DONE},
	    {BYTES("\0\0\2\x13\1\1\0\0\0\0"), HELLO_BAD},
	};
	static const uint8_t random[32] = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct out *message = out_new(), *wire = out_new();
		struct hello h;
		size_t at;

		put_number(message, 1, 1);
		put_number(message, 2 + sizeof(random) + rows[i].len, 3);
		put_number(message, 0x0303, 2);
		put(message, random, sizeof(random));
		put(message, rows[i].rest, rows[i].len);
		put_records(wire, message, 16384);
		if (parse_all_ways(&h, wire->buf, wire->len, 1, &at) !=
			rows[i].want ||
		    at != wire->len || h.has_name)
			fail_msg("row %zu", i);
		free(wire);
		free(message);
	}
}

/* What OpenSSL says when it is asked to. */
static void
test_openssl_hello(void **state)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	char name[] = "Example.COM"; /* the macro below drops const */
	uint8_t wire[4096];

	(void)state;
	assert_non_null(ctx);
	for (int named = 0; named < 2; named++) {
		SSL *ssl = SSL_new(ctx);
		BIO *rx = BIO_new(BIO_s_mem()), *tx = BIO_new(BIO_s_mem());
		struct hello h;
		size_t at;
		int len;

		assert_true(ssl != NULL && rx != NULL && tx != NULL);
		SSL_set_bio(ssl, rx, tx);
		if (named == 1)
			assert_int_equal(
			    SSL_set_tlsext_host_name(ssl, name), 1);
		assert_true(SSL_connect(ssl) <= 0);
		len = BIO_read(tx, wire, sizeof(wire));
		assert_true(len > 100);
		assert_int_equal(
		    parse_all_ways(&h, wire, (size_t)len, 1, &at), HELLO_DONE);
		assert_int_equal(at, len);
		assert_int_equal(h.has_name, named);
		if (named == 1)
			assert_string_equal(h.name.text, "example.com");
		SSL_free(ssl);
	}
	SSL_CTX_free(ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_no_name),
	    cmocka_unit_test(test_bad_names),
	    cmocka_unit_test(test_two_extensions),
	    cmocka_unit_test(test_server_name_structure),
	    cmocka_unit_test(test_not_tls_at_once),
	    cmocka_unit_test(test_every_first_byte),
	    cmocka_unit_test(test_long_hello),
	    cmocka_unit_test(test_too_large_at_once),
	    cmocka_unit_test(test_need_bounds_the_calls),
	    cmocka_unit_test(test_truncated_structure),
	    cmocka_unit_test(test_broken_fields),
	    cmocka_unit_test(test_vector_contents),
	    cmocka_unit_test(test_openssl_hello),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
