/* SPDX-License-Identifier: Apache-2.0
 *
 * Two deeper looks at DNS: does somebody answer for a server that cannot exist,
 * and does the same name soon have other addresses? */
#include <stdlib.h>

#include "dns_ask.h"
#include "dns_wire.h"
#include "probe_io.h"

/* --- interception --------------------------------------------------------- */

struct interception {
	const struct probe_env *env;
	struct dns_interception *out;
	struct ip_endpoint server;
	struct dns_ask *ask;
	struct dns_query query;
	struct deferred later;
	probe_done_fn done;
	void *arg;
};

static void
interception_note(struct interception *i)
{
	const struct dns_query *q = &i->query;

	i->out->time_ns = q->time_ns;
	i->out->rcode = q->rcode;
	switch (q->status) {
	case DNS_ANSWER:
	case DNS_NODATA:
	case DNS_NXDOMAIN:
	case DNS_SERVFAIL:
	case DNS_REFUSED:
	case DNS_OTHER_RCODE:
	case DNS_TCP_BLOCKED:
	case DNS_MALFORMED:
		i->out->found = TRI_YES; /* nobody can be there, yet it spoke */
		break;
	case DNS_TIMEOUT:
	case DNS_DOWN:
		i->out->found = TRI_NO;
		break;
	case DNS_NOT_ASKED:
		break;
	}
}

static void
on_interception(void *arg)
{
	struct interception *i = arg;
	probe_done_fn done = i->done;
	void *done_arg = i->arg;

	i->ask = NULL;
	interception_note(i);
	loop_free_later(i->env->loop, &i->later, free, i);
	done(done_arg);
}

bool
probe_interception_start(struct probe **out, const struct probe_env *env,
    struct dns_interception *into, uint64_t deadline_ns, probe_done_fn done,
    void *arg)
{
	struct interception *i = calloc(1, sizeof(*i));
	struct dns_ask_what what = {
	    .name = "example.com",
	    .type = DNS_TYPE_A,
	    .server_count = 1,
	    .deadline_ns = deadline_ns,
	};

	if (i == NULL)
		return false;
	/* TEST-NET-1 (RFC 5737): routed nowhere. */
	i->server = (struct ip_endpoint){
	    .addr = {.family = IP_V4, .bytes = {192, 0, 2, 1}}, .port = 53};
	i->env = env;
	i->out = into;
	i->done = done;
	i->arg = arg;
	into->asked = i->server;
	what.servers = &i->server;
	if (!dns_ask_start(
		&i->ask, env->loop, &what, &i->query, on_interception, i)) {
		free(i);
		return false;
	}
	*out = (void *)i;
	return true;
}

void
probe_interception_cancel(struct probe **p)
{
	struct interception *i = (void *)*p;

	if (i == NULL)
		return;
	*p = NULL;
	dns_ask_cancel(&i->ask);
	loop_free_later(i->env->loop, &i->later, free, i);
}

/* --- once more ------------------------------------------------------------ */

struct again {
	struct probe_job *job;
	struct dns_ask *ask;
	struct dns_query query;
	uint64_t after_ns;
	struct deferred later;
	probe_done_fn done;
	void *arg;
};

static void
on_again(void *arg)
{
	struct again *g = arg;
	struct dns_result *out = &g->job->result->dns;
	probe_done_fn done = g->done;
	void *done_arg = g->arg;

	g->ask = NULL;
	memcpy(out->again, g->query.answers, sizeof(out->again));
	out->again_count = g->query.answer_count;
	out->again_after_ns = g->after_ns;
	loop_free_later(g->job->env->loop, &g->later, free, g);
	done(done_arg);
}

static bool
again_start(
    struct probe **out, struct probe_job *job, probe_done_fn done, void *arg)
{
	struct again *g = calloc(1, sizeof(*g));
	const struct dns_result *first = &job->result->dns;
	const struct vantage *v = job->env->vantage;
	const struct dns_ask_what what = {
	    .name = first->name,
	    .type = DNS_TYPE_A,
	    .servers = v->resolvers,
	    .server_count = v->resolver_count,
	    .deadline_ns = job->deadline_ns,
	};

	if (g == NULL)
		return false;
	g->job = job;
	g->done = done;
	g->arg = arg;
	g->after_ns = probe_now(job->env) - first->time.start_at_ns;
	if (!dns_ask_start(
		&g->ask, job->env->loop, &what, &g->query, on_again, g)) {
		free(g);
		return false;
	}
	*out = (void *)g;
	return true;
}

static void
again_cancel(struct probe **pp)
{
	struct again *g = (void *)*pp;

	if (g == NULL)
		return;
	*pp = NULL;
	dns_ask_cancel(&g->ask);
	loop_free_later(g->job->env->loop, &g->later, free, g);
}

const struct probe_ops probe_dns_again = {
    "dns-again", PHASE_DNS, again_start, again_cancel};
