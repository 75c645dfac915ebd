/* SPDX-License-Identifier: Apache-2.0
 *
 * Prometheus text (exposition format 0.0.4). Labels hold only what plan and
 * code say, never what a peer sent: the number of series is bounded. */
#include "report_prometheus.h"

#include <inttypes.h>

#include "markup.h"
#include "report.h"
#include "report_stats.h"

struct prom {
	FILE *out;
	const struct run *run;
	const struct diagnosis *d;
};

void
prometheus_begin(
    FILE *out, const char *name, const char *type, const char *help)
{
	(void)fprintf(out,
	    "# HELP sekisho_diag_%s %s\n# TYPE sekisho_diag_%s %s\n", name,
	    help, name, type);
}

static void
begin(const struct prom *p, const char *name, const char *help)
{
	prometheus_begin(p->out, name, "gauge", help);
}

static void
write_label_value(FILE *out, const char *value)
{
	for (; *value != '\0'; value++) {
		if (*value == '\n') {
			(void)fputs("\\n", out);
			continue;
		}
		if (*value == '"' || *value == '\\')
			(void)fputc('\\', out);
		(void)fputc(*value, out);
	}
}

void
prometheus_label(
    FILE *out, const char *before, const char *name, const char *value)
{
	(void)fprintf(out, "%s%s=\"", before, name);
	write_label_value(out, value);
	(void)fputc('"', out);
}

void
prometheus_endpoint(
    FILE *out, const char *name, const struct prometheus_names *n)
{
	(void)fprintf(out, "sekisho_diag_%s", name);
	prometheus_label(out, "{", "host", n->host);
	(void)fprintf(out, ",port=\"%u\"", n->port);
	prometheus_label(out, ",", "region", n->region);
	prometheus_label(out, ",", "category", n->category);
	prometheus_label(out, ",", "path", n->path);
}

struct prometheus_names
prometheus_names_of(const struct run *run, size_t endpoint)
{
	const struct target *t = run->endpoints[endpoint].target;

	return (struct prometheus_names){
	    .host = t->at.host.text,
	    .port = t->at.port,
	    .region = t->region,
	    .category = t->category,
	    .path = run->plan->paths[t->path].label,
	};
}

static void
endpoint_labels(const struct prom *p, const char *name, size_t index)
{
	struct prometheus_names n = prometheus_names_of(p->run, index);

	prometheus_endpoint(p->out, name, &n);
}

static void
write_verdict(const struct prom *p)
{
	static const enum verdict all[] = {VERDICT_READY,
	    VERDICT_READY_WARNINGS, VERDICT_NOT_READY, VERDICT_CREDENTIAL,
	    VERDICT_UNKNOWN, VERDICT_INTERRUPTED};

	begin(p, "verdict",
	    "The verdict of the last run: 1 for the one that "
	    "holds.");
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		(void)fprintf(p->out,
		    "sekisho_diag_verdict{verdict=\"%s\"} %d\n",
		    verdict_str(all[i]), p->d->verdict == all[i]);
	begin(p, "exit_code", "Exit code of the last run.");
	(void)fprintf(p->out, "sekisho_diag_exit_code %d\n", p->d->exit_code);
}

static void
write_endpoints(const struct prom *p)
{
	begin(p, "endpoint_reachable",
	    "1 when the endpoint was reached and has proven to be the "
	    "service, else 0.");
	for (size_t i = 0; i < p->d->endpoint_count; i++) {
		endpoint_labels(p, "endpoint_reachable", i);
		(void)fprintf(
		    p->out, "} %d\n", p->d->views[i].reachable == TRI_YES);
	}
	begin(p, "endpoint_undecided",
	    "1 when it could not be told whether the endpoint is reachable.");
	for (size_t i = 0; i < p->d->endpoint_count; i++) {
		endpoint_labels(p, "endpoint_undecided", i);
		(void)fprintf(
		    p->out, "} %d\n", p->d->views[i].reachable == TRI_UNKNOWN);
	}
}

static void
write_phases(const struct prom *p)
{
	begin(p, "phase_seconds",
	    "How long a phase took, for phases that came to a good end.");
	for (size_t i = 0; i < p->d->endpoint_count; i++) {
		for (unsigned c = 0; c < PHASE_COUNT; c++) {
			const struct phase_time *t =
			    phase_time_of(&p->run->endpoints[i], (enum phase)c);

			if (t->end != PHASE_DONE)
				continue;
			endpoint_labels(p, "phase_seconds", i);
			prometheus_label(
			    p->out, ",", "phase", phase_str((enum phase)c));
			(void)fputs("} ", p->out);
			markup_seconds(p->out, phase_time_ns(t));
			(void)fputc('\n', p->out);
		}
	}
}

static void
write_certificates(const struct prom *p)
{
	begin(p, "certificate_not_after_timestamp_seconds",
	    "When the certificate that was presented expires.");
	for (size_t i = 0; i < p->d->endpoint_count; i++) {
		const struct tls_result *t = &p->run->endpoints[i].tls;

		if (t->chain_count == 0)
			continue;
		endpoint_labels(
		    p, "certificate_not_after_timestamp_seconds", i);
		(void)fprintf(p->out, "} %" PRId64 "\n", t->chain[0].not_after);
	}
	begin(p, "clock_skew_seconds",
	    "The local clock minus the Date header of the answer.");
	for (size_t i = 0; i < p->d->endpoint_count; i++) {
		const struct http_result *h = &p->run->endpoints[i].http;

		if (h->date == 0)
			continue;
		endpoint_labels(p, "clock_skew_seconds", i);
		(void)fprintf(p->out, "} %.3f\n", (double)h->skew_ms / 1000);
	}
}

/* Findings with one id and severity are one series, as a series may stand
 * there but once. */
static bool
is_same_series(const struct finding *a, const struct finding *b)
{
	return a->id == b->id && a->severity == b->severity &&
	       a->owner == b->owner;
}

static bool
is_first(const struct diagnosis *d, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (is_same_series(&d->findings[i], &d->findings[index]))
			return false;
	}
	return true;
}

static void
write_finding(const struct prom *p, const char *name, size_t index, bool hosts)
{
	const struct finding *f = &p->d->findings[index];
	size_t sum = 0;

	if (!is_first(p->d, index))
		return;
	for (size_t i = index; i < p->d->finding_count; i++) {
		if (is_same_series(&p->d->findings[i], f))
			sum += hosts ? p->d->findings[i].endpoint_count : 1;
	}
	(void)fprintf(p->out,
	    "sekisho_diag_%s{id=\"%s\",severity=\"%s\",owner=\"%s\"} %zu\n",
	    name, finding_text(f->id)->id, severity_str(f->severity),
	    owner_token(f->owner), sum);
}

static void
write_findings(const struct prom *p)
{
	begin(p, "findings", "Findings of the last run, by id.");
	for (size_t i = 0; i < p->d->finding_count; i++)
		write_finding(p, "findings", i, false);
	begin(p, "finding_endpoints",
	    "Endpoints that a finding concerns, by id; 0 when it concerns "
	    "the whole run.");
	for (size_t i = 0; i < p->d->finding_count; i++)
		write_finding(p, "finding_endpoints", i, true);
	begin(p, "errors", "Causes of severity error in the last run.");
	(void)fprintf(p->out, "sekisho_diag_errors %zu\n", p->d->error_count);
	begin(p, "warnings", "Findings of severity warning in the last run.");
	(void)fprintf(
	    p->out, "sekisho_diag_warnings %zu\n", p->d->warning_count);
}

static void
write_run(const struct prom *p)
{
	begin(p, "run_timestamp_seconds", "When the last run began.");
	(void)fputs("sekisho_diag_run_timestamp_seconds ", p->out);
	markup_seconds(p->out, p->run->started_unix_ns);
	(void)fputc('\n', p->out);
	begin(p, "run_duration_seconds", "How long the last run took.");
	(void)fputs("sekisho_diag_run_duration_seconds ", p->out);
	markup_seconds(p->out, p->run->duration_ns);
	(void)fputc('\n', p->out);
	begin(p, "build_info", "Version of sekisho-diag; always 1.");
	(void)fprintf(p->out,
	    "sekisho_diag_build_info{version=\"%s\",schema=\"%s\"} 1\n",
	    SEKISHO_VERSION, REPORT_SCHEMA_VERSION);
}

bool
report_prometheus(FILE *out, const struct report_input *in)
{
	struct prom p = {out, in->run, in->diagnosis};

	write_verdict(&p);
	write_endpoints(&p);
	write_phases(&p);
	write_certificates(&p);
	write_findings(&p);
	write_run(&p);
	return fflush(out) == 0 && !ferror(out);
}
