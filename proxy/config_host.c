/* SPDX-License-Identifier: Apache-2.0
 *
 * What single names of the list have of their own: [host NAME]. */
#include <stdio.h>
#include <string.h>

#include "config_table.h"
#include "core/endpoint.h"
#include "core/nearest.h"

enum {
	TLS_PORT = 443,
};

const struct config_host *
config_host_find(const struct config *c, const struct hostname *name)
{
	struct span text = span_of(name->text, name->len);
	uint32_t place;

	if (c->host_count == 0 ||
	    !name_table_get(&c->host_table, text, name_hash(text), &place))
		return NULL;
	return &c->hosts[place];
}

bool
config_host_uses(const struct config *c, const struct ipaddr *address)
{
	switch (c->upstream.family) {
	case FAMILY_ANY:
		return true;
	case FAMILY_IPV4:
		return address->family == IP_V4;
	case FAMILY_IPV6:
		return address->family == IP_V6;
	}
	return true;
}

/* False: out of memory. */
static bool
fix_addresses(
    const struct config *c, struct config_host *h, struct config_memory *m)
{
	struct addr_list *list;

	if (h->addresses.count == 0)
		return true;
	list = config_memory_alloc(m, sizeof(*list));
	if (list == NULL)
		return false;
	for (size_t i = 0; i < h->addresses.count; i++) {
		if (config_host_uses(c, &h->addresses.items[i]) &&
		    list->count < ADDR_LIST_MAX)
			list->addrs[list->count++] = h->addresses.items[i];
	}
	h->fixed = list;
	return true;
}

bool
config_hosts_finish(struct config *c, struct config_memory *m)
{
	if (c->host_count == 0)
		return true;
	if (!name_table_init(&c->host_table, c->host_count))
		return false;
	for (size_t i = 0; i < c->host_count; i++) {
		struct config_host *h = &c->hosts[i];

		/* As it was read, so it is one. */
		if (hostname_parse(&h->name, span_str(h->named.name)) !=
			HOSTNAME_NAME ||
		    !fix_addresses(c, h, m))
			return false;
		name_table_put(&c->host_table, &h->name, (uint32_t)i);
	}
	return true;
}

/* Why no rule is for it, and which name may have been meant. */
static void
report_unlisted(const struct config_host *h, const struct policy *p,
    const struct policy_decision *d, struct config_report *r)
{
	const struct endpoint e = {.host = h->name, .port = TLS_PORT};
	struct nearest near = nearest_to(span_str(h->name.text));
	char detail[POLICY_DETAIL_MAX], hint[CONFIG_SHOWN_MAX] = "";
	size_t count;
	const struct rule *rules = policy_rules(p, &count);

	(void)policy_detail(p, d, &e, detail);
	for (size_t i = 0; d->near == NEAR_NONE && i < count; i++) {
		if (!rules[i].entry->suffix)
			nearest_try(&near, rules[i].entry->host.text);
	}
	if (near.best != NULL)
		(void)config_suggest(&near, hint);
	config_report(r, "%s: [host %s]: %s%s", h->named.where, h->name.text,
	    detail, hint);
}

void
config_hosts_check(
    const struct config *c, const struct policy *p, struct config_report *r)
{
	for (size_t i = 0; i < c->host_count; i++) {
		const struct config_host *h = &c->hosts[i];
		const struct endpoint e = {.host = h->name, .port = TLS_PORT};
		struct policy_decision d = policy_decide(p, &e);

		/* A denied port is one of a name that is listed. */
		if (d.why == OUTCOME_DENIED_HOST)
			report_unlisted(h, p, &d, r);
	}
}
