/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "helm_rules.h"
#include "key.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define T(...)                                                                 \
	{                                                                      \
		{                                                              \
			__VA_ARGS__                                            \
		}                                                              \
	}
static const struct trap_text texts[] = {
#define TRAP(name, id, why, mend) [TRAP_##name] = {id, why, mend},
#include "helm_traps.def"
#undef TRAP
};
#undef T

/* Where the Vision One chart finds its service, for the regions that both
 * products have (its document upgrade-from-cloud-one-helm.md). */
static const struct {
	const char *region, *host;
} vision_one[] = {
    {"us-1", "api.xdr.trendmicro.com"},
    {"in-1", "api.in.xdr.trendmicro.com"},
    {"jp-1", "api.xdr.trendmicro.co.jp"},
    {"au-1", "api.au.xdr.trendmicro.com"},
    {"sg-1", "api.sg.xdr.trendmicro.com"},
};

#define VISION_ONE_PATH "/external/v2/direct/vcs/external/vcs"

const struct trap_text *
trap_text(enum trap_id id)
{
	return &texts[id];
}

const char *
helm_root(enum helm_chart chart)
{
	return chart == CHART_VISIONONE ? "visionOne" : "cloudOne";
}

static bool
is_region(const struct helm_asked *asked, struct span name)
{
	size_t count;
	const char *const *all = allowlist_regions(asked->catalog, &count);

	for (size_t i = 0; i < count; i++) {
		if (span_is(name, all[i]))
			return true;
	}
	return false;
}

const char *
helm_endpoint(const struct helm_asked *asked, const char *region, char *buf)
{
	if (asked->chart != CHART_VISIONONE) {
		if (!is_region(asked, span_str(region)))
			return NULL;
		(void)snprintf(buf, HELM_URL_MAX,
		    "https://container.%s.cloudone.trendmicro.com", region);
		return buf;
	}
	for (size_t i = 0; i < COUNT(vision_one); i++) {
		if (strcmp(region, vision_one[i].region) != 0)
			continue;
		(void)snprintf(buf, HELM_URL_MAX, "https://%s%s",
		    vision_one[i].host, VISION_ONE_PATH);
		return buf;
	}
	return NULL;
}

bool
helm_version(unsigned *out, struct span text)
{
	unsigned parts[3] = {0, 0, 0}, n = 0;
	bool digit = false;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c >= '0' && c <= '9' && parts[n] < 100) {
			parts[n] = parts[n] * 10 + (unsigned)(c - '0');
			digit = true;
		} else if (c == '.' && digit && n < 2) {
			n++;
			digit = false;
		} else {
			return false;
		}
	}
	if (n != 2 || !digit)
		return false;
	*out = parts[0] * 1000000 + parts[1] * 1000 + parts[2];
	return true;
}

bool
helm_is_set(struct value v)
{
	return v.kind != VALUE_NONE && v.kind != VALUE_NULL &&
	       !(v.kind == VALUE_STRING && v.text.len == 0);
}

struct facts *
helm_trap(struct helm_run *r, enum trap_id id, struct value at, const char *key)
{
	struct trap *t;

	if (at.line == 0)
		at = r->root;
	for (size_t i = 0; i < r->out->count; i++) {
		t = &r->out->items[i];
		if (t->id == id && t->line == at.line && t->column == at.column)
			return NULL;
	}
	if (r->out->count == TRAPS_MAX)
		return NULL;
	t = &r->out->items[r->out->count++];
	*t = (struct trap){.id = id, .line = at.line, .column = at.column};
	fact_set(&t->facts, "key", key);
	return &t->facts;
}

/* ---- endpoint and key ---- */

/* "container.REGION.cloudone.trendmicro.com": the region, or empty. */
static struct span
region_of_host(const struct helm_asked *asked, struct span host)
{
	static const char front[] = "container.",
			  back[] = ".cloudone.trendmicro.com";
	size_t around = sizeof(front) + sizeof(back) - 2;
	struct span region;

	if (host.len <= around)
		return span_of(NULL, 0);
	region = span_of(host.ptr + sizeof(front) - 1, host.len - around);
	if (strncmp(host.ptr, front, sizeof(front) - 1) != 0 ||
	    strncmp(region.ptr + region.len, back, sizeof(back) - 1) != 0 ||
	    !is_region(asked, region))
		return span_of(NULL, 0);
	return region;
}

/* The region that a full URL belongs to; NULL when it is none that is known.
 * *code has room for a region's code. */
static const char *
region_of_url(const struct helm_asked *asked, struct span url, char code[32])
{
	static const char scheme[] = "https://";
	size_t skip = sizeof(scheme) - 1;
	struct span rest, region;

	if (url.len <= skip || strncmp(url.ptr, scheme, skip) != 0)
		return NULL;
	rest = span_of(url.ptr + skip, url.len - skip);
	for (size_t i = 0; i < COUNT(vision_one); i++) {
		size_t len = strlen(vision_one[i].host);

		if (rest.len > len &&
		    strncmp(rest.ptr, vision_one[i].host, len) == 0 &&
		    span_is(span_of(rest.ptr + len, rest.len - len),
			VISION_ONE_PATH))
			return vision_one[i].region;
	}
	region = region_of_host(asked, rest);
	if (region.len == 0 || region.len >= 32)
		return NULL;
	(void)snprintf(code, 32, "%.*s", SPAN_ARG(region));
	return code;
}

static void
endpoint_wants(struct helm_run *r, struct facts *f)
{
	struct helm_asked asked = *r->asked;
	const char *region = asked.region ? asked.region : "REGION";
	char url[HELM_URL_MAX];

	asked.chart = r->chart;
	if (f == NULL)
		return;
	if (r->asked->region != NULL)
		fact_set(f, "region", region);
	if (helm_endpoint(&asked, region, url) == NULL)
		(void)snprintf(url, sizeof(url), "%s",
		    r->chart == CHART_VISIONONE
			? "https://"
			  "api.REGION.xdr.trendmicro.com" VISION_ONE_PATH
			: "https://container.REGION.cloudone.trendmicro.com");
	fact_set(f, "want", url);
}

static void
fact_span(struct facts *f, const char *key, struct span s)
{
	if (f != NULL)
		fact_setf(f, key, "%.*s", SPAN_ARG(s));
}

static void
endpoint_unset(struct helm_run *r, struct value at, const char *key)
{
	struct facts *f;

	if (r->chart == CHART_CLOUDONE && r->asked->region != NULL &&
	    strcmp(r->asked->region, "us-1") == 0)
		return;
	f = helm_trap(r, TRAP_ENDPOINT_UNSET, at, key);
	endpoint_wants(r, f);
	if (f != NULL && r->chart == CHART_CLOUDONE)
		fact_set(f, "us", "yes");
}

/* The endpoint is there. */
static void
endpoint_lint(struct helm_run *r, struct value at, const char *key)
{
	const char *region;
	struct facts *f;
	char code[32];

	if (is_region(r->asked, at.text)) {
		(void)snprintf(code, sizeof(code), "%.*s", SPAN_ARG(at.text));
		region = code;
		f = helm_trap(r, TRAP_ENDPOINT_SHORT, at, key);
		fact_span(f, "value", at.text);
		endpoint_wants(r, f);
		if (f != NULL && r->asked->region == NULL)
			fact_setf(f, "want",
			    "https://container.%s.cloudone.trendmicro.com",
			    code);
	} else {
		region = region_of_url(r->asked, at.text, code);
	}
	if (region == NULL) {
		f = helm_trap(r, TRAP_ENDPOINT_UNKNOWN, at, key);
		fact_span(f, "value",
		    at.text.len && memchr(at.text.ptr, '@', at.text.len)
			? span_str("(it holds an @)")
			: at.text);
		endpoint_wants(r, f);
	} else if (r->asked->region != NULL &&
		   strcmp(region, r->asked->region) != 0) {
		f = helm_trap(r, TRAP_ENDPOINT_REGION, at, key);
		fact_span(f, "value", at.text);
		endpoint_wants(r, f);
	}
}

static void
lint_endpoint(struct helm_run *r)
{
	struct value map = values_get(r->v, r->root, helm_root(r->chart));
	struct value at = values_get(r->v, map, "endpoint");
	char key[32];

	(void)snprintf(key, sizeof(key), "%s.endpoint", helm_root(r->chart));
	if (!helm_is_set(at))
		endpoint_unset(r, at.line ? at : map, key);
	else
		endpoint_lint(r, at, key);
}

static const char *
key_fault_flag(enum key_fault fault)
{
	switch (fault) {
	case KEY_NO_FAULT:
	case KEY_EMPTY:
		break;
	case KEY_BLANK:
		return "blank";
	case KEY_QUOTED:
		return "quoted";
	case KEY_BASE64:
		return "encoded";
	case KEY_BYTES:
		return "bytes";
	case KEY_PREFIXED:
		return "prefixed";
	}
	return NULL;
}

static void
lint_key(struct helm_run *r, const char *name)
{
	struct value map = values_get(r->v, r->root, helm_root(r->chart));
	struct value at = values_get(r->v, map, name);
	struct key_lint lint = {.given = false};
	const char *flag;
	struct facts *f;
	char key[48];

	if (!helm_is_set(at) || at.kind != VALUE_STRING)
		return;
	key_lint(&lint, at.text);
	flag = key_fault_flag(lint.fault);
	if (flag == NULL)
		return;
	(void)snprintf(key, sizeof(key), "%s.%s", helm_root(r->chart), name);
	f = helm_trap(r, TRAP_API_KEY, at, key);
	if (f == NULL)
		return;
	fact_set(f, flag, "yes");
	fact_setf(f, "length", "%zu", lint.length);
	fact_setf(f, "position", "%zu", lint.position);
}

/* ---- the chart ---- */

static void
lint_chart(struct helm_run *r)
{
	bool c1 = r->chart == CHART_CLOUDONE;
	const char *wrong = c1 ? "visionOne" : "cloudOne";
	struct value at = values_get(r->v, r->root, wrong);
	struct facts *f;

	if (at.kind == VALUE_NONE)
		return;
	f = helm_trap(r, TRAP_CHART_KEY, at, wrong);
	if (f == NULL)
		return;
	fact_set(f, "chart", c1 ? "Cloud One" : "Vision One");
	fact_set(f, "want", helm_root(r->chart));
	fact_set(f, "other", c1 ? "visionone" : "cloudone");
}

struct version_rule {
	unsigned from, below; /* versions that have the fault */
	const char *key;      /* in proxy; NULL: whenever proxy is set */
	enum trap_id id;
};

static void
lint_version(struct helm_run *r)
{
	static const struct version_rule rules[] = {
	    {0, 2002011, NULL, TRAP_VERSION_SCOUT},
	    {2003024, 2004000, "noProxy", TRAP_VERSION_NOPROXY},
	    {0, 2006007, "selfSignedCertificates", TRAP_VERSION_CA},
	    {0, 2006007, "username", TRAP_VERSION_MALWARE},
	};
	unsigned version = r->asked->version;
	struct facts *f;

	if (version == 0 || r->chart != CHART_CLOUDONE)
		return;
	if (version < 2003025) {
		f = helm_trap(r, TRAP_VERSION_RULES, r->root, "");
		if (f != NULL)
			fact_set(f, "version", r->asked->version_text);
	}
	for (size_t i = 0; i < COUNT(rules); i++) {
		struct value at = rules[i].key
				      ? values_get(r->v, r->proxy, rules[i].key)
				      : r->proxy;

		if (!helm_is_set(at) || version < rules[i].from ||
		    version >= rules[i].below)
			continue;
		f = helm_trap(r, rules[i].id, at, "");
		if (f != NULL)
			fact_set(f, "version", r->asked->version_text);
	}
}

/* ---- all of it ---- */

static int
by_place(const void *x, const void *y)
{
	const struct trap *a = x, *b = y;

	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

static enum helm_chart
chart_of(const struct helm_run *r)
{
	if (r->asked->chart != CHART_UNKNOWN)
		return r->asked->chart;
	return values_get(r->v, r->root, "visionOne").kind != VALUE_NONE &&
		       values_get(r->v, r->root, "cloudOne").kind == VALUE_NONE
		   ? CHART_VISIONONE
		   : CHART_CLOUDONE;
}

struct helm_traps *
helm_lint(const struct values *v, const struct helm_asked *asked)
{
	struct helm_run r = {.v = v, .asked = asked, .root = values_root(v)};
	struct value second = values_second(v);

	r.out = calloc(1, sizeof(*r.out));
	if (r.out == NULL)
		return NULL;
	r.chart = chart_of(&r);
	r.proxy = values_get(v, r.root, "proxy");
	lint_chart(&r);
	lint_endpoint(&r);
	lint_key(&r, r.chart == CHART_CLOUDONE ? "apiKey" : "bootstrapToken");
	lint_version(&r);
	helm_lint_proxy(&r);
	helm_lint_noproxy(&r);
	if (second.line != 0)
		(void)helm_trap(&r, TRAP_DOCUMENTS, second, "");
	if (!helm_lint_walk(&r)) {
		free(r.out);
		return NULL;
	}
	qsort(r.out->items, r.out->count, sizeof(r.out->items[0]), by_place);
	return r.out;
}
