/* SPDX-License-Identifier: Apache-2.0
 *
 * proxy.noProxy: the chart renders NO_PROXY=.cluster.local, and the value. */
#include <stdio.h>

#include "core/text.h"
#include "helm_rules.h"
#include "proxy_lint.h"

static const char key[] = "proxy.noProxy";

static void
lint_unset(struct helm_run *r, struct value at)
{
	struct facts *f;

	if (r->chart == CHART_CLOUDONE) {
		f = helm_trap(r, TRAP_NOPROXY_UNSET, at, key);
		if (f != NULL)
			fact_set(f, "cidr", r->asked->service_cidr);
	} else {
		(void)helm_trap(r, TRAP_NOPROXY_SVC, at, key);
	}
}

/* A list or a map: the string that was meant. */
static void
lint_structure(struct helm_run *r, struct value at)
{
	struct facts *f = helm_trap(r, TRAP_NOPROXY_LIST, at, key);
	char buf[FACT_MAX];
	struct text t = text_in(buf, sizeof(buf));

	if (f == NULL)
		return;
	fact_set(f, at.kind == VALUE_LIST ? "list" : "map", "yes");
	for (size_t i = 0; at.kind == VALUE_LIST && i < values_count(r->v, at);
	     i++) {
		text_str(&t, i > 0 ? "," : "");
		text_line(&t, values_item(r->v, at, i).text);
	}
	fact_set(f, "value", t.len > 0 ? text_end(&t) : ".svc");
}

/* Every prefix can be read, no name has blanks in it; tells whether there is
 * an address among them. */
static bool
lint_tokens(struct helm_run *r, struct value at)
{
	struct span rest = at.text, token;
	bool address = false;

	while (no_proxy_next(&rest, &token, READER_GO)) {
		enum trap_id id = TRAP_NOPROXY_CIDR;
		struct ip_prefix prefix;
		struct ipaddr one;
		struct facts *f;

		if (ipaddr_parse(&one, token) ||
		    no_proxy_prefix(&prefix, token)) {
			address = true;
			continue;
		}
		if (memchr(token.ptr, ' ', token.len) != NULL)
			id = TRAP_NOPROXY_BLANKS;
		else if (memchr(token.ptr, '/', token.len) == NULL)
			continue;
		f = helm_trap(r, id, at, key);
		if (f != NULL)
			fact_setf(f, "value", "%.*s", SPAN_ARG(token));
	}
	return address;
}

static bool
has_token(struct span list, const char *want)
{
	struct span token;

	while (no_proxy_next(&list, &token, READER_GO)) {
		if (span_is_nocase(token, want))
			return true;
	}
	return false;
}

/* Whether this value sends a host of the product past the proxy, as Go reads
 * it. */
static void
lint_hosts(struct helm_run *r, struct value at)
{
	struct proxy_env env = {.https_upper = {"HTTPS_PROXY", "http://x:1"},
	    .no_upper = {.name = "NO_PROXY"}};
	size_t count;
	const struct allowlist_entry *e =
	    allowlist_entries(r->asked->catalog, &count);

	(void)snprintf(env.no_upper.value, sizeof(env.no_upper.value), "%.*s",
	    SPAN_ARG(at.text));
	for (size_t i = 0; i < count; i++) {
		struct proxy_choice choice;
		struct facts *f;

		if (e[i].origin != ORIGIN_PUBLISHED ||
		    (r->asked->region != NULL &&
			strcmp(e[i].region, r->asked->region) != 0 &&
			strcmp(e[i].region, allowlist_global) != 0))
			continue;
		proxy_env_choose(
		    &choice, &env, READER_GO, e[i].host.text, e[i].port);
		if (choice.via_proxy)
			continue;
		f = helm_trap(r, TRAP_NOPROXY_SERVICE, at, key);
		if (f == NULL)
			return;
		fact_set(f, "value", choice.token);
		fact_set(f, "host", e[i].host.text);
		return;
	}
}

static void
lint_text(struct helm_run *r, struct value at)
{
	struct value exclude =
	    values_get(r->v, r->proxy, "excludeKubernetesServiceHost");
	bool address = lint_tokens(r, at);
	struct facts *f;

	lint_hosts(r, at);
	if (!has_token(at.text, ".svc") && !has_token(at.text, "svc") &&
	    !has_token(at.text, "*")) {
		f = helm_trap(r, TRAP_NOPROXY_SVC, at, key);
		if (f != NULL)
			fact_setf(f, "value", "%.*s", SPAN_ARG(at.text));
	}
	if (!address && (span_is_nocase(exclude.text, "false") ||
			    span_is_nocase(exclude.text, "no") ||
			    span_is_nocase(exclude.text, "off")))
		(void)helm_trap(r, TRAP_NOPROXY_API, exclude,
		    "proxy.excludeKubernetesServiceHost");
}

void
helm_lint_noproxy(struct helm_run *r)
{
	struct value at = values_get(r->v, r->proxy, "noProxy");

	if (!helm_is_set(values_get(r->v, r->proxy, "httpsProxy")) &&
	    !helm_is_set(values_get(r->v, r->proxy, "httpProxy")) &&
	    !helm_is_set(at))
		return;
	if (!helm_is_set(at))
		lint_unset(r, at.line != 0 ? at : r->proxy);
	else if (at.kind == VALUE_LIST || at.kind == VALUE_MAP)
		lint_structure(r, at);
	else
		lint_text(r, at);
}
