/* SPDX-License-Identifier: Apache-2.0
 *
 * The file is text, one line a fact, so that a person can read and diff it:
 *
 *   # sekisho-diag baseline 1
 *   time<TAB>2026-01-31T08:09:10.123Z
 *   HOST:PORT<TAB>PATH<TAB>WHAT<TAB>VALUE
 *
 * Values are escaped as text_line() does, so that a peer's text cannot make a
 * line of its own. Lines that are not understood are skipped: a newer version
 * may have written more. */
#include "baseline.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/text.h"

enum {
	VALUE_MAX = 128,
	LINE_BYTES = 2048,
	LINES_MAX = 1000000,
	CHANGES_MAX = 4096,
};

static const char first_line[] = "# sekisho-diag baseline 1";

/* --- facts ---------------------------------------------------------------- */

static int
compare_addr(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ipaddr));
}

/* Addresses sorted: their order in an answer means nothing. */
static void
fact_addresses(struct text *t, const struct endpoint_result *r)
{
	struct ipaddr all[2 * DNS_ANSWERS_MAX];
	char one[IPADDR_TEXT_MAX + 1];
	size_t count = 0;

	memset(all, 0, sizeof(all));
	for (size_t i = 0; i < r->dns.a.answer_count; i++)
		all[count++] = r->dns.a.answers[i].addr;
	for (size_t i = 0; i < r->dns.aaaa.answer_count; i++)
		all[count++] = r->dns.aaaa.answers[i].addr;
	qsort(all, count, sizeof(all[0]), compare_addr);
	for (size_t i = 0; i < count; i++) {
		(void)ipaddr_format(&all[i], one);
		text_str(t, i > 0 ? " " : "");
		text_str(t, one);
	}
}

static void
fact_issuer(struct text *t, const struct endpoint_result *r)
{
	if (r->tls.chain_count > 0)
		text_line(t, span_str(r->tls.chain[0].issuer));
}

static void
fact_status(struct text *t, const struct endpoint_result *r)
{
	if (r->http.end == HTTP_ANSWER && r->http.status > 0)
		text_u64(t, (uint64_t)r->http.status);
}

static void
fact_proxy(struct text *t, const struct endpoint_result *r)
{
	if (r->proxy.end == PROXY_NOT_TRIED)
		return;
	text_str(t, proxy_end_str(r->proxy.end));
	if (r->proxy.status <= 0)
		return;
	text_char(t, ' ');
	text_u64(t, (uint64_t)r->proxy.status);
	text_char(t, ' ');
	text_line(t, span_str(r->proxy.reason));
}

/* The last phase that was run, and how it ended. */
static void
fact_reached(struct text *t, const struct endpoint_result *r)
{
	for (unsigned p = PHASE_COUNT; p-- > 0;) {
		enum phase_end end = phase_time_of(r, (enum phase)p)->end;

		if (end == PHASE_NOT_RUN)
			continue;
		text_str(t, phase_str((enum phase)p));
		text_char(t, ' ');
		text_str(t, phase_end_str(end));
		return;
	}
}

static const struct fact {
	const char *what;
	void (*write)(struct text *t, const struct endpoint_result *r);
} facts[] = {
    {"address", fact_addresses},
    {"issuer", fact_issuer},
    {"status", fact_status},
    {"proxy", fact_proxy},
    {"reached", fact_reached},
};

static const char *
fact_text(char *buf, const struct fact *f, const struct endpoint_result *r)
{
	struct text t = text_in(buf, VALUE_MAX);

	f->write(&t, r);
	return text_end(&t);
}

/* --- writing -------------------------------------------------------------- */

static bool
fail(char *error, size_t len, const char *path, const char *what)
{
	(void)snprintf(
	    error, len, "%s: %s: %s", path, what, strerrordesc_np(errno));
	return false;
}

static bool
write_facts(FILE *f, const struct run *run)
{
	char value[VALUE_MAX], time[40], at[ENDPOINT_TEXT_MAX + 1];
	struct text t = text_in(time, sizeof(time));
	bool fine;

	text_time(&t, run->started_unix_ns);
	fine = fprintf(f, "%s\ntime\t%s\n", first_line, text_end(&t)) > 0;
	for (size_t i = 0; i < run->endpoint_count && fine; i++) {
		const struct endpoint_result *r = &run->endpoints[i];

		(void)endpoint_format(&r->target->at, at);
		for (size_t k = 0; k < sizeof(facts) / sizeof(facts[0]); k++)
			fine &= fprintf(f, "%s\t%s\t%s\t%s\n", at,
				    run->plan->paths[r->target->path].label,
				    facts[k].what,
				    fact_text(value, &facts[k], r)) > 0;
	}
	return fine;
}

bool
baseline_write(const struct run *run, const char *path, char *error, size_t len)
{
	char beside[4096];
	int n = snprintf(beside, sizeof(beside), "%s.XXXXXX", path);
	bool fine;
	FILE *f;
	int fd;

	if (n <= 0 || (size_t)n >= sizeof(beside)) {
		errno = ENAMETOOLONG;
		return fail(error, len, path, "cannot be written");
	}
	fd = mkstemp(beside);
	if (fd < 0)
		return fail(error, len, path, "cannot be written");
	f = fdopen(fd, "w");
	if (f == NULL) {
		(void)fail(error, len, path, "cannot be written");
		(void)close(fd);
		(void)unlink(beside);
		return false;
	}
	fine = write_facts(f, run) && fchmod(fd, 0644) == 0;
	fine &= fclose(f) == 0;
	if (fine && rename(beside, path) == 0)
		return true;
	(void)fail(error, len, path, "cannot be written");
	(void)unlink(beside);
	return false;
}

/* --- comparing ------------------------------------------------------------ */

/* The next field of a line, cut off at its tab. */
static char *
take_field(char **rest)
{
	char *field = *rest;
	char *tab = field != NULL ? strchr(field, '\t') : NULL;

	if (tab != NULL)
		*tab++ = '\0';
	*rest = tab;
	return field;
}

static bool
add_change(struct run *run, const struct change *c)
{
	struct change *grown;

	if (run->change_count == CHANGES_MAX)
		return true;
	grown =
	    reallocarray(run->changes, run->change_count + 1, sizeof(*grown));
	if (grown == NULL)
		return false;
	run->changes = grown;
	run->changes[run->change_count++] = *c;
	return true;
}

/* The endpoint of this name and path; endpoint_count: it is not checked now. */
static size_t
find_endpoint(const struct run *run, const char *at, const char *path)
{
	char text[ENDPOINT_TEXT_MAX + 1];
	size_t i;

	for (i = 0; i < run->endpoint_count; i++) {
		const struct target *t = run->endpoints[i].target;

		(void)endpoint_format(&t->at, text);
		if (strcmp(text, at) == 0 &&
		    strcmp(run->plan->paths[t->path].label, path) == 0)
			break;
	}
	return i;
}

static bool
compare_line(struct run *run, char *line)
{
	char *rest = line, value[VALUE_MAX];
	const char *at = take_field(&rest), *path = take_field(&rest);
	const char *what = take_field(&rest), *before = rest;
	size_t i;

	if (path != NULL && what == NULL && strcmp(at, "time") == 0) {
		(void)snprintf(run->baseline_time, sizeof(run->baseline_time),
		    "%.31s", path);
		return true;
	}
	if (before == NULL)
		return true;
	i = find_endpoint(run, at, path);
	for (size_t k = 0; k < sizeof(facts) / sizeof(facts[0]); k++) {
		struct change c = {.endpoint = i};

		if (i == run->endpoint_count ||
		    strcmp(facts[k].what, what) != 0)
			continue;
		if (strcmp(fact_text(value, &facts[k], &run->endpoints[i]),
			before) == 0)
			return true;
		(void)snprintf(c.what, sizeof(c.what), "%s", what);
		(void)snprintf(c.before, sizeof(c.before), "%.127s", before);
		(void)snprintf(c.after, sizeof(c.after), "%s", value);
		return add_change(run, &c);
	}
	return true;
}

bool
baseline_compare(struct run *run, const char *path, char *error, size_t len)
{
	char line[LINE_BYTES];
	FILE *f = fopen(path, "re");
	bool fine;

	if (f == NULL && errno == ENOENT)
		return true;
	if (f == NULL)
		return fail(error, len, path, "cannot be read");
	fine = fgets(line, sizeof(line), f) != NULL &&
	       strncmp(line, first_line, sizeof(first_line) - 1) == 0;
	if (!fine) {
		(void)snprintf(error, len,
		    "%s:1: not a baseline of sekisho-diag: name another file, "
		    "or remove this one",
		    path);
		(void)fclose(f);
		return false;
	}
	for (unsigned i = 0;
	     fine && i < LINES_MAX && fgets(line, sizeof(line), f) != NULL;
	     i++) {
		line[strcspn(line, "\n")] = '\0';
		fine = compare_line(run, line);
	}
	if (!fine)
		(void)snprintf(error, len, "%s: out of memory", path);
	(void)fclose(f);
	return fine;
}
