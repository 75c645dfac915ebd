/* SPDX-License-Identifier: Apache-2.0
 *
 * What is wrong with a proxy setting before any packet is sent. The traps are
 * those of the Container Security charts (values that render oddly) and of
 * programs that read the same variables differently. */
#include "proxy_lint.h"

#include <stdio.h>

#include "core/text.h"

/* One lint of a kind per variable. */
static struct proxy_lint *
lint_add(struct proxy_env *env, enum proxy_lint_kind kind, const char *variable,
    struct span detail)
{
	struct proxy_lint *lint;
	struct text out;

	for (size_t i = 0; i < env->lint_count; i++) {
		if (env->lints[i].kind == kind &&
		    strcmp(env->lints[i].variable, variable) == 0)
			return NULL;
	}
	if (env->lint_count == PROXY_LINTS_MAX)
		return NULL;
	lint = &env->lints[env->lint_count++];
	*lint = (struct proxy_lint){.kind = kind, .variable = variable};
	out = text_in(lint->detail, sizeof(lint->detail));
	text_line(&out, detail);
	(void)text_end(&out);
	return lint;
}

static bool
is_unreserved(char c)
{
	c = ascii_lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-._~", c) != NULL);
}

/* The user:password of a URL as it was written, whatever it holds: all between
 * the scheme and the last @. */
static struct span
raw_userinfo(struct span url)
{
	const char *at = url.len ? memrchr(url.ptr, '@', url.len) : NULL;
	const char *start = url.len ? memmem(url.ptr, url.len, "://", 3) : NULL;

	if (at == NULL)
		return span_of(NULL, 0);
	start = start && start < at ? start + 3 : url.ptr;
	return span_of(start, (size_t)(at - start));
}

/* How long it is when percent-encoded; the length of a raw one and whether all
 * of it is safe are told too. */
static size_t
encoded_length(struct span raw, bool *safe)
{
	size_t len = raw.len;

	*safe = true;
	for (size_t i = 0; i < raw.len; i++) {
		if (is_unreserved(raw.ptr[i]) || raw.ptr[i] == '%')
			continue;
		*safe = false;
		len += 2;
	}
	return len;
}

/* The parts of user:password hold only what needs no encoding? The first colon
 * parts them. Says lengths, never a byte of the value. */
static void
lint_userinfo(struct proxy_env *env, const struct proxy_var *var)
{
	struct span raw = raw_userinfo(span_str(var->value));
	const char *colon = raw.len ? memchr(raw.ptr, ':', raw.len) : NULL;
	size_t user_len = colon ? (size_t)(colon - raw.ptr) : raw.len;
	size_t skip = colon ? user_len + 1 : user_len;
	struct span user = span_of(raw.ptr, user_len);
	struct span password =
	    span_of(raw.len ? raw.ptr + skip : NULL, raw.len - skip);
	const char *which = "password";
	bool user_safe, password_safe;
	size_t user_encoded = encoded_length(user, &user_safe);
	size_t encoded = encoded_length(password, &password_safe);
	size_t len = password.len;
	char detail[96];

	if (user_safe && password_safe)
		return;
	if (password_safe) {
		which = "user";
		encoded = user_encoded;
		len = user.len;
	}
	(void)snprintf(detail, sizeof(detail),
	    "%s: %zu bytes as written, %zu when percent-encoded", which, len,
	    encoded);
	(void)lint_add(env, LINT_URL_PASSWORD, var->name, span_str(detail));
}

static struct span
trimmed(const char *value)
{
	struct span s = span_str(value);

	while (s.len > 0 && (unsigned char)s.ptr[0] <= ' ') {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && (unsigned char)s.ptr[s.len - 1] <= ' ')
		s.len--;
	return s;
}

static void
lint_url(struct proxy_env *env, const struct proxy_var *var)
{
	struct span value = trimmed(var->value);
	struct proxy_url url;
	enum proxy_url_fault fault;
	const char *colon;
	char port[8];
	int n;

	if (value.len != strlen(var->value))
		(void)lint_add(env, LINT_URL_TRAILING, var->name, span_str(""));
	lint_userinfo(env, var);
	fault = proxy_url_parse(&url, value);
	if (fault != PROXY_URL_OK) {
		struct proxy_lint *lint = lint_add(env, LINT_URL_BAD, var->name,
		    span_str(proxy_url_fault_str(fault)));

		if (lint != NULL)
			lint->fault = fault;
		return;
	}
	if (memmem(value.ptr, value.len, "://", 3) == NULL)
		(void)lint_add(
		    env, LINT_URL_NO_SCHEME, var->name, span_str(url.host));
	if (url.kind == PROXY_HTTPS && url.has_user)
		(void)lint_add(
		    env, LINT_URL_HTTPS_USER, var->name, span_str(url.host));
	n = snprintf(port, sizeof(port), ":%u", (unsigned)url.port);
	colon = memmem(value.ptr, value.len, port, n > 0 ? (size_t)n : 0);
	if (colon == NULL && url.kind != PROXY_SOCKS5)
		(void)lint_add(
		    env, LINT_URL_NO_PORT, var->name, span_str(url.host));
}

static void
lint_token(
    struct proxy_env *env, const struct proxy_var *var, struct span token)
{
	struct ip_prefix prefix;
	bool slash = memchr(token.ptr, '/', token.len) != NULL;

	if (memmem(token.ptr, token.len, "%!s(", 4) != NULL)
		(void)lint_add(env, LINT_NO_PROXY_NIL, var->name, token);
	else if (memmem(token.ptr, token.len, "://", 3) != NULL)
		(void)lint_add(env, LINT_NO_PROXY_SCHEME, var->name, token);
	else if (slash && !no_proxy_prefix(&prefix, token))
		(void)lint_add(env, LINT_NO_PROXY_CIDR, var->name, token);
	else if (token.len > 2 && memcmp(token.ptr, "*.", 2) == 0)
		(void)lint_add(env, LINT_NO_PROXY_STAR_DOT, var->name, token);
}

static bool
bypasses(const struct proxy_env *env, const char *host)
{
	struct proxy_choice choice;

	proxy_env_choose(&choice, env, READER_GO, host, 443);
	return !choice.via_proxy;
}

/* "[a b]", but not the brackets around one IPv6 address. */
static bool
is_list_in_brackets(const char *value)
{
	const char *open = strchr(value, '[');
	const char *close = open ? strchr(open, ']') : NULL;
	struct ipaddr addr;

	return close != NULL &&
	       !ipaddr_parse(
		   &addr, span_of(open + 1, (size_t)(close - open - 1)));
}

static void
lint_no_proxy(struct proxy_env *env, const struct proxy_var *var)
{
	struct span rest = span_str(var->value), token;

	if (is_list_in_brackets(var->value)) {
		(void)lint_add(env, LINT_NO_PROXY_BRACKETS, var->name, rest);
		return;
	}
	while (no_proxy_next(&rest, &token, READER_GO)) {
		if (memchr(token.ptr, ' ', token.len) ||
		    memchr(token.ptr, '\t', token.len))
			(void)lint_add(
			    env, LINT_NO_PROXY_BLANKS, var->name, token);
		lint_token(env, var, token);
	}
}

static bool
differ(const struct proxy_var *a, const struct proxy_var *b)
{
	return a->name && b->name && strcmp(a->value, b->value) != 0;
}

static bool
is_set(const struct proxy_var *upper, const struct proxy_var *lower)
{
	return upper->name || lower->name;
}

/* What of the in-cluster world the proxy would be asked for. */
static void
lint_coverage(struct proxy_env *env, const struct proxy_env_where *where)
{
	const char *name =
	    env->no_lower.name && !env->no_upper.name ? "no_proxy" : "NO_PROXY";

	if (where->in_pod && !bypasses(env, "x.y.svc.cluster.local"))
		(void)lint_add(env, LINT_NO_PROXY_CLUSTER, name,
		    span_str(".cluster.local"));
	else if (where->in_pod && !bypasses(env, "x.y.svc"))
		(void)lint_add(
		    env, LINT_NO_PROXY_CLUSTER, name, span_str(".svc"));
	if (!where->in_gke)
		return;
	if (!bypasses(env, "169.254.169.254"))
		(void)lint_add(env, LINT_NO_PROXY_METADATA, name,
		    span_str("169.254.169.254"));
	else if (!bypasses(env, "metadata.google.internal"))
		(void)lint_add(env, LINT_NO_PROXY_METADATA, name,
		    span_str("metadata.google.internal"));
}

void
proxy_lint_all(struct proxy_env *env, const struct proxy_env_where *where)
{
	const struct proxy_var *urls[] = {&env->https_upper, &env->https_lower,
	    &env->all_upper, &env->all_lower};
	const struct proxy_var *lists[] = {&env->no_upper, &env->no_lower};
	bool https = is_set(&env->https_upper, &env->https_lower);
	bool all = is_set(&env->all_upper, &env->all_lower);
	bool http = is_set(&env->http_upper, &env->http_lower);

	for (size_t i = 0; i < 4; i++) {
		if (urls[i]->name != NULL)
			lint_url(env, urls[i]);
	}
	for (size_t i = 0; i < 2; i++) {
		if (lists[i]->name != NULL)
			lint_no_proxy(env, lists[i]);
	}
	if (http && !https && !all)
		(void)lint_add(
		    env, LINT_ONLY_HTTP_PROXY, "HTTP_PROXY", span_str(""));
	if (all && !https)
		(void)lint_add(
		    env, LINT_ONLY_ALL_PROXY, "ALL_PROXY", span_str(""));
	if (differ(&env->https_upper, &env->https_lower))
		(void)lint_add(
		    env, LINT_CASES_DIFFER, "HTTPS_PROXY", span_str(""));
	if (differ(&env->no_upper, &env->no_lower))
		(void)lint_add(
		    env, LINT_CASES_DIFFER, "NO_PROXY", span_str(""));
	if (https)
		lint_coverage(env, where);
}
