/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/request.h"
#include "guard.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(s) (s), sizeof(s) - 1 /* of a literal that may hold NUL bytes */

#define LINE "CONNECT example.com:443 HTTP/1.1\r\n"
#define HOST "Host: example.com:443\r\n"
#define GOOD LINE HOST "\r\n"

enum {
	LIMIT = 512
};

static void
test_init(void **state)
{
	struct request r;

	(void)state;
	memset(&r, 0x5A, sizeof(r));
	request_init(&r, LIMIT);
	assert_int_equal(r.limit, LIMIT);
	assert_int_equal(r.head_len, 0);
	assert_int_equal(r.authority.len, 0);
	assert_int_equal(r.authorization.len, 0);
	assert_int_equal(r.why, OUTCOME_OK);
	assert_int_equal(request_parse(&r, NULL, 0), REQUEST_MORE);
}

/* One call with the first len bytes of text, right before the end of g's page:
 * they stand elsewhere at each call. */
static enum request_status
feed_in(struct request *r, const struct guard *g, const char *text, size_t len)
{
	char *at = (char *)g->data + g->len - len;

	memset(g->data, 0, g->len);
	memcpy(at, text, len);
	return request_parse(r, at, len);
}

static enum request_status
feed(struct request *r, const char *text, size_t len)
{
	struct guard g = guard_copy(text, len);
	enum request_status s = request_parse(r, (const char *)g.data, len);

	guard_free(&g);
	return s;
}

static void
assert_same(const struct request *a, const struct request *b)
{
	assert_int_equal(a->why, b->why);
	assert_ptr_equal(a->detail, b->detail);
	assert_int_equal(a->head_len, b->head_len);
	assert_int_equal(a->minor, b->minor);
	assert_int_equal(a->authority.offset, b->authority.offset);
	assert_int_equal(a->authority.len, b->authority.len);
	assert_int_equal(a->authorization.offset, b->authorization.offset);
	assert_int_equal(a->authorization.len, b->authorization.len);
	if (a->head_len == 0)
		return;
	assert_true(hostname_equal(&a->target.host, &b->target.host));
	assert_int_equal(a->target.port, b->target.port);
}

/* Feeds text in one piece, in every two pieces and byte by byte, and expects
 * the same each time. Returns the status; *at is the number of bytes that had
 * to be there for it. */
static enum request_status
parse_all_ways(struct request *whole, const char *text, size_t len, size_t *at)
{
	struct guard g = guard_copy(text, len);
	enum request_status want, got = REQUEST_MORE;
	struct request r;

	request_init(whole, LIMIT);
	want = feed_in(whole, &g, text, len);
	for (size_t cut = 0; cut <= len; cut++) {
		request_init(&r, LIMIT);
		got = feed_in(&r, &g, text, cut);
		if (got == REQUEST_MORE)
			got = feed_in(&r, &g, text, len);
		assert_int_equal(got, want);
		assert_same(&r, whole);
		if (got != REQUEST_MORE) /* nothing is read any more */
			assert_int_equal(request_parse(&r, NULL, len), want);
	}
	request_init(&r, LIMIT);
	*at = 0;
	while ((got = feed_in(&r, &g, text, *at)) == REQUEST_MORE && *at < len)
		(*at)++;
	assert_int_equal(got, want);
	assert_same(&r, whole);
	guard_free(&g);
	return want;
}

struct good_row {
	const char *text, *authority, *host, *authorization;
	unsigned port, minor;
};

static const struct good_row good_rows[] = {
    {GOOD, "example.com:443", "example.com", "", 443, 1},
    {"CONNECT EXAMPLE.com.:8443 HTTP/1.0\r\n\r\n", "EXAMPLE.com.:8443",
	"example.com", "", 8443, 0},
    {"CONNECT a:1 HTTP/1.0\r\nHost: b\r\n\r\n", "a:1", "a", "", 1, 0},
    /* Host is there, its value is not compared */
    {LINE "hOST:\r\n\r\n", "example.com:443", "example.com", "", 443, 1},
    {LINE "Host:other\r\n\r\n", "example.com:443", "example.com", "", 443, 1},
    {LINE HOST "Proxy-Authorization: Basic dTpw\r\n\r\n", "example.com:443",
	"example.com", "Basic dTpw", 443, 1},
    {LINE "proxy-authorization:\t Basic dTpw \t \r\n" HOST "\r\n",
	"example.com:443", "example.com", "Basic dTpw", 443, 1},
    {LINE HOST "Proxy-Authorization: \r\n\r\n", "example.com:443",
	"example.com", "", 443, 1},
    {LINE HOST "Content-Length: 0\r\n\r\n", "example.com:443", "example.com",
	"", 443, 1},
    /* other fields of the same lengths, all of VCHAR, blanks in values */
    {LINE HOST "From: x\r\nX-ontent-Length: 1\r\nXransfer-Encoding: chunked"
	       "\r\nXroxy-Authorization: y\r\n\r\n",
	"example.com:443", "example.com", "", 443, 1},
    {LINE HOST "!#$%&'*+-.^_`|~09azAZ: \t !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
	       "\t \r\nEmpty:\r\nUser-Agent: Go-http-client/1.1\r\n\r\n",
	"example.com:443", "example.com", "", 443, 1},
};

static void
test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good_rows); i++) {
		const struct good_row *row = &good_rows[i];
		size_t at, len = strlen(row->text);
		struct request r;

		assert_int_equal(
		    parse_all_ways(&r, row->text, len, &at), REQUEST_DONE);
		assert_int_equal(at, len);
		assert_int_equal(r.head_len, len);
		assert_string_equal(r.target.host.text, row->host);
		assert_int_equal(r.target.port, row->port);
		assert_int_equal(r.minor, row->minor);
		assert_true(span_is(request_slice_span(r.authority, row->text),
		    row->authority));
		assert_true(
		    span_is(request_slice_span(r.authorization, row->text),
			row->authorization));
	}
}

/* Bytes behind the head belong to the tunnel, whatever they are. */
static void
test_bytes_behind_the_head(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} rows[] = {
	    {BYTES(GOOD "\x16\x03\x01\0\xff\r\n\n")},
	    {BYTES(GOOD "GET / HTTP/1.1\r\n\r\n")},
	    {BYTES(GOOD "\r\n")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct request r;
		size_t at;

		assert_int_equal(
		    parse_all_ways(&r, rows[i].text, rows[i].len, &at),
		    REQUEST_DONE);
		assert_int_equal(r.head_len, sizeof(GOOD) - 1);
		assert_int_equal(at, sizeof(GOOD) - 1);
	}
}

#define BAD OUTCOME_BAD_REQUEST
#define NOT OUTCOME_METHOD_NOT_ALLOWED
#define LIT OUTCOME_DENIED_ADDRESS_LITERAL

struct bad_row {
	const char *text;
	size_t len;
	enum outcome why;
	const char *says;
	size_t at; /* bytes after which it is known; 0: all */
};

static const struct bad_row bad_rows[] = {
    /* other protocols */
    {BYTES("\x16\x03\x01\x02\0\x01"), BAD, "TLS hello", 1},
    {BYTES("\x04\x01\x01\xbb"), BAD, "SOCKS4", 1},
    {BYTES("\x05\x01\0"), BAD, "SOCKS5", 1},
    {BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), BAD, "HTTP/2", 16},
    {BYTES("SSH-2.0-OpenSSH_9.2\r\n"), BAD, "SSH", 0},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), BAD, "PROXY protocol", 0},
    {BYTES("\r\n\r\n\0\r\nQUIT\n"), BAD, "PROXY protocol", 2},
    {BYTES("\x80\x2e\x01"), BAD, "non-ASCII", 1},

    /* bytes that no head holds, known at once */
    {BYTES("\0"), BAD, "control", 1},
    {BYTES("\n"), BAD, "line feed", 1},
    {BYTES("CONNECT example.com:443\tHTTP/1.1\r\n"), BAD, "control", 24},
    {BYTES("CONNECT example.com\0.evil.test:443 HTTP/1.1\r\n"), BAD, "control",
	20},
    {BYTES("CONNECT b\xc3\xbc"
	   "cher.example:443 HTTP/1.1\r\n"),
	BAD, "non-ASCII", 10},
    {BYTES("CONNECT example.com:443 HTTP/1.1\n"), BAD, "line feed", 33},
    {BYTES("CONNECT example.com:443 HTTP/1.1\rX"), BAD, "carriage return", 34},
    {BYTES("CONNECT example.com:443 HTTP/1.1\r\r\n"), BAD, "carriage return",
	34},
    {BYTES(LINE "Host: a\nX: b\r\n\r\n"), BAD, "line feed", 42},
    {BYTES(LINE "Host: a\rX: b\r\n\r\n"), BAD, "carriage return", 43},
    {BYTES(LINE "Host: a\0\r\n\r\n"), BAD, "control", 42},
    {BYTES(LINE "Host: a\x7f\r\n\r\n"), BAD, "control", 42},
    {BYTES(LINE "Host: a\x1b[0m\r\n\r\n"), BAD, "control", 42},
    {BYTES(LINE "Host: a\v\r\n\r\n"), BAD, "control", 42},
    {BYTES(LINE "Host: \xe9\r\n\r\n"), BAD, "non-ASCII", 41},
    {BYTES(LINE HOST "\r\r\n"), BAD, "carriage return", 59},
    {BYTES(LINE HOST "\n"), BAD, "line feed", 0},

    /* the request line */
    {BYTES("\r\n" GOOD), BAD, "empty line", 2},
    {BYTES("CONNECT\r\n"), BAD, "malformed request line", 0},
    {BYTES("CONNECT \r\n"), BAD, "malformed request line", 0},
    {BYTES("CONNECT example.com:443\r\n"), BAD, "malformed request line", 0},
    {BYTES("CONNECT example.com:443 \r\n"), BAD, "malformed request line", 0},
    {BYTES(" a:1 HTTP/1.1\r\n"), BAD, "malformed request line", 0},
    {BYTES("CONNECT  HTTP/1.1\r\n"), BAD, "malformed request line", 0},
    {BYTES("GET  HTTP/1.1\r\n"), BAD, "malformed request line", 0},
    {BYTES(" CONNECT a:1 HTTP/1.1\r\n"), BAD, "malformed request line", 0},
    {BYTES("CONNECT  a:1 HTTP/1.1\r\n"), BAD, "malformed request line", 0},
    {BYTES("CONNECT a:1  HTTP/1.1\r\n"), BAD, "malformed request line", 0},
    {BYTES("CONNECT a:1 HTTP/1.1 \r\n"), BAD, "malformed request line", 0},
    {BYTES("CONNECT a:1 HTTP/1.1 x\r\n"), BAD, "malformed request line", 0},
    {BYTES("CONNECT a:1 b:2 HTTP/1.1\r\n"), BAD, "malformed request line", 0},
    {BYTES("CONNECT a:1 http/1.1\r\n"), BAD, "malformed request line", 0},
    {BYTES("CONNECT a:1 HTTP/1.01\r\n"), BAD, "malformed request line", 0},
    {BYTES("CONNECT a:1 HTTP/1.12\r\n"), BAD, "malformed request line", 0},
    {BYTES("CONNECT a:1 HTTP/1.2\r\n"), BAD, "HTTP version", 0},
    {BYTES("CONNECT a:1 HTTP/2.0\r\n"), BAD, "HTTP version", 0},
    {BYTES("CONNECT a:1 HTTP/2\r\n"), BAD, "HTTP version", 0},
    {BYTES("CONNECT a:1 HTTP/0.9\r\n"), BAD, "HTTP version", 0},
    {BYTES("GET / HTTP/3.0\r\n"), BAD, "HTTP version", 0},
    {BYTES("GET /\r\n"), BAD, "malformed request line", 0},
    {BYTES("CONN@CT a:1 HTTP/1.1\r\n"), BAD, "malformed request line", 0},
    {BYTES("CONNECT: a:1 HTTP/1.1\r\n"), BAD, "malformed request line", 0},

    /* the target */
    {BYTES("CONNECT example.com HTTP/1.1\r\n"), BAD, "no port", 0},
    {BYTES("CONNECT example.com:0 HTTP/1.1\r\n"), BAD, "port is not", 0},
    {BYTES("CONNECT https://example.com:443 HTTP/1.1\r\n"), BAD, "scheme", 0},
    {BYTES("CONNECT u:p@example.com:443 HTTP/1.1\r\n"), BAD, "userinfo", 0},
    {BYTES("CONNECT example%2ecom:443 HTTP/1.1\r\n"), BAD, "percent", 0},
    {BYTES("CONNECT [example.com]:443 HTTP/1.1\r\n"), BAD, "brackets", 0},
    {BYTES("CONNECT * HTTP/1.1\r\n"), BAD, "host name", 0},
    {BYTES("CONNECT / HTTP/1.1\r\n"), BAD, "path", 0},
    {BYTES("CONNECT 127.0.0.1:443 HTTP/1.1\r\n"), LIT, "literal", 0},
    {BYTES("CONNECT 0x7f.1:443 HTTP/1.1\r\n"), LIT, "literal", 0},
    {BYTES("CONNECT [::1]:443 HTTP/1.1\r\n"), LIT, "literal", 0},
    {BYTES("CONNECT 127.0.0.1:443 HTTP/1.1\r\n\x16"), LIT, "literal", 32},
    {BYTES("CONNECT 127.0.0.1 HTTP/1.1\r\n"), BAD, "no port", 0},

    /* other methods */
    {BYTES("GET http://example.com/ HTTP/1.1\r\n"), NOT, "plain http://", 0},
    {BYTES("GET https://example.com/ HTTP/1.1\r\n"), NOT, "only CONNECT", 0},
    {BYTES("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), NOT, "web server", 16},
    {BYTES("GET / HTTP/1.0\r\n\r\n"), NOT, "web server", 16},
    {BYTES("OPTIONS * HTTP/1.1\r\n"), NOT, "web server", 0},
    {BYTES("connect example.com:443 HTTP/1.1\r\n"), NOT, "capitals", 0},
    {BYTES("Connect 127.0.0.1:443 HTTP/1.1\r\n"), NOT, "capitals", 0},
    {BYTES("CONNECTX a:1 HTTP/1.1\r\n"), NOT, "only CONNECT", 0},
    {BYTES("CONNEC a:1 HTTP/1.1\r\n"), NOT, "only CONNECT", 0},
    {BYTES("GET x HTTP/1.1\r\nX\0"), NOT, "only CONNECT", 16},

    /* header lines */
    {BYTES(LINE "\r\n"), BAD, "without Host", 0},
    {BYTES(LINE "Hos: a\r\nHostt: b\r\n\r\n"), BAD, "without Host", 0},
    {BYTES(LINE HOST HOST "\r\n"), BAD, "more than one Host", 80},
    {BYTES("CONNECT a:1 HTTP/1.0\r\n" HOST "host: x\r\n\r\n"), BAD,
	"more than one Host", 54},
    {BYTES(LINE " Host: a\r\n\r\n"), BAD, "folded", 44},
    {BYTES(LINE HOST "\tx\r\n\r\n"), BAD, "folded", 61},
    {BYTES(LINE HOST "X: a\r\n b: c\r\n\r\n"), BAD, "folded", 70},
    {BYTES(LINE "Host : a\r\n\r\n"), BAD, "blank in a header name", 44},
    {BYTES(LINE "Host\t: a\r\n\r\n"), BAD, "blank in a header name", 44},
    {BYTES(LINE "Ho st: a\r\n\r\n"), BAD, "blank in a header name", 44},
    {BYTES(LINE "Host\r\n\r\n"), BAD, "without a colon", 40},
    {BYTES(LINE ": a\r\n\r\n"), BAD, "without a name", 39},
    {BYTES(LINE "H(st: a\r\n\r\n"), BAD, "forbidden character", 43},
    {BYTES(LINE "(Host: a\r\n\r\n"), BAD, "without a name", 44},
    {BYTES(LINE "Host@: a\r\n\r\n"), BAD, "forbidden character", 44},
    {BYTES(LINE HOST "Transfer-Encoding: chunked\r\n\r\n"), BAD,
	"Transfer-Encoding", 85},
    {BYTES(LINE HOST "transfer-encoding:\r\n\r\n"), BAD, "Transfer-Encoding",
	77},
    {BYTES(LINE HOST "Content-Length: 1\r\n\r\n"), BAD, "Content-Length", 76},
    {BYTES(LINE HOST "content-length: 00\r\n\r\n"), BAD, "Content-Length", 77},
    {BYTES(LINE HOST "Content-Length: 0, 0\r\n\r\n"), BAD, "Content-Length",
	79},
    {BYTES(LINE HOST "Content-Length:\r\n\r\n"), BAD, "Content-Length", 74},
    {BYTES(LINE HOST "Proxy-Authorization: Basic YQ==\r\n"
		     "PROXY-AUTHORIZATION: Basic YQ==\r\n\r\n"),
	BAD, "more than one Proxy-Auth", 123},
    {BYTES(LINE HOST "Proxy-Authorization:\r\nProxy-Authorization:\r\n\r\n"),
	BAD, "more than one Proxy-Auth", 101},
};

static void
test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_rows); i++) {
		const struct bad_row *row = &bad_rows[i];
		struct request r;
		size_t at;

		if (parse_all_ways(&r, row->text, row->len, &at) !=
			REQUEST_BAD ||
		    r.why != row->why || strstr(r.detail, row->says) == NULL)
			fail_msg("%s: %s, %s", row->text, outcome_token(r.why),
			    r.detail != NULL ? r.detail : "none");
		if (at != (row->at > 0 ? row->at : row->len))
			fail_msg("%s: known after %zu", row->text, at);
		assert_int_equal(r.head_len, 0);
	}
}

static void
test_authority_of_refused_requests(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
	    {"CONNECT 127.0.0.1:443 HTTP/1.1\r\n", "127.0.0.1:443"},
	    {"CONNECT nonsense HTTP/1.1\r\n", "nonsense"},
	    {LINE "\r\n", "example.com:443"},
	    {"CONNECT u:secret@example.com:443 HTTP/1.1\r\n", ""},
	    {"GET http://example.com/?key=secret HTTP/1.1\r\n", ""},
	    {"CONNECT a:1 HTTP/9.9\r\n", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct request r;
		size_t at;

		assert_int_equal(
		    parse_all_ways(&r, rows[i].text, strlen(rows[i].text), &at),
		    REQUEST_BAD);
		assert_true(
		    span_is(request_slice_span(r.authority, rows[i].text),
			rows[i].want));
	}
}

static void
test_incomplete(void **state)
{
	struct request r;
	size_t at;

	(void)state;
	for (size_t len = 0; len < sizeof(GOOD) - 1; len++)
		assert_int_equal(
		    parse_all_ways(&r, GOOD, len, &at), REQUEST_MORE);
}

/* Every byte, in the method, the target, a name and a value. */
static void
test_every_byte(void **state)
{
	static const char tchar[] = "!#$%&'*+-.^_`|~";

	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		bool visible = c > 0x20 && c < 0x7F;
		bool token = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			     (c >= 'A' && c <= 'Z') ||
			     (c != 0 && strchr(tchar, (int)c) != NULL);
		char method[] = "GE? / HTTP/1.1\r\n";
		char target[] = "GET /? HTTP/1.1\r\n";
		char name[] = LINE "Host:a\r\nX?X:a\r\n\r\n";
		char value[] = LINE "Host:a?a\r\n\r\n";
		struct request r;

		*strchr(method, '?') = (char)c;
		request_init(&r, LIMIT);
		assert_int_equal(
		    feed(&r, method, sizeof(method) - 1), REQUEST_BAD);
		assert_int_equal(r.why, token ? NOT : BAD);

		*strchr(target, '?') = (char)c;
		request_init(&r, LIMIT);
		assert_int_equal(
		    feed(&r, target, sizeof(target) - 1), REQUEST_BAD);
		assert_int_equal(r.why, visible ? NOT : BAD);

		*strchr(name, '?') = (char)c;
		request_init(&r, LIMIT);
		assert_int_equal(feed(&r, name, sizeof(name) - 1),
		    token || c == ':' ? REQUEST_DONE : REQUEST_BAD);

		*strchr(value, '?') = (char)c;
		request_init(&r, LIMIT);
		assert_int_equal(feed(&r, value, sizeof(value) - 1),
		    visible || c == ' ' || c == '\t' ? REQUEST_DONE
						     : REQUEST_BAD);
	}
}

/* Fills buf with a head of len bytes. */
static void
long_head(char *buf, size_t len)
{
	static const char start[] = LINE HOST "X: ";

	memset(buf, 'x', len);
	memcpy(buf, start, sizeof(start) - 1);
	for (size_t i = len - 4; i < len; i += 2) {
		buf[i] = '\r';
		buf[i + 1] = '\n';
	}
}

static void
test_limit(void **state)
{
	char buf[LIMIT * 2];
	struct request r;
	size_t at;

	(void)state;
	for (size_t len = LIMIT - 2; len <= LIMIT; len++) {
		long_head(buf, len);
		assert_int_equal(
		    parse_all_ways(&r, buf, len, &at), REQUEST_DONE);
		assert_int_equal(r.head_len, len);
		buf[len] = '\0'; /* behind the head: of no concern */
		assert_int_equal(
		    parse_all_ways(&r, buf, len + 1, &at), REQUEST_DONE);
	}
	for (size_t len = LIMIT + 1; len <= LIMIT + 8; len++) {
		long_head(buf, len);
		buf[LIMIT + 8] = '\0'; /* behind the limit: not looked at */
		assert_int_equal(
		    parse_all_ways(&r, buf, LIMIT + 9, &at), REQUEST_BAD);
		assert_int_equal(r.why, OUTCOME_HEADER_TOO_LARGE);
		assert_int_equal(at, LIMIT);
	}
	/* A forbidden byte within the limit comes first. */
	long_head(buf, LIMIT + 8);
	buf[LIMIT - 1] = '\0';
	assert_int_equal(parse_all_ways(&r, buf, LIMIT + 8, &at), REQUEST_BAD);
	assert_int_equal(r.why, BAD);
	assert_int_equal(at, LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_init),
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_bytes_behind_the_head),
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_authority_of_refused_requests),
	    cmocka_unit_test(test_incomplete),
	    cmocka_unit_test(test_every_byte),
	    cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
