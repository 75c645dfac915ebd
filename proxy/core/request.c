/* SPDX-License-Identifier: Apache-2.0
 *
 * A line is scanned for its end and for bytes that no head may hold, then read
 * once when it is whole. What is wrong first in the order of bytes decides, so
 * the answer does not depend on how the bytes came in. */
#include "core/request.h"

/* Classes of bytes, ordered: above CLASS_TAB may stand in every line. */
enum {
	CLASS_NONE = '\0', /* in no line */
	CLASS_TAB = '\1',  /* in field lines */
	CLASS_BLANK = 'b',
	CLASS_TOKEN = 't', /* tchar of RFC 9110 section 5.6.2 */
	CLASS_OTHER = 'v', /* other visible ASCII */
};

/* By [high nibble][low nibble]. */
static const char classes[16][16] = {
    [0] = "\0\0\0\0\0\0\0\0\0\1",
    [2] = "btvtttttvvttvttv",
    [3] = "ttttttttttvvvvvv",
    [4] = "vttttttttttttttt",
    [5] = "tttttttttttvvvtt",
    [6] = "tttttttttttttttt",
    [7] = "tttttttttttvtvt",
};

static char
class_of(char c)
{
	return classes[(unsigned char)c >> 4][(unsigned char)c & 15];
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Length of the token at the head of s. */
static size_t
token_len(struct span s)
{
	size_t i = 0;

	while (i < s.len && class_of(s.ptr[i]) == CLASS_TOKEN)
		i++;
	return i;
}

static bool
starts_with(struct span s, const char *text)
{
	size_t len = strlen(text);

	return s.len >= len && memcmp(s.ptr, text, len) == 0;
}

void
request_init(struct request *r, size_t limit)
{
	*r = (struct request){.limit = limit};
}

/* Always false, for take_… functions to return. */
static bool
refuse(struct request *r, enum outcome why, const char *detail)
{
	r->why = why;
	r->detail = detail;
	return false;
}

static bool
refuse_malformed(struct request *r, const char *detail)
{
	return refuse(r, OUTCOME_BAD_REQUEST, detail);
}

/* Cuts the head of *s at its first blank, which goes too. */
static struct span
cut_word(struct span *s)
{
	const char *blank = s->len > 0 ? memchr(s->ptr, ' ', s->len) : NULL;
	struct span word = *s;

	if (blank == NULL) {
		*s = span_of(s->ptr + s->len, 0);
		return word;
	}
	word.len = (size_t)(blank - s->ptr);
	*s = span_of(blank + 1, s->len - word.len - 1);
	return word;
}

/* What line, which is no HTTP/1.x request line, looks like. */
static const char *
explain_line(struct span line, struct span version)
{
	if (starts_with(line, "PRI * HTTP/2"))
		return "this is HTTP/2: the proxy speaks HTTP/1.1";
	if (starts_with(line, "SSH-"))
		return "this is an SSH banner: send CONNECT first";
	if (starts_with(line, "PROXY "))
		return "this is a PROXY protocol header: proxy_protocol is off "
		       "for this listener";
	if (starts_with(version, "HTTP/") &&
	    !starts_with(version, "HTTP/1.0") &&
	    !starts_with(version, "HTTP/1.1"))
		return "HTTP version is not 1.0 or 1.1";
	return "malformed request line: write CONNECT host:port HTTP/1.1";
}

static const char *
explain_method(struct span method, struct span target)
{
	if (span_is_nocase(method, "CONNECT"))
		return "only CONNECT is served here, in capitals";
	if (starts_with(target, "/") || span_is(target, "*"))
		return "only CONNECT is served here: this is a proxy, not a "
		       "web server";
	if (starts_with(target, "http://"))
		return "only CONNECT is served here: plain http:// is not "
		       "forwarded, use https://";
	return "only CONNECT is served here";
}

/* RFC 9112 section 3, with single blanks. */
static bool
take_request_line(struct request *r, const char *buf, struct span line)
{
	struct span rest = line;
	struct span method = cut_word(&rest);
	struct span target = cut_word(&rest);
	const char *detail;
	enum outcome why;

	if (line.len == 0)
		return refuse_malformed(r,
		    "empty line before the request line (or a PROXY protocol "
		    "v2 header: proxy_protocol is off for this listener)");
	if (rest.len != 8 || memcmp(rest.ptr, "HTTP/1.", 7) != 0 ||
	    (rest.ptr[7] != '0' && rest.ptr[7] != '1') || method.len == 0 ||
	    target.len == 0 || token_len(method) != method.len)
		return refuse_malformed(r, explain_line(line, rest));
	r->minor = (unsigned)(rest.ptr[7] - '0');
	r->is_head = span_is(method, "HEAD");
	if (!span_is(method, "CONNECT"))
		return refuse(r, OUTCOME_METHOD_NOT_ALLOWED,
		    explain_method(method, target));
	if (memchr(target.ptr, '@', target.len) == NULL) {
		r->authority.offset = (size_t)(target.ptr - buf);
		r->authority.len = target.len;
	}
	why = endpoint_parse(&r->target, target, &detail);
	return why == OUTCOME_OK || refuse(r, why, detail);
}

static struct span
trim(struct span s)
{
	while (s.len > 0 && is_blank(s.ptr[0]))
		s = span_of(s.ptr + 1, s.len - 1);
	while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

static bool
take_authorization(struct request *r, const char *buf, struct span value)
{
	if (r->authorizations++ > 0)
		return refuse_malformed(
		    r, "more than one Proxy-Authorization line");
	r->authorization.offset = (size_t)(value.ptr - buf);
	r->authorization.len = value.len;
	return true;
}

/* Fields that mean something to us; the lengths tell most others apart. */
static bool
take_field(
    struct request *r, const char *buf, struct span name, struct span value)
{
	switch (name.len) {
	case sizeof("Host") - 1:
		if (span_is_nocase(name, "Host") && r->hosts++ > 0)
			return refuse_malformed(r, "more than one Host line");
		return true;
	case sizeof("Content-Length") - 1:
		if (span_is_nocase(name, "Content-Length") &&
		    !span_is(value, "0"))
			return refuse_malformed(
			    r, "CONNECT has no body: Content-Length is not 0");
		return true;
	case sizeof("Transfer-Encoding") - 1:
		if (span_is_nocase(name, "Transfer-Encoding"))
			return refuse_malformed(
			    r, "CONNECT has no body: Transfer-Encoding given");
		return true;
	case sizeof("Proxy-Authorization") - 1:
		if (span_is_nocase(name, "Proxy-Authorization"))
			return take_authorization(r, buf, value);
		return true;
	default:
		return true;
	}
}

/* RFC 9112 section 5. line is not empty. */
static bool
take_field_line(struct request *r, const char *buf, struct span line)
{
	size_t n = token_len(line);

	if (n > 0 && n < line.len && line.ptr[n] == ':')
		return take_field(r, buf, span_of(line.ptr, n),
		    trim(span_of(line.ptr + n + 1, line.len - n - 1)));
	if (is_blank(line.ptr[0]))
		return refuse_malformed(r, "folded header line");
	if (memchr(line.ptr, ':', line.len) == NULL)
		return refuse_malformed(r, "header line without a colon");
	if (n == 0)
		return refuse_malformed(r, "header line without a name");
	if (is_blank(line.ptr[n]))
		return refuse_malformed(r, "blank in a header name");
	return refuse_malformed(r, "header name holds a forbidden character");
}

static bool
take_end(struct request *r, size_t head_len)
{
	if (r->minor == 1 && r->hosts == 0)
		return refuse_malformed(r, "HTTP/1.1 request without Host");
	r->head_len = head_len;
	return true;
}

/* The line that ends before at, where CR LF stand. */
static bool
take_line(struct request *r, const char *buf, size_t at)
{
	struct span line = span_of(buf + r->line_start, at - r->line_start);

	r->line_start = r->scanned = at + 2;
	if (r->lines++ == 0)
		return take_request_line(r, buf, line);
	if (line.len == 0)
		return take_end(r, at + 2);
	return take_field_line(r, buf, line);
}

/* What a byte that no head may hold says about its sender. */
static const char *
explain_byte(char c, bool first)
{
	switch (first ? (unsigned char)c : 0) {
	case 0x16:
		return "this is a TLS hello: use http:// for the proxy URL";
	case 0x04:
		return "this is SOCKS4: use http:// for the proxy URL";
	case 0x05:
		return "this is SOCKS5: it is off for this listener, use "
		       "http:// for the proxy URL";
	default:
		break;
	}
	if (c == '\n')
		return "line feed without carriage return";
	if ((unsigned char)c >= 0x80)
		return "non-ASCII byte in the request head";
	return "control byte in the request head";
}

/* Offset of the first byte from at on that needs a look, or end. */
static size_t
skip_plain(const char *buf, size_t at, size_t end)
{
	while (at < end && class_of(buf[at]) > CLASS_TAB)
		at++;
	return at;
}

enum request_status
request_parse(struct request *r, const char *buf, size_t len)
{
	size_t end = len < r->limit ? len : r->limit;
	bool good = r->why == OUTCOME_OK;

	while (good && r->head_len == 0) {
		size_t at = skip_plain(buf, r->scanned, end);

		r->scanned = at;
		if (at == end || (buf[at] == '\r' && at + 1 == end)) {
			if (end < r->limit)
				return REQUEST_MORE;
			good = refuse(r, OUTCOME_HEADER_TOO_LARGE,
			    "request head exceeds limits.header_bytes");
		} else if (buf[at] == '\t' && r->lines > 0) {
			r->scanned++;
		} else if (buf[at] != '\r') {
			good =
			    refuse_malformed(r, explain_byte(buf[at], at == 0));
		} else if (buf[at + 1] != '\n') {
			good = refuse_malformed(
			    r, "carriage return without line feed");
		} else {
			good = take_line(r, buf, at);
		}
	}
	return good ? REQUEST_DONE : REQUEST_BAD;
}
