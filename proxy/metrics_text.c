/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "core/text.h"

#define NS_PER_S  1e9
#define US_PER_S  1e6
#define MS_PER_S  1e3
#define HTTPS     443
#define LABEL_MAX 1024

struct page {
	struct evbuffer *out;
	const struct metrics_source *src;
	bool failed;
};

__attribute__((format(printf, 2, 3))) static void
add(struct page *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (evbuffer_add_vprintf(p->out, format, args) < 0)
		p->failed = true;
	va_end(args);
}

static void
add_head(struct page *p, const char *name, const char *type, const char *help)
{
	add(p, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static uint64_t
sum_at(const struct page *p, size_t offset)
{
	return metrics_sum(p->src->workers, p->src->worker_count, offset);
}

#define SUM(page, member) sum_at(page, offsetof(struct worker_metrics, member))

/* A label's value: backslash, quote and newline are escaped as the format
 * wants; controls, and bytes that are not UTF-8, come as text_line() has them.
 */
static void
add_label(struct text *t, struct span value)
{
	char buf[LABEL_MAX];
	struct text line = text_in(buf, sizeof(buf));

	text_line(&line, value);
	for (size_t i = 0; i < line.len; i++) {
		if (buf[i] == '"' || buf[i] == '\\')
			text_char(t, '\\');
		text_char(t, buf[i]);
	}
}

/* One plain counter without labels. */
static void
add_counter(struct page *p, const char *name, const char *help, uint64_t value)
{
	add_head(p, name, "counter", help);
	add(p, "%s %" PRIu64 "\n", name, value);
}

static void
add_tunnels(struct page *p)
{
	static const char name[] = "sekisho_tunnels_active";
	size_t offset = offsetof(struct worker_metrics, listener_tunnels);

	add_head(p, name, "gauge", "Tunnels that are open, by listener.");
	for (size_t i = 0; i < p->src->listener_count; i++) {
		char buf[LABEL_MAX];
		struct text label = text_in(buf, sizeof(buf));

		size_t slot = p->src->listener_slots != NULL
				  ? p->src->listener_slots[i]
				  : i;

		if (slot >= METRICS_LISTENERS)
			continue;
		add_label(&label, span_str(p->src->listeners[i]));
		add(p, "%s{listener=\"%s\"} %" PRIu64 "\n", name,
		    text_end(&label),
		    sum_at(p, offset + slot * sizeof(counter)));
	}
}

static void
add_reloads(struct page *p)
{
	static const char name[] = "sekisho_config_reloads_total";

	add_head(p, name, "counter",
	    "Configurations that were read anew: taken, or refused whole.");
	add(p, "%s{result=\"ok\"} %" PRIu64 "\n", name, p->src->reloads);
	add(p, "%s{result=\"failed\"} %" PRIu64 "\n", name,
	    p->src->reload_failures);
	add_head(p, "sekisho_config_last_reload_success_timestamp_seconds",
	    "gauge",
	    "When the configuration in force was taken, in seconds since "
	    "1970.");
	add(p, "sekisho_config_last_reload_success_timestamp_seconds %.3f\n",
	    (double)p->src->last_reload_unix_ns / NS_PER_S);
}

static void
add_report_mode(struct page *p)
{
	static const char name[] = "sekisho_let_through_total";

	add_head(p, "sekisho_report_mode", "gauge",
	    "1: gateway.mode is report, and the list is not enforced.");
	add(p, "sekisho_report_mode %d\n", p->src->report_mode);
	add_head(p, name, "counter",
	    "Requests that gateway.mode = report has let through, by what they "
	    "would have been refused as.");
	add(p, "%s{outcome=\"denied_host\"} %" PRIu64 "\n", name,
	    sum_at(p, offsetof(struct worker_metrics, let_through_host)));
	add(p, "%s{outcome=\"denied_port\"} %" PRIu64 "\n", name,
	    sum_at(p, offsetof(struct worker_metrics, let_through_port)));
}

static void
add_requests(struct page *p)
{
	static const char name[] = "sekisho_requests_total";
	size_t offset = offsetof(struct worker_metrics, requests);

	add_head(p, name, "counter",
	    "Requests and tunnels that have ended, by how they ended.");
	for (unsigned o = 0; o < OUTCOME_COUNT; o++) {
		uint64_t n = sum_at(p, offset + o * sizeof(counter));

		/* Nothing ends as "ok". */
		if (o != OUTCOME_OK || n > 0)
			add(p, "%s{outcome=\"%s\"} %" PRIu64 "\n", name,
			    outcome_token((enum outcome)o), n);
	}
}

/* The labels of a rule without brackets; a port is named unless it is 443, so
 * that two ports of one host are two series. */
static const char *
rule_labels(const struct rule *rule, char *buf, size_t cap)
{
	const struct allowlist_entry *e = rule->entry;
	struct text t = text_in(buf, cap);

	text_str(&t, e->suffix ? "host=\"*." : "host=\"");
	text_add(&t, span_of(e->host.text, e->host.len));
	if (e->port != HTTPS) {
		text_char(&t, ':');
		text_u64(&t, e->port);
	}
	text_str(&t, "\",region=\"");
	add_label(&t, span_str(e->region));
	text_str(&t, "\",category=\"");
	add_label(&t, span_str(e->category));
	text_char(&t, '"');
	return text_end(&t);
}

/* Of a long list of an operator's own, the names in use alone are shown: all of
 * them at zero would be megabytes that the main thread writes at each scrape.
 */
static bool
is_shown_at_zero(const struct page *p, const struct rule *rule)
{
	return p->src->rule_count <= METRICS_RULES_AT_ZERO ||
	       rule->entry->origin != ORIGIN_EXTRA;
}

static uint64_t
sum_outcome(const struct page *p, const struct rule *rule, unsigned outcome)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < p->src->worker_count; i++)
		sum += counter_get(
		    &metrics_endpoint(p->src->workers[i], rule->slot)
			 ->outcomes[outcome]);
	return sum;
}

static void
add_endpoint_outcomes(struct page *p, const struct rule *rule)
{
	char buf[4 * LABEL_MAX];
	const char *labels = rule_labels(rule, buf, sizeof(buf));
	bool at_zero = is_shown_at_zero(p, rule);

	for (unsigned o = 0; o < OUTCOME_COUNT; o++) {
		uint64_t n = sum_outcome(p, rule, o);

		/* What stands up to OUTCOME_DRAINING in outcome.def is decided
		 * before a rule admits the request: series that would be zero
		 * for ever. */
		if ((at_zero && o > OUTCOME_DRAINING) || n > 0)
			add(p,
			    "sekisho_endpoint_tunnels_total{%s,outcome=\"%s\"} "
			    "%" PRIu64 "\n",
			    labels, outcome_token((enum outcome)o), n);
	}
}

static void
add_endpoint_success(struct page *p, const struct rule *rule)
{
	char buf[4 * LABEL_MAX];
	uint64_t last = 0;

	for (size_t i = 0; i < p->src->worker_count; i++) {
		const struct worker_metrics *m = p->src->workers[i];
		uint64_t at = counter_get(
		    &metrics_endpoint(m, rule->slot)->last_success_unix_ns);

		last = at > last ? at : last;
	}
	if (last == 0 && !is_shown_at_zero(p, rule))
		return;
	add(p, "sekisho_endpoint_last_success_timestamp_seconds{%s} %.3f\n",
	    rule_labels(rule, buf, sizeof(buf)), (double)last / NS_PER_S);
}

static void
add_endpoints(struct page *p)
{
	add_head(p, "sekisho_endpoint_tunnels_total", "counter",
	    "Requests for a host on the allowlist, by how they ended.");
	for (size_t i = 0; i < p->src->rule_count; i++)
		add_endpoint_outcomes(p, &p->src->rules[i]);
	add_head(p, "sekisho_endpoint_last_success_timestamp_seconds", "gauge",
	    "When a tunnel to the host was last set up, in seconds since 1970; "
	    "0: never.");
	for (size_t i = 0; i < p->src->rule_count; i++)
		add_endpoint_success(p, &p->src->rules[i]);
}

static void
add_bytes(struct page *p)
{
	static const char name[] = "sekisho_bytes_total";

	add_head(p, name, "counter",
	    "Bytes relayed: up to the endpoints, down to the clients.");
	add(p, "%s{direction=\"up\"} %" PRIu64 "\n", name, SUM(p, bytes_up));
	add(p, "%s{direction=\"down\"} %" PRIu64 "\n", name,
	    SUM(p, bytes_down));
}

/* bound_count: how many bounds are shown; what is above them is in +Inf. */
static void
add_histogram(struct page *p, const char *name, const char *help, size_t offset,
    size_t bound_count)
{
	static const uint64_t bounds_us[HISTOGRAM_BUCKETS - 1] =
	    HISTOGRAM_BOUNDS;
	size_t buckets = offset + offsetof(struct histogram, buckets);
	uint64_t count = 0;

	add_head(p, name, "histogram", help);
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		count += sum_at(p, buckets + i * sizeof(counter));
		if (i < bound_count)
			add(p, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name,
			    (double)bounds_us[i] / US_PER_S, count);
	}
	add(p, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, count);
	add(p, "%s_sum %.9f\n%s_count %" PRIu64 "\n", name,
	    (double)sum_at(p, offset + offsetof(struct histogram, sum_ns)) /
		NS_PER_S,
	    name, count);
}

static void
add_histograms(struct page *p)
{
	add_histogram(p, "sekisho_dns_seconds",
	    "Time until a name that had to be asked for was answered.",
	    offsetof(struct worker_metrics, dns_time), HISTOGRAM_WAIT_BOUNDS);
	add_histogram(p, "sekisho_connect_seconds",
	    "Time until a connection to an endpoint stood, over all addresses "
	    "tried.",
	    offsetof(struct worker_metrics, connect_time),
	    HISTOGRAM_WAIT_BOUNDS);
	add_histogram(p, "sekisho_setup_seconds",
	    "Time from a whole request to the answer 200.",
	    offsetof(struct worker_metrics, setup_time), HISTOGRAM_WAIT_BOUNDS);
	add_histogram(p, "sekisho_tunnel_duration_seconds",
	    "How long tunnels lived.",
	    offsetof(struct worker_metrics, duration), HISTOGRAM_BUCKETS - 1);
}

static const char *
source_token(enum resolver_source source)
{
	switch (source) {
	case RESOLVER_HIT:
		return "hit";
	case RESOLVER_MISS:
		return "miss";
	case RESOLVER_COALESCED:
		return "coalesced";
	case RESOLVER_STALE:
		return "stale";
	case RESOLVER_NEGATIVE:
		return "negative";
	case RESOLVER_SOURCES:
		break;
	}
	return "unknown";
}

static void
add_dns(struct page *p)
{
	static const char name[] = "sekisho_dns_cache";
	size_t offset = offsetof(struct worker_metrics, dns);

	/* Untyped: it only grows, but a counter's name must end in _total. */
	add_head(p, name, "untyped",
	    "Lookups since the start, by how the cache answered them.");
	for (unsigned i = 0; i < RESOLVER_SOURCES; i++)
		add(p, "%s{result=\"%s\"} %" PRIu64 "\n", name,
		    source_token((enum resolver_source)i),
		    sum_at(p, offset + i * sizeof(counter)));
	add_counter(p, "sekisho_dns_prefetches_total",
	    "Names asked for again before they expired.", SUM(p, prefetches));
}

static const char *
warm_token(enum warm_result result)
{
	switch (result) {
	case WARM_TAKEN:
		return "taken";
	case WARM_MISSED:
		return "missed";
	case WARM_EXPIRED:
		return "expired";
	case WARM_CLOSED:
		return "closed";
	case WARM_FAILED:
		return "failed";
	case WARM_RESULTS:
		break;
	}
	return "";
}

static void
add_warm(struct page *p)
{
	static const char gauge[] = "sekisho_warm_connections",
			  total[] = "sekisho_warm_total";
	size_t offset = offsetof(struct worker_metrics, warm);

	add_head(p, gauge, "gauge", "Spare connections (upstream.warm).");
	add(p, "%s{state=\"ready\"} %" PRIu64 "\n", gauge, SUM(p, warm_ready));
	add(p, "%s{state=\"connecting\"} %" PRIu64 "\n", gauge,
	    SUM(p, warm_connecting));
	add_head(p, total, "counter",
	    "Spare connections by what became of them; missed: requests "
	    "that found none.");
	for (unsigned i = 0; i < WARM_RESULTS; i++)
		add(p, "%s{result=\"%s\"} %" PRIu64 "\n", total,
		    warm_token((enum warm_result)i),
		    sum_at(p, offset + i * sizeof(counter)));
}

static void
add_process(struct page *p)
{
	struct metrics_process_values v;

	if (p->src->process == NULL ||
	    !metrics_process_read(p->src->process, &v))
		return;
	add_head(p, "process_cpu_seconds_total", "counter",
	    "User and system CPU time spent, in seconds.");
	add(p, "process_cpu_seconds_total %.2f\n", v.cpu_seconds);
	add_head(p, "process_start_time_seconds", "gauge",
	    "Start of the process, in seconds since 1970.");
	add(p, "process_start_time_seconds %.2f\n", v.start_time);

	const struct {
		const char *name, *help;
		uint64_t value;
	} gauges[] = {
	    {"process_resident_memory_bytes", "Resident memory, in bytes.",
		v.resident_bytes},
	    {"process_virtual_memory_bytes", "Virtual memory, in bytes.",
		v.virtual_bytes},
	    {"process_open_fds", "File descriptors that are open.", v.open_fds},
	    {"process_max_fds", "File descriptors that may be open.",
		v.max_fds},
	    {"process_threads", "Threads.", v.threads},
	};

	for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++) {
		add_head(p, gauges[i].name, "gauge", gauges[i].help);
		add(p, "%s %" PRIu64 "\n", gauges[i].name, gauges[i].value);
	}
}

bool
metrics_text_add(struct evbuffer *out, const struct metrics_source *src)
{
	struct page p = {.out = out, .src = src};
	size_t requests = offsetof(struct worker_metrics, requests);

	add_head(&p, "sekisho_build_info", "gauge",
	    "Always 1; the labels tell what is running.");
	add(&p, "sekisho_build_info{version=\"%s\"} 1\n", SEKISHO_VERSION);
	add_reloads(&p);
	add_tunnels(&p);
	add_requests(&p);
	add_endpoints(&p);
	add_bytes(&p);
	add_histograms(&p);
	add_counter(&p, "sekisho_denied_hosts_total",
	    "Requests refused as their host, or its port, is not on the "
	    "allowlist.",
	    sum_at(&p, requests + OUTCOME_DENIED_HOST * sizeof(counter)) +
		sum_at(&p, requests + OUTCOME_DENIED_PORT * sizeof(counter)));
	add_report_mode(&p);
	add_dns(&p);
	add_warm(&p);
	add_counter(&p, "sekisho_log_dropped_total", "Access log lines lost.",
	    src->log == NULL ? 0 : access_log_dropped(src->log));
	add_process(&p);
	return !p.failed;
}
