/* SPDX-License-Identifier: Apache-2.0
 *
 * JUnit XML as CI systems read it: a suite a way, a case an endpoint. What
 * cannot be told is an <error>, not a <failure>; the way that is only there to
 * compare with is skipped; a cause that concerns no endpoint (an unusable
 * setting, say) is a case of its own, so that a red run is never a green
 * file. */
#include "markup.h"
#include "report.h"
#include "report_stats.h"

struct junit {
	FILE *out;
	const struct run *run;
	const struct diagnosis *d;
};

struct tally {
	size_t tests, failures, errors, skipped;
	uint64_t time_ns;
};

enum result {
	RESULT_PASS,
	RESULT_FAILURE,
	RESULT_ERROR,
	RESULT_SKIPPED,
};

static enum result
result_of(const struct junit *j, size_t index)
{
	const struct endpoint_view *v = &j->d->views[index];

	if (j->run->endpoints[index].target->comparison)
		return RESULT_SKIPPED;
	if (v->reachable == TRI_NO)
		return RESULT_FAILURE;
	if (v->cause != SIZE_MAX &&
	    j->d->findings[v->cause].severity == SEVERITY_ERROR)
		return RESULT_FAILURE;
	return v->reachable == TRI_YES ? RESULT_PASS : RESULT_ERROR;
}

static uint64_t
time_of(const struct endpoint_result *r)
{
	uint64_t ns = 0;

	for (unsigned p = 0; p < PHASE_COUNT; p++)
		ns += phase_time_ns(phase_time_of(r, (enum phase)p));
	return ns;
}

static bool
is_of_run(const struct finding *f)
{
	return f->endpoint_count == 0 && f->severity == SEVERITY_ERROR;
}

static void
tally_add(struct tally *t, enum result result)
{
	t->tests++;
	t->failures += result == RESULT_FAILURE;
	t->errors += result == RESULT_ERROR;
	t->skipped += result == RESULT_SKIPPED;
}

/* Endpoints of one way. */
static struct tally
tally_path(const struct junit *j, size_t path)
{
	struct tally t = {.tests = 0};

	for (size_t i = 0; i < j->run->endpoint_count; i++) {
		if (j->run->endpoints[i].target->path != path)
			continue;
		tally_add(&t, result_of(j, i));
		t.time_ns += time_of(&j->run->endpoints[i]);
	}
	return t;
}

static struct tally
tally_run(const struct junit *j)
{
	struct tally t = {.tests = 0};

	for (size_t i = 0; i < j->d->finding_count; i++) {
		if (is_of_run(&j->d->findings[i]))
			tally_add(&t, RESULT_FAILURE);
	}
	return t;
}

static void
write_tally(FILE *out, const struct tally *t)
{
	(void)fprintf(out,
	    " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" "
	    "time=\"",
	    t->tests, t->failures, t->errors, t->skipped);
	markup_seconds(out, t->time_ns);
	(void)fputs("\">\n", out);
}

static void
write_problem(FILE *out, const char *element, const struct finding *f)
{
	const char *parts[] = {f->seen, f->means, f->todo, f->proof};
	static const char *const names[] = {
	    "Seen:  ", "\nMeans: ", "\nDo:    ", "\nProof: "};

	(void)fprintf(out, "      <%s", element);
	markup_attr(out, "type", finding_text(f->id)->id);
	markup_attr(out, "message", f->title);
	(void)fputc('>', out);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		(void)fputs(names[i], out);
		markup_lines(out, parts[i]);
	}
	(void)fprintf(out, "</%s>\n", element);
}

/* Warnings and notes of this endpoint. */
static void
write_remarks(const struct junit *j, size_t index)
{
	bool begun = false;

	for (size_t i = 0; i < j->d->finding_count; i++) {
		const struct finding *f = &j->d->findings[i];
		bool here = false;

		for (size_t e = 0; e < f->endpoint_count; e++)
			here |= f->endpoints[e] == index;
		if (!here || f->severity == SEVERITY_ERROR)
			continue;
		(void)fputs(begun ? "\n" : "      <system-out>", j->out);
		(void)fprintf(j->out, "%s %s: ", severity_str(f->severity),
		    finding_text(f->id)->id);
		markup_str(j->out, f->title);
		begun = true;
	}
	if (begun)
		(void)fputs("</system-out>\n", j->out);
}

static void
write_result(const struct junit *j, size_t index)
{
	size_t cause = j->d->views[index].cause;
	const struct finding *f =
	    cause == SIZE_MAX ? NULL : &j->d->findings[cause];

	switch (result_of(j, index)) {
	case RESULT_PASS:
		break;
	case RESULT_SKIPPED:
		(void)fputs(
		    "      <skipped message=\"for comparison only\"/>\n",
		    j->out);
		break;
	case RESULT_FAILURE:
		if (f != NULL)
			write_problem(j->out, "failure", f);
		else
			(void)fputs("      <failure type=\"UNREACHABLE\" "
				    "message=\"not reachable\"/>\n",
			    j->out);
		break;
	case RESULT_ERROR:
		if (f != NULL)
			write_problem(j->out, "error", f);
		else
			(void)fputs("      <error type=\"CANNOT-TELL\" "
				    "message=\"cannot tell\"/>\n",
			    j->out);
		break;
	}
}

static void
write_case(const struct junit *j, size_t index)
{
	const struct endpoint_result *r = &j->run->endpoints[index];
	const struct target *t = r->target;

	(void)fputs("    <testcase classname=\"", j->out);
	markup_str(j->out, strcmp(t->region, "-") == 0 ? "host" : t->region);
	(void)fputc('.', j->out);
	markup_str(j->out, t->category);
	(void)fputs("\" name=\"", j->out);
	markup_str(j->out, t->at.host.text);
	(void)fprintf(j->out, ":%u\" time=\"", (unsigned)t->at.port);
	markup_seconds(j->out, time_of(r));
	(void)fputs("\">\n", j->out);
	write_result(j, index);
	write_remarks(j, index);
	(void)fputs("    </testcase>\n", j->out);
}

static void
write_suite(const struct junit *j, size_t path)
{
	const struct path *p = &j->run->plan->paths[path];
	struct tally t = tally_path(j, path);

	if (t.tests == 0)
		return;
	(void)fputs("  <testsuite", j->out);
	markup_attr(j->out, "name", p->label);
	write_tally(j->out, &t);
	for (size_t i = 0; i < j->run->endpoint_count; i++) {
		if (j->run->endpoints[i].target->path == path)
			write_case(j, i);
	}
	(void)fputs("  </testsuite>\n", j->out);
}

static void
write_run_suite(const struct junit *j)
{
	struct tally t = tally_run(j);

	if (t.tests == 0)
		return;
	(void)fputs("  <testsuite name=\"run\"", j->out);
	write_tally(j->out, &t);
	for (size_t i = 0; i < j->d->finding_count; i++) {
		const struct finding *f = &j->d->findings[i];

		if (!is_of_run(f))
			continue;
		(void)fprintf(j->out,
		    "    <testcase classname=\"run\" name=\"%s\" "
		    "time=\"0.000000\">\n",
		    finding_text(f->id)->id);
		write_problem(j->out, "failure", f);
		(void)fputs("    </testcase>\n", j->out);
	}
	(void)fputs("  </testsuite>\n", j->out);
}

bool
report_junit(FILE *out, const struct report_input *in)
{
	struct junit j = {out, in->run, in->diagnosis};
	struct tally all = tally_run(&j);

	for (size_t i = 0; i < in->run->plan->path_count; i++) {
		struct tally t = tally_path(&j, i);

		all.tests += t.tests;
		all.failures += t.failures;
		all.errors += t.errors;
		all.skipped += t.skipped;
	}
	all.time_ns = in->run->duration_ns;
	(void)fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		    "<testsuites name=\"sekisho-diag\"",
	    out);
	write_tally(out, &all);
	write_run_suite(&j);
	for (size_t i = 0; i < in->run->plan->path_count; i++)
		write_suite(&j, i);
	(void)fputs("</testsuites>\n", out);
	return fflush(out) == 0 && !ferror(out);
}
