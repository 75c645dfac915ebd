/* SPDX-License-Identifier: Apache-2.0 */
#include "list.h"

#include <errno.h>

#include "command_line.h"
#include "core/text.h"
#include "list_form.h"
#include "options.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum {
	EXIT_USAGE = 2,
	WORDS_MAX = 16,
	WORD_MAX = 64,
};

/* Words of an option that may be repeated. */
struct word_list {
	char words[WORDS_MAX][WORD_MAX];
	const char *items[WORDS_MAX]; /* into words */
	size_t count;
};

struct list_options {
	struct word_list regions, sets;
	unsigned features;
	const char *allowlist_dir;
	bool has_proxy;
	struct proxy_url proxy;
	size_t form; /* index into forms */
};

static const struct {
	const char *name;
	list_form_fn write;
	bool needs_proxy;
} forms[] = {
    {"text", list_text, false},
    {"tsv", list_tsv, false},
    {"json", list_json, false},
    {"squid", list_squid, false},
    {"cilium", list_cilium, false},
    {"networkpolicy-note", list_networkpolicy, false},
    {"gcp-fqdn", list_gcp, false},
    {"aws-network-firewall", list_aws, false},
    {"azure-firewall", list_azure, false},
    {"pac", list_pac, true},
};

/* ---- options ---- */

static bool
word_add(void *target, struct span part)
{
	struct word_list *w = target;

	if (w->count == WORDS_MAX || part.len >= WORD_MAX)
		return false;
	memcpy(w->words[w->count], part.ptr, part.len);
	w->words[w->count][part.len] = '\0';
	w->items[w->count] = w->words[w->count];
	w->count++;
	return true;
}

static bool
apply_region(void *target, const char *value)
{
	struct list_options *o = target;

	return option_parts(&o->regions, value, word_add);
}

static bool
apply_sets(void *target, const char *value)
{
	struct list_options *o = target;

	return option_parts(&o->sets, value, word_add);
}

static bool
apply_feature(void *target, const char *value)
{
	struct list_options *o = target;

	return features_parse(&o->features, value);
}

static bool
apply_dir(void *target, const char *value)
{
	struct list_options *o = target;

	o->allowlist_dir = value;
	return value[0] != '\0';
}

static bool
apply_proxy(void *target, const char *value)
{
	struct list_options *o = target;

	o->has_proxy =
	    proxy_url_parse(&o->proxy, span_str(value)) == PROXY_URL_OK;
	return o->has_proxy;
}

static bool
apply_format(void *target, const char *value)
{
	struct list_options *o = target;

	for (o->form = 0; o->form < COUNT(forms); o->form++) {
		if (strcmp(value, forms[o->form].name) == 0)
			return true;
	}
	return false;
}

#define FORMS                                                                  \
	"text, tsv, json, squid, cilium, networkpolicy-note, gcp-fqdn, "       \
	"aws-network-firewall, azure-firewall or pac"

static const struct option_row rows[] = {
    {"region", "R[,R…]", "region codes such as us-1, or all",
	"the endpoints of these regions; all = every region", apply_region, 0,
	false},
    {"feature", "F[,F…]",
	"admission, runtime, vulnerability-scan, artifact-scanner, "
	"telemetry, images or all",
	"only those of these features (admission is always on)", apply_feature,
	0, false},
    {"sets", "S[,S…]", "names of opt-in sets such as registry-cdn",
	"opt-in sets too, such as registry-cdn", apply_sets, 0, false},
    {"allowlist-dir", "DIR", "a directory with cloudone/*.ini",
	"read the endpoint lists from here", apply_dir, 0, false},
    {"proxy", "URL", "http://, https:// or socks5://HOST:PORT",
	"the gateway, for pac (needed) and networkpolicy-note", apply_proxy, 0,
	true},
    {"format", "FORMAT", FORMS, FORMS " (text)", apply_format, 0, false},
};

static enum options_end
options_parse(struct list_options *o, int argc, char **argv,
    struct options_message *message)
{
	const struct command_line line = {
	    .head = "Usage: sekisho-diag list --region R[,R…] [OPTION]…\n"
		    "The endpoints, in the form that other systems take.\n\n",
	    .tail = "\nExit codes: 0 printed, 2 usage or lists that cannot be "
		    "read.\n",
	    .tables = {{rows, COUNT(rows), o}},
	    .table_count = 1,
	};
	enum options_end end = command_line_parse(&line, argc, argv, message);

	if (end != OPTIONS_RUN)
		return end;
	if (o->regions.count == 0)
		options_usage(message, "--region is missing: region codes such "
				       "as us-1, or all");
	else if (forms[o->form].needs_proxy && !o->has_proxy)
		options_usage(message,
		    "--proxy is missing: --format %s needs the gateway's URL, "
		    "such as http://gateway.example:3128",
		    forms[o->form].name);
	else
		return OPTIONS_RUN;
	return OPTIONS_USAGE;
}

/* ---- what the forms share ---- */

const char *
list_features(unsigned features, char *buf)
{
	struct text t = text_in(buf, LIST_WORDS_MAX);

	for (unsigned bit = 1; bit <= FEATURE_ALL; bit <<= 1) {
		if ((features & bit) == 0)
			continue;
		text_str(&t, t.len > 0 ? "," : "");
		text_str(&t, feature_name(bit));
	}
	return text_end(&t);
}

const char *
list_date(const struct list *l)
{
	return allowlist_date(policy_catalog(l->policy));
}

const char *
list_source(const struct list *l)
{
	const char *date = list_date(l);

	for (size_t i = 0; i < l->count; i++) {
		const struct allowlist_entry *e = l->rules[i].entry;

		if (e->origin == ORIGIN_PUBLISHED && e->date != NULL &&
		    strcmp(e->date, date) == 0)
			return e->source;
	}
	return "unknown";
}

/* Text of a list's file, which may be an operator's, without anything that
 * could end a comment or a quoted string. */
static void
add_plain(struct text *t, const char *s)
{
	for (; *s != '\0'; s++) {
		bool plain = *s >= ' ' && *s < 0x7f && *s != '"' &&
			     *s != '\'' && *s != '\\' && *s != '$' && *s != '`';

		text_char(t, (char)(plain ? *s : '?'));
	}
}

const char *
list_words(const struct list *l, char *buf)
{
	struct text t = text_in(buf, LIST_WORDS_MAX);
	size_t count;
	const char *const *regions = policy_regions(l->policy, &count);

	text_str(&t, "Container Security endpoints of ");
	for (size_t i = 0; i < count; i++) {
		text_str(&t, i > 0 ? ", " : "");
		add_plain(&t, regions[i]);
	}
	text_str(&t, "; list of ");
	add_plain(&t, list_date(l));
	text_str(&t, " (");
	add_plain(&t, list_source(l));
	text_str(&t, ")");
	return text_end(&t);
}

/* Whether an earlier rule comes from the same set. */
static bool
set_was_named(const struct list *l, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		const char *set = l->rules[i].entry->set;

		if (set != NULL && strcmp(set, l->rules[index].entry->set) == 0)
			return true;
	}
	return false;
}

static void
comment_sets(FILE *out, const struct list *l, const char *prefix)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct allowlist_entry *e = l->rules[i].entry;
		char buf[LIST_WORDS_MAX];
		struct text t = text_in(buf, sizeof(buf));

		if (e->set == NULL || set_was_named(l, i))
			continue;
		add_plain(&t, e->set);
		text_str(&t, " of ");
		add_plain(&t, e->date ? e->date : "unknown");
		text_str(&t, " (");
		add_plain(&t, e->source ? e->source : "unknown");
		text_str(&t, ")");
		(void)fprintf(out, "%sSet %s\n", prefix, text_end(&t));
	}
}

void
list_comment(FILE *out, const struct list *l, const char *prefix)
{
	char words[LIST_WORDS_MAX], features[LIST_WORDS_MAX];

	(void)fprintf(out, "%s%s\n", prefix, list_words(l, words));
	comment_sets(out, l, prefix);
	(void)fprintf(out, "%s%zu hosts, port %d. Features: %s\n", prefix,
	    l->count, LIST_PORT,
	    list_features(policy_features(l->policy), features));
	(void)fprintf(out, "%sMade by sekisho-diag %s, list --format %s\n",
	    prefix, SEKISHO_VERSION, l->form);
}

/* ---- the command ---- */

static void
on_list_error(void *arg, const char *text)
{
	(void)arg;
	(void)fprintf(stderr, "sekisho-diag: %s\n", text);
}

static struct policy *
policy_of(const struct list_options *o)
{
	struct allowlist_sources sources = {.dir = o->allowlist_dir};
	struct policy_selection selection = {
	    .regions = o->regions.items,
	    .region_count = o->regions.count,
	    .features = o->features ? o->features : FEATURE_ALL,
	    .sets = o->sets.items,
	    .set_count = o->sets.count,
	};
	struct allowlist *catalog =
	    allowlist_load(&sources, on_list_error, NULL);

	if (catalog == NULL)
		return NULL;
	return policy_new(catalog, &selection, on_list_error, NULL);
}

int
list_main(int argc, char **argv)
{
	struct list_options o = {.features = 0};
	struct options_message message;
	enum options_end end = options_parse(&o, argc, argv, &message);
	struct policy *policy;
	struct list l = {.proxy = NULL};

	if (end != OPTIONS_RUN)
		return options_finish(end, &message);
	policy = policy_of(&o);
	if (policy == NULL)
		return EXIT_USAGE;
	l.form = forms[o.form].name;
	l.policy = policy;
	l.rules = policy_rules(policy, &l.count);
	if (o.has_proxy)
		l.proxy = &o.proxy;
	forms[o.form].write(stdout, &l);
	policy_unref(policy);
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return 0;
	(void)fprintf(stderr, "sekisho-diag: standard output: %s\n",
	    strerrordesc_np(errno));
	return EXIT_USAGE;
}
