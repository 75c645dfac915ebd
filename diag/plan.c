/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* How each kind of service is asked. */
static const struct {
	const char *path; /* NULL: the category's, "": no HTTP phase */
	const char *alpn;
} kinds[] = {
    [PROBE_TLS] = {"", "h2,http/1.1"},
    [PROBE_JSON_API] = {"/api/clusters", "h2,http/1.1"},
    [PROBE_S3] = {"/", "http/1.1"},
    [PROBE_REGISTRY] = {"/v2/", "h2,http/1.1"},
    [PROBE_JSON_FILE] = {NULL, "h2,http/1.1"},
};

static bool fail(struct plan_error *error, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static bool
fail(struct plan_error *error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(error->text, sizeof(error->text), fmt, ap) < 0)
		error->text[0] = '\0';
	va_end(ap);
	return false;
}

static size_t
path_add(struct plan *p, const struct proxy_url *url, const char *source)
{
	struct path *path;

	for (size_t i = 0; i < p->path_count; i++) {
		const struct proxy_url *old = &p->paths[i].proxy;

		if (old->kind == url->kind && old->port == url->port &&
		    strcmp(old->host, url->host) == 0 &&
		    strcmp(old->user, url->user) == 0)
			return i;
	}
	if (p->path_count == PLAN_PATHS_MAX)
		return 0;
	path = &p->paths[p->path_count];
	path->proxy = *url;
	path->source = source;
	(void)proxy_url_format(url, path->label);
	return p->path_count++;
}

static bool
target_add(struct plan *p, const struct target *t, struct plan_error *error)
{
	struct target *grown;

	for (size_t i = 0; i < p->target_count; i++) {
		if (p->targets[i].path == t->path &&
		    p->targets[i].at.port == t->at.port &&
		    hostname_equal(&p->targets[i].at.host, &t->at.host))
			return true;
	}
	if (p->target_count == PLAN_TARGETS_MAX)
		return fail(error,
		    "more than %d endpoints: name fewer "
		    "regions",
		    PLAN_TARGETS_MAX);
	grown =
	    reallocarray(p->targets, p->target_count + 1, sizeof(*p->targets));
	if (grown == NULL)
		return fail(error, "out of memory");
	p->targets = grown;
	p->targets[p->target_count++] = *t;
	return true;
}

/* Sets the way of this target as the variables and options want it. */
static bool
target_route(struct plan *p, struct target *t, const struct proxy_env *env,
    struct plan_error *error)
{
	static const struct proxy_url none;
	const struct check_options *o = p->options;
	struct proxy_choice curl, go;

	if (o->direct) {
		t->path = path_add(p, &none, "--direct");
		return true;
	}
	if (o->has_proxy) {
		t->path = path_add(p, &o->proxy, "--proxy");
		return true;
	}
	proxy_env_choose(&curl, env, READER_CURL, t->at.host.text, t->at.port);
	proxy_env_choose(&go, env, READER_GO, t->at.host.text, t->at.port);
	if (curl.fault != PROXY_URL_OK)
		return fail(error,
		    "%s cannot be read: %s (its value is not shown; special "
		    "characters in a password are written %%XX, as %%23 for "
		    "#)",
		    curl.variable, proxy_url_fault_str(curl.fault));
	t->go_differs = curl.via_proxy != go.via_proxy;
	memcpy(t->go_token, go.token, sizeof(t->go_token));
	if (curl.via_proxy) {
		t->path = path_add(p, &curl.url, curl.variable);
		return true;
	}
	t->no_variable = curl.no_variable;
	memcpy(t->no_token, curl.token, sizeof(t->no_token));
	t->path = path_add(
	    p, &none, curl.no_variable ? curl.no_variable : "no proxy is set");
	return true;
}

static struct target
target_of_entry(const struct allowlist_entry *e)
{
	struct target t = {
	    .at = {.host = e->host, .port = e->port},
	    .region = e->region,
	    .category = e->category,
	    .about = e->about,
	    .probe = e->about ? e->about->probe : PROBE_TLS,
	    .expect_public = e->origin != ORIGIN_EXTRA,
	};
	const char *path = kinds[t.probe].path;

	if (path == NULL)
		path = e->about ? e->about->probe_path : "";
	(void)snprintf(t.http_path, sizeof(t.http_path), "%s", path);
	t.alpn = kinds[t.probe].alpn;
	/* AWS IoT on 443 by MQTT with a client certificate or custom
	 * authorizer; whoever terminates TLS in between knows neither. */
	if (strcmp(e->category, "iot") == 0)
		t.alpn = "x-amzn-mqtt-ca,mqtt,http/1.1";
	t.send_key = strcmp(e->category, "container") == 0;
	return t;
}

static bool
entry_is_wanted(
    const struct plan *p, const struct allowlist_entry *e, const char *region)
{
	if (e->suffix || e->origin != ORIGIN_PUBLISHED)
		return false;
	if (strcmp(e->region, region) != 0 ||
	    (p->options->auth && strcmp(e->category, "container") != 0))
		return false;
	return e->about == NULL ||
	       (e->about->features & p->options->features) != 0;
}

/* Adds the entries of one region, in the order of the categories. */
static bool
region_add(struct plan *p, const char *region, const struct proxy_env *env,
    struct plan_error *error)
{
	size_t entry_count, category_count;
	const struct allowlist_entry *entries =
	    allowlist_entries(p->catalog, &entry_count);
	const struct allowlist_category *categories =
	    allowlist_categories(p->catalog, &category_count);

	for (size_t c = 0; c < category_count; c++) {
		for (size_t i = 0; i < entry_count; i++) {
			struct target t;

			if (entries[i].about != &categories[c] ||
			    !entry_is_wanted(p, &entries[i], region))
				continue;
			t = target_of_entry(&entries[i]);
			if (!target_route(p, &t, env, error) ||
			    !target_add(p, &t, error))
				return false;
		}
	}
	return true;
}

static bool
region_is_known(const struct plan *p, const char *name)
{
	size_t count;
	const char *const *regions = allowlist_regions(p->catalog, &count);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(regions[i], name) == 0)
			return true;
	}
	return false;
}

static bool
unknown_region(const struct plan *p, const char *name, struct plan_error *error)
{
	size_t count;
	const char *const *regions = allowlist_regions(p->catalog, &count);
	char known[256] = "";
	size_t len = 0;

	for (size_t i = 0; i < count && len < sizeof(known); i++)
		len += (size_t)snprintf(
		    known + len, sizeof(known) - len, "%s, ", regions[i]);
	return fail(
	    error, "--region %s: not accepted; it takes %sall", name, known);
}

static bool
regions_add(
    struct plan *p, const struct proxy_env *env, struct plan_error *error)
{
	const struct check_options *o = p->options;
	size_t count;
	const char *const *regions = allowlist_regions(p->catalog, &count);

	for (size_t i = 0; i < o->region_count; i++) {
		const char *name = o->regions[i];

		if (strcmp(name, "all") != 0 && !region_is_known(p, name))
			return unknown_region(p, name, error);
		for (size_t r = 0; r < count; r++) {
			if (strcmp(name, "all") != 0 &&
			    strcmp(name, regions[r]) != 0)
				continue;
			if (!region_add(p, regions[r], env, error))
				return false;
		}
	}
	return o->region_count == 0 || region_add(p, "global", env, error);
}

/* --try-regions: where else the key might be known. */
static bool
other_regions_add(
    struct plan *p, const struct proxy_env *env, struct plan_error *error)
{
	size_t count, own = p->target_count;
	const char *const *regions = allowlist_regions(p->catalog, &count);

	for (size_t r = 0; p->options->try_regions && r < count; r++) {
		if (!region_add(p, regions[r], env, error))
			return false;
	}
	for (size_t i = own; i < p->target_count; i++)
		p->targets[i].comparison = true;
	return true;
}

/* A host of --host that is on a list is checked as what it is there. */
static struct target
target_of_host(const struct plan *p, const struct option_host *host)
{
	size_t count;
	const struct allowlist_entry *e = allowlist_entries(p->catalog, &count);
	const struct webhook_ask *webhook = p->options->webhook;

	for (size_t i = 0; i < count; i++) {
		if (!e[i].suffix && e[i].port == host->at.port &&
		    hostname_equal(&e[i].host, &host->at.host))
			return target_of_entry(&e[i]);
	}
	return (struct target){
	    .at = host->at,
	    .is_address = host->is_address,
	    .server_name = webhook ? webhook->server_name : NULL,
	    .any_root = webhook != NULL && !webhook->compare,
	    .region = "-",
	    .category = webhook ? "webhook" : "extra",
	    .probe = PROBE_TLS,
	    .alpn = "h2,http/1.1",
	};
}

static bool
hosts_add(struct plan *p, const struct proxy_env *env, struct plan_error *error)
{
	for (size_t i = 0; i < p->options->host_count; i++) {
		struct target t = target_of_host(p, &p->options->hosts[i]);

		if (!target_route(p, &t, env, error) ||
		    !target_add(p, &t, error))
			return false;
	}
	return true;
}

/* --compare: what goes through a proxy is checked directly too. */
static bool
compare_add(struct plan *p, struct plan_error *error)
{
	static const struct proxy_url none;
	size_t proxied = p->target_count;
	size_t direct = path_add(p, &none, "--compare");

	if (p->path_count == 1)
		return fail(error, "--compare needs a proxy: --proxy URL or "
				   "HTTPS_PROXY");
	for (size_t i = 0; i < proxied; i++) {
		struct target t = p->targets[i];

		t.path = direct;
		t.no_variable = NULL;
		t.comparison = true;
		if (!target_add(p, &t, error))
			return false;
	}
	return true;
}

static size_t
count_hosts(const struct plan *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->target_count; i++) {
		size_t j = 0;

		while (
		    j < i && (p->targets[j].at.port != p->targets[i].at.port ||
				 !hostname_equal(&p->targets[j].at.host,
				     &p->targets[i].at.host)))
			j++;
		n += j == i;
	}
	return n;
}

/* Targets of one path stand together, in the order they were added,
 * which qsort(3) does not promise. */
static bool
sort_by_path(struct plan *p, struct plan_error *error)
{
	struct target *sorted =
	    calloc(p->target_count ? p->target_count : 1, sizeof(*sorted));
	size_t n = 0;

	if (sorted == NULL)
		return fail(error, "out of memory");
	for (size_t path = 0; path < p->path_count; path++) {
		for (size_t i = 0; i < p->target_count; i++) {
			if (p->targets[i].path == path)
				sorted[n++] = p->targets[i];
		}
	}
	free(p->targets);
	p->targets = sorted;
	return true;
}

struct plan *
plan_make(const struct check_options *options, const struct allowlist *catalog,
    const struct proxy_env *env, struct plan_error *error)
{
	struct plan *p = calloc(1, sizeof(*p));

	error->text[0] = '\0';
	if (p == NULL) {
		(void)fail(error, "out of memory");
		return NULL;
	}
	p->options = options;
	p->catalog = catalog;
	if (!regions_add(p, env, error) || !other_regions_add(p, env, error) ||
	    !hosts_add(p, env, error) ||
	    (options->compare && !compare_add(p, error)) ||
	    !sort_by_path(p, error)) {
		plan_free(p);
		return NULL;
	}
	p->host_count = count_hosts(p);
	/* Phases that fail end an endpoint, so hardly ever more than one
	 * waits for its whole timeout. */
	p->budget_ns = options->deadline_ns ? options->deadline_ns
					    : 4 * options->timeout_ns;
	return p;
}

void
plan_free(struct plan *plan)
{
	if (plan == NULL)
		return;
	free(plan->targets);
	free(plan);
}
