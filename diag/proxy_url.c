/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "core/endpoint.h"
#include "core/ipaddr.h"
#include "core/text.h"
#include "proxy_env.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *name;
	enum proxy_kind kind;
	uint16_t port;
} schemes[] = {
    {"http", PROXY_HTTP, 80},
    {"https", PROXY_HTTPS, 443},
    {"socks5", PROXY_SOCKS5, 1080},
    {"socks5h", PROXY_SOCKS5, 1080},
};

/* Position of the first byte that is one of set, or the length. */
static size_t
find_any(struct span s, const char *set)
{
	size_t i = 0;

	while (i < s.len && (s.ptr[i] == '\0' || !strchr(set, s.ptr[i])))
		i++;
	return i;
}

static struct span
span_from(struct span s, size_t at)
{
	return span_of(s.ptr + at, s.len - at);
}

static int
hex_value(char c)
{
	c = ascii_lower(c);
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes s into buf (size bytes). */
static enum proxy_url_fault
decode(char *buf, size_t size, struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++, n++) {
		char c = s.ptr[i];

		if (n + 1 >= size)
			return PROXY_URL_TOO_LONG;
		if (c == '%') {
			int hi = i + 2 < s.len ? hex_value(s.ptr[i + 1]) : -1;
			int lo = i + 2 < s.len ? hex_value(s.ptr[i + 2]) : -1;

			if (hi < 0 || lo < 0 || (hi | lo) == 0)
				return PROXY_URL_ESCAPE;
			c = (char)(hi * 16 + lo);
			i += 2;
		}
		buf[n] = c;
	}
	buf[n] = '\0';
	return PROXY_URL_OK;
}

static enum proxy_url_fault
parse_host(struct proxy_url *out, struct span host)
{
	struct hostname name;
	struct ipaddr addr;
	bool brackets = host.len >= 2 && host.ptr[0] == '[' &&
			host.ptr[host.len - 1] == ']';

	if (brackets)
		host = span_of(host.ptr + 1, host.len - 2);
	if (ipaddr_parse(&addr, host) && brackets == (addr.family == IP_V6)) {
		(void)ipaddr_format(&addr, out->host);
		return PROXY_URL_OK;
	}
	if (brackets || hostname_parse(&name, host) != HOSTNAME_NAME)
		return PROXY_URL_HOST;
	memcpy(out->host, name.text, (size_t)name.len + 1);
	return PROXY_URL_OK;
}

static enum proxy_url_fault
parse_user(struct proxy_url *out, struct span user)
{
	size_t colon = find_any(user, ":");
	enum proxy_url_fault fault;

	out->has_user = true;
	fault = decode(out->user, sizeof(out->user), span_of(user.ptr, colon));
	if (fault != PROXY_URL_OK || colon == user.len)
		return fault;
	return decode(
	    out->password, sizeof(out->password), span_from(user, colon + 1));
}

/* "[user[:password]@]host[:port]" */
static enum proxy_url_fault
parse_authority(struct proxy_url *out, struct span s)
{
	const char *at = s.len ? memrchr(s.ptr, '@', s.len) : NULL;
	enum proxy_url_fault fault = PROXY_URL_OK;
	size_t colon;

	if (at != NULL) {
		size_t len = (size_t)(at - s.ptr);

		fault = parse_user(out, span_of(s.ptr, len));
		s = span_from(s, len + 1);
	}
	colon = s.len && s.ptr[0] == '[' ? find_any(s, "]") : 0;
	colon += find_any(span_from(s, colon), ":");
	if (colon < s.len && !port_parse(&out->port, span_from(s, colon + 1)))
		return PROXY_URL_PORT;
	if (fault != PROXY_URL_OK)
		return fault;
	return parse_host(out, span_of(s.ptr, colon));
}

static bool
has_control(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)s.ptr[i] <= ' ' || s.ptr[i] == 0x7f)
			return true;
	}
	return false;
}

/* The scheme's length, without "://"; 0 when there is none. */
static size_t
scheme_length(struct span s)
{
	size_t colon = find_any(s, ":/?#@");

	if (colon + 2 < s.len && memcmp(s.ptr + colon, "://", 3) == 0)
		return colon;
	return 0;
}

enum proxy_url_fault
proxy_url_parse(struct proxy_url *out, struct span text)
{
	struct proxy_url url = {.kind = PROXY_HTTP, .port = 80};
	size_t scheme, end;
	enum proxy_url_fault fault;

	if (text.len == 0)
		return PROXY_URL_EMPTY;
	if (text.len >= PROXY_VALUE_MAX)
		return PROXY_URL_TOO_LONG;
	if (has_control(text))
		return PROXY_URL_CONTROL;
	scheme = scheme_length(text);
	if (scheme > 0) {
		size_t i = 0;

		while (
		    i < COUNT(schemes) &&
		    !span_is_nocase(span_of(text.ptr, scheme), schemes[i].name))
			i++;
		if (i == COUNT(schemes))
			return PROXY_URL_SCHEME;
		url.kind = schemes[i].kind;
		url.port = schemes[i].port;
		text = span_from(text, scheme + 3);
	}
	/* As every URL reader does: a raw / ? or # in a password ends the
	 * authority right there. */
	end = find_any(text, "/?#");
	if (end == 0)
		return PROXY_URL_HOST;
	fault = parse_authority(&url, span_of(text.ptr, end));
	if (fault == PROXY_URL_OK)
		*out = url;
	return fault;
}

size_t
proxy_url_format(const struct proxy_url *u, char *buf)
{
	struct text out = text_in(buf, PROXY_URL_TEXT_MAX);
	bool v6 = strchr(u->host, ':') != NULL;

	if (u->kind == PROXY_DIRECT) {
		text_str(&out, "direct");
		return strlen(text_end(&out));
	}
	text_str(&out, proxy_kind_str(u->kind));
	text_str(&out, "://");
	if (u->has_user) {
		text_line(&out, span_str(u->user));
		text_str(&out, ":***@");
	}
	text_str(&out, v6 ? "[" : "");
	text_str(&out, u->host);
	text_str(&out, v6 ? "]:" : ":");
	text_u64(&out, u->port);
	return strlen(text_end(&out));
}

const char *
proxy_kind_str(enum proxy_kind kind)
{
	switch (kind) {
	case PROXY_DIRECT:
		return "direct";
	case PROXY_HTTP:
		return "http";
	case PROXY_HTTPS:
		return "https";
	case PROXY_SOCKS5:
		return "socks5";
	}
	return "direct";
}

const char *
proxy_url_fault_str(enum proxy_url_fault fault)
{
	switch (fault) {
	case PROXY_URL_OK:
		return "fine";
	case PROXY_URL_EMPTY:
		return "empty";
	case PROXY_URL_SCHEME:
		return "its scheme is none of http, https, socks5";
	case PROXY_URL_HOST:
		return "no valid host in it";
	case PROXY_URL_PORT:
		return "invalid port";
	case PROXY_URL_ESCAPE:
		return "a % that two hex digits do not follow";
	case PROXY_URL_CONTROL:
		return "a blank or control character in it";
	case PROXY_URL_TOO_LONG:
		return "too long";
	}
	return "unreadable";
}
