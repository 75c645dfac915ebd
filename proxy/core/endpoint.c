/* SPDX-License-Identifier: Apache-2.0 */
#include "core/endpoint.h"

#include "core/text.h"

enum {
	PORT_DIGITS = 5,
};

bool
port_parse(uint16_t *out, struct span text)
{
	unsigned port = 0;

	if (text.len == 0 || text.len > PORT_DIGITS || text.ptr[0] == '0')
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		port = port * 10 + (unsigned)(text.ptr[i] - '0');
	}
	if (port > UINT16_MAX)
		return false;
	*out = (uint16_t)port;
	return true;
}

static bool
has(struct span s, char c)
{
	return s.len > 0 && memchr(s.ptr, c, s.len) != NULL;
}

/* What is wrong with text, which is no host:port. */
static const char *
explain(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c <= 0x20 || c == 0x7F)
			return "target holds a blank or a control byte";
		if (c > 0x7F)
			return "target holds a non-ASCII byte: write the name "
			       "in A-labels (xn--)";
	}
	if (has(text, '/') || has(text, '?') || has(text, '#'))
		return "target is not host:port: it has a path or a scheme";
	if (has(text, '@'))
		return "target has userinfo";
	if (has(text, '%'))
		return "target has percent coding";
	if (has(text, '[') || has(text, ']'))
		return "target has brackets that hold no IPv6 address";
	if (has(text, '_'))
		return "target's host holds an underscore";
	return "target's host is not a host name";
}

/* Splits at the last colon outside brackets. False: there is none. */
static bool
split(struct span text, struct span *host, struct span *port)
{
	size_t i = text.len;

	while (i > 0 && text.ptr[i - 1] != ':' && text.ptr[i - 1] != ']')
		i--;
	if (i == 0 || text.ptr[i - 1] != ':')
		return false;
	*host = span_of(text.ptr, i - 1);
	*port = span_of(text.ptr + i, text.len - i);
	return true;
}

enum outcome
endpoint_parse(struct endpoint *out, struct span text, const char **why)
{
	struct span host, port;
	uint16_t number;
	enum hostname_kind kind;

	if (text.len == 0) {
		*why = "target is empty";
		return OUTCOME_BAD_REQUEST;
	}
	if (!split(text, &host, &port)) {
		struct hostname name;

		*why = hostname_parse(&name, text) == HOSTNAME_INVALID
			   ? explain(text)
			   : "target has no port: write host:port";
		return OUTCOME_BAD_REQUEST;
	}
	if (host.len == 0) {
		*why = "target has no host";
		return OUTCOME_BAD_REQUEST;
	}
	if (!port_parse(&number, port)) {
		*why = has(text, '/') || has(text, '@')
			   ? explain(text)
			   : "port is not a decimal number from 1 to 65535";
		return OUTCOME_BAD_REQUEST;
	}
	kind = hostname_parse(&out->host, host);
	if (kind == HOSTNAME_NAME) {
		out->port = number;
		return OUTCOME_OK;
	}
	if (kind == HOSTNAME_ADDRESS) {
		*why = "IP address literals are not allowed: CONNECT to the "
		       "host name";
		return OUTCOME_DENIED_ADDRESS_LITERAL;
	}
	*why = explain(host);
	return OUTCOME_BAD_REQUEST;
}

void
endpoint_split(struct span *text, uint16_t *port)
{
	struct span host, digits;
	uint16_t number;

	if (split(*text, &host, &digits) && host.len > 0 &&
	    port_parse(&number, digits)) {
		*text = host;
		*port = number;
	}
}

size_t
endpoint_format(const struct endpoint *e, char *buf)
{
	struct text t = text_in(buf, ENDPOINT_TEXT_MAX + 1);

	text_add(&t, span_of(e->host.text, e->host.len));
	text_char(&t, ':');
	text_u64(&t, e->port);
	(void)text_end(&t);
	return t.len;
}
