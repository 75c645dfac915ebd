/* SPDX-License-Identifier: Apache-2.0
 *
 * The forms of `list`. Each writes one whole file; list.c says which. Where a
 * form has comments, the date and the source of the list stand in one; where it
 * has none, in a field. Write errors are left to the stream. */
#ifndef SEKISHO_DIAG_LIST_FORM_H
#define SEKISHO_DIAG_LIST_FORM_H

#include <stdio.h>

#include "core/policy.h"
#include "proxy_env.h"

enum {
	LIST_PORT = 443, /* of every published host and set */
	LIST_WORDS_MAX = 512,
};

struct list {
	const struct policy *policy;
	const struct rule *rules; /* sorted by name */
	size_t count;
	const char *form;              /* its name, for the comment */
	const struct proxy_url *proxy; /* NULL: not given */
};

typedef void (*list_form_fn)(FILE *out, const struct list *l);

/* list_plain.c */
void list_text(FILE *out, const struct list *l);
void list_tsv(FILE *out, const struct list *l);
void list_json(FILE *out, const struct list *l);

/* list_proxy.c. list_pac() needs the proxy. */
void list_squid(FILE *out, const struct list *l);
void list_pac(FILE *out, const struct list *l);

/* list_cluster.c */
void list_cilium(FILE *out, const struct list *l);
void list_networkpolicy(FILE *out, const struct list *l);

/* list_cloud.c */
void list_gcp(FILE *out, const struct list *l);
void list_aws(FILE *out, const struct list *l);
void list_azure(FILE *out, const struct list *l);

/* For the forms: the comment that says what this is, each line with the prefix
 * ("# "); lines of advice may follow it. */
void list_comment(FILE *out, const struct list *l, const char *prefix);

/* "Container Security endpoints of us-1, jp-1; list of 2026-11-22 (https://…)":
 * one line without a quote. buf has LIST_WORDS_MAX bytes. */
const char *list_words(const struct list *l, char *buf);

/* "2026-11-22", the date of the published lists, and where they come from. */
const char *list_date(const struct list *l);
const char *list_source(const struct list *l);

/* "admission,runtime". buf has LIST_WORDS_MAX bytes. */
const char *list_features(unsigned features, char *buf);

#endif
