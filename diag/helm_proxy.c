/* SPDX-License-Identifier: Apache-2.0
 *
 * The proxy's URL, its credentials and its certificates. No fact set here holds
 * a password or a URL's user. */
#include <stdio.h>

#include "core/nearest.h"
#include "core/text.h"
#include "helm_rules.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const known[] = {"httpProxy", "httpsProxy", "noProxy",
    "username", "password", "excludeKubernetesServiceHost",
    "selfSignedCertificates"};

static void
lint_place(struct helm_run *r)
{
	const char *parent = helm_root(r->chart);
	struct value map = values_get(r->v, r->root, parent);
	struct value at = values_get(r->v, map, "proxy");
	struct facts *f;
	char key[32];

	if (at.kind != VALUE_MAP)
		return;
	(void)snprintf(key, sizeof(key), "%s.proxy", parent);
	f = helm_trap(r, TRAP_PROXY_PLACE, at, key);
	if (f != NULL)
		fact_set(f, "parent", parent);
}

static bool
is_known(struct span key)
{
	for (size_t i = 0; i < COUNT(known); i++) {
		if (span_is(key, known[i]))
			return true;
	}
	return span_is(key, "<<");
}

static void
lint_keys(struct helm_run *r)
{
	for (size_t i = 0; i < values_count(r->v, r->proxy); i++) {
		struct value key, value;
		struct nearest near;
		struct facts *f;
		char path[80];

		values_pair(r->v, r->proxy, i, &key, &value);
		if (is_known(key.text))
			continue;
		near = nearest_to(key.text);
		for (size_t k = 0; k < COUNT(known); k++)
			nearest_try(&near, known[k]);
		(void)snprintf(path, sizeof(path), "proxy.%.60s",
		    key.text.len ? key.text.ptr : "");
		f = helm_trap(r, TRAP_PROXY_KEY, key, path);
		if (f != NULL && near.best != NULL)
			fact_set(f, "want", near.best);
	}
}

/* ---- the URL ---- */

/* "SCHEME://HOST", with brackets around an IPv6 address and without the port.
 */
static void
fact_url(struct facts *f, const char *key, const struct proxy_url *u, bool port)
{
	bool v6 = strchr(u->host, ':') != NULL;
	char tail[8] = "";

	if (port)
		(void)snprintf(tail, sizeof(tail), ":%u", u->port);
	fact_setf(f, key, "%s://%s%s%s%s", proxy_kind_str(u->kind),
	    v6 ? "[" : "", u->host, v6 ? "]" : "", tail);
}

static struct span
behind(struct span s, const char *mark)
{
	const char *at = memmem(s.ptr, s.len, mark, strlen(mark));

	if (at == NULL)
		return s;
	at += strlen(mark);
	return span_of(at, s.len - (size_t)(at - s.ptr));
}

/* Whether a URL that can be read names its port. */
static bool
has_port(struct span url)
{
	struct span rest = behind(url, "://");
	const char *at = memrchr(rest.ptr, '@', rest.len);
	const char *colon;

	if (at != NULL)
		rest = behind(rest, "@");
	colon = memrchr(rest.ptr, ':', rest.len);
	return colon != NULL &&
	       memchr(colon, ']', rest.len - (size_t)(colon - rest.ptr)) ==
		   NULL;
}

static void
lint_scheme(struct helm_run *r, struct value at, const char *key,
    const struct proxy_url *u)
{
	bool user = helm_is_set(values_get(r->v, r->proxy, "username"));
	struct facts *f;

	if (behind(at.text, "://").ptr == at.text.ptr) {
		f = helm_trap(r, TRAP_PROXY_SCHEME, at, key);
		if (f != NULL)
			fact_setf(f, "value", "%s:%u", u->host, u->port);
	}
	if (!has_port(at.text)) {
		f = helm_trap(r, TRAP_PROXY_PORT, at, key);
		if (f != NULL) {
			fact_url(f, "value", u, false);
			fact_setf(f, "port", "%u", u->port);
		}
	}
	if (u->kind == PROXY_HTTPS && user)
		(void)helm_trap(r, TRAP_PROXY_HTTPS_USER, at, key);
}

static bool
is_same_proxy(const struct proxy_url *a, const struct proxy_url *b)
{
	return a->kind == b->kind && a->port == b->port &&
	       strcasecmp(a->host, b->host) == 0;
}

static void
lint_url(struct helm_run *r, const char *name)
{
	struct value at = values_get(r->v, r->proxy, name);
	enum proxy_url_fault fault;
	struct proxy_url u;
	struct facts *f;
	char key[32];

	if (!helm_is_set(at))
		return;
	(void)snprintf(key, sizeof(key), "proxy.%s", name);
	fault = at.kind == VALUE_STRING ? proxy_url_parse(&u, at.text)
					: PROXY_URL_HOST;
	if (fault != PROXY_URL_OK) {
		f = helm_trap(r, TRAP_PROXY_URL, at, key);
		if (f != NULL)
			fact_set(f, "value", proxy_url_fault_str(fault));
		return;
	}
	lint_scheme(r, at, key, &u);
	if (u.has_user) {
		f = helm_trap(r, TRAP_PROXY_CREDENTIALS, at, key);
		if (f != NULL)
			fact_url(f, "value", &u, true);
	}
	if (r->asked->proxy != NULL && !is_same_proxy(&u, r->asked->proxy)) {
		f = helm_trap(r, TRAP_PROXY_OTHER, at, key);
		if (f != NULL) {
			fact_url(f, "value", &u, true);
			fact_url(f, "want", r->asked->proxy, true);
		}
	}
	if (u.kind == PROXY_HTTP && strcmp(name, "httpsProxy") == 0 &&
	    r->chart == CHART_CLOUDONE && r->asked->version != 0 &&
	    r->asked->version < 2003024) {
		f = helm_trap(r, TRAP_VERSION_RUNTIME, at, key);
		if (f != NULL)
			fact_set(f, "version", r->asked->version_text);
	}
}

/* ---- credentials ---- */

static bool
is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || strchr("-._~", c) != NULL;
}

static void
lint_password(struct helm_run *r, struct value at)
{
	struct facts *f;

	for (size_t i = 0; i < at.text.len; i++) {
		char c = at.text.ptr[i];

		if (c != '\0' && is_unreserved(c))
			continue;
		f = helm_trap(r, TRAP_PASSWORD_CHARS, at, "proxy.password");
		if (f == NULL)
			return;
		fact_set(f,
		    (unsigned char)c >= 0x80   ? "beyond"
		    : (unsigned char)c <= 0x20 ? "blank"
					       : "special",
		    "yes");
		fact_setf(f, "position", "%zu", i + 1);
		fact_setf(f, "length", "%zu", at.text.len);
		return;
	}
}

static void
lint_type(struct helm_run *r, struct value at, const char *key)
{
	struct facts *f;

	if (at.kind != VALUE_NUMBER && at.kind != VALUE_BOOL)
		return;
	f = helm_trap(r, TRAP_PASSWORD_TYPE, at, key);
	if (f != NULL)
		fact_set(
		    f, at.kind == VALUE_NUMBER ? "number" : "truth", "yes");
}

static void
lint_half(struct helm_run *r, struct value there, const char *key,
    struct value other, const char *want)
{
	struct facts *f;

	if (!helm_is_set(there) || helm_is_set(other))
		return;
	f = helm_trap(r, TRAP_CREDENTIALS_HALF, there, key);
	if (f != NULL)
		fact_set(f, "want", want);
}

static bool
has_own_secret(const struct helm_run *r)
{
	struct value map = values_get(r->v, r->root, "useExistingSecrets");
	struct value at = values_get(r->v, map, "outboundProxy");

	return span_is_nocase(at.text, "true") ||
	       span_is_nocase(at.text, "yes") || span_is_nocase(at.text, "on");
}

static void
lint_credentials(struct helm_run *r)
{
	struct value user = values_get(r->v, r->proxy, "username");
	struct value password = values_get(r->v, r->proxy, "password");

	if (has_own_secret(r)) {
		if (helm_is_set(user))
			(void)helm_trap(
			    r, TRAP_CREDENTIALS_TWICE, user, "proxy.username");
		if (helm_is_set(password))
			(void)helm_trap(r, TRAP_CREDENTIALS_TWICE, password,
			    "proxy.password");
		return;
	}
	lint_half(r, password, "proxy.password", user, "proxy.username");
	lint_type(r, user, "proxy.username");
	lint_type(r, password, "proxy.password");
	if (password.kind == VALUE_STRING)
		lint_password(r, password);
}

/* ---- certificates ---- */

static void
lint_certificate(struct helm_run *r, struct value entry, size_t i)
{
	static const struct {
		const char *type;
		const char *needs[2];
	} types[] = {
	    {"hostPath", {"path", NULL}},
	    {"secret", {"secretName", "key"}},
	    {"configMap", {"configMapName", "key"}},
	};
	struct value type = values_get(r->v, entry, "type");
	char key[64];
	struct facts *f;

	(void)snprintf(
	    key, sizeof(key), "proxy.selfSignedCertificates[%zu]", i);
	for (size_t t = 0; t < COUNT(types); t++) {
		if (!span_is(type.text, types[t].type))
			continue;
		for (size_t n = 0; n < 2 && types[t].needs[n] != NULL; n++) {
			if (helm_is_set(
				values_get(r->v, entry, types[t].needs[n])))
				continue;
			f = helm_trap(r, TRAP_CA_KEY, entry, key);
			if (f != NULL)
				fact_set(f, "want", types[t].needs[n]);
		}
		return;
	}
	f = helm_trap(r, TRAP_CA_TYPE, type.line ? type : entry, key);
	if (f != NULL)
		fact_setf(f, "value", "\"%.*s\"", SPAN_ARG(type.text));
}

static void
lint_certificates(struct helm_run *r)
{
	struct value list =
	    values_get(r->v, r->proxy, "selfSignedCertificates");
	size_t count;
	struct facts *f;

	if (list.kind != VALUE_LIST)
		return;
	count = values_count(r->v, list);
	for (size_t i = 0; i < count; i++)
		lint_certificate(r, values_item(r->v, list, i), i);
	if (count < 2 || r->chart != CHART_VISIONONE)
		return;
	f = helm_trap(r, TRAP_CA_ONE, list, "proxy.selfSignedCertificates");
	if (f != NULL)
		fact_setf(f, "value", "%zu", count);
}

void
helm_lint_proxy(struct helm_run *r)
{
	struct value https = values_get(r->v, r->proxy, "httpsProxy");
	bool http = helm_is_set(values_get(r->v, r->proxy, "httpProxy"));
	struct facts *f;

	lint_place(r);
	lint_keys(r);
	lint_url(r, "httpProxy");
	lint_url(r, "httpsProxy");
	if (!helm_is_set(https) &&
	    (http || has_own_secret(r) || r->asked->proxy != NULL)) {
		f = helm_trap(r, TRAP_PROXY_NONE, https.line ? https : r->proxy,
		    "proxy.httpsProxy");
		if (f != NULL && has_own_secret(r))
			fact_set(f, "existing", "yes");
		if (f != NULL && r->asked->proxy != NULL)
			fact_url(f, "proxy", r->asked->proxy, true);
	}
	lint_credentials(r);
	lint_certificates(r);
}
