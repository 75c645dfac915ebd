/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "status_internal.h"

enum {
	HISTOGRAM_BOUND_COUNT = HISTOGRAM_BUCKETS - 1,
	NS_PER_US = 1000,
};

/* --- sums -------------------------------------------------------------------
 */

static void
add_addresses(struct endpoint_sums *sums, const struct endpoint_metrics *e)
{
	struct ipaddr found[ENDPOINT_ADDRESSES];
	size_t count = endpoint_addresses_read(&e->addresses, found);

	for (size_t i = 0; i < count; i++) {
		bool known = false;

		for (size_t n = 0; n < sums->address_count; n++)
			known = known ||
				ipaddr_equal(&sums->addresses[n], &found[i]);
		if (!known && sums->address_count < ENDPOINT_ADDRESSES)
			sums->addresses[sums->address_count++] = found[i];
	}
}

static void
add_worker(struct endpoint_sums *sums, const struct endpoint_metrics *e)
{
	uint64_t success = counter_get(&e->last_success_unix_ns);
	uint64_t failure = counter_get(&e->last_failure_unix_ns);

	for (unsigned o = 0; o < OUTCOME_COUNT; o++) {
		uint64_t n = counter_get(&e->outcomes[o]);

		sums->outcomes[o] += n;
		sums->requests += n;
	}
	sums->tunnels += counter_get(&e->tunnels);
	sums->active += counter_get(&e->active);
	sums->bytes_up += counter_get(&e->bytes_up);
	sums->bytes_down += counter_get(&e->bytes_down);
	if (success > sums->last_success_unix_ns)
		sums->last_success_unix_ns = success;
	if (failure > sums->last_failure_unix_ns) {
		sums->last_failure_unix_ns = failure;
		sums->last_failure =
		    (enum outcome)counter_get(&e->last_failure);
	}
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		sums->connects[i] += counter_get(&e->connect.buckets[i]);
	add_addresses(sums, e);
}

void
endpoint_sums_read(struct endpoint_sums *sums, const struct metrics_source *src,
    const struct rule *rule)
{
	memset(sums, 0, sizeof(*sums));
	for (size_t i = 0; i < src->worker_count; i++)
		add_worker(sums, metrics_endpoint(src->workers[i], rule->slot));
}

bool
endpoint_was_requested(const struct endpoint_sums *sums)
{
	return sums->requests > 0 || sums->tunnels > 0;
}

uint64_t
histogram_quantile(const uint64_t buckets[HISTOGRAM_BUCKETS], double part)
{
	static const uint64_t bounds_us[HISTOGRAM_BOUND_COUNT] =
	    HISTOGRAM_BOUNDS;
	double wanted, before = 0;
	uint64_t count = 0;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		count += buckets[i];
	wanted = part * (double)count;
	for (size_t i = 0; count > 0 && i < HISTOGRAM_BOUND_COUNT; i++) {
		double in = (double)buckets[i];
		double low = i > 0 ? (double)bounds_us[i - 1] : 0;
		double high = (double)bounds_us[i];

		if (in > 0 && before + in >= wanted)
			return (uint64_t)((low + (high - low) *
						     (wanted - before) / in) *
					  NS_PER_US);
		before += in;
	}
	return count > 0 ? bounds_us[HISTOGRAM_BOUND_COUNT - 1] * NS_PER_US : 0;
}

/* --- JSON -------------------------------------------------------------------
 */

/* The last word counts: what failed and has worked since is fine. */
static const char *
state_of(const struct endpoint_sums *sums)
{
	if (sums->last_failure_unix_ns > sums->last_success_unix_ns)
		return "failing";
	if (sums->last_success_unix_ns > 0)
		return "ok";
	return endpoint_was_requested(sums) ? "unproven" : "never_requested";
}

static const char *
origin_token(enum allowlist_origin origin)
{
	switch (origin) {
	case ORIGIN_PUBLISHED:
		return "published";
	case ORIGIN_SET:
		return "set";
	case ORIGIN_EXTRA:
		break;
	}
	return "extra";
}

static void
add_features(struct json_out *j, const struct allowlist_entry *entry)
{
	unsigned features = entry->about != NULL ? entry->about->features : 0;

	json_open(j, "features", '[');
	for (unsigned bit = 1; bit <= FEATURE_ALL; bit <<= 1) {
		if ((features & bit) != 0)
			json_str(j, NULL, feature_name(bit));
	}
	json_close(j, ']');
}

static void
add_identity(struct json_out *j, const struct rule *rule)
{
	const struct allowlist_entry *entry = rule->entry;
	char name[HOSTNAME_MAX + 3];
	struct text t = text_in(name, sizeof(name));

	text_str(&t, entry->suffix ? "*." : "");
	text_add(&t, span_of(entry->host.text, entry->host.len));
	json_span(j, "host", span_of(name, t.len));
	json_u64(j, "port", entry->port);
	json_str(j, "region", entry->region);
	json_str(j, "category", entry->category);
	json_str(j, "origin", origin_token(entry->origin));
	json_str(j, "rule", rule->where);
	json_str(j, "title",
	    entry->about != NULL ? entry->about->title_en : entry->category);
	if (entry->about != NULL)
		json_str(j, "without_it", entry->about->consequence_en);
	else
		json_null(j, "without_it");
	add_features(j, entry);
}

static void
add_addresses_json(struct json_out *j, const struct endpoint_sums *sums)
{
	json_open(j, "addresses", '[');
	for (size_t i = 0; i < sums->address_count; i++) {
		char text[IPADDR_TEXT_MAX + 1];

		json_span(j, NULL,
		    span_of(text, ipaddr_format(&sums->addresses[i], text)));
	}
	json_close(j, ']');
}

static void
add_quantile(struct json_out *j, const char *key,
    const struct endpoint_sums *sums, double part)
{
	uint64_t ns = histogram_quantile(sums->connects, part);

	if (ns > 0)
		json_ms(j, key, ns);
	else
		json_null(j, key);
}

static void
add_figures(struct json_out *j, const struct endpoint_sums *sums)
{
	json_u64(j, "tunnels", sums->tunnels);
	json_u64(j, "tunnels_active", sums->active);
	json_u64(j, "bytes_up", sums->bytes_up);
	json_u64(j, "bytes_down", sums->bytes_down);
	json_time(j, "last_success", sums->last_success_unix_ns);
	json_time(j, "last_failure", sums->last_failure_unix_ns);
	if (sums->last_failure_unix_ns > 0) {
		json_str(j, "last_failure_outcome",
		    outcome_token(sums->last_failure));
		json_str(j, "last_failure_means",
		    outcome_sentence(sums->last_failure));
	} else {
		json_null(j, "last_failure_outcome");
		json_null(j, "last_failure_means");
	}
	add_quantile(j, "connect_p50_ms", sums, 0.5);
	add_quantile(j, "connect_p95_ms", sums, 0.95);
}

static void
add_outcomes(struct json_out *j, const struct endpoint_sums *sums)
{
	json_open(j, "outcomes", '{');
	for (unsigned o = 0; o < OUTCOME_COUNT; o++) {
		if (sums->outcomes[o] > 0)
			json_u64(j, outcome_token((enum outcome)o),
			    sums->outcomes[o]);
	}
	json_close(j, '}');
}

void
status_add_history(
    struct json_out *j, const struct history_minute minutes[HISTORY_MINUTES])
{
	uint64_t tunnels[HISTORY_MINUTES], failures[HISTORY_MINUTES],
	    connect_us[HISTORY_MINUTES];

	for (size_t i = 0; i < HISTORY_MINUTES; i++) {
		const struct history_minute *m = &minutes[i];

		tunnels[i] = m->tunnels;
		failures[i] = m->failures;
		connect_us[i] = m->connects > 0
				    ? m->connect_ns / m->connects / NS_PER_US
				    : 0;
	}
	json_open(j, "history", '{');
	json_u64s(j, "tunnels", tunnels, HISTORY_MINUTES);
	json_u64s(j, "failures", failures, HISTORY_MINUTES);
	json_u64s(j, "connect_us", connect_us, HISTORY_MINUTES);
	json_close(j, '}');
}

static void
add_endpoint(struct json_out *j, const struct status_source *src,
    const struct rule *rule, const struct endpoint_sums *sums)
{
	struct history_minute minutes[HISTORY_MINUTES];

	history_of_rule(src->history, rule, minutes);
	json_open(j, NULL, '{');
	add_identity(j, rule);
	json_str(j, "state", state_of(sums));
	add_figures(j, sums);
	add_addresses_json(j, sums);
	add_outcomes(j, sums);
	status_add_history(j, minutes);
	json_close(j, '}');
}

/* As on the metrics page: of long lists of an operator's own, what is used. */
static bool
is_shown(const struct status_source *src, const struct rule *rule,
    const struct endpoint_sums *sums)
{
	return src->metrics->rule_count <= METRICS_RULES_AT_ZERO ||
	       rule->entry->origin != ORIGIN_EXTRA ||
	       endpoint_was_requested(sums);
}

void
status_add_endpoints(struct json_out *j, const struct status_source *src)
{
	const struct metrics_source *m = src->metrics;
	struct endpoint_sums sums;
	size_t shown = 0;

	json_open(j, "endpoints", '[');
	for (size_t i = 0; i < m->rule_count && shown < STATUS_ENDPOINTS_MAX;
	     i++) {
		endpoint_sums_read(&sums, m, &m->rules[i]);
		if (!is_shown(src, &m->rules[i], &sums))
			continue;
		add_endpoint(j, src, &m->rules[i], &sums);
		shown++;
	}
	json_close(j, ']');
	json_u64(j, "endpoints_left_out", m->rule_count - shown);
}
