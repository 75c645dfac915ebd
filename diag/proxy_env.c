/* SPDX-License-Identifier: Apache-2.0
 *
 * Readers: libcurl 7.88 (url.c detect_proxy, noproxy.c Curl_check_noproxy) and
 * golang.org/x/net/http/httpproxy. The differences that matter here: which case
 * of a variable wins, whether ALL_PROXY counts, whether blanks part tokens,
 * whether a token may carry a port, and whether ".name" means the apex too. */
#include "proxy_env.h"

#include <stdio.h>

#include "core/endpoint.h"
#include "core/ipaddr.h"
#include "core/text.h"
#include "proxy_lint.h"

/* What a host is matched by. */
struct subject {
	struct span name; /* no final dot */
	struct ipaddr addr;
	bool is_addr;
	uint16_t port;
};

static void
read_var(struct proxy_var *out, getenv_fn get, void *arg, const char *name)
{
	const char *value = get(arg, name);
	struct text text = text_in(out->value, sizeof(out->value));

	if (value == NULL || value[0] == '\0')
		return;
	out->name = name;
	text_str(&text, value);
	(void)text_end(&text);
}

void
proxy_env_read(struct proxy_env *out, getenv_fn get, void *arg,
    const struct proxy_env_where *where)
{
	memset(out, 0, sizeof(*out));
	read_var(&out->https_upper, get, arg, "HTTPS_PROXY");
	read_var(&out->https_lower, get, arg, "https_proxy");
	read_var(&out->all_upper, get, arg, "ALL_PROXY");
	read_var(&out->all_lower, get, arg, "all_proxy");
	read_var(&out->http_upper, get, arg, "HTTP_PROXY");
	read_var(&out->http_lower, get, arg, "http_proxy");
	read_var(&out->no_upper, get, arg, "NO_PROXY");
	read_var(&out->no_lower, get, arg, "no_proxy");
	proxy_lint_all(out, where);
}

static const struct proxy_var *
first_set(const struct proxy_var *a, const struct proxy_var *b)
{
	return a->name ? a : b->name ? b : NULL;
}

static const struct proxy_var *
proxy_var_for(const struct proxy_env *env, enum proxy_reader reader)
{
	const struct proxy_var *var;

	switch (reader) {
	case READER_CURL:
		var = first_set(&env->https_lower, &env->https_upper);
		return var ? var : first_set(&env->all_lower, &env->all_upper);
	case READER_GO:
		return first_set(&env->https_upper, &env->https_lower);
	}
	return NULL;
}

static const struct proxy_var *
no_proxy_var(const struct proxy_env *env, enum proxy_reader reader)
{
	return reader == READER_CURL
		   ? first_set(&env->no_lower, &env->no_upper)
		   : first_set(&env->no_upper, &env->no_lower);
}

bool
no_proxy_next(struct span *rest, struct span *token, enum proxy_reader reader)
{
	const char *stop = reader == READER_CURL ? ", \t" : ",";
	size_t n = 0;

	while (rest->len > 0 && strchr(", \t", rest->ptr[0]) != NULL) {
		rest->ptr++;
		rest->len--;
	}
	while (n < rest->len && strchr(stop, rest->ptr[n]) == NULL)
		n++;
	*token = span_of(rest->ptr, n);
	*rest = span_of(rest->ptr + n, rest->len - n);
	while (token->len > 0 && strchr(" \t", token->ptr[token->len - 1]))
		token->len--;
	return token->len > 0;
}

static bool
is_nocase(struct span a, struct span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
			return false;
	}
	return true;
}

static bool
is_below(struct span name, struct span suffix)
{
	size_t at;

	if (name.len <= suffix.len)
		return false;
	at = name.len - suffix.len;
	return name.ptr[at - 1] == '.' &&
	       is_nocase(span_of(name.ptr + at, suffix.len), suffix);
}

/* Prefixes with host bits set ("10.1.2.3/8") are fine for both readers. */
bool
no_proxy_prefix(struct ip_prefix *out, struct span token)
{
	const char *slash = token.len ? memchr(token.ptr, '/', token.len) : 0;
	struct ipaddr addr;
	unsigned bits = 0;
	size_t len;

	if (slash == NULL)
		return false;
	len = (size_t)(slash - token.ptr);
	if (!ipaddr_parse(&addr, span_of(token.ptr, len)))
		return false;
	for (size_t i = len + 1; i < token.len; i++) {
		if (token.ptr[i] < '0' || token.ptr[i] > '9' || bits > 128)
			return false;
		bits = bits * 10 + (unsigned)(token.ptr[i] - '0');
	}
	if (len + 1 == token.len || bits > (addr.family == IP_V4 ? 32 : 128))
		return false;
	for (unsigned i = bits; i < 128; i++)
		addr.bytes[i / 8] &= (uint8_t) ~(0x80U >> (i % 8));
	*out = (struct ip_prefix){.addr = addr, .bits = (uint8_t)bits};
	return true;
}

static bool
addr_matches(const struct subject *s, struct span token)
{
	struct ip_prefix prefix;
	struct ipaddr addr;

	if (no_proxy_prefix(&prefix, token))
		return ip_prefix_contains(&prefix, &s->addr);
	if (token.len > 2 && token.ptr[0] == '[' &&
	    token.ptr[token.len - 1] == ']')
		token = span_of(token.ptr + 1, token.len - 2);
	return ipaddr_parse(&addr, token) && ipaddr_equal(&addr, &s->addr);
}

static bool
curl_matches(const struct subject *s, struct span token)
{
	if (s->is_addr)
		return addr_matches(s, token);
	if (token.ptr[token.len - 1] == '.')
		token.len--;
	if (token.len > 0 && token.ptr[0] == '.')
		token = span_of(token.ptr + 1, token.len - 1);
	return token.len > 0 &&
	       (is_nocase(s->name, token) || is_below(s->name, token));
}

/* Takes ":port" off the token's end; false when it is another port. */
static bool
go_port_matches(struct span *token, uint16_t port)
{
	const char *colon = memrchr(token->ptr, ':', token->len);
	const char *first = memchr(token->ptr, ':', token->len);
	uint16_t want;
	size_t len;

	if (colon == NULL || (colon != first && token->ptr[0] != '['))
		return true;
	len = (size_t)(colon - token->ptr);
	if (!port_parse(&want, span_of(colon + 1, token->len - len - 1)))
		return true;
	token->len = len;
	return want == port;
}

static bool
go_matches(const struct subject *s, struct span token)
{
	bool apex;

	if (span_is(token, "*"))
		return true;
	if (!go_port_matches(&token, s->port) || token.len == 0)
		return false;
	if (s->is_addr)
		return addr_matches(s, token);
	if (token.len > 1 && token.ptr[0] == '*' && token.ptr[1] == '.')
		token = span_of(token.ptr + 1, token.len - 1);
	apex = token.ptr[0] != '.';
	if (!apex)
		token = span_of(token.ptr + 1, token.len - 1);
	return is_below(s->name, token) || (apex && is_nocase(s->name, token));
}

/* Go never sends the machine's own names and addresses to a proxy. */
static bool
go_is_local(const struct subject *s)
{
	if (!s->is_addr)
		return span_is_nocase(s->name, "localhost");
	return s->addr.family == IP_V4
		   ? s->addr.bytes[0] == 127
		   : strcmp(ipaddr_special(&s->addr) ? ipaddr_special(&s->addr)
						     : "",
			 "loopback") == 0;
}

static struct subject
subject_of(const char *host, uint16_t port)
{
	struct subject s = {.name = span_str(host), .port = port};

	if (s.name.len > 0 && s.name.ptr[s.name.len - 1] == '.')
		s.name.len--;
	s.is_addr = ipaddr_parse(&s.addr, s.name);
	return s;
}

/* The token of the list that takes s out, or an empty span. */
static struct span
no_proxy_match(
    const struct subject *s, struct span list, enum proxy_reader reader)
{
	struct span token;

	if (reader == READER_CURL && span_is(list, "*"))
		return list;
	while (no_proxy_next(&list, &token, reader)) {
		if (reader == READER_CURL ? curl_matches(s, token)
					  : go_matches(s, token))
			return token;
	}
	return span_of(NULL, 0);
}

void
proxy_env_choose(struct proxy_choice *out, const struct proxy_env *env,
    enum proxy_reader reader, const char *host, uint16_t port)
{
	const struct proxy_var *var = proxy_var_for(env, reader);
	const struct proxy_var *no = no_proxy_var(env, reader);
	struct subject s = subject_of(host, port);
	struct span token = {NULL, 0};

	memset(out, 0, sizeof(*out));
	if (var == NULL)
		return;
	out->variable = var->name;
	out->fault = proxy_url_parse(&out->url, span_str(var->value));
	if (out->fault != PROXY_URL_OK)
		return;
	if (reader == READER_GO && go_is_local(&s))
		return;
	if (no != NULL)
		token = no_proxy_match(&s, span_str(no->value), reader);
	if (token.len == 0) {
		out->via_proxy = true;
		return;
	}
	out->no_variable = no->name;
	(void)snprintf(out->token, sizeof(out->token), "%.*s", SPAN_ARG(token));
}

void
proxy_env_without(
    const struct proxy_env *env, const char *token, char *buf, size_t len)
{
	const struct proxy_var *no = no_proxy_var(env, READER_CURL);
	struct text out = text_in(buf, len);
	struct span rest, one;

	if (no != NULL) {
		rest = span_str(no->value);
		while (no_proxy_next(&rest, &one, READER_CURL)) {
			if (span_is(one, token))
				continue;
			if (out.len > 0)
				text_char(&out, ',');
			text_line(&out, one);
		}
	}
	(void)text_end(&out);
}
