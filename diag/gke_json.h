/* SPDX-License-Identifier: Apache-2.0
 *
 * What gcloud prints with --format=json, read strictly: what is there must have
 * the right type, so that a wrong file is told and never half believed. */
#ifndef SEKISHO_DIAG_GKE_JSON_H
#define SEKISHO_DIAG_GKE_JSON_H

#include "gke_rules.h"

enum {
	GKE_JSON_MAX = 16 * 1024 * 1024, /* bytes of a file */
};

/* A machine of `gcloud compute instances list`. */
struct gke_node {
	const char *name, *network; /* network: URL; NULL: none */
	const char *cluster;        /* label goog-k8s-cluster-name, or NULL */
	struct gke_list tags, accounts;
};

struct gke_nodes {
	const struct gke_node *nodes;
	size_t count;
};

struct gke_json; /* owns all texts and lists that came out of it */

/* `gcloud compute firewall-rules list --format=json`. NULL with one line in
 * error (size len): no JSON, no list, an element without what a rule must
 * have. */
struct gke_json *gke_json_rules(struct gke_rules *out, struct span json,
    char *error, size_t len) MUST_CHECK;

/* `gcloud compute instances list --format=json`. */
struct gke_json *gke_json_nodes(struct gke_nodes *out, struct span json,
    char *error, size_t len) MUST_CHECK;

void gke_json_free(struct gke_json *j); /* NULL is fine */

#endif
