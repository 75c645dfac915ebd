/* SPDX-License-Identifier: Apache-2.0
 *
 * Do VPC firewall rules let the control plane reach tcp:8443 of the nodes? The
 * order of Google's documentation ("VPC firewall rules", priority order): lower
 * numbers first; at the same number deny before allow; the first rule that fits
 * decides; nothing fits: ingress is denied. Only VPC firewall rules: firewall
 * policies may decide before them. Pure. */
#ifndef SEKISHO_DIAG_GKE_RULES_H
#define SEKISHO_DIAG_GKE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/ipaddr.h"
#include "core/span.h"

enum {
	GKE_SOURCES_MAX = 8,
	GKE_PART_MAX = 192, /* bytes of a list of prefixes, as text */
};

/* Texts; whoever made them owns them. */
struct gke_list {
	const char *const *items;
	size_t count;
};

/* One element of "allowed" or "denied". */
struct gke_protocol {
	const char *protocol;  /* "tcp", "6", "all" */
	struct gke_list ports; /* "443", "8000-9000"; none: all */
};

struct gke_rule {
	const char *name, *network; /* network: a URL or a name */
	bool deny, egress, disabled;
	uint32_t priority;
	struct gke_list source_ranges, destination_ranges;
	bool source_others; /* sourceTags or sourceServiceAccounts: machines of
			     * the VPC, which the control plane is not */
	struct gke_list target_tags, target_accounts; /* both none: all */
	const struct gke_protocol *protocols;
	size_t protocol_count;
};

struct gke_rules {
	const struct gke_rule *rules;
	size_t count;
};

/* What the packet is like; facts that are not known leave the answer open only
 * where a rule depends on them. */
struct gke_packet {
	const char *network; /* URL or name; NULL: not known */
	struct ip_prefix sources[GKE_SOURCES_MAX]; /* the control plane */
	size_t source_count;                       /* 0: not known */
	bool tags_known, accounts_known;
	bool tags_partial;              /* the nodes may have further tags */
	struct gke_list tags, accounts; /* of the node */
	uint16_t port;                  /* TCP */
};

enum gke_verdict {
	GKE_LET_IN,
	GKE_NOT,
	GKE_PARTLY,  /* some addresses of the control plane, not all */
	GKE_UNKNOWN, /* a fact is missing */
};

/* Facts that would have decided. */
enum gke_missing {
	GKE_MISSING_NOTHING = 0,
	GKE_MISSING_NETWORK = 1 << 0,
	GKE_MISSING_SOURCE = 1 << 1,
	GKE_MISSING_TAGS = 1 << 2,
	GKE_MISSING_ACCOUNTS = 1 << 3,
	GKE_MISSING_DESTINATION = 1 << 4, /* pods' addresses */
};

struct gke_answer {
	enum gke_verdict verdict;
	/* Which one decides: of GKE_PARTLY the one that keeps some out; of
	 * GKE_UNKNOWN the one that the missing fact is about. NULL: the implied
	 * deny. */
	const struct gke_rule *rule;
	unsigned missing;            /* bits of enum gke_missing */
	char let_in[GKE_PART_MAX];   /* of GKE_PARTLY: who is let in, and who */
	char kept_out[GKE_PART_MAX]; /* is not; cut when they are many */
};

/* Reads "CIDR[,CIDR…]" into sources; "" is none. False when it is something
 * else, or more than GKE_SOURCES_MAX; sources are then not known. */
bool gke_sources_parse(struct gke_packet *p, const char *text) MUST_CHECK;

/* rules in any order; they must be valid as gke_json.h reads them. */
void gke_judge(struct gke_answer *out, const struct gke_rules *rules,
    const struct gke_packet *packet);

/* The rule that GKE itself made for the control plane, gke-CLUSTER-HASH-master
 * (suffix "-master"), or for all nodes ("-vms", "-all"); NULL: there is none.
 */
const struct gke_rule *gke_own_rule(
    const struct gke_rules *rules, const char *cluster, const char *suffix);

/* The cluster that all of GKE's own rules are of; empty when there are none, or
 * of more than one. Points into a rule's name. */
struct span gke_only_cluster(const struct gke_rules *rules);

/* The last part of a URL, or the whole name. */
const char *gke_short_name(const char *url);

/* "let-in", "not-let-in", "partly", "cannot-tell". */
const char *gke_verdict_str(enum gke_verdict verdict);

#endif
