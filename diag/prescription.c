/* SPDX-License-Identifier: Apache-2.0 */
#include "prescription.h"

#include <stdio.h>

#include "core/text.h"
#include "shell_word.h"
#include "verdict.h"

enum {
	NAMED_MAX = 3, /* hosts named in a sentence or a command */
};

static const struct target *
target_at(const struct run *run, const struct finding *f, size_t i)
{
	return run->endpoints[f->endpoints[i]].target;
}

/* "a, b", or "a and 7 more (see the list)": a sentence, not the list, which
 * every report shows beside it. */
static void
hosts_facts(const struct run *run, struct finding *f, enum lang lang)
{
	char list[FACT_MAX], blank[FACT_MAX];
	struct text commas = text_in(list, sizeof(list));
	struct text blanks = text_in(blank, sizeof(blank));
	size_t named = f->endpoint_count > NAMED_MAX ? 1 : f->endpoint_count;

	for (size_t i = 0; i < named; i++) {
		const char *host = target_at(run, f, i)->at.host.text;

		text_str(&commas, i > 0 ? ", " : "");
		text_str(&commas, host);
		text_str(&blanks, i > 0 ? " " : "");
		text_str(&blanks, host);
	}
	if (named < f->endpoint_count) {
		char more[48];

		(void)snprintf(more, sizeof(more),
		    lang == LANG_JA ? " ほか %zu 件" : " and %zu more",
		    f->endpoint_count - named);
		text_str(&commas, more);
		text_str(&blanks, " …");
	}
	fact_set(&f->facts, "hosts", text_end(&commas));
	fact_set(&f->facts, "hosts_blank", text_end(&blanks));
}

static void
add_option(struct text *out, const char *name, const char *value)
{
	text_str(out, name);
	text_char(out, ' ');
	shell_word(out, value);
}

static void
add_region(struct text *out, const struct run *run)
{
	const struct check_options *o = run->plan->options;

	for (size_t i = 0; i < o->region_count; i++) {
		text_str(out, i > 0 ? "," : " --region ");
		text_str(out, o->regions[i]);
	}
}

/* Which endpoints: by name when they are few, else as this run got them. */
static void
add_targets(struct text *out, const struct run *run, const struct finding *f)
{
	const struct check_options *o = run->plan->options;

	if ((f->endpoint_count == 0 || f->endpoint_count > NAMED_MAX) &&
	    o->region_count > 0) {
		add_region(out, run);
		return;
	}
	for (size_t i = 0; i < f->endpoint_count; i++) {
		const struct target *t = target_at(run, f, i);

		text_str(out, " --host ");
		text_str(out, t->at.host.text);
		if (t->at.port != 443 && !t->is_address) {
			text_char(out, ':');
			text_u64(out, t->at.port);
		}
	}
	for (size_t i = 0; f->endpoint_count == 0 && i < o->host_count; i++)
		add_option(out, " --host", o->hosts[i].at.host.text);
}

/* How this run went there. A password never appears: the variable, if the
 * setting came from one, is read again. */
static void
add_way(struct text *out, const struct run *run, const struct finding *f)
{
	const struct check_options *o = run->plan->options;
	const struct path *path = NULL;

	if (f->endpoint_count > 0)
		path = &run->plan->paths[target_at(run, f, 0)->path];
	if (o->direct ||
	    (path != NULL && strcmp(path->source, "--compare") == 0))
		text_str(out, " --direct");
	else if (o->has_proxy && o->proxy.has_user)
		text_str(out, " --proxy \"$HTTPS_PROXY\"");
	else if (o->has_proxy && path != NULL)
		add_option(out, " --proxy", path->label);
	for (size_t i = 0; i < o->resolver_count; i++) {
		char addr[IP_ENDPOINT_TEXT_MAX + 1];

		(void)ip_endpoint_format(&o->resolvers[i], addr);
		add_option(out, " --resolver", addr);
	}
	if (o->ca_file != NULL)
		add_option(out, " --ca-file", o->ca_file);
	if (o->allowlist_dir != NULL)
		add_option(out, " --allowlist-dir", o->allowlist_dir);
	if (o->ipv4 != o->ipv6)
		text_str(out, o->ipv4 ? " --ipv4" : " --ipv6");
}

/* Findings that only --deep brings up. */
static bool
needs_deep(enum finding_id id)
{
	return id == FINDING_HTTP_CDN || id == FINDING_HTTP_UPLOAD ||
	       id == FINDING_HTTP_IDLE || id == FINDING_DNS_FLAP ||
	       id == FINDING_RTT_SLOW || id == FINDING_HTTP_307;
}

static bool
needs_key(enum finding_id id)
{
	return finding_is_credential(id) || id == FINDING_HTTP_KEY_ODD ||
	       id == FINDING_HTTP_KEY_OK || id == FINDING_HTTP_KEY_HELD;
}

/* The command webhook takes no proxy and has names of its own. */
static void
add_webhook(struct text *out, const struct check_options *o)
{
	text_str(out, "sekisho-diag webhook ");
	shell_word(out, o->hosts[0].at.host.text);
	text_char(out, ':');
	text_u64(out, o->hosts[0].at.port);
	add_option(out, " --server-name", o->webhook->server_name);
	if (o->ca_file != NULL)
		add_option(out, " --ca-file", o->ca_file);
}

static void
write_proof(const struct run *run, struct finding *f)
{
	const struct check_options *o = run->plan->options;
	struct text out = text_in(f->proof, sizeof(f->proof));

	if (o->webhook != NULL) {
		add_webhook(&out, o);
		(void)text_end(&out);
		return;
	}
	if (o->auth) {
		text_str(&out, "sekisho-diag auth");
		add_region(&out, run);
	} else {
		text_str(&out, "sekisho-diag check");
		add_targets(&out, run, f);
	}
	add_way(&out, run, f);
	if (needs_deep(f->id))
		text_str(&out, " --deep");
	if ((o->auth || needs_key(f->id)) && o->api_key_file != NULL)
		add_option(&out, " --api-key-file", o->api_key_file);
	if (f->id == FINDING_HTTP_401_REGION)
		text_str(&out, " --try-regions");
	if (f->id == FINDING_RUN_CUT)
		text_str(&out, " --deadline 60s");
	(void)text_end(&out);
}

static bool
write_part(char *buf, size_t size, const struct words *words,
    const struct facts *facts, enum lang lang)
{
	struct text out = text_in(buf, size);
	bool ok = template_fill(&out, words->in[lang], facts);

	(void)text_end(&out);
	return ok && !out.cut;
}

bool
prescription_write(const struct run *run, struct finding *f, enum lang lang)
{
	const struct finding_text *t = finding_text(f->id);
	bool ok = true;

	fact_setf(&f->facts, "n", "%zu", f->endpoint_count);
	fact_setf(&f->facts, "total", "%zu", run->plan->host_count);
	if (f->endpoint_count > 1)
		fact_set(&f->facts, "n_many", "yes");
	hosts_facts(run, f, lang);
	ok &=
	    write_part(f->title, sizeof(f->title), &t->title, &f->facts, lang);
	ok &= write_part(f->seen, sizeof(f->seen), &t->seen, &f->facts, lang);
	ok &=
	    write_part(f->means, sizeof(f->means), &t->means, &f->facts, lang);
	ok &= write_part(f->todo, sizeof(f->todo), &t->todo, &f->facts, lang);
	write_proof(run, f);
	return ok;
}
