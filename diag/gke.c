/* SPDX-License-Identifier: Apache-2.0 */
#include "gke.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command_line.h"
#include "gke_facts.h"
#include "gke_json.h"
#include "gke_print.h"
#include "lang.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum {
	EXIT_NOT_LET_IN = 1,
	EXIT_USAGE = 2,
	EXIT_CANNOT_TELL = 5,
};

struct gke_options {
	struct gke_facts facts;
	const char *rules, *nodes; /* FILE or "-"; NULL: not given */
	enum lang lang;
};

/* ---- options ---- */

static bool
apply_text(struct gke_value *value, const char *text)
{
	value->origin = GKE_NOT_KNOWN; /* the last one counts */
	gke_fact(value, text, GKE_FROM_FLAG);
	return value->origin == GKE_FROM_FLAG;
}

#define APPLY_FACT(field)                                                      \
	static bool apply_##field(void *target, const char *value)             \
	{                                                                      \
		struct gke_options *o = target;                                \
                                                                               \
		return apply_text(&o->facts.field, value);                     \
	}
APPLY_FACT(cluster)
APPLY_FACT(location)
APPLY_FACT(project)
APPLY_FACT(network)
APPLY_FACT(tags)
#undef APPLY_FACT

static bool
apply_cidr(void *target, const char *value)
{
	struct gke_options *o = target;
	struct gke_packet packet = {.source_count = 0};

	return gke_sources_parse(&packet, value) &&
	       apply_text(&o->facts.cidr, value);
}

static bool
apply_rules(void *target, const char *value)
{
	((struct gke_options *)target)->rules = value;
	return value[0] != '\0';
}

static bool
apply_nodes(void *target, const char *value)
{
	((struct gke_options *)target)->nodes = value;
	return value[0] != '\0';
}

static bool
apply_lang(void *target, const char *value)
{
	struct gke_options *o = target;

	return strlen(value) == 2 && lang_parse(&o->lang, span_str(value));
}

static const struct option_row rows[] = {
    {"cluster", "NAME", "the name of a GKE cluster", "the cluster",
	apply_cluster, 0, false},
    {"location", "LOCATION", "a region or zone", "its region or zone",
	apply_location, 0, false},
    {"project", "ID", "a project's id", "its project", apply_project, 0, false},
    {"network", "NAME", "the name of a VPC network", "its VPC network",
	apply_network, 0, false},
    {"control-plane-cidr", "CIDR[,CIDR…]",
	"address ranges such as 172.16.0.0/28",
	"where the control plane comes from", apply_cidr, 0, false},
    {"target-tags", "TAG[,TAG…]", "network tags of the nodes",
	"tags of the nodes", apply_tags, 0, false},
    {"rules", "FILE", "a file, or - for standard input",
	"judge these rules: gcloud compute firewall-rules list --format=json",
	apply_rules, 0, false},
    {"nodes", "FILE", "a file, or - for standard input",
	"tags and network from: gcloud compute instances list --format=json",
	apply_nodes, 0, false},
    {"lang", "LANG", "en or ja", "en or ja", apply_lang, 0, false},
};

static enum options_end
parse(struct gke_options *o, int argc, char **argv,
    struct options_message *message)
{
	const struct command_line line = {
	    .head = "Usage: sekisho-diag gke [OPTION]…\n"
		    "The firewall rule that a private GKE cluster needs for "
		    "the admission webhook,\nand whether it is there.\n\n",
	    .tail = "\nWhat is not given is asked of the metadata server, "
		    "where there is one.\nExit codes: 0, and with --rules: 0 "
		    "let in, 1 not let in, 5 cannot tell; 2 usage.\n",
	    .tables = {{rows, COUNT(rows), o}},
	    .table_count = 1,
	};
	enum options_end end = command_line_parse(&line, argc, argv, message);

	if (end != OPTIONS_RUN)
		return end;
	if (o->rules != NULL && o->nodes != NULL &&
	    strcmp(o->rules, "-") == 0 && strcmp(o->nodes, "-") == 0) {
		options_usage(message, "--rules - and --nodes -: standard "
				       "input can be read once");
		return OPTIONS_USAGE;
	}
	return OPTIONS_RUN;
}

/* ---- files ---- */

/* The whole file; NULL after a message. */
static char *
read_file(const char *option, const char *path, size_t *len)
{
	bool standard = strcmp(path, "-") == 0;
	FILE *in = standard ? stdin : fopen(path, "re");
	char *text = in != NULL ? malloc(GKE_JSON_MAX + 1) : NULL;

	*len = text != NULL ? fread(text, 1, GKE_JSON_MAX + 1, in) : 0;
	if (text == NULL || ferror(in) != 0 || *len > GKE_JSON_MAX) {
		(void)fprintf(stderr, "sekisho-diag: %s %s: cannot read: %s\n",
		    option, path,
		    *len > GKE_JSON_MAX ? "more than 16 MiB"
					: strerrordesc_np(errno));
		free(text);
		text = NULL;
	}
	if (in != NULL && !standard)
		(void)fclose(in);
	return text;
}

/* True when there is nothing to read, too. */
static bool
read_json(const char *option, const char *path, struct gke_json **json,
    struct gke_json *(*parse_json)(
	void *out, struct span text, char *error, size_t len),
    void *out)
{
	char error[512];
	size_t len;
	char *text;

	if (path == NULL)
		return true;
	text = read_file(option, path, &len);
	if (text == NULL)
		return false;
	*json = parse_json(out, span_of(text, len), error, sizeof(error));
	free(text);
	if (*json == NULL)
		(void)fprintf(
		    stderr, "sekisho-diag: %s %s: %s\n", option, path, error);
	return *json != NULL;
}

static struct gke_json *
parse_rules(void *out, struct span text, char *error, size_t len)
{
	return gke_json_rules(out, text, error, len);
}

static struct gke_json *
parse_nodes(void *out, struct span text, char *error, size_t len)
{
	return gke_json_nodes(out, text, error, len);
}

/* ---- judgement ---- */

struct work {
	struct gke_options options;
	struct gke_rules rules;
	struct gke_nodes nodes;
	struct gke_json *rules_json, *nodes_json;
	/* Tags of flags, split up. */
	char tags_text[GKE_VALUE_MAX];
	const char *tags[GKE_TAGS_MAX];
	struct gke_view view;
};

static struct gke_list
split_tags(struct work *w)
{
	struct gke_list list = {w->tags, 0};
	char *save = NULL, *tag;

	memcpy(w->tags_text, w->options.facts.tags.text, sizeof(w->tags_text));
	for (tag = strtok_r(w->tags_text, ",", &save);
	     tag != NULL && list.count < GKE_TAGS_MAX;
	     tag = strtok_r(NULL, ",", &save))
		w->tags[list.count++] = tag;
	return list;
}

static struct gke_packet
usual_packet(struct work *w)
{
	const struct gke_facts *f = &w->options.facts;
	struct gke_packet p = {.port = 8443};

	p.network = f->network.text[0] ? f->network.text : NULL;
	if (!gke_sources_parse(&p, f->cidr.text))
		p.source_count = 0; /* more than can be judged: not known */
	p.tags_known = f->tags.text[0] != '\0';
	p.tags_partial = f->tags.origin == GKE_FROM_RULE;
	p.tags = split_tags(w);
	return p;
}

/* Worse answers first: what holds for the cluster must hold for each node. */
static int
badness(enum gke_verdict v)
{
	switch (v) {
	case GKE_LET_IN:
		return 0;
	case GKE_UNKNOWN:
		return 1;
	case GKE_PARTLY:
		return 2;
	case GKE_NOT:
		return 3;
	}
	return 1;
}

static void
judge_node(
    struct work *w, const struct gke_packet *usual, const struct gke_node *node)
{
	struct gke_packet p = *usual;
	struct gke_answer a;

	p.network = node->network;
	p.tags_known = p.accounts_known = true;
	p.tags_partial = false;
	p.tags = node->tags;
	p.accounts = node->accounts;
	gke_judge(&a, &w->rules, &p);
	if (w->view.node != NULL &&
	    badness(a.verdict) <= badness(w->view.answer.verdict))
		return;
	w->view.answer = a;
	w->view.node = node->name;
}

static void
judge(struct work *w)
{
	struct gke_packet usual = usual_packet(w);

	for (size_t i = 0; i < w->nodes.count; i++) {
		if (gke_is_node(&w->options.facts, &w->nodes.nodes[i]))
			judge_node(w, &usual, &w->nodes.nodes[i]);
	}
	if (w->view.node == NULL)
		gke_judge(&w->view.answer, &w->rules, &usual);
	w->view.judged = true;
}

static int
exit_code(const struct gke_view *view)
{
	if (!view->judged)
		return 0;
	switch (view->answer.verdict) {
	case GKE_LET_IN:
		return 0;
	case GKE_NOT:
		return EXIT_NOT_LET_IN;
	case GKE_PARTLY:
	case GKE_UNKNOWN:
		break;
	}
	return EXIT_CANNOT_TELL;
}

static int
run(struct work *w)
{
	struct gke_options *o = &w->options;

	if (!read_json(
		"--rules", o->rules, &w->rules_json, parse_rules, &w->rules) ||
	    !read_json(
		"--nodes", o->nodes, &w->nodes_json, parse_nodes, &w->nodes))
		return EXIT_USAGE;
	gke_facts_of_rules(&o->facts, &w->rules);
	gke_facts_of_nodes(&o->facts, &w->nodes);
	gke_facts_of_metadata(&o->facts);
	if (o->rules != NULL)
		judge(w);
	w->view.facts = &o->facts;
	gke_print(stdout, &w->view, o->lang);
	if (fflush(stdout) != 0 || ferror(stdout) != 0) {
		(void)fprintf(stderr, "sekisho-diag: standard output: %s\n",
		    strerrordesc_np(errno));
		return EXIT_CANNOT_TELL;
	}
	return exit_code(&w->view);
}

int
gke_main(int argc, char **argv)
{
	struct work *w = calloc(1, sizeof(*w));
	struct options_message message;
	enum options_end end;
	int code;

	if (w == NULL) {
		(void)fputs("sekisho-diag: out of memory\n", stderr);
		return EXIT_CANNOT_TELL;
	}
	w->options.lang = lang_from_environment();
	end = parse(&w->options, argc, argv, &message);
	code = end == OPTIONS_RUN ? run(w) : options_finish(end, &message);
	gke_json_free(w->rules_json);
	gke_json_free(w->nodes_json);
	free(w);
	return code;
}
