/* SPDX-License-Identifier: Apache-2.0 */
#include "explain_topics.h"

#include <errno.h>
#include <stdlib.h>

#include "command_line.h"
#include "core/nearest.h"
#include "core/outcome.h"
#include "finding.h"
#include "helm_lint.h"
#include "page.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum {
	EXIT_USAGE = 2,
	PAGE_TEXT_MAX = 4096,
	SHOWN_MAX = 60, /* bytes of a topic that does not exist */
	NAME_COLUMN = 22,
};

#define T(...)                                                                 \
	{                                                                      \
		{                                                              \
			__VA_ARGS__                                            \
		}                                                              \
	}
static const struct topic {
	const char *name, *aliases;
	struct words title, body;
} topics[] = {
#define TOPIC(NAME, name, aliases, title, body) {name, aliases, title, body},
#include "topics.def"
#undef TOPIC
};

static const struct told {
	struct words means, todo;
} outcomes[OUTCOME_COUNT] = {
#define TOLD(NAME, means, todo) [OUTCOME_##NAME] = {means, todo},
#include "outcomes_told.def"
#undef TOLD
};

/* Words of these pages alone. */
static const struct words word_topics = T("Topics", "トピック");
static const struct words word_more =
    T("Also the id of any finding (DNS-NX), outcome of the gateway "
      "(denied_host) or trap of helm --lint (HELM-TYPE).",
	"診断結果の ID（DNS-NX など）、ゲートウェイの結果（denied_host など）、"
	"helm --lint の指摘（HELM-TYPE など）も指定できます。");
static const struct words word_usage =
    T("sekisho-diag explain TOPIC", "sekisho-diag explain トピック");
static const struct words word_outcome =
    T("outcome of the gateway", "ゲートウェイの結果");
static const struct words word_client =
    T("clients are told", "クライアントへの応答");
static const struct words word_after =
    T("told after the tunnel was opened, in the log and the metrics alone",
	"トンネル確立後の結果（ログとメトリクスだけに記録）");
static const struct words word_trap =
    T("trap of helm --lint", "helm --lint の指摘");
#undef T

struct explain {
	struct page page;
	enum lang lang;
};

/* ---- writing ---- */

static const char *
in_lang(const struct explain *e, const struct words *w)
{
	return w->in[e->lang];
}

static void
heading(const struct explain *e, const char *name, const char *title)
{
	size_t column = page_columns(&e->page, name) + 2;

	page_ink(&e->page, INK_BOLD, name);
	page_pad(&e->page, 0, 2);
	page_wrap(&e->page, column, column, title);
}

/* A line is a paragraph, or, behind two blanks, stands as it is. */
static void
write_line(const struct explain *e, struct span line)
{
	char buf[PAGE_TEXT_MAX];
	struct text t = text_in(buf, sizeof(buf));
	const char *text;

	text_add(&t, line);
	text = text_end(&t);
	if (strncmp(text, "  ", 2) != 0) {
		page_wrap(&e->page, 0, 0, text);
		return;
	}
	page_ink(&e->page, INK_PLAIN, text);
	(void)fputc('\n', e->page.out);
}

static void
write_body(const struct explain *e, const char *body)
{
	for (bool first = true; body != NULL; first = false) {
		size_t len = strcspn(body, "\n");

		if (!first && strncmp(body, "  ", 2) != 0)
			(void)fputc('\n', e->page.out);
		write_line(e, span_of(body, len));
		body = body[len] == '\n' ? body + len + 1 : NULL;
	}
}

/* With commands, what stands at a line's begin may be one: it is kept whole. */
static void
write_part(const struct explain *e, enum word label, const char *template,
    bool commands)
{
	size_t means = page_columns(&e->page, page_word(&e->page, WORD_MEANS)),
	       todo = page_columns(&e->page, page_word(&e->page, WORD_DO));
	char buf[PAGE_TEXT_MAX];
	struct text t = text_in(buf, sizeof(buf));

	template_show(&t, template);
	page_part(&e->page, label, means > todo ? means : todo,
	    (struct part){.text = text_end(&t), .commands = commands});
}

/* ---- the kinds of pages ---- */

static bool
is_alias(const struct topic *t, struct span name)
{
	const char *at = t->aliases;

	while (*at != '\0') {
		size_t len = strcspn(at, " ");

		if (len == name.len && strncasecmp(at, name.ptr, len) == 0)
			return true;
		at += len + (at[len] == ' ');
	}
	return span_is_nocase(name, t->name);
}

static bool
topic_page(const struct explain *e, struct span name)
{
	for (size_t i = 0; i < COUNT(topics); i++) {
		if (!is_alias(&topics[i], name))
			continue;
		heading(e, topics[i].name, in_lang(e, &topics[i].title));
		(void)fputc('\n', e->page.out);
		write_body(e, in_lang(e, &topics[i].body));
		return true;
	}
	return false;
}

static enum word
severity_word(enum severity s)
{
	switch (s) {
	case SEVERITY_ERROR:
		return WORD_ERROR;
	case SEVERITY_WARNING:
		return WORD_WARNING;
	case SEVERITY_INFO:
		break;
	}
	return WORD_INFO;
}

static bool
finding_page(const struct explain *e, struct span name)
{
	const struct finding_text *f;
	enum finding_id id;
	char title[PAGE_TEXT_MAX];
	struct text t = text_in(title, sizeof(title));

	if (!finding_from_str(&id, name))
		return false;
	f = finding_text(id);
	template_show(&t, in_lang(e, &f->title));
	heading(e, f->id, text_end(&t));
	(void)fprintf(e->page.out, "  %s; %s: %s\n",
	    word_str(severity_word(f->severity), e->lang),
	    word_str(WORD_OWNER, e->lang), owner_str(f->owner, e->lang));
	write_part(e, WORD_MEANS, in_lang(e, &f->means), true);
	write_part(e, WORD_DO, in_lang(e, &f->todo), true);
	return true;
}

static bool
outcome_page(const struct explain *e, struct span name)
{
	for (unsigned i = 0; i < OUTCOME_COUNT; i++) {
		enum outcome o = (enum outcome)i;

		if (!span_is_nocase(name, outcome_token(o)))
			continue;
		heading(e, outcome_token(o), in_lang(e, &word_outcome));
		if (outcome_status(o) != 0)
			(void)fprintf(e->page.out, "  %s: %u %s\n",
			    in_lang(e, &word_client), outcome_status(o),
			    outcome_sentence(o));
		else
			(void)fprintf(e->page.out, "  %s: %s\n",
			    in_lang(e, &word_after), outcome_sentence(o));
		write_part(
		    e, WORD_MEANS, in_lang(e, &outcomes[i].means), false);
		write_part(e, WORD_DO, in_lang(e, &outcomes[i].todo), false);
		return true;
	}
	return false;
}

static bool
trap_page(const struct explain *e, struct span name)
{
	for (unsigned i = 0; i < TRAP_COUNT; i++) {
		const struct trap_text *t = trap_text((enum trap_id)i);

		if (!span_is_nocase(name, t->id))
			continue;
		heading(e, t->id, in_lang(e, &word_trap));
		write_part(e, WORD_MEANS, in_lang(e, &t->why), false);
		write_part(e, WORD_DO, in_lang(e, &t->mend), false);
		return true;
	}
	return false;
}

static void
list_page(const struct explain *e)
{
	page_ink(&e->page, INK_BOLD, in_lang(e, &word_topics));
	(void)fprintf(e->page.out, ": %s\n\n", in_lang(e, &word_usage));
	for (size_t i = 0; i < COUNT(topics); i++) {
		page_pad(&e->page, 0, 2);
		page_ink(&e->page, INK_PLAIN, topics[i].name);
		page_pad(&e->page, 2 + strlen(topics[i].name), NAME_COLUMN);
		page_wrap(&e->page, NAME_COLUMN, NAME_COLUMN,
		    in_lang(e, &topics[i].title));
	}
	(void)fputc('\n', e->page.out);
	page_wrap(&e->page, 0, 0, in_lang(e, &word_more));
}

/* ---- what does not exist ---- */

static void
try_topics(struct nearest *near)
{
	for (size_t i = 0; i < COUNT(topics); i++)
		nearest_try(near, topics[i].name);
	for (unsigned i = 0; i < FINDING_COUNT; i++)
		nearest_try(near, finding_text((enum finding_id)i)->id);
	for (unsigned i = 0; i < OUTCOME_COUNT; i++)
		nearest_try(near, outcome_token((enum outcome)i));
	for (unsigned i = 0; i < TRAP_COUNT; i++)
		nearest_try(near, trap_text((enum trap_id)i)->id);
}

static int
no_such_topic(const char *name)
{
	struct nearest near = nearest_to(span_str(name));
	struct options_message message;

	try_topics(&near);
	/* A part of a name may be all that somebody remembers. */
	for (size_t i = 0; near.best == NULL && i < COUNT(topics); i++) {
		if (name[0] != '\0' && strcasestr(topics[i].name, name))
			near.best = topics[i].name;
	}
	options_usage(&message,
	    "explain: no topic \"%.*s\": %s%s%s`sekisho-diag explain` lists "
	    "them",
	    SHOWN_MAX, name, near.best ? "did you mean " : "",
	    near.best ? near.best : "", near.best ? "? " : "");
	return options_finish(OPTIONS_USAGE, &message);
}

/* ---- the command ---- */

struct explain_options {
	const char *topic; /* NULL: none */
	enum lang lang;
};

static bool
apply_lang(void *target, const char *value)
{
	struct explain_options *o = target;

	return strlen(value) == 2 && lang_parse(&o->lang, span_str(value));
}

static bool
apply_topic(void *target, const char *value)
{
	struct explain_options *o = target;

	if (o->topic != NULL)
		return false;
	o->topic = value;
	return true;
}

static const struct option_row rows[] = {
    {"lang", "LANG", "en or ja", "en or ja", apply_lang, 0, false},
};

static enum options_end
options_parse(struct explain_options *o, int argc, char **argv,
    struct options_message *message)
{
	const struct command_line line = {
	    .head = "Usage: sekisho-diag explain [TOPIC] [OPTION]…\n"
		    "What a topic, a finding, an outcome of the gateway or a "
		    "trap is about;\nwithout a topic, which there are.\n\n",
	    .tail = "\nExit codes: 0 shown, 2 usage or no such topic.\n",
	    .tables = {{rows, COUNT(rows), o}},
	    .table_count = 1,
	    .operand = apply_topic,
	    .operand_target = o,
	    .operand_accepts = "one topic",
	};

	return command_line_parse(&line, argc, argv, message);
}

static const char *
read_environment(void *arg, const char *name)
{
	(void)arg;
	return getenv(name);
}

static int
run(const struct explain_options *o)
{
	static const struct check_options plain = {.colour = COLOUR_AUTO};
	struct report_style style =
	    report_style_for(stdout, &plain, read_environment, NULL);
	struct explain e = {
	    .page = page_on(stdout, &style, o->lang), .lang = o->lang};
	struct span name = span_str(o->topic ? o->topic : "");

	if (o->topic == NULL)
		list_page(&e);
	else if (!topic_page(&e, name) && !finding_page(&e, name) &&
		 !outcome_page(&e, name) && !trap_page(&e, name))
		return no_such_topic(o->topic);
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return 0;
	(void)fprintf(stderr, "sekisho-diag: standard output: %s\n",
	    strerrordesc_np(errno));
	return EXIT_USAGE;
}

int
explain_main(int argc, char **argv)
{
	struct explain_options o = {.lang = lang_from_environment()};
	struct options_message message;
	enum options_end end = options_parse(&o, argc, argv, &message);

	return end == OPTIONS_RUN ? run(&o) : options_finish(end, &message);
}
