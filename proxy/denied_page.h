/* SPDX-License-Identifier: Apache-2.0
 *
 * The denied table as /api/denied shows it (design A5): JSON, or the lines of
 * an operator's allowlist file that would admit what was denied. What came
 * nearest, and what to do, is judged by the policy in force when it is read. */
#ifndef SEKISHO_DENIED_PAGE_H
#define SEKISHO_DENIED_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/policy.h"
#include "denied.h"

/* The entries of all workers at one moment. */
struct denied_list {
	struct denied_entry *entries; /* owned; the latest first */
	size_t count;
	uint64_t forgotten; /* entries that have given way to others */
};

/* False when out of memory. */
bool denied_list_read(struct denied_list *list,
    const struct denied *const *tables, size_t count) MUST_CHECK;
void denied_list_free(struct denied_list *list); /* a zeroed one is fine */

/* Whether an entry is of a name that p admits by now, or what came nearest.
 * False for an address literal, of which there is nothing to be said; else *e
 * and *d are set. */
bool denied_judge(const struct denied_entry *entry, const struct policy *p,
    struct endpoint *e, struct policy_decision *d);

/* The first entries of the list, at most most; now_unix_ns is when it was read.
 */
void denied_page_json(FILE *out, const struct denied_list *list,
    const struct policy *p, size_t most, uint64_t now_unix_ns);
void denied_page_ini(FILE *out, const struct denied_list *list,
    const struct policy *p, size_t most, uint64_t now_unix_ns);

#endif
