/* SPDX-License-Identifier: Apache-2.0 */
#include "report_json.h"

#include "core/text.h"
#include "report.h"
#include "report_stats.h"

static void
write_host_port(struct json_out *j, const struct target *t)
{
	char buf[HOSTNAME_MAX + 16];
	struct text out = text_in(buf, sizeof(buf));

	text_str(&out, t->at.host.text);
	text_char(&out, ':');
	text_u64(&out, t->at.port);
	json_str(j, NULL, text_end(&out));
}

static void
write_evidence(struct json_out *j, const struct facts *facts)
{
	json_open(j, "evidence", '{');
	for (size_t i = 0; i < facts->count; i++)
		json_str(j, facts->items[i].key, facts->items[i].value);
	json_close(j, '}');
}

static void
write_finding(
    struct json_out *j, const struct run *run, const struct finding *f)
{
	json_open(j, NULL, '{');
	json_str(j, "id", finding_text(f->id)->id);
	json_str(j, "severity", severity_str(f->severity));
	json_str(j, "owner", owner_token(f->owner));
	json_str(j, "title", f->title);
	if (f->endpoint_count > 0)
		json_str(j, "path",
		    run->plan
			->paths[run->endpoints[f->endpoints[0]].target->path]
			.label);
	json_open(j, "endpoints", '[');
	for (size_t i = 0; i < f->endpoint_count; i++)
		write_host_port(j, run->endpoints[f->endpoints[i]].target);
	json_close(j, ']');
	json_str(j, "seen", f->seen);
	write_evidence(j, &f->facts);
	json_str(j, "means", f->means);
	json_str(j, "do", f->todo);
	json_str(j, "proof", f->proof);
	json_close(j, '}');
}

static void
write_consequences(struct json_out *j, const struct diagnosis *d)
{
	json_open(j, "consequences", '[');
	for (size_t i = 0; i < d->consequence_count; i++) {
		const struct consequence *c = &d->consequences[i];

		json_open(j, NULL, '{');
		json_str(j, "category", c->about->name);
		json_str(j, "title", c->title);
		json_str(j, "text", c->text);
		json_str(j, "lost", tri_str(c->lost));
		json_close(j, '}');
	}
	json_close(j, ']');
}

static const char *
run_end_str(enum run_end end)
{
	switch (end) {
	case RUN_COMPLETE:
		return "complete";
	case RUN_DEADLINE:
		return "deadline";
	case RUN_INTERRUPTED:
		return "interrupted";
	}
	return "complete";
}

static void
write_verdict(
    struct json_out *j, const struct run *run, const struct diagnosis *d)
{
	char time[40];
	struct text out = text_in(time, sizeof(time));

	text_time(&out, run->started_unix_ns);
	json_str(j, "schema_version", REPORT_SCHEMA_VERSION);
	json_str(j, "tool_version", SEKISHO_VERSION);
	json_str(j, "time", text_end(&out));
	json_str(j, "language", lang_name(d->lang));
	json_str(j, "verdict", verdict_str(d->verdict));
	json_str(j, "headline", d->headline);
	json_i64(j, "exit_code", d->exit_code);
	json_str(j, "run", run_end_str(run->end));
	json_open(j, "owners", '[');
	for (size_t i = 0; i < d->owner_count; i++)
		json_str(j, NULL, owner_token(d->owners[i]));
	json_close(j, ']');
	json_open(j, "counts", '{');
	json_u64(j, "reachable", d->ok_count);
	json_u64(j, "blocked", d->bad_count);
	json_u64(j, "unknown", d->unknown_count);
	json_u64(j, "errors", d->error_count);
	json_u64(j, "warnings", d->warning_count);
	json_close(j, '}');
	write_consequences(j, d);
}

static void
write_changes(struct json_out *j, const struct run *run)
{
	if (run->baseline_time[0] == '\0')
		return;
	json_open(j, "baseline", '{');
	json_str(j, "time", run->baseline_time);
	json_open(j, "changes", '[');
	for (size_t i = 0; i < run->change_count; i++) {
		const struct change *c = &run->changes[i];
		const struct target *t = run->endpoints[c->endpoint].target;

		json_open(j, NULL, '{');
		json_str(j, "host", t->at.host.text);
		json_u64(j, "port", t->at.port);
		json_str(j, "what", c->what);
		json_str(j, "before", c->before);
		json_str(j, "after", c->after);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
}

static void
write_timings(struct json_out *j, const struct run *run)
{
	json_open(j, "timings", '{');
	json_ms(j, "total_ms", run->duration_ns);
	json_ms(j, "budget_ms", run->plan->budget_ns);
	json_open(j, "phases", '{');
	for (unsigned p = 0; p < PHASE_COUNT; p++) {
		struct phase_stats s = phase_stats_of(run, (enum phase)p);

		json_open(j, phase_str((enum phase)p), '{');
		json_u64(j, "count", s.count);
		if (s.count > 0) {
			json_ms(j, "median_ms", s.median_ns);
			json_ms(j, "max_ms", s.max_ns);
		}
		json_close(j, '}');
	}
	json_close(j, '}');
	json_close(j, '}');
}

bool
report_json(FILE *out, const struct report_input *in)
{
	struct json_out j = {.out = out};
	const struct run *run = in->run;
	const struct diagnosis *d = in->diagnosis;

	json_open(&j, NULL, '{');
	write_verdict(&j, run, d);
	report_json_vantage(&j, run);
	json_open(&j, "findings", '[');
	for (size_t i = 0; i < d->finding_count; i++)
		write_finding(&j, run, &d->findings[i]);
	json_close(&j, ']');
	json_open(&j, "endpoints", '[');
	for (size_t i = 0; i < run->endpoint_count; i++)
		report_json_endpoint(&j, run, d, i);
	json_close(&j, ']');
	write_changes(&j, run);
	write_timings(&j, run);
	json_close(&j, '}');
	(void)fputc('\n', out);
	return fflush(out) == 0 && !ferror(out);
}
