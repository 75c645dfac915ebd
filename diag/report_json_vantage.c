/* SPDX-License-Identifier: Apache-2.0 */
#include "key.h"
#include "report_json.h"

static void
write_paths(struct json_out *j, const struct plan *plan)
{
	json_open(j, "paths", '[');
	for (size_t i = 0; i < plan->path_count; i++) {
		const struct path *p = &plan->paths[i];

		json_open(j, NULL, '{');
		json_str(j, "kind", proxy_kind_str(p->proxy.kind));
		json_str(j, "label", p->label);
		json_str(j, "source", p->source ? p->source : "");
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void
write_resolvers(struct json_out *j, const struct vantage *v)
{
	json_open(j, "resolvers", '[');
	for (size_t i = 0; i < v->resolver_count; i++)
		json_endpoint(j, NULL, &v->resolvers[i]);
	json_close(j, ']');
	json_text(j, "resolver_source", v->resolver_source);
	json_text(j, "search", v->search);
	json_u64(j, "ndots", v->ndots);
}

static void
write_key(struct json_out *j, const struct key_lint *k)
{
	if (!k->given)
		return;
	json_open(j, "api_key", '{');
	json_str(j, "source", k->source);
	json_u64(j, "length", k->length);
	json_bool(j, "fault", k->fault != KEY_NO_FAULT);
	json_bool(j, "usual_shape", k->shape == KEY_SHAPE_USUAL);
	json_str(j, "shape", key_shape_str(k->shape));
	json_close(j, '}');
}

void
report_json_vantage(struct json_out *j, const struct run *run)
{
	const struct vantage *v = &run->vantage;

	json_open(j, "vantage", '{');
	json_str(j, "user", v->user);
	json_str(j, "host", v->host);
	json_str(j, "network_namespace", v->netns);
	json_text(j, "kernel", v->kernel);
	json_bool(j, "in_pod", v->in_pod);
	json_bool(j, "in_gke", v->in_gke);
	json_text(j, "pod", v->pod);
	json_text(j, "pod_namespace", v->pod_namespace);
	json_text(j, "source_address", v->source_addr);
	json_text(j, "interface", v->interface);
	json_u64(j, "interface_mtu", v->interface_mtu);
	write_resolvers(j, v);
	json_open(j, "ca_bundle", '{');
	json_str(j, "source", v->ca_source);
	json_u64(j, "roots", v->ca_count);
	json_bool(j, "unreadable", v->ca_unreadable);
	json_close(j, '}');
	json_text(j, "allowlist_date", v->lists_date);
	json_text(j, "clock_source", v->clock_source);
	write_paths(j, run->plan);
	json_str(j, "dns_interception", tri_str(run->interception.found));
	write_key(j, &run->key);
	json_close(j, '}');
}
