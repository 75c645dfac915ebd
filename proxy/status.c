/* SPDX-License-Identifier: Apache-2.0 */
#include "status.h"

#include <stddef.h>

#include "core/text.h"
#include "status_internal.h"

enum {
	SCHEMA_VERSION = 1,
};

static uint64_t
sum_at(const struct metrics_source *m, size_t offset)
{
	return metrics_sum(m->workers, m->worker_count, offset);
}

#define SUM(m, member) sum_at(m, offsetof(struct worker_metrics, member))

static void
add_names(
    struct json_out *j, const char *key, const char *const *names, size_t count)
{
	json_open(j, key, '[');
	for (size_t i = 0; i < count; i++)
		json_str(j, NULL, names[i]);
	json_close(j, ']');
}

static void
add_gateway(struct json_out *j, const struct status_source *src)
{
	json_str(j, "version", SEKISHO_VERSION);
	json_time(j, "time", src->now_unix_ns);
	json_time(j, "start", src->start_unix_ns);
	json_bool(j, "ready", src->not_ready == NULL);
	if (src->not_ready != NULL)
		json_str(j, "not_ready", src->not_ready);
	else
		json_null(j, "not_ready");
	json_str(j, "mode", src->metrics->report_mode ? "report" : "enforce");
	json_u64(j, "workers", src->metrics->worker_count);
	json_time(j, "config_since", src->metrics->last_reload_unix_ns);
	json_u64(j, "reloads", src->metrics->reloads);
	json_u64(j, "reloads_refused", src->metrics->reload_failures);
}

static void
add_policy(struct json_out *j, const struct policy *p)
{
	size_t count;
	const char *const *names = policy_regions(p, &count);
	unsigned features = policy_features(p);

	json_open(j, "policy", '{');
	json_str(j, "list_date", allowlist_date(policy_catalog(p)));
	add_names(j, "regions", names, count);
	names = policy_sets(p, &count);
	add_names(j, "sets", names, count);
	json_open(j, "features", '[');
	for (unsigned bit = 1; bit <= FEATURE_ALL; bit <<= 1) {
		if ((features & bit) != 0)
			json_str(j, NULL, feature_name(bit));
	}
	json_close(j, ']');
	(void)policy_rules(p, &count);
	json_u64(j, "endpoints", count);
	json_close(j, '}');
}

static uint64_t
listener_tunnels(const struct metrics_source *m, size_t slot)
{
	size_t offset = offsetof(struct worker_metrics, listener_tunnels);

	return slot < METRICS_LISTENERS
		   ? sum_at(m, offset + slot * sizeof(counter))
		   : 0;
}

static void
add_listeners(struct json_out *j, const struct status_source *src)
{
	json_open(j, "listeners", '[');
	for (size_t i = 0; i < src->config->listener_count; i++) {
		const struct config_listener *l = &src->config->listeners[i];

		json_open(j, NULL, '{');
		json_str(j, "name", l->name);
		if (l->unix_path != NULL)
			json_str(j, "address", l->unix_path);
		else
			json_endpoint(j, "address", &l->address);
		json_u64(j, "tunnels_active",
		    listener_tunnels(src->metrics, l->slot));
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void
add_requests(struct json_out *j, const struct metrics_source *m)
{
	size_t offset = offsetof(struct worker_metrics, requests);

	json_open(j, "outcomes", '{');
	for (unsigned o = 0; o < OUTCOME_COUNT; o++) {
		uint64_t n = sum_at(m, offset + o * sizeof(counter));

		if (n > 0)
			json_u64(j, outcome_token((enum outcome)o), n);
	}
	json_close(j, '}');
}

static uint64_t
sum_buckets(const struct metrics_source *m, size_t offset, uint64_t *buckets)
{
	uint64_t count = 0;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		buckets[i] =
		    sum_at(m, offset + offsetof(struct histogram, buckets) +
				  i * sizeof(counter));
		count += buckets[i];
	}
	return count;
}

static void
add_wait(struct json_out *j, const char *key, uint64_t ns)
{
	if (ns > 0)
		json_ms(j, key, ns);
	else
		json_null(j, key);
}

static void
add_totals(struct json_out *j, const struct status_source *src)
{
	const struct metrics_source *m = src->metrics;
	struct history_minute minutes[HISTORY_MINUTES];
	uint64_t connect[HISTOGRAM_BUCKETS], setup[HISTOGRAM_BUCKETS];
	uint64_t tunnels =
	    sum_buckets(m, offsetof(struct worker_metrics, setup_time), setup);

	(void)sum_buckets(
	    m, offsetof(struct worker_metrics, connect_time), connect);
	history_of_all(src->history, minutes);
	json_open(j, "totals", '{');
	json_u64(j, "tunnels", tunnels);
	json_u64(j, "tunnels_active", SUM(m, tunnels_active));
	json_u64(j, "bytes_up", SUM(m, bytes_up));
	json_u64(j, "bytes_down", SUM(m, bytes_down));
	json_u64(j, "denied_names", src->denied->count);
	json_u64(j, "denied_names_forgotten", src->denied->forgotten);
	json_u64(j, "let_through",
	    SUM(m, let_through_host) + SUM(m, let_through_port));
	json_u64(j, "log_lines_lost",
	    m->log != NULL ? access_log_dropped(m->log) : 0);
	add_wait(j, "connect_p50_ms", histogram_quantile(connect, 0.5));
	add_wait(j, "connect_p95_ms", histogram_quantile(connect, 0.95));
	add_wait(j, "setup_p95_ms", histogram_quantile(setup, 0.95));
	add_requests(j, m);
	status_add_history(j, minutes);
	json_close(j, '}');
}

static void
add_process(struct json_out *j, const struct metrics_process_values *v)
{
	if (v == NULL) {
		json_null(j, "process");
		return;
	}
	json_open(j, "process", '{');
	json_u64(j, "resident_bytes", v->resident_bytes);
	json_u64(j, "open_fds", v->open_fds);
	json_u64(j, "max_fds", v->max_fds);
	json_u64(j, "threads", v->threads);
	json_close(j, '}');
}

static void
add_key(void *arg, const struct config_shown *key)
{
	struct json_out *j = arg;

	json_open(j, NULL, '{');
	json_str(j, "key", key->key);
	json_str(j, "value", key->value);
	json_str(j, "default", key->fallback);
	json_str(j, "source", key->source);
	json_bool(j, "restart", key->restart);
	json_str(j, "help", key->help);
	json_close(j, '}');
}

void
status_json(FILE *out, const struct status_source *src)
{
	struct json_out j = {.out = out};

	json_open(&j, NULL, '{');
	json_u64(&j, "schema_version", SCHEMA_VERSION);
	add_gateway(&j, src);
	add_policy(&j, src->config->policy);
	add_listeners(&j, src);
	status_add_notes(&j, src);
	add_totals(&j, src);
	add_process(&j, src->process);
	status_add_endpoints(&j, src);
	json_open(&j, "config", '[');
	config_show(src->config, add_key, &j);
	json_close(&j, ']');
	json_close(&j, '}');
	(void)fputc('\n', out);
}
