/* SPDX-License-Identifier: Apache-2.0 */
#include "report_vantage.h"

#include <stdio.h>

#include "core/text.h"

struct lines {
	const struct run *run;
	enum lang lang;
	vantage_line_fn line;
	void *arg;
};

static void
add(struct text *out, const char *before, const char *value, const char *after)
{
	if (value[0] == '\0')
		return;
	text_str(out, before);
	text_str(out, value);
	text_str(out, after);
}

static void
give(const struct lines *l, enum word label, struct text *out)
{
	if (out->len > 0)
		l->line(l->arg, word_str(label, l->lang), text_end(out));
}

static void
give_machine(const struct lines *l)
{
	const struct vantage *v = &l->run->vantage;
	char buf[VANTAGE_LINE_MAX];
	struct text out = text_in(buf, sizeof(buf));

	add(&out, "", v->user, v->host[0] ? "@" : "");
	text_str(&out, v->host);
	add(&out, ", netns ", v->netns, "");
	add(&out, ", ", v->kernel, "");
	give(l, WORD_MACHINE, &out);
	if (!v->in_pod)
		return;
	out = text_in(buf, sizeof(buf));
	add(&out, "", v->pod_namespace, "/");
	text_str(&out, v->pod[0] ? v->pod : "-");
	text_str(&out, v->in_gke ? " (GKE)" : "");
	give(l, WORD_POD, &out);
}

static void
give_address(const struct lines *l)
{
	const struct vantage *v = &l->run->vantage;
	char buf[VANTAGE_LINE_MAX];
	struct text out = text_in(buf, sizeof(buf));

	text_str(&out, v->source_addr);
	add(&out, " ", v->interface, "");
	if (v->interface_mtu > 0) {
		text_str(&out, ", MTU ");
		text_u64(&out, v->interface_mtu);
	}
	give(l, WORD_ADDRESS, &out);
}

static void
give_paths(const struct lines *l)
{
	const struct plan *plan = l->run->plan;

	for (size_t i = 0; i < plan->path_count; i++) {
		const struct path *p = &plan->paths[i];
		char buf[VANTAGE_LINE_MAX];
		struct text out = text_in(buf, sizeof(buf));

		text_str(&out, path_has_proxy(p)
				   ? p->label
				   : word_str(WORD_DIRECT, l->lang));
		add(&out, " (", p->source ? p->source : "", ")");
		give(l, WORD_PATH, &out);
	}
}

static void
give_names(const struct lines *l)
{
	const struct vantage *v = &l->run->vantage;
	char buf[VANTAGE_LINE_MAX], addr[IP_ENDPOINT_TEXT_MAX + 1];
	struct text out = text_in(buf, sizeof(buf));

	for (size_t i = 0; i < v->resolver_count; i++) {
		(void)ip_endpoint_format(&v->resolvers[i], addr);
		add(&out, i > 0 ? ", " : "", addr, "");
	}
	add(&out, " (", v->resolver_source, ")");
	give(l, WORD_RESOLVER, &out);
	out = text_in(buf, sizeof(buf));
	add(&out, "", v->search, ", ndots ");
	if (out.len > 0)
		text_u64(&out, v->ndots);
	give(l, WORD_SEARCH_LIST, &out);
}

static void
give_trust(const struct lines *l)
{
	const struct vantage *v = &l->run->vantage;
	char buf[VANTAGE_LINE_MAX];
	struct text out = text_in(buf, sizeof(buf));

	text_str(&out, v->ca_source);
	if (v->ca_unreadable) {
		add(&out, ", ", word_str(WORD_CA_UNREADABLE, l->lang), "");
	} else if (v->ca_source[0] != '\0') {
		text_str(&out, ", ");
		text_u64(&out, v->ca_count);
		add(&out, " ", word_str(WORD_ROOTS, l->lang), "");
	}
	give(l, WORD_CA_BUNDLE, &out);
	out = text_in(buf, sizeof(buf));
	text_str(&out, v->lists_date);
	give(l, WORD_LISTS, &out);
}

static void
give_time(const struct lines *l)
{
	char buf[VANTAGE_LINE_MAX];
	struct text out = text_in(buf, sizeof(buf));

	text_time(&out, l->run->started_unix_ns);
	add(&out, ", ", l->run->vantage.clock_source, "");
	give(l, WORD_STARTED, &out);
}

void
vantage_each_line(
    const struct run *run, enum lang lang, vantage_line_fn line, void *arg)
{
	struct lines l = {run, lang, line, arg};

	give_machine(&l);
	give_address(&l);
	give_paths(&l);
	give_names(&l);
	give_trust(&l);
	give_time(&l);
}
