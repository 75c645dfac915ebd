/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/text.h"

bool
finding_is_credential(enum finding_id id)
{
	return id == FINDING_HTTP_401_KEY || id == FINDING_HTTP_401_IP ||
	       id == FINDING_HTTP_401_REGION || id == FINDING_HTTP_403_KEY ||
	       id == FINDING_HTTP_KEYFMT;
}

/* An endpoint that a cause of severity error concerns is bad, unless it is the
 * key that was refused: then the network did its work. */
static enum tri
endpoint_state(const struct diagnosis *d, const struct endpoint_view *v)
{
	if (v->cause != SIZE_MAX) {
		const struct finding *f = &d->findings[v->cause];

		if (f->severity == SEVERITY_ERROR &&
		    !finding_is_credential(f->id))
			return TRI_NO;
	}
	return v->reachable;
}

static void
count_endpoints(const struct run *run, struct diagnosis *d)
{
	for (size_t i = 0; i < run->endpoint_count; i++) {
		if (run->endpoints[i].target->comparison)
			continue;
		switch (endpoint_state(d, &d->views[i])) {
		case TRI_YES:
			d->ok_count++;
			break;
		case TRI_NO:
			d->bad_count++;
			break;
		case TRI_UNKNOWN:
			d->unknown_count++;
			break;
		}
	}
}

static void
add_owner(struct diagnosis *d, enum owner owner)
{
	if (owner == OWNER_NONE)
		return;
	for (size_t i = 0; i < d->owner_count; i++) {
		if (d->owners[i] == owner)
			return;
	}
	d->owners[d->owner_count++] = owner;
}

/* Findings come errors first; warnings name an owner only when there is no
 * error: first things first. */
static void
find_owners(struct diagnosis *d)
{
	for (size_t i = 0; i < d->finding_count; i++) {
		const struct finding *f = &d->findings[i];

		if (f->severity == SEVERITY_ERROR ||
		    (f->severity == SEVERITY_WARNING && d->error_count == 0))
			add_owner(d, f->owner);
	}
}

static void
add_consequence(
    struct diagnosis *d, const struct allowlist_category *about, enum tri lost)
{
	struct consequence *c;

	for (size_t i = 0; i < d->consequence_count; i++) {
		c = &d->consequences[i];
		if (c->about != about)
			continue;
		if (lost == TRI_YES)
			c->lost = TRI_YES;
		return;
	}
	c = &d->consequences[d->consequence_count++];
	c->about = about;
	c->lost = lost;
	c->title = d->lang == LANG_JA ? about->title_ja : about->title_en;
	c->text =
	    d->lang == LANG_JA ? about->consequence_ja : about->consequence_en;
}

static int
by_importance(const void *a, const void *b)
{
	const struct consequence *x = a, *y = b;

	if (x->lost != y->lost)
		return x->lost == TRI_YES ? -1 : 1;
	/* Categories stand in their file in order of importance. */
	return (x->about > y->about) - (x->about < y->about);
}

static bool
find_consequences(const struct run *run, struct diagnosis *d)
{
	size_t room = run->endpoint_count ? run->endpoint_count : 1;

	d->consequences = calloc(room, sizeof(*d->consequences));
	if (d->consequences == NULL)
		return false;
	for (size_t i = 0; i < run->endpoint_count; i++) {
		const struct target *t = run->endpoints[i].target;
		enum tri state = endpoint_state(d, &d->views[i]);

		if (t->about == NULL || t->comparison || state == TRI_YES)
			continue;
		add_consequence(
		    d, t->about, state == TRI_NO ? TRI_YES : TRI_UNKNOWN);
	}
	qsort(d->consequences, d->consequence_count, sizeof(*d->consequences),
	    by_importance);
	return true;
}

static bool
has_credential_error(const struct diagnosis *d)
{
	for (size_t i = 0; i < d->finding_count; i++) {
		if (d->findings[i].severity == SEVERITY_ERROR &&
		    finding_is_credential(d->findings[i].id))
			return true;
	}
	return false;
}

/* Errors that concern no endpoint of the way in question count too. */
static bool
has_network_error(const struct diagnosis *d)
{
	for (size_t i = 0; i < d->finding_count; i++) {
		if (d->findings[i].severity == SEVERITY_ERROR &&
		    !finding_is_credential(d->findings[i].id))
			return true;
	}
	return false;
}

/* The command auth is about the key: what was not said of it is not known. */
static bool
key_is_open(const struct run *run, const struct diagnosis *d)
{
	if (!run->plan->options->auth)
		return false;
	for (size_t i = 0; i < d->finding_count; i++) {
		const struct finding *f = &d->findings[i];

		for (size_t e = 0; e < f->endpoint_count; e++) {
			if (f->id == FINDING_HTTP_KEY_OK &&
			    !run->endpoints[f->endpoints[e]].target->comparison)
				return false;
		}
	}
	return true;
}

static enum verdict
choose(const struct run *run, const struct diagnosis *d)
{
	if (run->end == RUN_INTERRUPTED)
		return VERDICT_INTERRUPTED;
	if (d->bad_count > 0 || has_network_error(d))
		return VERDICT_NOT_READY;
	if (has_credential_error(d))
		return VERDICT_CREDENTIAL;
	if (d->unknown_count > 0 || run->endpoint_count == 0 ||
	    key_is_open(run, d))
		return VERDICT_UNKNOWN;
	return d->warning_count > 0 ? VERDICT_READY_WARNINGS : VERDICT_READY;
}

static int
exit_code(const struct run *run, enum verdict v)
{
	switch (v) {
	case VERDICT_READY:
		return 0;
	case VERDICT_READY_WARNINGS:
		return run->plan->options->strict ? 3 : 0;
	case VERDICT_NOT_READY:
		return 1;
	case VERDICT_CREDENTIAL:
		return 4;
	case VERDICT_UNKNOWN:
		return 5;
	case VERDICT_INTERRUPTED:
		return 130;
	}
	return 5;
}

const char *
verdict_str(enum verdict v)
{
	switch (v) {
	case VERDICT_READY:
		return "ready";
	case VERDICT_READY_WARNINGS:
		return "ready-with-warnings";
	case VERDICT_NOT_READY:
		return "not-ready";
	case VERDICT_CREDENTIAL:
		return "credential-refused";
	case VERDICT_UNKNOWN:
		return "cannot-tell";
	case VERDICT_INTERRUPTED:
		return "interrupted";
	}
	return "cannot-tell";
}

enum word
verdict_word(enum verdict v)
{
	switch (v) {
	case VERDICT_READY:
		return WORD_READY;
	case VERDICT_READY_WARNINGS:
		return WORD_READY_WARNINGS;
	case VERDICT_NOT_READY:
		return WORD_NOT_READY;
	case VERDICT_CREDENTIAL:
		return WORD_CREDENTIAL_REFUSED;
	case VERDICT_UNKNOWN:
		return WORD_CANNOT_TELL;
	case VERDICT_INTERRUPTED:
		return WORD_INTERRUPTED;
	}
	return WORD_CANNOT_TELL;
}

const char *
cell_str(enum cell c)
{
	switch (c) {
	case CELL_SKIPPED:
		return "skipped";
	case CELL_OK:
		return "ok";
	case CELL_BAD:
		return "bad";
	case CELL_UNKNOWN:
		return "unknown";
	}
	return "unknown";
}

/* The sentence without its final stop, up to the colon that begins details. */
static struct span
clause(const char *text, bool short_one)
{
	size_t len = short_one ? strcspn(text, ":") : strlen(text);

	if (len > 0 && text[len - 1] == '.')
		len--;
	if (len >= 3 && memcmp(text + len - 3, "。", 3) == 0)
		len -= 3;
	return span_of(text, len);
}

/* The headline: what it means, how many, who has to act. */
static const struct words impact = {
    {"{lost:{lost}}{many: (and {many} more affected)}{lost:. }",
	"{lost:{lost}}{many:（ほか {many} 件）}{lost:。}"}};
static const struct words counts[] = {
    [VERDICT_READY] = {{"{ok} of {all} endpoints are reachable and have "
			"proven to be the service.",
	"{all} 件中 {ok} 件の接続先に到達でき、本物と確認しました。"}},
    [VERDICT_READY_WARNINGS] = {{"{ok} of {all} endpoints are reachable and "
				 "have proven to be the service.",
	"{all} 件中 {ok} 件の接続先に到達でき、本物と確認しました。"}},
    [VERDICT_NOT_READY] = {{"{causes} {one:cause}{!one:causes}, {bad} of "
			    "{all} hosts.",
	"原因 {causes} 件、{all} ホスト中 {bad}。"}},
    [VERDICT_CREDENTIAL] = {{"the network is fine ({ok} of {all} endpoints), "
			     "the API key is not accepted.",
	"ネットワークは正常（{all} 件中 {ok} 件）、API キーが使えません。"}},
    [VERDICT_UNKNOWN] = {{"{unknown} of {all} hosts could not be judged.",
	"{all} ホスト中 {unknown} を判定できません。"}},
    [VERDICT_INTERRUPTED] = {{"{ok} of {all} hosts were found reachable so "
			      "far.",
	"{all} ホスト中 {ok} を到達可能と確認済み。"}},
};

/* The same of the command auth, where it is about the key alone. */
static const struct words key_accepted = {
    {"{region}: the service accepts the API key.",
	"{region} のサービスが API キーを受け付けました。"}};
static const struct words key_open = {
    {"the API key was neither accepted nor refused by the service.",
	"サービスは API キーを受理も拒否もしていません。"}};

/* And of the command webhook. */
static const struct words webhook_fine = {
    {"the webhook answers with the right certificate.",
	"Webhook は正しい証明書で応答しています。"}};

static const struct words *
counts_of(const struct run *run, enum verdict v)
{
	if (run->plan->options->webhook != NULL && v == VERDICT_READY)
		return &webhook_fine;
	if (run->plan->options->auth && v == VERDICT_UNKNOWN)
		return &key_open;
	if (run->plan->options->auth &&
	    (v == VERDICT_READY || v == VERDICT_READY_WARNINGS))
		return &key_accepted;
	return &counts[v];
}

static void
set_number(struct facts *f, const char *key, size_t n)
{
	fact_setf(f, key, "%zu", n);
}

static void
impact_facts(struct facts *f, const struct diagnosis *d)
{
	size_t count = d->consequence_count;
	struct span s;

	if (count == 0)
		return;
	s = d->consequences[0].lost == TRI_YES
		? clause(d->consequences[0].text, count > 1)
		: span_str(d->consequences[0].title);
	fact_setf(f, "lost", "%.*s", SPAN_ARG(s));
	if (count > 1)
		set_number(f, "many", count - 1);
}

static void
count_facts(struct facts *f, const struct diagnosis *d)
{
	set_number(f, "all", d->ok_count + d->bad_count + d->unknown_count);
	set_number(f, "ok", d->ok_count);
	set_number(f, "bad", d->bad_count);
	set_number(f, "unknown", d->unknown_count);
	set_number(f, "causes", d->error_count);
	if (d->error_count == 1)
		fact_set(f, "one", "yes");
}

static void
add_owners(struct text *out, const struct diagnosis *d)
{
	bool ja = d->lang == LANG_JA;

	if (d->owner_count == 0)
		return;
	text_str(out, ja ? "" : " ");
	text_str(out, word_str(WORD_OWNER, d->lang));
	text_str(out, ": ");
	for (size_t i = 0; i < d->owner_count; i++) {
		text_str(out, i == 0 ? "" : ja ? "、" : ", ");
		text_str(out, owner_str(d->owners[i], d->lang));
	}
	text_str(out, ja ? "" : ".");
}

static void
write_headline(const struct run *run, struct diagnosis *d)
{
	struct text out = text_in(d->headline, sizeof(d->headline));
	struct facts facts = {.count = 0};

	text_str(&out, word_str(verdict_word(d->verdict), d->lang));
	text_str(&out, ": ");
	if (d->verdict == VERDICT_NOT_READY || d->verdict == VERDICT_UNKNOWN)
		impact_facts(&facts, d);
	count_facts(&facts, d);
	(void)template_fill(&out, impact.in[d->lang], &facts);
	fact_set(&facts, "region", run->plan->options->regions[0]);
	(void)template_fill(
	    &out, counts_of(run, d->verdict)->in[d->lang], &facts);
	if (d->verdict != VERDICT_READY)
		add_owners(&out, d);
	(void)text_end(&out);
}

bool
verdict_decide(const struct run *run, struct diagnosis *d)
{
	for (size_t i = 0; i < d->finding_count; i++) {
		d->error_count += d->findings[i].severity == SEVERITY_ERROR;
		d->warning_count += d->findings[i].severity == SEVERITY_WARNING;
	}
	count_endpoints(run, d);
	find_owners(d);
	if (!find_consequences(run, d))
		return false;
	d->verdict = choose(run, d);
	d->exit_code = exit_code(run, d->verdict);
	write_headline(run, d);
	return true;
}
