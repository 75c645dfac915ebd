/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands for people to copy: the firewall rule that the published FAQ shows
 * in a form no shell takes, and those that find what is missing. What is not
 * known is a shell variable, which the commands before it set. Pure. */
#ifndef SEKISHO_DIAG_GKE_COMMAND_H
#define SEKISHO_DIAG_GKE_COMMAND_H

#include "core/text.h"
#include "gke_facts.h"

/* gcloud compute firewall-rules create …, on lines that end in backslashes. */
void gke_command_create(struct text *out, const struct gke_facts *f);

/* Sets the variables that gke_command_create() uses; nothing when there are
 * none. */
void gke_command_find(struct text *out, const struct gke_facts *f);

/* Shows GKE's own rule with range, tags and network at once. */
void gke_command_show(struct text *out, const struct gke_facts *f);

/* Gives all rules to `sekisho-diag gke --rules -`. */
void gke_command_judge(struct text *out, const struct gke_facts *f);

/* Lists what may decide before VPC firewall rules: firewall policies. */
void gke_command_policies(struct text *out, const struct gke_facts *f);

/* Tests the way without touching the cluster, and removes the test. */
void gke_command_prove(struct text *out, const struct gke_facts *f);

#endif
