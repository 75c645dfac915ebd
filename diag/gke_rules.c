/* SPDX-License-Identifier: Apache-2.0
 *
 * How it works. The addresses of the control plane are a set of prefixes. Rules
 * are taken in Google's order; each takes what it covers out of the set, whole
 * prefixes or halves of them, until the set is empty or the rules are. What a
 * rule says depends on facts that may be missing: then it fits "maybe". As more
 * allow rules only ever let in more, and more deny rules only ever less, two
 * passes bound all that is possible: one in which every maybe is decided for
 * us, and one in which every maybe is decided against us. If both say the same,
 * the missing facts do not matter. */
#include "gke_rules.h"

#include <string.h>

#include "core/text.h"

enum {
	SET_MAX = 512,
};

enum fit {
	FIT_NO,
	FIT_MAYBE,
	FIT_YES,
};

struct set {
	struct ip_prefix items[SET_MAX];
	size_t count;
};

/* One pass over the rules. */
struct pass {
	bool hopeful; /* maybes are decided for us */
	struct set left, in, out;
	const struct gke_rule *allows; /* the last that took a part */
	const struct gke_rule *denies; /* the first */
	bool denied_by_rule;           /* false: by nothing */
	bool overflow;                 /* more parts than the sets hold */
};

/* ---- prefixes ---- */

static bool
covers(const struct ip_prefix *outer, const struct ip_prefix *inner)
{
	return outer->addr.family == inner->addr.family &&
	       outer->bits <= inner->bits &&
	       ip_prefix_contains(outer, &inner->addr);
}

static void
set_add(struct pass *p, struct set *s, const struct ip_prefix *one)
{
	if (s->count == SET_MAX)
		p->overflow = true;
	else
		s->items[s->count++] = *one;
}

/* The two halves of a prefix that is not a single address. */
static void
halve(const struct ip_prefix *whole, struct ip_prefix half[2])
{
	half[0] = half[1] = *whole;
	half[0].bits++;
	half[1].bits++;
	half[1].addr.bytes[whole->bits / 8] |=
	    (uint8_t)(0x80 >> (whole->bits % 8));
}

/* Takes what range covers of part into took, and the rest into rest. One range
 * inside a part leaves one half a step: no more than 128 steps. */
static void
split(struct pass *p, struct ip_prefix part, const struct ip_prefix *range,
    struct set *took, struct set *rest)
{
	struct ip_prefix half[2];

	while (!covers(range, &part)) {
		unsigned inside;

		if (!covers(&part, range)) {
			set_add(p, rest, &part);
			return;
		}
		halve(&part, half);
		inside = covers(&half[0], range) ? 0 : 1;
		set_add(p, rest, &half[1 - inside]);
		part = half[inside];
	}
	set_add(p, took, &part);
}

static void
take_range(struct pass *p, const struct ip_prefix *range, struct set *took)
{
	static const struct set empty;
	struct set rest = empty;

	for (size_t i = 0; i < p->left.count; i++)
		split(p, p->left.items[i], range, took, &rest);
	p->left = rest;
}

/* ---- what a rule is about ---- */

static bool
has_any(const struct gke_list *wanted, const struct gke_list *there)
{
	for (size_t i = 0; i < wanted->count; i++) {
		for (size_t j = 0; j < there->count; j++) {
			if (strcmp(wanted->items[i], there->items[j]) == 0)
				return true;
		}
	}
	return false;
}

const char *
gke_short_name(const char *url)
{
	const char *slash = strrchr(url, '/');

	return slash != NULL ? slash + 1 : url;
}

/* ".../projects/P/global/networks/N" names the project too. */
static bool
same_network(const char *a, const char *b)
{
	const char *pa = strstr(a, "projects/"), *pb = strstr(b, "projects/");

	if (strcmp(gke_short_name(a), gke_short_name(b)) != 0)
		return false;
	/* Projects have a name and a number: only two names or two numbers can
	 * be compared. */
	if (pa == NULL || pb == NULL ||
	    (pa[9] >= '0' && pa[9] <= '9') != (pb[9] >= '0' && pb[9] <= '9'))
		return true;
	return strcmp(pa, pb) == 0;
}

static bool
port_in(const char *text, uint16_t port)
{
	unsigned long bounds[2] = {0, 0};
	unsigned at = 0;

	for (; *text != '\0'; text++) {
		if (*text == '-' && at == 0)
			at = 1;
		else if (*text >= '0' && *text <= '9' && bounds[at] < 100000)
			bounds[at] =
			    bounds[at] * 10 + (unsigned long)(*text - '0');
		else
			return false;
	}
	if (at == 0)
		bounds[1] = bounds[0];
	return bounds[0] <= port && port <= bounds[1];
}

static bool
fits_port(const struct gke_rule *r, uint16_t port)
{
	for (size_t i = 0; i < r->protocol_count; i++) {
		const struct gke_protocol *p = &r->protocols[i];

		if (strcasecmp(p->protocol, "all") == 0)
			return true;
		if (strcasecmp(p->protocol, "tcp") != 0 &&
		    strcmp(p->protocol, "6") != 0)
			continue;
		if (p->ports.count == 0)
			return true;
		for (size_t j = 0; j < p->ports.count; j++) {
			if (port_in(p->ports.items[j], port))
				return true;
		}
	}
	return false;
}

static enum fit
lesser(enum fit a, enum fit b)
{
	return a < b ? a : b;
}

/* Whether a tag is one that GKE itself made, gke-CLUSTER-HASH-node: nobody
 * gives it to nodes of another cluster. */
static bool
is_own_tag(const char *tag)
{
	size_t len = strlen(tag);

	return len > 9 && strncmp(tag, "gke-", 4) == 0 &&
	       strcmp(tag + len - 5, "-node") == 0;
}

static enum fit
fits_tags(const struct gke_rule *r, const struct gke_packet *packet,
    unsigned *missing)
{
	bool open = !packet->tags_known;

	if (packet->tags_known && has_any(&r->target_tags, &packet->tags))
		return FIT_YES;
	for (size_t i = 0; packet->tags_partial && i < r->target_tags.count;
	     i++)
		open |= !is_own_tag(r->target_tags.items[i]);
	if (!open)
		return FIT_NO;
	*missing |= GKE_MISSING_TAGS;
	return FIT_MAYBE;
}

static enum fit
fits_targets(const struct gke_rule *r, const struct gke_packet *packet,
    unsigned *missing)
{
	if (r->target_tags.count > 0)
		return fits_tags(r, packet, missing);
	if (r->target_accounts.count > 0) {
		if (packet->accounts_known)
			return has_any(&r->target_accounts, &packet->accounts)
				   ? FIT_YES
				   : FIT_NO;
		*missing |= GKE_MISSING_ACCOUNTS;
		return FIT_MAYBE;
	}
	return FIT_YES;
}

static enum fit
fits_network(const struct gke_rule *r, const struct gke_packet *packet,
    unsigned *missing)
{
	if (packet->network != NULL)
		return same_network(r->network, packet->network) ? FIT_YES
								 : FIT_NO;
	*missing |= GKE_MISSING_NETWORK;
	return FIT_MAYBE;
}

static bool
is_everywhere(const struct gke_list *ranges)
{
	for (size_t i = 0; i < ranges->count; i++) {
		if (strcmp(ranges->items[i], "0.0.0.0/0") == 0)
			return true;
	}
	return ranges->count == 0;
}

/* All but the source. missing: only what the answer depends on. */
static enum fit
fits(const struct gke_rule *r, const struct gke_packet *packet,
    unsigned *missing)
{
	unsigned open = 0;
	enum fit fit;

	if (r->egress || r->disabled || !fits_port(r, packet->port))
		return FIT_NO;
	fit = lesser(
	    fits_network(r, packet, &open), fits_targets(r, packet, &open));
	if (fit != FIT_NO && !is_everywhere(&r->destination_ranges)) {
		open |= GKE_MISSING_DESTINATION;
		fit = FIT_MAYBE;
	}
	if (fit == FIT_MAYBE)
		*missing |= open;
	return fit;
}

/* ---- passes ---- */

/* Whether a comes before b. */
static bool
is_before(const struct gke_rule *a, const struct gke_rule *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority;
	return a->deny && !b->deny;
}

/* The next rule after last in Google's order; equals by their place. */
static const struct gke_rule *
next_rule(const struct gke_rules *all, const struct gke_rule *last)
{
	const struct gke_rule *best = NULL;

	for (size_t i = 0; i < all->count; i++) {
		const struct gke_rule *r = &all->rules[i];

		if (last != NULL &&
		    (is_before(r, last) || (!is_before(last, r) && r <= last)))
			continue;
		if (best == NULL || is_before(r, best))
			best = r;
	}
	return best;
}

static void
apply(struct pass *p, const struct gke_rule *r)
{
	struct set *took = r->deny ? &p->out : &p->in;
	size_t before = took->count;
	struct ip_prefix range;

	for (size_t i = 0; i < r->source_ranges.count; i++) {
		if (ip_prefix_parse(
			&range, span_str(r->source_ranges.items[i])))
			take_range(p, &range, took);
	}
	if (r->source_ranges.count == 0 && !r->source_others) {
		for (size_t i = 0; i < p->left.count; i++)
			set_add(p, took, &p->left.items[i]);
		p->left.count = 0;
	}
	if (took->count == before)
		return;
	if (r->deny && !p->denied_by_rule) {
		p->denies = r;
		p->denied_by_rule = true;
	} else if (!r->deny) {
		p->allows = r;
	}
}

static void
begin(struct pass *p, const struct gke_packet *packet, bool hopeful)
{
	static const struct ip_prefix everyone[] = {
	    {.addr = {.family = IP_V4}}, {.addr = {.family = IP_V6}}};

	memset(p, 0, sizeof(*p));
	p->hopeful = hopeful;
	for (size_t i = 0; i < packet->source_count; i++)
		set_add(p, &p->left, &packet->sources[i]);
	/* Control planes speak IPv4 to nodes unless somebody says otherwise. */
	if (packet->source_count == 0)
		set_add(p, &p->left, &everyone[0]);
}

/* *maybe: the first rule that was decided by hope or fear alone. */
static void
run(struct pass *p, const struct gke_rules *all,
    const struct gke_packet *packet, const struct gke_rule **maybe,
    unsigned *missing)
{
	const struct gke_rule *r = NULL;

	while (p->left.count > 0 && (r = next_rule(all, r)) != NULL) {
		unsigned open = 0;
		enum fit fit = fits(r, packet, &open);
		size_t left = p->left.count;

		if (fit == FIT_NO ||
		    (fit == FIT_MAYBE && r->deny == p->hopeful))
			continue;
		apply(p, r);
		if (fit == FIT_MAYBE && *maybe == NULL &&
		    (p->left.count != left || p->left.count == 0)) {
			*maybe = r;
			*missing |= open;
		}
	}
}

static enum gke_verdict
verdict_of(const struct pass *p)
{
	bool out = p->left.count > 0 || p->out.count > 0;

	if (p->in.count == 0)
		return GKE_NOT;
	return out ? GKE_PARTLY : GKE_LET_IN;
}

static void
write_set(struct text *out, const struct set *s)
{
	char buf[IP_PREFIX_TEXT_MAX + 1];

	for (size_t i = 0; i < s->count; i++) {
		(void)ip_prefix_format(&s->items[i], buf);
		text_str(out, out->len > 0 ? ", " : "");
		text_str(out, buf);
	}
}

static void
write_parts(struct gke_answer *out, const struct pass *p)
{
	struct text in = text_in(out->let_in, sizeof(out->let_in));
	struct text kept = text_in(out->kept_out, sizeof(out->kept_out));

	write_set(&in, &p->in);
	write_set(&kept, &p->out);
	write_set(&kept, &p->left);
	(void)text_end(&in);
	(void)text_end(&kept);
}

static const struct gke_rule *
decider(const struct pass *p, enum gke_verdict verdict)
{
	if (verdict == GKE_LET_IN)
		return p->allows;
	/* What is left over met no rule: the implied deny. */
	return p->left.count > 0 && !p->denied_by_rule ? NULL : p->denies;
}

void
gke_judge(struct gke_answer *out, const struct gke_rules *rules,
    const struct gke_packet *packet)
{
	static struct pass empty;
	struct pass best = empty, worst = empty;
	const struct gke_rule *maybe = NULL;
	unsigned missing = 0;

	*out = (struct gke_answer){.verdict = GKE_UNKNOWN};
	begin(&best, packet, true);
	begin(&worst, packet, false);
	run(&best, rules, packet, &maybe, &missing);
	run(&worst, rules, packet, &maybe, &missing);
	if (best.overflow || worst.overflow) {
		out->missing = GKE_MISSING_SOURCE;
		return;
	}
	out->verdict = verdict_of(&worst);
	out->rule = decider(&worst, out->verdict);
	if (out->verdict == GKE_PARTLY && packet->source_count > 0)
		write_parts(out, &worst);
	if (verdict_of(&best) != out->verdict ||
	    (out->verdict == GKE_PARTLY && maybe != NULL)) {
		out->verdict = GKE_UNKNOWN;
		out->rule = maybe;
		out->missing = missing;
		if (packet->source_count == 0)
			out->missing |= GKE_MISSING_SOURCE;
	} else if (out->verdict == GKE_PARTLY && packet->source_count == 0) {
		out->verdict = GKE_UNKNOWN;
		out->rule = worst.allows;
		out->missing = GKE_MISSING_SOURCE;
	}
}

bool
gke_sources_parse(struct gke_packet *p, const char *text)
{
	p->source_count = 0;
	while (*text != '\0') {
		size_t len = strcspn(text, ",");

		if (p->source_count == GKE_SOURCES_MAX ||
		    !ip_prefix_parse(
			&p->sources[p->source_count], span_of(text, len))) {
			p->source_count = 0;
			return false;
		}
		p->source_count++;
		text += len;
		if (*text == ',' && *++text == '\0') {
			p->source_count = 0;
			return false;
		}
	}
	return true;
}

/* ---- GKE's own rules ---- */

/* gke-CLUSTER-HASHsuffix, where HASH is letters and digits: the cluster's name
 * in it, or nothing. */
static struct span
cluster_in(const char *name, const char *suffix)
{
	static const char lead[] = "gke-";
	size_t len = strlen(name), end = strlen(suffix);
	struct span s = span_of(name, 0);

	if (strncmp(name, lead, 4) != 0 || len < 4 + end ||
	    strcmp(name + len - end, suffix) != 0)
		return s;
	len -= end;
	while (len > 4 && name[len - 1] != '-')
		len--;
	return len > 5 ? span_of(name + 4, len - 5) : s;
}

const struct gke_rule *
gke_own_rule(
    const struct gke_rules *rules, const char *cluster, const char *suffix)
{
	for (size_t i = 0; cluster[0] != '\0' && i < rules->count; i++) {
		const struct gke_rule *r = &rules->rules[i];

		if (!r->egress && span_is(cluster_in(r->name, suffix), cluster))
			return r;
	}
	return NULL;
}

struct span
gke_only_cluster(const struct gke_rules *rules)
{
	static const char *const suffixes[] = {"-master", "-vms", "-all"};
	struct span only = span_of("", 0);

	for (size_t i = 0; i < 3 * rules->count; i++) {
		struct span one =
		    cluster_in(rules->rules[i / 3].name, suffixes[i % 3]);

		if (one.len == 0)
			continue;
		if (only.len > 0 &&
		    (only.len != one.len ||
			memcmp(only.ptr, one.ptr, one.len) != 0))
			return span_of("", 0);
		only = one;
	}
	return only;
}

const char *
gke_verdict_str(enum gke_verdict verdict)
{
	switch (verdict) {
	case GKE_LET_IN:
		return "let-in";
	case GKE_NOT:
		return "not-let-in";
	case GKE_PARTLY:
		return "partly";
	case GKE_UNKNOWN:
		return "cannot-tell";
	}
	return "cannot-tell";
}
