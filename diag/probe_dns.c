/* SPDX-License-Identifier: Apache-2.0
 *
 * Both families and the walk through the search list are asked at the same
 * time. The search list is for information: it may cost a second at most once
 * the name itself is known. */
#include <stdio.h>
#include <stdlib.h>

#include "dns_ask.h"
#include "dns_hosts.h"
#include "dns_wire.h"
#include "probe_io.h"

static const uint64_t search_grace_ns = 1000000000ULL;

struct probe {
	struct probe_job *job;
	struct dns_result *out;
	bool to_conn; /* hand the addresses to TCP */
	struct dns_ask *a, *aaaa, *search;
	struct dns_query search_query;
	const char *search_next; /* in the vantage's list */
	char search_name[HOSTNAME_MAX + 1];
	uint64_t search_start_ns, search_deadline_ns;
	struct timer search_timer;
	struct deferred later;
	probe_done_fn done;
	void *arg;
};

static void
probe_close(struct probe *p)
{
	struct loop *loop = p->job->env->loop;

	dns_ask_cancel(&p->a);
	dns_ask_cancel(&p->aaaa);
	dns_ask_cancel(&p->search);
	timer_clear(loop, &p->search_timer);
	loop_undefer(&p->later);
	loop_free_later(loop, &p->later, free, p);
}

static void
dns_cancel(struct probe **pp)
{
	struct probe *p = *pp;

	if (p == NULL)
		return;
	*pp = NULL;
	probe_close(p);
	phase_finish(&p->out->time, p->job->env, PHASE_INTERRUPTED);
}

/* Families take turns, so that a cut list has both. */
static void
hand_on(struct probe *p)
{
	struct probe_conn *conn = &p->job->conn;
	const struct dns_query *q[] = {&p->out->aaaa, &p->out->a};

	conn->address_count = 0;
	for (size_t i = 0; i < DNS_ANSWERS_MAX; i++) {
		for (size_t f = 0; f < 2; f++) {
			if (i >= q[f]->answer_count)
				continue;
			conn->addresses[conn->address_count++] =
			    (struct ip_endpoint){
				q[f]->answers[i].addr, job_port(p->job)};
		}
	}
}

static void
probe_end(struct probe *p)
{
	probe_done_fn done = p->done;
	void *arg = p->arg;
	const struct dns_result *d = p->out;
	enum phase_end end = PHASE_FAILED;

	if (d->a.answer_count + d->aaaa.answer_count > 0)
		end = PHASE_DONE;
	else if (d->a.status == DNS_TIMEOUT || d->aaaa.status == DNS_TIMEOUT)
		end = PHASE_TIMED_OUT;
	if (p->to_conn)
		hand_on(p);
	phase_finish(&p->out->time, p->job->env, end);
	probe_close(p);
	done(arg);
}

static void
on_search_late(struct timer *t)
{
	struct probe *p = CONTAINER_OF(t, struct probe, search_timer);

	dns_ask_cancel(&p->search);
	p->out->search.time_ns = clock_now_ns() - p->search_start_ns;
	probe_end(p);
}

static void
maybe_end(struct probe *p)
{
	struct loop *loop = p->job->env->loop;
	uint64_t until = clock_now_ns() + search_grace_ns;

	if (p->a != NULL || p->aaaa != NULL)
		return;
	if (p->search == NULL) {
		probe_end(p);
		return;
	}
	if (until > p->job->deadline_ns)
		until = p->job->deadline_ns;
	timer_set(loop, &p->search_timer, until, on_search_late);
}

static void
on_a(void *arg)
{
	struct probe *p = arg;

	p->a = NULL;
	maybe_end(p);
}

static void
on_aaaa(void *arg)
{
	struct probe *p = arg;

	p->aaaa = NULL;
	maybe_end(p);
}

static bool
ask(struct probe *p, struct dns_ask **out, const char *name, uint16_t type)
{
	const struct vantage *v = p->job->env->vantage;
	struct dns_ask_what what = {
	    .name = name,
	    .type = type,
	    .servers = v->resolvers,
	    .server_count = v->resolver_count,
	    .deadline_ns = p->job->deadline_ns,
	    .explain = true,
	};

	return dns_ask_start(out, p->job->env->loop, &what,
	    type == DNS_TYPE_A ? &p->out->a : &p->out->aaaa,
	    type == DNS_TYPE_A ? on_a : on_aaaa, p);
}

/* --- the search list ------------------------------------------------------ */

static void on_search(void *arg);

/* Asks for the name below the next domain of the list; false at its end. */
static bool
search_step(struct probe *p)
{
	const struct vantage *v = p->job->env->vantage;
	struct dns_ask_what what = {
	    .name = p->search_name,
	    .type = DNS_TYPE_A,
	    .servers = v->resolvers,
	    .server_count = v->resolver_count,
	    .deadline_ns = p->job->deadline_ns,
	};

	for (;;) {
		size_t len;
		int n;

		p->search_next += strspn(p->search_next, " \t");
		len = strcspn(p->search_next, " \t");
		if (len == 0)
			return false;
		n = snprintf(p->search_name, sizeof(p->search_name), "%s.%.*s",
		    p->out->name, (int)len, p->search_next);
		p->search_next += len;
		memset(&p->search_query, 0, sizeof(p->search_query));
		if (n > 0 && (size_t)n < sizeof(p->search_name) &&
		    dns_ask_start(&p->search, p->job->env->loop, &what,
			&p->search_query, on_search, p))
			return true;
	}
}

static void
on_search(void *arg)
{
	struct probe *p = arg;
	struct dns_search *s = &p->out->search;

	p->search = NULL;
	s->time_ns = clock_now_ns() - p->search_start_ns;
	if (p->search_query.answer_count > 0) {
		memcpy(s->hit, p->search_name, sizeof(s->hit));
		s->hit_addr = p->search_query.answers[0].addr;
	} else {
		s->misses++;
		if (search_step(p))
			return;
	}
	timer_clear(p->job->env->loop, &p->search_timer);
	maybe_end(p);
}

/* Programs walk the list first when the name has fewer dots than ndots
 * (resolv.conf(5)). */
static void
search_begin(struct probe *p)
{
	const struct vantage *v = p->job->env->vantage;
	unsigned dots = 0;

	for (const char *c = p->out->name; *c != '\0'; c++)
		dots += *c == '.';
	if (dots >= v->ndots || v->search[0] == '\0')
		return;
	p->search_next = v->search;
	p->search_start_ns = clock_now_ns();
	p->out->search.ndots = v->ndots;
	p->out->search.asked = search_step(p);
}

/* --- start ---------------------------------------------------------------- */

static void
end_later(void *arg)
{
	probe_end(arg);
}

/* An address, or a name that the hosts file has: nothing to ask. */
static bool
known_without_asking(struct probe *p, const char *host)
{
	const struct check_options *o = p->job->env->plan->options;
	struct ipaddr addr;

	if (ipaddr_parse(&addr, span_str(host))) {
		struct dns_query *q =
		    addr.family == IP_V4 ? &p->out->a : &p->out->aaaa;

		p->out->literal = true;
		q->status = DNS_ANSWER;
		q->answers[0].addr = addr;
		q->answer_count = 1;
		return true;
	}
	/* --resolver asks what that server says. */
	if (o->resolver_count > 0)
		return false;
	p->out->from_hosts = dns_hosts_find(p->out, "/etc/hosts", host);
	return p->out->from_hosts;
}

static bool
begin(struct probe **out, struct probe *p, const char *host)
{
	const struct probe_env *env = p->job->env;
	const struct check_options *o = env->plan->options;
	bool both = o->ipv4 == o->ipv6, started = false;

	phase_begin(&p->out->time, env);
	copy_text(p->out->name, sizeof(p->out->name), span_str(host));
	if (known_without_asking(p, host)) {
		loop_defer(env->loop, &p->later, end_later, p);
		*out = p;
		return true;
	}
	if (both || o->ipv4)
		started |= ask(p, &p->a, p->out->name, DNS_TYPE_A);
	if (both || o->ipv6)
		started |= ask(p, &p->aaaa, p->out->name, DNS_TYPE_AAAA);
	if (!started) {
		free(p);
		return false;
	}
	search_begin(p);
	*out = p;
	return true;
}

static struct probe *
probe_make(struct probe_job *job, probe_done_fn done, void *arg)
{
	struct probe *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->job = job;
	p->done = done;
	p->arg = arg;
	return p;
}

static bool
dns_start(
    struct probe **out, struct probe_job *job, probe_done_fn done, void *arg)
{
	struct probe *p = probe_make(job, done, arg);

	if (p == NULL)
		return false;
	p->out = &job->result->dns;
	p->to_conn = true;
	return begin(out, p, job_host(job));
}

static bool
own_dns_start(
    struct probe **out, struct probe_job *job, probe_done_fn done, void *arg)
{
	struct probe *p = probe_make(job, done, arg);

	if (p == NULL)
		return false;
	p->out = &job->result->own_dns;
	return begin(out, p, job->target->at.host.text);
}

const struct probe_ops probe_dns = {"dns", PHASE_DNS, dns_start, dns_cancel};
const struct probe_ops probe_own_dns = {
    "own-dns", PHASE_DNS, own_dns_start, dns_cancel};
