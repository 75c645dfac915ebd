/* SPDX-License-Identifier: Apache-2.0
 *
 * What may be reached. A policy is an immutable snapshot of the selected part
 * of the catalog: sessions keep the one they began with, a reload makes a new
 * one. It answers for names (before any lookup) and for addresses (right before
 * each connect), and says which rule decided or which came nearest. Pure. */
#ifndef SEKISHO_CORE_POLICY_H
#define SEKISHO_CORE_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "core/allowlist.h"
#include "core/endpoint.h"
#include "core/ipaddr.h"
#include "core/outcome.h"
#include "core/span.h"
#include "core/text.h"

struct policy; /* reference-counted, thread-safe */

struct ip_prefix_list {
	const struct ip_prefix *items; /* borrowed */
	size_t count;
};

struct policy_selection {
	const char *const *regions; /* codes, or the one word "all" */
	size_t region_count;
	unsigned features; /* bits; FEATURE_ADMISSION is always added */
	const char *const *sets;
	size_t set_count;
	struct ip_prefix_list allow_addresses; /* copied */
	struct ip_prefix_list deny_addresses;  /* copied */
};

/* One host:port in force. Several features, or several files, that name the
 * same host:port make one rule (the first one's file and line). */
struct rule {
	const struct allowlist_entry *entry; /* host, port, region, category,
					      * file:line */
	const char *where;                   /* "cloudone/us-1.ini:7" */
	size_t index; /* 0 to policy_rule_count() - 1, in the order of
		       * --print-allowlist */
	size_t slot;  /* where it counts: its index, but for
		       * policy_set_slots() */
};

/* Takes catalog over (also when it fails). NULL after error calls, e.g. for an
 * unknown region, with the known ones named; text as in allowlist_load. */
struct policy *policy_new(struct allowlist *catalog,
    const struct policy_selection *sel, allowlist_error_fn error,
    void *arg) MUST_CHECK;

/* Says where the rules for an entry's host and port count; false: it cannot. */
typedef bool (*policy_slot_fn)(
    void *arg, const struct allowlist_entry *entry, size_t *slot);
/* Before p is used: gives each rule its slot. False when fn cannot. */
bool policy_set_slots(
    struct policy *p, policy_slot_fn fn, void *arg) MUST_CHECK;

struct policy *policy_ref(struct policy *p);
void policy_unref(struct policy *p); /* NULL is fine */

const struct allowlist *policy_catalog(const struct policy *p);
/* Sorted by name as --print-allowlist shows it (a *.suffix comes before all
 * others), then port. */
const struct rule *policy_rules(const struct policy *p, size_t *count);
/* The region codes selected, "all" already replaced. */
const char *const *policy_regions(const struct policy *p, size_t *count);
const char *const *policy_sets(const struct policy *p, size_t *count);
unsigned policy_features(const struct policy *p); /* bits of enum feature */

enum policy_near {
	NEAR_NONE,
	NEAR_PORT,      /* allowed on another port */
	NEAR_REGION,    /* on the list of a region that is not selected */
	NEAR_SET,       /* in an opt-in set that is not selected */
	NEAR_FEATURE,   /* of a feature that is not selected */
	NEAR_APEX,      /* a *.suffix rule admits only its sub-domains */
	NEAR_CLUSTER,   /* an in-cluster name: belongs in NO_PROXY */
	NEAR_LOOKALIKE, /* a name of the vendor's that is on no list we have */
};

struct policy_decision {
	enum outcome why;        /* ok, denied_host or denied_port */
	const struct rule *rule; /* with ok: the rule that admits it */
	enum policy_near near;   /* else: what came nearest */
	const struct allowlist_entry *entry; /* the nearest entry, or NULL */
	const struct rule *near_rule; /* with NEAR_PORT and NEAR_APEX: the first
				       * of the rules for entry's name */
};

/* Judges a name and port: one pass over the name, however many rules there are;
 * allocates nothing. An exact rule wins over suffixes, a longer suffix over a
 * shorter one. Of what may be near, the first of enum policy_near counts. */
struct policy_decision policy_decide(
    const struct policy *p, const struct endpoint *e);

enum {
	POLICY_DETAIL_MAX = 400,
	POLICY_ADVICE_MAX = 600,
};

/* The reason phrase of a refusal, e.g. "host not on allowlist: example.com" or
 * "host not on allowlist: X is on the list of region jp-1, this gateway serves
 * us-1". buf has POLICY_DETAIL_MAX bytes; NUL-terminated; returns the length.
 */
size_t policy_detail(const struct policy *p, const struct policy_decision *d,
    const struct endpoint *e, char *buf);

/* What to do about it, whole lines. buf has POLICY_ADVICE_MAX bytes. */
size_t policy_advice(const struct policy *p, const struct policy_decision *d,
    const struct endpoint *e, char *buf);

/* "none", "port", "region" … */
const char *policy_near_token(enum policy_near near);

/* What an opt-in set holds, for a sentence ("image layers of public.ecr.aws"),
 * or NULL for one that is not known here. */
const char *policy_set_about(const char *set);

/* The line of an operator's file that admits the target, without a newline:
 * "host = NAME" or "host = NAME:PORT". It fits a file of INI only up to
 * INI_LINE_MAX bytes. */
void policy_extra_line(struct text *t, const struct endpoint *e);

/* Whether an address that an allowed name resolved to may be dialled: NULL if
 * so, else why not ("private-use", "denied by upstream.deny_addresses"; static
 * text). deny_addresses wins over allow_addresses and over also (the name's own
 * exemptions; NULL: none), which win over the special-purpose ranges. */
const char *policy_address_forbidden(const struct policy *p,
    const struct ip_prefix_list *also, const struct ipaddr *a);

#endif
