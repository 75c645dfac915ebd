/* SPDX-License-Identifier: Apache-2.0 */
#include "core/policy.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/lookalike.h"
#include "core/name_table.h"
#include "core/nearest.h"
#include "core/text.h"

static const char all_regions[] = "all";

struct prefixes {
	struct ip_prefix *items; /* owned */
	size_t count;
};

struct policy {
	atomic_uint refs;
	struct allowlist *catalog; /* owned */
	const char **regions;      /* selected, of the catalog */
	size_t region_count;
	const char **sets; /* selected, of the catalog */
	size_t set_count;
	unsigned features;
	struct rule *rules; /* by rule_compare: one host's stand together */
	size_t rule_count;
	char *where;                /* text of all rules' where */
	struct name_table exact;    /* host: index of its first rule */
	struct name_table suffixes; /* suffix: index of its first rule */
	const struct allowlist_entry **asleep; /* listed, but not selected */
	size_t asleep_count;
	struct name_table asleep_names; /* host: index of its first entry */
	struct prefixes allow, deny;
};

/* Some of the names that the catalog knows. */
struct choice {
	const char *what; /* "region" */
	const char *const *known;
	size_t known_count;
	const char *const *wanted;
	size_t wanted_count;
	bool every; /* all of them, whatever is wanted */
};

static bool
names_have(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

static void
report_unknown(const struct choice *c, const char *name,
    allowlist_error_fn error, void *arg)
{
	char known[256], text[640];
	struct text t = text_in(known, sizeof(known));
	struct nearest n = nearest_to(span_str(name));

	for (size_t i = 0; i < c->known_count; i++) {
		nearest_try(&n, c->known[i]);
		text_str(&t, i > 0 ? ", " : "");
		text_str(&t, c->known[i]);
	}
	(void)snprintf(text, sizeof(text),
	    "unknown %s \"%.200s\"%s%s%s: the lists have %s", c->what, name,
	    n.best != NULL ? " (did you mean " : "",
	    n.best != NULL ? n.best : "", n.best != NULL ? "?)" : "",
	    c->known_count > 0 ? text_end(&t) : "none");
	error(arg, text);
}

/* The chosen names, in the catalog's order, each once; NULL after errors. */
static const char **
choose(
    const struct choice *c, size_t *count, allowlist_error_fn error, void *arg)
{
	const char **out = calloc(c->known_count + 1, sizeof(*out));
	bool ok = out != NULL;

	*count = 0;
	if (out == NULL)
		error(arg, "out of memory");
	for (size_t i = 0; ok && i < c->known_count; i++) {
		if (c->every ||
		    names_have(c->wanted, c->wanted_count, c->known[i]))
			out[(*count)++] = c->known[i];
	}
	for (size_t i = 0; !c->every && i < c->wanted_count; i++) {
		if (!names_have(c->known, c->known_count, c->wanted[i])) {
			report_unknown(c, c->wanted[i], error, arg);
			ok = false;
		}
	}
	if (ok)
		return out;
	free(out);
	return NULL;
}

static bool
policy_select(struct policy *p, const struct policy_selection *sel,
    allowlist_error_fn error, void *arg)
{
	struct choice regions = {.what = "region",
	    .wanted = sel->regions,
	    .wanted_count = sel->region_count};
	struct choice sets = {
	    .what = "set", .wanted = sel->sets, .wanted_count = sel->set_count};

	regions.known = allowlist_regions(p->catalog, &regions.known_count);
	regions.every =
	    sel->region_count == 1 && strcmp(sel->regions[0], all_regions) == 0;
	sets.known = allowlist_sets(p->catalog, &sets.known_count);
	p->features = (sel->features & FEATURE_ALL) | FEATURE_ADMISSION;
	p->regions = choose(&regions, &p->region_count, error, arg);
	p->sets = choose(&sets, &p->set_count, error, arg);
	if (p->regions != NULL && p->region_count == 0) {
		error(arg, "no region is selected: name one or more, or all");
		return false;
	}
	return p->regions != NULL && p->sets != NULL;
}

static bool
region_is_on(const struct policy *p, const char *region)
{
	return strcmp(region, allowlist_global) == 0 ||
	       names_have(p->regions, p->region_count, region);
}

static bool
entry_is_on(const struct policy *p, const struct allowlist_entry *e)
{
	switch (e->origin) {
	case ORIGIN_PUBLISHED:
		return (e->about->features & p->features) != 0 &&
		       region_is_on(p, e->region);
	case ORIGIN_SET:
		return names_have(p->sets, p->set_count, e->set);
	case ORIGIN_EXTRA:
		return true;
	}
	return false;
}

/* The order of --print-allowlist: as text, so a *.suffix comes first. */
static int
name_compare(const struct allowlist_entry *a, const struct allowlist_entry *b)
{
	return a->suffix != b->suffix ? b->suffix - a->suffix
				      : strcmp(a->host.text, b->host.text);
}

/* An entry with the beginning of its name as a number, which spares the sort
 * of a long list most looks at names far apart in memory. */
struct sorted_entry {
	uint64_t start;
	const struct allowlist_entry *entry;
};

/* Numbers that are in the order of name_compare, or equal. */
static uint64_t
name_start(const struct allowlist_entry *e)
{
	uint64_t start = e->suffix ? 0 : 1;

	for (size_t i = 0; i < 7; i++)
		start = start << 8 |
			(i < e->host.len ? (unsigned char)e->host.text[i] : 0);
	return start;
}

/* Of entries that say the same, what is global comes first, then the one that
 * was read first. */
static int
sorted_compare(const void *x, const void *y)
{
	const struct sorted_entry *s = x, *t = y;
	const struct allowlist_entry *a = s->entry, *b = t->entry;
	int c = (s->start > t->start) - (s->start < t->start);

	if (c == 0)
		c = name_compare(a, b);
	if (c == 0)
		c = (a->port > b->port) - (a->port < b->port);
	if (c == 0)
		c = (strcmp(b->region, allowlist_global) == 0) -
		    (strcmp(a->region, allowlist_global) == 0);
	return c != 0 ? c : (a > b) - (a < b);
}

/* Entries that are not in force: by host, then as read. */
static int
asleep_compare(const void *x, const void *y)
{
	const struct allowlist_entry *a =
	    *(const struct allowlist_entry *const *)x;
	const struct allowlist_entry *b =
	    *(const struct allowlist_entry *const *)y;
	int c = name_compare(a, b);

	return c != 0 ? c : (a > b) - (a < b);
}

static bool
says_the_same(const struct sorted_entry *a, const struct sorted_entry *b)
{
	return a->start == b->start && a->entry->port == b->entry->port &&
	       name_compare(a->entry, b->entry) == 0;
}

/* Makes rules of sorted entries; of those for one name and port, the first. */
static void
rules_fill(struct policy *p, const struct sorted_entry *sorted, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && says_the_same(&sorted[i - 1], &sorted[i]))
			continue;
		p->rules[p->rule_count].entry = sorted[i].entry;
		p->rules[p->rule_count].index = p->rule_count;
		p->rules[p->rule_count].slot = p->rule_count;
		p->rule_count++;
	}
}

/* Parts the catalog into rules and what is asleep, both sorted. */
static bool
rules_make(struct policy *p)
{
	size_t count, on = 0;
	const struct allowlist_entry *e = allowlist_entries(p->catalog, &count);
	struct sorted_entry *sorted = calloc(count + 1, sizeof(*sorted));

	p->rules = calloc(count + 1, sizeof(*p->rules));
	p->asleep = calloc(count + 1, sizeof(const void *));
	if (sorted == NULL || p->rules == NULL || p->asleep == NULL) {
		free(sorted);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (entry_is_on(p, &e[i]))
			sorted[on++] = (struct sorted_entry){
			    .start = name_start(&e[i]), .entry = &e[i]};
		else
			p->asleep[p->asleep_count++] = &e[i];
	}
	qsort(sorted, on, sizeof(*sorted), sorted_compare);
	qsort(p->asleep, p->asleep_count, sizeof(const void *), asleep_compare);
	rules_fill(p, sorted, on);
	free(sorted);
	return true;
}

/* Makes room for the tables and for "FILE:LINE" of each rule. In the order of
 * the catalog: rules lie all over it. */
static bool
rules_reserve(struct policy *p, struct text *where)
{
	size_t count, cap = 1, suffixes = 0;
	const struct allowlist_entry *e = allowlist_entries(p->catalog, &count);

	for (size_t i = 0; i < count; i++) {
		cap += strlen(e[i].file) + sizeof(":4294967295");
		suffixes += e[i].suffix;
	}
	p->where = malloc(cap);
	*where = text_in(p->where, cap);
	return p->where != NULL &&
	       name_table_init(&p->exact, count - suffixes) &&
	       name_table_init(&p->suffixes, suffixes) &&
	       name_table_init(&p->asleep_names, p->asleep_count);
}

/* Rules of one name stand together, so a table holds the first of them. */
static bool
rules_index(struct policy *p)
{
	struct text where;

	if (!rules_reserve(p, &where))
		return false;
	for (size_t i = 0; i < p->rule_count; i++) {
		const struct allowlist_entry *e = p->rules[i].entry;

		name_table_put(e->suffix ? &p->suffixes : &p->exact, &e->host,
		    (uint32_t)i);
		p->rules[i].where = p->where + where.len;
		text_str(&where, e->file);
		text_char(&where, ':');
		text_u64(&where, e->line);
		text_char(&where, '\0');
	}
	for (size_t i = 0; i < p->asleep_count; i++)
		name_table_put(
		    &p->asleep_names, &p->asleep[i]->host, (uint32_t)i);
	assert(!where.cut);
	return true;
}

static bool
prefixes_copy(struct prefixes *to, const struct ip_prefix_list *from)
{
	to->items = calloc(from->count + 1, sizeof(*to->items));
	if (to->items == NULL)
		return false;
	for (size_t i = 0; i < from->count; i++)
		to->items[i] = from->items[i];
	to->count = from->count;
	return true;
}

static void
policy_free(struct policy *p)
{
	allowlist_free(p->catalog);
	free(p->regions);
	free(p->sets);
	free(p->rules);
	free(p->where);
	name_table_fini(&p->exact);
	name_table_fini(&p->suffixes);
	name_table_fini(&p->asleep_names);
	free(p->asleep);
	free(p->allow.items);
	free(p->deny.items);
	free(p);
}

struct policy *
policy_new(struct allowlist *catalog, const struct policy_selection *sel,
    allowlist_error_fn error, void *arg)
{
	struct policy *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		allowlist_free(catalog);
		error(arg, "out of memory");
		return NULL;
	}
	atomic_init(&p->refs, 1);
	p->catalog = catalog;
	if (!policy_select(p, sel, error, arg)) {
		policy_free(p);
		return NULL;
	}
	if (!rules_make(p) || !rules_index(p) ||
	    !prefixes_copy(&p->allow, &sel->allow_addresses) ||
	    !prefixes_copy(&p->deny, &sel->deny_addresses)) {
		error(arg, "out of memory");
		policy_free(p);
		return NULL;
	}
	return p;
}

struct policy *
policy_ref(struct policy *p)
{
	atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

void
policy_unref(struct policy *p)
{
	unsigned before;

	if (p == NULL)
		return;
	/* Whoever frees must see all that the others did before they let go. */
	before = atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel);
	assert(before > 0);
	if (before == 1)
		policy_free(p);
}

const struct allowlist *
policy_catalog(const struct policy *p)
{
	return p->catalog;
}

const struct rule *
policy_rules(const struct policy *p, size_t *count)
{
	*count = p->rule_count;
	return p->rules;
}

const char *const *
policy_regions(const struct policy *p, size_t *count)
{
	*count = p->region_count;
	return p->regions;
}

const char *const *
policy_sets(const struct policy *p, size_t *count)
{
	*count = p->set_count;
	return p->sets;
}

unsigned
policy_features(const struct policy *p)
{
	return p->features;
}

/* Among the rules of one name, from index on, the one for port, or NULL. */
static const struct rule *
rule_for_port(const struct policy *p, uint32_t index, uint16_t port)
{
	const struct rule *first = &p->rules[index];
	const struct rule *end = p->rules + p->rule_count;

	for (const struct rule *r = first;
	     r < end && name_compare(r->entry, first->entry) == 0; r++) {
		if (r->entry->port == port)
			return r;
	}
	return NULL;
}

bool
policy_set_slots(struct policy *p, policy_slot_fn fn, void *arg)
{
	for (size_t i = 0; i < p->rule_count; i++) {
		if (!fn(arg, p->rules[i].entry, &p->rules[i].slot))
			return false;
	}
	return true;
}

/* What the tables know of a name, found in one pass over it. */
struct findings {
	const struct rule *rule;  /* admits it, or NULL */
	const struct rule *other; /* its name is right, its port is not */
	const struct rule *apex;  /* the suffix whose apex it is */
	uint32_t hash;
};

/* Suffixes are met from short to long: the longest one that fits decides. */
static void
find_suffixes(
    const struct policy *p, const struct endpoint *e, struct findings *f)
{
	size_t i = e->host.len;
	const struct rule *r;
	uint32_t first;

	f->hash = NAME_HASH_EMPTY;
	while (i-- > 0) {
		struct span below =
		    span_of(e->host.text + i + 1, (size_t)e->host.len - i - 1);

		if (e->host.text[i] == '.' &&
		    name_table_get(&p->suffixes, below, f->hash, &first)) {
			r = rule_for_port(p, first, e->port);
			if (r != NULL)
				f->rule = r;
			else
				f->other = &p->rules[first];
		}
		f->hash = name_hash_step(f->hash, e->host.text[i]);
	}
}

static void
find_exact(const struct policy *p, const struct endpoint *e, struct findings *f)
{
	struct span name = span_of(e->host.text, e->host.len);
	const struct rule *r;
	uint32_t first;

	if (name_table_get(&p->exact, name, f->hash, &first)) {
		r = rule_for_port(p, first, e->port);
		if (r != NULL)
			f->rule = r;
		else
			f->other = &p->rules[first];
	}
	if (name_table_get(&p->suffixes, name, f->hash, &first))
		f->apex = &p->rules[first];
}

/* Why an entry is asleep; of several reasons, what is most likely wrong. */
static enum policy_near
near_of(const struct policy *p, const struct allowlist_entry *e)
{
	if (e->origin == ORIGIN_SET)
		return NEAR_SET;
	return region_is_on(p, e->region) ? NEAR_FEATURE : NEAR_REGION;
}

/* Of the entries of one name that are asleep, the nearest. */
static void
find_asleep(const struct policy *p, uint32_t index, struct policy_decision *d)
{
	const struct allowlist_entry *first = p->asleep[index];

	for (size_t i = index;
	     i < p->asleep_count && name_compare(p->asleep[i], first) == 0;
	     i++) {
		enum policy_near near = near_of(p, p->asleep[i]);

		if (d->near == NEAR_NONE || near < d->near) {
			d->near = near;
			d->entry = p->asleep[i];
		}
	}
}

static void
find_near(const struct policy *p, const struct endpoint *e,
    const struct findings *f, struct policy_decision *d)
{
	uint32_t first;

	d->why = OUTCOME_DENIED_HOST;
	if (f->other != NULL) {
		d->why = OUTCOME_DENIED_PORT;
		d->near = NEAR_PORT;
		d->near_rule = f->other;
		d->entry = f->other->entry;
	} else if (name_table_get(&p->asleep_names,
		       span_of(e->host.text, e->host.len), f->hash, &first)) {
		find_asleep(p, first, d);
	} else if (f->apex != NULL) {
		d->near = NEAR_APEX;
		d->near_rule = f->apex;
		d->entry = f->apex->entry;
	} else if (hostname_is_in_cluster(&e->host)) {
		d->near = NEAR_CLUSTER;
	} else if (lookalike_about(&e->host) != NULL) {
		d->near = NEAR_LOOKALIKE;
	}
}

struct policy_decision
policy_decide(const struct policy *p, const struct endpoint *e)
{
	struct policy_decision d = {.why = OUTCOME_OK, .near = NEAR_NONE};
	struct findings f = {.rule = NULL};

	find_suffixes(p, e, &f);
	find_exact(p, e, &f);
	d.rule = f.rule;
	if (d.rule == NULL)
		find_near(p, e, &f, &d);
	return d;
}

static bool
prefixes_hold(
    const struct ip_prefix *items, size_t count, const struct ipaddr *a)
{
	for (size_t i = 0; i < count; i++) {
		if (ip_prefix_contains(&items[i], a))
			return true;
	}
	return false;
}

const char *
policy_address_forbidden(const struct policy *p,
    const struct ip_prefix_list *also, const struct ipaddr *a)
{
	if (prefixes_hold(p->deny.items, p->deny.count, a))
		return "denied by upstream.deny_addresses";
	if (prefixes_hold(p->allow.items, p->allow.count, a) ||
	    (also != NULL && prefixes_hold(also->items, also->count, a)))
		return NULL;
	return ipaddr_special(a);
}
