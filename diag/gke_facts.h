/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of a GKE cluster, and from where: flags, gcloud's JSON, GKE's
 * own firewall rules, the metadata server of the node. */
#ifndef SEKISHO_DIAG_GKE_FACTS_H
#define SEKISHO_DIAG_GKE_FACTS_H

#include <stdbool.h>

#include "gke_json.h"
#include "gke_rules.h"

enum {
	GKE_VALUE_MAX = 256,
	GKE_TAGS_MAX = 16,
};

enum gke_origin {
	GKE_NOT_KNOWN,
	GKE_FROM_FLAG,
	GKE_FROM_RULE, /* GKE's own rule in --rules */
	GKE_FROM_NODES,
	GKE_FROM_METADATA,
};

struct gke_value {
	char text[GKE_VALUE_MAX]; /* "": not known */
	enum gke_origin origin;
};

/* What the metadata server said. */
enum gke_metadata {
	GKE_METADATA_NOT_ASKED,
	GKE_METADATA_ABSENT, /* not Google's cloud */
	GKE_METADATA_NO_GKE, /* Google's cloud, and no GKE node */
	GKE_METADATA_OTHER,  /* a node of another cluster than the one meant */
	GKE_METADATA_FORGED, /* somebody answers who is not Google's server */
	GKE_METADATA_ANSWERS,
};

struct gke_facts {
	struct gke_value cluster, location, project, network;
	struct gke_value cidr; /* comma separated prefixes */
	struct gke_value tags; /* comma separated */
	enum gke_metadata metadata;
};

/* Sets a value that is not known yet; empty text is nothing. */
void gke_fact(
    struct gke_value *value, const char *text, enum gke_origin origin);

/* The range, the network and the tags of GKE's own rules. */
void gke_facts_of_rules(struct gke_facts *f, const struct gke_rules *rules);

/* Network and tags of the cluster's nodes, where they all have the same. */
void gke_facts_of_nodes(struct gke_facts *f, const struct gke_nodes *nodes);

/* Whether a machine is a node of this cluster (or of any, if it is not
 * known). */
bool gke_is_node(const struct gke_facts *f, const struct gke_node *node);

/* Asks http://HOST (GCE_METADATA_HOST, as Google's own libraries read it, or
 * 169.254.169.254) for what is not known; waits one second at most for each
 * answer, and no more once there was none. */
void gke_facts_of_metadata(struct gke_facts *f);

#endif
