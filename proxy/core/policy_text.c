/* SPDX-License-Identifier: Apache-2.0
 *
 * A decision in words. The reason is one line of ASCII: Go clients log exactly
 * that text. Its start, "host not on allowlist: NAME", is what people search
 * their logs for, and does not change. */
#include <string.h>

#include "core/lookalike.h"
#include "core/policy.h"
#include "core/text.h"

enum {
	PORTS_SHOWN = 4,
	PORT_HTTPS = 443,
};

static void
add_names(struct text *t, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		text_str(t, i > 0 ? ", " : "");
		text_str(t, names[i]);
	}
}

/* The names of features, as gateway.features or a sentence has them. */
static void
add_features(struct text *t, unsigned bits, const char *between)
{
	bool first = true;

	for (unsigned bit = 1; bit < FEATURE_ALL; bit <<= 1) {
		if ((bits & bit) == 0)
			continue;
		text_str(t, first ? "" : between);
		text_str(t, feature_name(bit));
		first = false;
	}
}

static void
add_target(struct text *t, const struct endpoint *e)
{
	text_add(t, span_of(e->host.text, e->host.len));
	text_char(t, ':');
	text_u64(t, e->port);
}

static bool
same_name(const struct rule *a, const struct rule *b)
{
	return a->entry->suffix == b->entry->suffix &&
	       hostname_equal(&a->entry->host, &b->entry->host);
}

/* "443 is", "443, 8443 are", with a suffix rule: "443 is, by *.NAME". */
static void
add_ports(
    struct text *t, const struct policy *p, const struct policy_decision *d)
{
	const struct rule *first = d->near_rule;
	size_t count, n = 0;
	const struct rule *rules = policy_rules(p, &count);

	for (const struct rule *r = first;
	     r < rules + count && same_name(r, first); r++, n++) {
		if (n == PORTS_SHOWN)
			text_str(t, ", ...");
		if (n >= PORTS_SHOWN)
			continue;
		text_str(t, n > 0 ? ", " : "");
		text_u64(t, r->entry->port);
	}
	text_str(t, n > 1 ? " are" : " is");
	if (first->entry->suffix) {
		text_str(t, ", by *.");
		text_str(t, first->entry->host.text);
	}
}

static void
add_near(
    struct text *t, const struct policy *p, const struct policy_decision *d)
{
	size_t count;
	const char *const *regions = policy_regions(p, &count);

	switch (d->near) {
	case NEAR_NONE:
	case NEAR_PORT:
	case NEAR_LOOKALIKE: /* add_denied_host knows the name */
		break;
	case NEAR_REGION:
		text_str(t, " is of region ");
		text_str(t, d->entry->region);
		text_str(t, ", this gateway serves ");
		add_names(t, regions, count);
		break;
	case NEAR_SET:
		text_str(t, " is in the set ");
		text_str(t, d->entry->set);
		text_str(t, ", which is not open here");
		break;
	case NEAR_FEATURE:
		text_str(t, " is for ");
		add_features(t, d->entry->about->features, " and ");
		text_str(t, ", which is off here");
		break;
	case NEAR_APEX:
		text_str(t, " itself; names below it are");
		break;
	case NEAR_CLUSTER:
		text_str(t, " looks like a name inside the cluster, which "
			    "belongs in NO_PROXY");
		break;
	}
}

size_t
policy_detail(const struct policy *p, const struct policy_decision *d,
    const struct endpoint *e, char *buf)
{
	struct text t = text_in(buf, POLICY_DETAIL_MAX);

	if (d->why == OUTCOME_OK) {
		text_str(&t, "allowed by ");
		text_str(&t, d->rule->where);
	} else if (d->near == NEAR_PORT) {
		text_str(&t, "port not on allowlist: ");
		add_target(&t, e);
		text_str(&t, " (");
		add_ports(&t, p, d);
		text_char(&t, ')');
	} else {
		text_str(&t, "host not on allowlist: ");
		text_add(&t, span_of(e->host.text, e->host.len));
		add_near(&t, p, d);
		if (d->near == NEAR_LOOKALIKE) {
			text_str(&t, " is ");
			text_str(&t, lookalike_about(&e->host));
		}
	}
	(void)text_end(&t);
	return t.len;
}

void
policy_extra_line(struct text *t, const struct endpoint *e)
{
	text_str(t, "host = ");
	text_add(t, span_of(e->host.text, e->host.len));
	if (e->port != PORT_HTTPS) {
		text_char(t, ':');
		text_u64(t, e->port);
	}
}

static void
advise_extra(struct text *t, const struct endpoint *e)
{
	text_str(t, "a file that gateway.extra names may hold:\n[extra]\n");
	policy_extra_line(t, e);
	text_char(t, '\n');
}

/* What the regions served here have in the place of an endpoint of another
 * region; published entries stand first in the catalog. */
static const struct allowlist_entry *
counterpart(const struct policy *p, const struct allowlist_entry *of)
{
	size_t count, region_count;
	const struct allowlist_entry *e =
	    allowlist_entries(policy_catalog(p), &count);
	const char *const *regions = policy_regions(p, &region_count);

	for (size_t i = 0; i < count && e[i].origin == ORIGIN_PUBLISHED; i++) {
		if (e[i].about == of->about && region_count > 0 &&
		    strcmp(e[i].region, regions[0]) == 0)
			return &e[i];
	}
	return NULL;
}

static void
advise_features(
    struct text *t, const struct policy *p, const struct allowlist_entry *e)
{
	unsigned off = e->about->features & ~policy_features(p);
	unsigned one = off & (~off + 1); /* any of them opens the endpoint */

	if ((e->about->features & policy_features(p)) != 0)
		return;
	text_str(t, "gateway.features = ");
	add_features(t, policy_features(p) | one, ", ");
	text_char(t, '\n');
}

static void
advise_region(
    struct text *t, const struct policy *p, const struct allowlist_entry *e)
{
	size_t count;
	const char *const *regions = policy_regions(p, &count);
	const struct allowlist_entry *here = counterpart(p, e);

	text_str(t, "To serve that region too, set:\ngateway.regions = ");
	add_names(t, regions, count);
	text_str(t, ", ");
	text_str(t, e->region);
	text_char(t, '\n');
	advise_features(t, p, e);
	if (here == NULL)
		return;
	text_str(t, "Or the client is set to the wrong region; in ");
	text_str(t, here->region);
	text_str(t, " it is:\n");
	text_str(t, here->host.text);
	text_char(t, '\n');
}

const char *
policy_set_about(const char *set)
{
	return strcmp(set, "registry-cdn") == 0
		   ? "image layers of public.ecr.aws"
		   : NULL;
}

static void
advise_set(
    struct text *t, const struct policy *p, const struct allowlist_entry *e)
{
	size_t count;
	const char *const *sets = policy_sets(p, &count);

	if (policy_set_about(e->set) != NULL) {
		text_str(t, "It holds ");
		text_str(t, policy_set_about(e->set));
		text_str(t, ".\n");
	}
	text_str(t, "To open that set, set:\ngateway.sets = ");
	add_names(t, sets, count);
	text_str(t, count > 0 ? ", " : "");
	text_str(t, e->set);
	text_char(t, '\n');
}

/* The chart puts .cluster.local in by itself (in front of proxy.noProxy). */
static void
advise_no_proxy(struct text *t, const struct hostname *name)
{
	bool usual = hostname_is_below(name, span_str("svc")) ||
		     hostname_is_below(name, span_str("cluster.local"));

	text_str(t, "It should not come through a proxy. For the client, set:\n"
		    "NO_PROXY=.svc,.cluster.local");
	if (!usual) {
		text_char(t, ',');
		text_add(t, span_of(name->text, name->len));
	}
	text_str(t, "\nIn the Container Security chart: proxy.noProxy: \".svc");
	if (!usual) {
		text_char(t, ',');
		text_add(t, span_of(name->text, name->len));
	}
	text_str(t, "\"\n");
}

const char *
policy_near_token(enum policy_near near)
{
	switch (near) {
	case NEAR_NONE:
		break;
	case NEAR_PORT:
		return "port";
	case NEAR_REGION:
		return "region";
	case NEAR_SET:
		return "set";
	case NEAR_FEATURE:
		return "feature";
	case NEAR_APEX:
		return "apex";
	case NEAR_CLUSTER:
		return "cluster";
	case NEAR_LOOKALIKE:
		return "lookalike";
	}
	return "none";
}

size_t
policy_advice(const struct policy *p, const struct policy_decision *d,
    const struct endpoint *e, char *buf)
{
	struct text t = text_in(buf, POLICY_ADVICE_MAX);

	switch (d->near) {
	case NEAR_NONE:
		if (d->why == OUTCOME_OK)
			break;
		text_str(&t, "If it shall be reached, ");
		advise_extra(&t, e);
		break;
	case NEAR_PORT:
		text_str(&t, "Published endpoints are on port 443 alone. If "
			     "this port is meant, ");
		advise_extra(&t, e);
		break;
	case NEAR_REGION:
		advise_region(&t, p, d->entry);
		break;
	case NEAR_SET:
		advise_set(&t, p, d->entry);
		break;
	case NEAR_FEATURE:
		text_str(&t, "To open it, set:\n");
		advise_features(&t, p, d->entry);
		break;
	case NEAR_APEX:
		text_str(&t, "*.NAME admits the names below NAME only. If it "
			     "shall be reached too, ");
		advise_extra(&t, e);
		break;
	case NEAR_CLUSTER:
		advise_no_proxy(&t, &e->host);
		break;
	case NEAR_LOOKALIKE:
		text_str(&t, "New endpoint? The list is of ");
		text_str(&t, allowlist_date(policy_catalog(p)));
		text_str(&t, ". If you trust the name, ");
		advise_extra(&t, e);
		break;
	}
	(void)text_end(&t);
	return t.len;
}
