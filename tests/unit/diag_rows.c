/* SPDX-License-Identifier: Apache-2.0 */
#include "diag_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "prescription.h"

enum {
	BLOCK_LINES_MAX = 8,
	LONG_NAME_LINES = 4, /* S3 names fill most of a line */
	BLOCK_COLUMNS = 110,
	LABEL_COLUMNS = 8, /* "Means   " */
};

/* One row under judgement. */
struct trial {
	const struct diag_row *row;
	const struct diagnosis *d;
	const struct finding *f;
	size_t broken; /* index of the endpoint, or past the last */
	unsigned complaints;
};

static void complain(struct trial *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
complain(struct trial *t, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print_error("%s (%s): %s\n", t->row->id, t->row->way, text);
	t->complaints++;
}

#define EXPECT(t, condition)                                                   \
	do {                                                                   \
		if (!(condition))                                              \
			complain(t, "not so: %s", #condition);                 \
	} while (0)

/* How many lines a text takes, wrapped behind its label. */
static size_t
lines_of(const char *text)
{
	size_t lines = 1, column = 0;

	for (; *text != '\0'; text++) {
		if ((*text & 0xc0) == 0x80)
			continue; /* rest of a UTF-8 character */
		if (*text == '\n' || ++column > BLOCK_COLUMNS - LABEL_COLUMNS) {
			lines++;
			column = *text == '\n' ? 0 : 1;
		}
	}
	return lines;
}

static bool
shows_password(const struct finding *f)
{
	return strstr(f->todo, "S3cret") || strstr(f->proof, "S3cret") ||
	       strstr(f->seen, "S3cret") || strstr(f->means, "S3cret");
}

unsigned
diag_check_texts(const struct run *run, const struct finding *f, enum lang lang)
{
	const struct diag_row named = {
	    .id = finding_text(f->id)->id, .way = lang_name(lang)};
	struct trial t = {.row = &named};
	struct finding again = *f;
	size_t lines = lines_of(f->seen) + lines_of(f->means) +
		       lines_of(f->todo) + lines_of(f->proof);
	size_t most = BLOCK_LINES_MAX;

	if (strlen(fact_get(&f->facts, "hosts") ? fact_get(&f->facts, "hosts")
						: "") > 50)
		most += LONG_NAME_LINES;
	if (!prescription_write(run, &again, lang))
		complain(&t, "a fact is missing: %s | %s | %s | %s", f->title,
		    f->seen, f->means, f->todo);
	EXPECT(&t, f->title[0] && f->seen[0] && f->means[0] && f->todo[0]);
	EXPECT(&t, strstr(f->proof, "sekisho-diag check --") == f->proof);
	EXPECT(&t, !shows_password(f));
	if (lang == LANG_EN && lines > most)
		complain(&t, "takes %zu lines:\n%s\n%s\n%s\n%s", lines, f->seen,
		    f->means, f->todo, f->proof);
	return t.complaints;
}

/* Findings that say that something odd is healthy; always welcome. */
static bool
is_comfort(enum finding_id id)
{
	return id == FINDING_HTTP_401_NOKEY || id == FINDING_HTTP_403_S3 ||
	       id == FINDING_DNS_NO_AAAA;
}

static void
check_nothing_else(struct trial *t)
{
	const char *also = t->row->also ? t->row->also : "";

	for (size_t i = 0; i < t->d->finding_count; i++) {
		const struct finding *f = &t->d->findings[i];
		const char *id = finding_text(f->id)->id;

		if (f != t->f && strcmp(id, also) != 0 && !is_comfort(f->id))
			complain(t, "%s is blamed too: %s", id, f->seen);
	}
}

static enum cell
expected_cell(const struct trial *t, size_t endpoint, unsigned phase)
{
	if (endpoint != t->broken || phase < t->row->phase)
		return CELL_OK;
	if (phase > t->row->phase)
		return CELL_SKIPPED;
	return t->row->exit_code == 5 ? CELL_UNKNOWN : CELL_BAD;
}

static void
check_view(struct trial *t, size_t endpoint)
{
	const struct endpoint_view *v = &t->d->views[endpoint];
	bool blamed = endpoint == t->broken && t->row->phase != NONE &&
		      t->row->exit_code != 4;

	for (unsigned p = 0; p < PHASE_COUNT; p++) {
		enum cell want = expected_cell(t, endpoint, p);

		/* A phase that is not in the plan was not run. */
		if (v->cells[p] != want &&
		    !(want == CELL_OK && v->cells[p] == CELL_SKIPPED))
			complain(t, "endpoint %zu, %s is %s, not %s", endpoint,
			    phase_str((enum phase)p), cell_str(v->cells[p]),
			    cell_str(want));
	}
	if (!blamed)
		EXPECT(t, v->reachable == TRI_YES);
	else if (t->row->exit_code == 5)
		EXPECT(t, v->reachable == TRI_UNKNOWN);
}

static void
check_finding(struct trial *t)
{
	const struct diag_row *row = t->row;
	const struct finding *f = t->f;
	bool one = row->category != NULL;

	if (row->seen && !strstr(f->seen, row->seen))
		complain(t, "no \"%s\" in: %s", row->seen, f->seen);
	if (row->todo && !strstr(f->todo, row->todo) &&
	    !strstr(f->means, row->todo))
		complain(t, "no \"%s\" in: %s", row->todo, f->todo);
	EXPECT(t, f->endpoint_count == one);
	if (one && f->endpoint_count == 1)
		EXPECT(t, f->endpoints[0] == t->broken);
	if (row->phase != NONE && one)
		EXPECT(t, &t->d->findings[t->d->views[t->broken].cause] == f);
}

static unsigned
check_row(const struct diag_row *row)
{
	const char *args[] = {"--region=us-1", row->way, NULL};
	struct diag_case *c = diag_case_new(args, NULL);
	struct endpoint_result *r =
	    row->category ? diag_endpoint(c, row->category) : NULL;
	struct trial t = {.row = row, .broken = c->run->endpoint_count};

	if (r != NULL)
		t.broken = (size_t)(r - c->run->endpoints);
	row->breaks(c, r);
	for (unsigned lang = LANG_COUNT; lang-- > 0;) {
		t.d = diag_diagnose(c, (enum lang)lang);
		t.f = diag_finding(t.d, row->id);
		if (t.f == NULL) {
			complain(&t, "not found: %s", t.d->headline);
			for (size_t i = 0; i < t.d->finding_count; i++)
				print_error("  but %s\n",
				    finding_text(t.d->findings[i].id)->id);
			break;
		}
		t.complaints += diag_check_texts(c->run, t.f, (enum lang)lang);
	}
	if (t.f != NULL) {
		check_finding(&t);
		check_nothing_else(&t);
		for (size_t i = 0; i < t.d->endpoint_count; i++)
			check_view(&t, i);
	}
	if (t.d->exit_code != row->exit_code)
		complain(&t, "exit %d: %s", t.d->exit_code, t.d->headline);
	diag_case_free(c);
	return t.complaints;
}

void
diag_check_rows(const struct diag_row *rows, size_t count)
{
	unsigned complaints = 0;

	for (size_t i = 0; i < count; i++)
		complaints += check_row(&rows[i]);
	if (complaints > 0)
		fail_msg("%u complaints", complaints);
}
