/* SPDX-License-Identifier: Apache-2.0 */
#include "core/socks5.h"

#include <string.h>

enum {
	LOGIN_VERSION = 1,
	COMMAND_CONNECT = 1,
	ADDRESS_V4 = 1,
	ADDRESS_NAME = 3,
	ADDRESS_V6 = 4,
	HEAD = 4, /* VER CMD RSV ATYP */
	PORT = 2,
};

/* Section 6. */
enum reply {
	REPLY_GRANTED,
	REPLY_FAILURE,
	REPLY_POLICY,
	REPLY_NET_UNREACHABLE,
	REPLY_HOST_UNREACHABLE,
	REPLY_REFUSED,
	REPLY_TTL,
	REPLY_COMMAND,
	REPLY_ADDRESS_TYPE,
};

static unsigned
byte(struct span data, size_t at)
{
	return (unsigned char)data.ptr[at];
}

enum socks5_result
socks5_greeting(
    struct span data, enum socks5_method method, size_t *len, bool *offered)
{
	size_t methods;

	if (data.len >= 1 && byte(data, 0) != SOCKS5_VERSION)
		return SOCKS5_BAD;
	if (data.len < 2)
		return SOCKS5_MORE;
	methods = byte(data, 1);
	if (methods == 0)
		return SOCKS5_BAD;
	if (data.len < 2 + methods)
		return SOCKS5_MORE;
	*len = 2 + methods;
	*offered = memchr(data.ptr + 2, (int)method, methods) != NULL;
	return SOCKS5_DONE;
}

enum socks5_result
socks5_login(
    struct span data, size_t *len, struct span *user, struct span *password)
{
	size_t user_len, password_len;

	if (data.len >= 1 && byte(data, 0) != LOGIN_VERSION)
		return SOCKS5_BAD;
	if (data.len < 2)
		return SOCKS5_MORE;
	user_len = byte(data, 1);
	if (user_len == 0)
		return SOCKS5_BAD;
	if (data.len < 2 + user_len + 1)
		return SOCKS5_MORE;
	password_len = byte(data, 2 + user_len);
	if (data.len < 2 + user_len + 1 + password_len)
		return SOCKS5_MORE;
	*user = span_of(data.ptr + 2, user_len);
	*password = span_of(data.ptr + 2 + user_len + 1, password_len);
	*len = 2 + user_len + 1 + password_len;
	return SOCKS5_DONE;
}

size_t
socks5_login_answer(char *out, bool good)
{
	out[0] = LOGIN_VERSION;
	out[1] = good ? 0 : 1;
	return 2;
}

static enum socks5_result
bad(struct socks5_request *out, enum outcome why, enum reply reply,
    const char *detail)
{
	out->why = why;
	out->reply = reply;
	out->detail = detail;
	return SOCKS5_BAD;
}

static enum socks5_result
take_target(struct socks5_request *out, struct span name, unsigned port)
{
	out->asked = name;
	switch (hostname_parse(&out->target.host, name)) {
	case HOSTNAME_ADDRESS:
		return bad(out, OUTCOME_DENIED_ADDRESS_LITERAL, REPLY_POLICY,
		    "IP address literals are not allowed: ask by name");
	case HOSTNAME_INVALID:
		return bad(
		    out, OUTCOME_BAD_REQUEST, REPLY_FAILURE, "not a host name");
	case HOSTNAME_NAME:
		break;
	}
	if (port == 0)
		return bad(out, OUTCOME_BAD_REQUEST, REPLY_FAILURE, "port 0");
	out->target.port = (uint16_t)port;
	return SOCKS5_DONE;
}

/* What stands in the first four bytes, as soon as it is there. */
static enum socks5_result
judge_head(struct socks5_request *out, struct span data)
{
	if (data.len >= 1 && byte(data, 0) != SOCKS5_VERSION)
		return bad(out, OUTCOME_BAD_REQUEST, REPLY_FAILURE,
		    "request is not of SOCKS version 5");
	if (data.len >= 2 && byte(data, 1) != COMMAND_CONNECT)
		return bad(out, OUTCOME_METHOD_NOT_ALLOWED, REPLY_COMMAND,
		    "only CONNECT is served here");
	if (data.len >= 3 && byte(data, 2) != 0)
		return bad(out, OUTCOME_BAD_REQUEST, REPLY_FAILURE,
		    "reserved byte is not zero");
	if (data.len < HEAD)
		return SOCKS5_MORE;
	switch (byte(data, 3)) {
	case ADDRESS_NAME:
		return SOCKS5_DONE;
	case ADDRESS_V4:
	case ADDRESS_V6:
		return bad(out, OUTCOME_DENIED_ADDRESS_LITERAL, REPLY_POLICY,
		    "IP address literals are not allowed: let the proxy "
		    "resolve the name (socks5h://)");
	default:
		return bad(out, OUTCOME_BAD_REQUEST, REPLY_ADDRESS_TYPE,
		    "unknown address type");
	}
}

enum socks5_result
socks5_request(struct socks5_request *out, struct span data)
{
	enum socks5_result head;
	size_t name_len, at;

	*out = (struct socks5_request){.len = 0};
	head = judge_head(out, data);
	if (head != SOCKS5_DONE)
		return head;
	if (data.len < HEAD + 1)
		return SOCKS5_MORE;
	name_len = byte(data, HEAD);
	at = HEAD + 1 + name_len;
	if (data.len < at + PORT)
		return SOCKS5_MORE;
	out->len = at + PORT;
	return take_target(out, span_of(data.ptr + HEAD + 1, name_len),
	    byte(data, at) << 8 | byte(data, at + 1));
}

size_t
socks5_choose(char *out, enum socks5_method method)
{
	out[0] = SOCKS5_VERSION;
	out[1] = (char)method;
	return 2;
}

size_t
socks5_reply(char *out, unsigned reply)
{
	const char answer[SOCKS5_ANSWER_MAX] = {
	    SOCKS5_VERSION, (char)reply, 0, ADDRESS_V4};

	memcpy(out, answer, sizeof(answer));
	return sizeof(answer);
}

unsigned
socks5_reply_of(enum outcome why)
{
	switch (why) {
	case OUTCOME_OK:
		return REPLY_GRANTED;
	case OUTCOME_DENIED_HOST:
	case OUTCOME_DENIED_PORT:
	case OUTCOME_DENIED_ADDRESS_LITERAL:
	case OUTCOME_DENIED_CLIENT:
	case OUTCOME_DENIED_RESOLVED_ADDRESS:
	case OUTCOME_AUTH_REQUIRED:
	case OUTCOME_AUTH_FAILED:
		return REPLY_POLICY;
	case OUTCOME_CONNECT_UNREACHABLE:
		return REPLY_NET_UNREACHABLE;
	case OUTCOME_DNS_NXDOMAIN:
	case OUTCOME_DNS_ERROR:
	case OUTCOME_DNS_TIMEOUT:
	case OUTCOME_CONNECT_TIMEOUT:
		return REPLY_HOST_UNREACHABLE;
	case OUTCOME_CONNECT_REFUSED:
	case OUTCOME_CONNECT_RESET:
		return REPLY_REFUSED;
	case OUTCOME_METHOD_NOT_ALLOWED:
		return REPLY_COMMAND;
	case OUTCOME_BAD_REQUEST:
	case OUTCOME_HEADER_TOO_LARGE:
	case OUTCOME_HEADER_TIMEOUT:
	case OUTCOME_RATE_LIMITED:
	case OUTCOME_LIMIT_REACHED:
	case OUTCOME_DRAINING:
	case OUTCOME_PARENT_REFUSED:
	case OUTCOME_PARENT_FAILED:
	case OUTCOME_LOOP:
	case OUTCOME_INTERNAL_ERROR:
	case OUTCOME_SNI_MISMATCH:
	case OUTCOME_SNI_MISSING:
	case OUTCOME_NOT_TLS:
	case OUTCOME_HELLO_TIMEOUT:
	case OUTCOME_HELLO_TOO_LARGE:
	case OUTCOME_CLIENT_CLOSED:
	case OUTCOME_UPSTREAM_CLOSED:
	case OUTCOME_CLIENT_RESET:
	case OUTCOME_UPSTREAM_RESET:
	case OUTCOME_IDLE_TIMEOUT:
	case OUTCOME_HALF_CLOSE_TIMEOUT:
	case OUTCOME_DRAINED:
	case OUTCOME_SHUTDOWN:
	case OUTCOME_COUNT:
		break;
	}
	return REPLY_FAILURE;
}
