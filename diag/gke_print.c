/* SPDX-License-Identifier: Apache-2.0 */
#include "gke_print.h"

#include <string.h>

#include "finding.h"
#include "gke_command.h"

enum gke_word {
#define GKE_WORD(name, en, ja) GKE_WORD_##name,
#include "gke_words.def"
#undef GKE_WORD
	GKE_WORD_COUNT,
};

static const struct words words[GKE_WORD_COUNT] = {
#define GKE_WORD(name, en, ja) [GKE_WORD_##name] = {{en, ja}},
#include "gke_words.def"
#undef GKE_WORD
};

struct sheet {
	FILE *out;
	enum lang lang;
	const struct gke_view *view;
};

static const char *
say(const struct sheet *s, enum gke_word word)
{
	return words[word].in[s->lang];
}

static void
line(const struct sheet *s, enum gke_word word, const struct facts *facts)
{
	char buf[2048];
	struct text out = text_in(buf, sizeof(buf));

	(void)template_fill(&out, say(s, word), facts);
	(void)fprintf(s->out, "%s\n", text_end(&out));
}

static void
missing_fact(const struct sheet *s, struct facts *facts, unsigned missing)
{
	static const enum gke_word names[] = {GKE_WORD_NETWORK, GKE_WORD_RANGE,
	    GKE_WORD_TAGS, GKE_WORD_ACCOUNTS, GKE_WORD_DESTINATION};
	char buf[FACT_MAX];
	struct text out = text_in(buf, sizeof(buf));

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((missing & 1U << i) == 0)
			continue;
		text_str(&out, out.len > 0 ? ", " : "");
		text_str(&out, say(s, names[i]));
	}
	fact_set(facts, "missing", text_end(&out));
}

static enum gke_word
verdict_word_of(enum gke_verdict verdict)
{
	switch (verdict) {
	case GKE_LET_IN:
		return GKE_WORD_LET_IN;
	case GKE_NOT:
		return GKE_WORD_DENIED;
	case GKE_PARTLY:
		return GKE_WORD_PARTLY;
	case GKE_UNKNOWN:
		return GKE_WORD_UNKNOWN;
	}
	return GKE_WORD_UNKNOWN;
}

static void
print_verdict(const struct sheet *s)
{
	const struct gke_answer *a = &s->view->answer;
	const char *sources = s->view->facts->cidr.text;
	struct facts facts = {.count = 0};

	if (!s->view->judged) {
		line(s, GKE_WORD_NO_RULES, &facts);
		return;
	}
	fact_set(&facts, "sources",
	    sources[0] ? sources : say(s, GKE_WORD_FROM_NOWHERE));
	if (a->rule != NULL) {
		fact_set(&facts, "rule", a->rule->name);
		fact_setf(
		    &facts, "priority", "%u", (unsigned)a->rule->priority);
	}
	fact_set(&facts, "let_in", a->let_in);
	fact_set(&facts, "kept_out", a->kept_out);
	missing_fact(s, &facts, a->missing);
	line(s, verdict_word_of(a->verdict), &facts);
	if (s->view->node == NULL || a->verdict == GKE_LET_IN)
		return;
	fact_set(&facts, "node", s->view->node);
	line(s, GKE_WORD_NODE, &facts);
}

static void
print_fact(
    const struct sheet *s, enum gke_word name, const struct gke_value *value)
{
	static const enum gke_word origins[] = {
	    [GKE_NOT_KNOWN] = GKE_WORD_FROM_NOWHERE,
	    [GKE_FROM_FLAG] = GKE_WORD_FROM_FLAG,
	    [GKE_FROM_RULE] = GKE_WORD_FROM_RULE,
	    [GKE_FROM_NODES] = GKE_WORD_FROM_NODES,
	    [GKE_FROM_METADATA] = GKE_WORD_FROM_METADATA,
	};
	const char *origin = say(s, origins[value->origin]);

	if (value->origin == GKE_NOT_KNOWN)
		(void)fprintf(s->out, "  %s: %s\n", say(s, name), origin);
	else
		(void)fprintf(s->out, "  %s: %s (%s)\n", say(s, name),
		    value->text, origin);
}

static void
heading(const struct sheet *s, enum gke_word word)
{
	(void)fprintf(s->out, "\n%s:\n", say(s, word));
}

static void
print_metadata(const struct sheet *s)
{
	static const enum gke_word notes[] = {
	    [GKE_METADATA_ABSENT] = GKE_WORD_META_ABSENT,
	    [GKE_METADATA_NO_GKE] = GKE_WORD_META_NO_GKE,
	    [GKE_METADATA_OTHER] = GKE_WORD_META_OTHER,
	    [GKE_METADATA_FORGED] = GKE_WORD_META_FORGED,
	};
	enum gke_metadata m = s->view->facts->metadata;

	if (m != GKE_METADATA_NOT_ASKED && m != GKE_METADATA_ANSWERS)
		(void)fprintf(s->out, "  %s\n", say(s, notes[m]));
}

static void
print_known(const struct sheet *s)
{
	const struct gke_facts *f = s->view->facts;

	heading(s, GKE_WORD_KNOWN);
	print_fact(s, GKE_WORD_CLUSTER, &f->cluster);
	print_fact(s, GKE_WORD_LOCATION, &f->location);
	print_fact(s, GKE_WORD_PROJECT, &f->project);
	print_fact(s, GKE_WORD_NETWORK, &f->network);
	print_fact(s, GKE_WORD_RANGE, &f->cidr);
	print_fact(s, GKE_WORD_TAGS, &f->tags);
	print_metadata(s);
}

/* A block of commands, ready to be copied; nothing when it is empty. */
static void
commands(const struct sheet *s, enum gke_word word,
    void (*write)(struct text *out, const struct gke_facts *f))
{
	char buf[4096];
	struct text out = text_in(buf, sizeof(buf));

	write(&out, s->view->facts);
	if (out.len == 0)
		return;
	heading(s, word);
	(void)fputs(text_end(&out), s->out);
}

static void
print_notes(const struct sheet *s)
{
	static const enum gke_word notes[] = {GKE_WORD_NOTE_PSC,
	    GKE_WORD_NOTE_KONNECTIVITY, GKE_WORD_NOTE_AUTOPILOT,
	    GKE_WORD_NOTE_SHARED, GKE_WORD_NOTE_UPDATE};

	heading(s, GKE_WORD_NOTES);
	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
		(void)fprintf(s->out, "  %s\n", say(s, notes[i]));
}

void
gke_print(FILE *out, const struct gke_view *view, enum lang lang)
{
	const struct sheet s = {out, lang, view};
	const struct facts none = {.count = 0};
	bool fine = view->judged && view->answer.verdict == GKE_LET_IN;

	print_verdict(&s);
	line(&s, fine ? GKE_WORD_NOTHING_TO_DO : GKE_WORD_NO_CURE, &none);
	print_known(&s);
	if (!fine) {
		commands(&s, GKE_WORD_FIND, gke_command_find);
		commands(&s, GKE_WORD_COMMAND, gke_command_create);
	}
	commands(&s, GKE_WORD_SHOW, gke_command_show);
	if (!view->judged)
		commands(&s, GKE_WORD_JUDGE, gke_command_judge);
	commands(&s, GKE_WORD_POLICIES, gke_command_policies);
	commands(&s, GKE_WORD_PROVE, gke_command_prove);
	print_notes(&s);
}
