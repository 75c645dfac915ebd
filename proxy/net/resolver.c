/* SPDX-License-Identifier: Apache-2.0
 *
 * One entry a name, which outlives its answers: it holds the last answer, the
 * question that is out, if any, and the lookups that wait. A question is two
 * queries (A and AAAA) that go out together.
 *
 * An entry's answer is, by the clock,
 *   fresh    until expires_ns: given at once, a failure too;
 *   stale    until stale_until_ns, addresses only: given when the servers fail,
 *            or when they take longer than stale_wait (RFC 8767). After a
 *            failure it is given at once for stale_retry before servers are
 *            asked again, and then while they are being asked;
 *   nothing  after that.
 *
 * Lookups are answered from one place, deliver(), which runs when neither the
 * caller of lookup_start() nor c-ares is on the stack. An entry with lookups or
 * a question is never evicted.
 *
 * When one family's addresses are there and the other's are not, lookups wait
 * RESOLUTION_DELAY_MS more (RFC 8305 section 3). That section lets IPv6 go
 * ahead at once; here both wait, since the dialer cannot take addresses that
 * come later, and with IPv6 alone a broken route would fail the whole dial.
 *
 * What two different ends make together: addresses of either family win; then
 * NXDOMAIN, which is about the name (RFC 8020); then an error, as it may hide
 * addresses; then silence, for the same reason; "no address record" only when
 * both families say so.
 *
 * Prefetch: a hit arms the entry's refresh timer, a refreshed answer disarms
 * it. So a busy name is asked again shortly before it expires, and one that
 * nobody wants any more costs no wake-up. */
#include "net/resolver.h"

#include <stdlib.h>

#include "net/dns_client.h"
#include "net/dns_table.h"
#include "net/hosts.h"

enum {
	NS_PER_MS = 1000000,
	RESOLUTION_DELAY_MS = 50,
	STALE_WAIT_MS = 1800,
	STALE_RETRY_MS = 30000,
	HOSTS_TTL_S = 5,
	REFRESH_LEAD_MS = 30000, /* asked again at most so early … */
	REFRESH_SHARE = 10,      /* … and in the last tenth of the time */
	FAMILIES = 2,
};

struct lookup {
	struct node node; /* first; waits with its entry, or is ready */
	struct entry *entry;
	enum resolver_source source;
	lookup_done_fn done;
	void *arg;
};

/* One family's part of a question. */
struct part {
	struct dns_query query; /* first: a query is its part */
	struct question *question;
	uint64_t expires_ns;
	bool pending;
};

struct question {
	struct entry *entry;
	struct part parts[FAMILIES]; /* IPv6, IPv4 */
	unsigned pending;
	struct timer patience; /* until waiting lookups get what there is */
};

struct entry {
	struct named named; /* first */
	struct resolver *resolver;

	struct question *question; /* NULL: none is out */
	struct node waiting;
	unsigned lookups; /* waiting or ready */

	enum outcome why;   /* of the last answer */
	const char *detail; /* with a failure */
	struct addr_list addrs;
	uint64_t expires_ns, stale_until_ns;
	bool failing;      /* the servers failed since that answer */
	uint64_t retry_ns; /* with failing: when they are asked again */
	uint64_t refresh_ns;
	struct timer refresh;
};

struct resolver {
	struct loop *loop; /* borrowed */
	struct dns_client *client;
	struct resolver_options opt;
	struct resolver_stats stats;
	struct dns_table names;
	struct node ready; /* lookups that deliver() is to end */
	struct node batch; /* those that it is ending now */
	struct deferred deliver_later;
	bool delivering, dead;
};

static uint64_t
ms_to_ns(uint64_t ms)
{
	return ms * NS_PER_MS;
}

/* --- entries -------------------------------------------------------------- */

static struct entry *
entry_find(const struct resolver *r, const struct hostname *name)
{
	return (struct entry *)(void *)dns_table_find(&r->names, name);
}

static void
entry_free(struct entry *e)
{
	struct resolver *r = e->resolver;

	dns_table_remove(&r->names, &e->named);
	timer_clear(r->loop, &e->refresh);
	free(e);
}

/* Makes room for one more. False when every entry is in use. */
static bool
cache_make_room(struct resolver *r)
{
	struct node *n = r->names.by_use.prev;

	if (r->names.count < RESOLVER_CACHE_MAX)
		return true;
	for (; n != &r->names.by_use; n = n->prev) {
		struct entry *e = (struct entry *)(void *)n;

		if (e->lookups == 0 && e->question == NULL) {
			entry_free(e);
			return true;
		}
	}
	return false;
}

static struct entry *
entry_new(struct resolver *r, const struct hostname *name)
{
	struct entry *e;

	if (!cache_make_room(r))
		return NULL;
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return NULL;
	e->resolver = r;
	e->why = OUTCOME_DNS_ERROR; /* nothing known: expired long ago */
	node_init(&e->waiting);
	dns_table_add(&r->names, &e->named, name);
	return e;
}

static bool
entry_is_fresh(const struct entry *e)
{
	return loop_now(e->resolver->loop) < e->expires_ns;
}

/* Whether an expired answer may serve. */
static bool
entry_is_stale(const struct entry *e)
{
	return e->why == OUTCOME_OK && !entry_is_fresh(e) &&
	       loop_now(e->resolver->loop) < e->stale_until_ns;
}

/* The servers failed a moment ago and are left alone. */
static bool
entry_is_resting(const struct entry *e)
{
	return e->failing && loop_now(e->resolver->loop) < e->retry_ns;
}

static void entry_on_refresh(struct timer *t);

/* Notes that the entry's answer was wanted. */
static void
entry_use(struct entry *e)
{
	struct resolver *r = e->resolver;
	uint64_t at_ns = e->refresh_ns;

	dns_table_touch(&r->names, &e->named);
	if (!r->opt.prefetch || e->why != OUTCOME_OK || e->question != NULL ||
	    timer_is_set(&e->refresh))
		return;
	if (e->failing && at_ns < e->retry_ns)
		at_ns = e->retry_ns;
	if (at_ns < e->expires_ns)
		timer_set(r->loop, &e->refresh, at_ns, entry_on_refresh);
}

/* A new answer takes the old one's place. */
static void
entry_set(
    struct entry *e, enum outcome why, const char *detail, uint64_t expires_ns)
{
	struct resolver *r = e->resolver;
	uint64_t now = loop_now(r->loop), lead = 0;

	if (expires_ns > now)
		lead = (expires_ns - now) / REFRESH_SHARE;
	if (lead > ms_to_ns(REFRESH_LEAD_MS))
		lead = ms_to_ns(REFRESH_LEAD_MS);
	e->why = why;
	e->detail = detail;
	e->expires_ns = expires_ns;
	e->refresh_ns = expires_ns - lead;
	e->stale_until_ns = expires_ns + ms_to_ns(r->opt.stale_ms);
	e->failing = false;
}

static void
entry_set_failure(struct entry *e, enum outcome why, const char *detail)
{
	struct resolver *r = e->resolver;

	entry_set(e, why, detail,
	    loop_now(r->loop) + ms_to_ns(r->opt.negative_ttl_ms));
}

static void
entry_set_addresses(struct entry *e, const struct addr_list *v6,
    const struct addr_list *v4, uint64_t expires_ns)
{
	dns_take_turns(&e->addrs, v6, v4);
	entry_set(e, OUTCOME_OK, NULL, expires_ns);
}

static uint64_t
expiry(const struct resolver *r, uint32_t ttl_s)
{
	uint64_t ms = (uint64_t)ttl_s * 1000;

	if (ms > r->opt.max_ttl_ms)
		ms = r->opt.max_ttl_ms;
	if (ms < r->opt.min_ttl_ms)
		ms = r->opt.min_ttl_ms;
	return loop_now(r->loop) + ms_to_ns(ms);
}

/* --- answering lookups ---------------------------------------------------- */

static void resolver_destroy(struct resolver *r);

static void
lookup_free(struct lookup *l)
{
	node_remove(&l->node);
	l->entry->lookups--;
	free(l);
}

/* Tells one owner; nothing of the lookup is left by then. Its entry is kept
 * until the owner has read the addresses. */
static void
lookup_end(struct lookup *l)
{
	struct entry *e = l->entry;
	struct resolver *r = e->resolver;
	lookup_done_fn done = l->done;
	void *arg = l->arg;

	r->stats.answers[l->source]++;
	e->lookups++;
	lookup_free(l);
	done(arg, e->why, e->why == OUTCOME_OK ? &e->addrs : NULL, e->detail);
	e->lookups--;
}

/* Ends all ready lookups; those that get ready meanwhile have their turn in the
 * next one. Touches nothing after: the resolver may be gone. */
static void
deliver(void *arg)
{
	struct resolver *r = arg;
	struct node *n;

	r->delivering = true;
	node_move_all(&r->batch, &r->ready);
	while ((n = node_pop(&r->batch)) != NULL)
		lookup_end((struct lookup *)(void *)n);
	r->delivering = false;
	if (r->dead)
		resolver_destroy(r);
	else if (!node_is_empty(&r->ready))
		loop_defer(r->loop, &r->deliver_later, deliver, r);
}

/* Moves the lookups that wait for a question; deliver() must follow. */
static void
entry_release(struct entry *e, bool stale)
{
	struct node *n = e->waiting.next;

	for (; stale && n != &e->waiting; n = n->next)
		((struct lookup *)(void *)n)->source = RESOLVER_STALE;
	node_move_all(&e->resolver->ready, &e->waiting);
}

/* --- questions ------------------------------------------------------------ */

static bool
part_has_addresses(const struct part *p)
{
	return !p->pending && p->query.answer.status == DNS_FOUND;
}

/* Takes over the addresses that are there. False when there are none. */
static bool
question_take_addresses(struct question *q)
{
	static const struct addr_list none = {.count = 0};
	const struct addr_list *lists[FAMILIES] = {&none, &none};
	uint64_t expires_ns = UINT64_MAX;

	for (int i = 0; i < FAMILIES; i++) {
		const struct part *p = &q->parts[i];

		if (!part_has_addresses(p))
			continue;
		lists[i] = &p->query.answer.list;
		if (p->expires_ns < expires_ns)
			expires_ns = p->expires_ns;
	}
	if (expires_ns == UINT64_MAX)
		return false;
	entry_set_addresses(q->entry, lists[0], lists[1], expires_ns);
	return true;
}

/* Without addresses: the part that says most. */
static const struct dns_answer *
question_failure(const struct question *q)
{
	static const int weight[] = {
	    [DNS_FOUND] = 0,
	    [DNS_NO_DATA] = 1,
	    [DNS_SILENT] = 2,
	    [DNS_FAILED] = 3,
	    [DNS_NO_NAME] = 4,
	};
	const struct dns_answer *a = &q->parts[0].query.answer;
	const struct dns_answer *b = &q->parts[1].query.answer;

	return weight[b->status] > weight[a->status] ? b : a;
}

/* The servers have failed: the last answer stays while it may serve. */
static void
question_fail(struct question *q, enum outcome why, const char *detail)
{
	struct entry *e = q->entry;
	struct resolver *r = e->resolver;

	if (entry_is_stale(e) || (e->why == OUTCOME_OK && entry_is_fresh(e))) {
		e->failing = true;
		e->retry_ns =
		    loop_now(r->loop) + ms_to_ns(r->opt.stale_retry_ms);
	} else {
		entry_set_failure(e, why, detail);
	}
}

static void
question_conclude(struct question *q)
{
	struct entry *e = q->entry;
	const struct dns_answer *a;

	if (question_take_addresses(q)) {
		entry_release(e, false);
		return;
	}
	a = question_failure(q);
	switch (a->status) {
	case DNS_NO_NAME:
		entry_set_failure(e, OUTCOME_DNS_NXDOMAIN, "NXDOMAIN");
		break;
	case DNS_FOUND:
	case DNS_NO_DATA:
		entry_set_failure(e, OUTCOME_DNS_ERROR, "no address record");
		break;
	case DNS_FAILED:
		question_fail(q, OUTCOME_DNS_ERROR, a->detail);
		break;
	case DNS_SILENT:
		question_fail(
		    q, OUTCOME_DNS_TIMEOUT, "no answer from any DNS server");
		break;
	}
	entry_release(e, entry_is_stale(e));
}

/* Lookups do not wait any longer: they get what there is, if anything. The
 * question goes on. */
static void
question_on_patience(struct timer *t)
{
	struct question *q = owner_of(t, struct question, patience);
	struct entry *e = q->entry;

	if (node_is_empty(&e->waiting))
		return; /* all were cancelled */
	if (question_take_addresses(q))
		entry_release(e, false);
	else if (entry_is_stale(e))
		entry_release(e, true);
	deliver(e->resolver);
}

/* Waits at most wait_ms longer. */
static void
question_hurry(struct question *q, uint32_t wait_ms)
{
	struct loop *loop = q->entry->resolver->loop;
	uint64_t at_ns = loop_now(loop) + ms_to_ns(wait_ms);

	if (!timer_is_set(&q->patience) || q->patience.deadline_ns > at_ns)
		timer_set(loop, &q->patience, at_ns, question_on_patience);
}

static void
question_on_answer(struct dns_query *query)
{
	struct part *p = (struct part *)(void *)query;
	struct question *q = p->question;
	struct entry *e = q->entry;

	p->pending = false;
	p->expires_ns = expiry(e->resolver, query->answer.ttl_s);
	if (--q->pending > 0) {
		if (part_has_addresses(p) && !node_is_empty(&e->waiting))
			question_hurry(q, RESOLUTION_DELAY_MS);
		return;
	}
	timer_clear(e->resolver->loop, &q->patience);
	e->question = NULL;
	question_conclude(q);
	free(q);
}

/* --- asking --------------------------------------------------------------- */

static bool
hosts_answer(struct entry *e)
{
	const struct resolver_options *opt = &e->resolver->opt;
	struct addr_list v6 = {.count = 0}, v4 = {.count = 0};

	hosts_find(&v6, &v4, opt->hosts_file, &e->named.name);
	if (opt->family == RESOLVER_IPV4)
		v6.count = 0;
	if (opt->family == RESOLVER_IPV6)
		v4.count = 0;
	if (v6.count + v4.count == 0)
		return false;
	entry_set_addresses(e, &v6, &v4, expiry(e->resolver, HOSTS_TTL_S));
	return true;
}

/* Gets a new answer: from the hosts file at once, or else by a question. False
 * when out of memory. */
static bool
entry_ask(struct entry *e)
{
	static const enum ip_family families[FAMILIES] = {IP_V6, IP_V4};
	struct resolver *r = e->resolver;
	struct question *q;

	timer_clear(r->loop, &e->refresh);
	if (hosts_answer(e))
		return true;
	q = calloc(1, sizeof(*q));
	if (q == NULL)
		return false;
	q->entry = e;
	e->question = q;
	if (entry_is_stale(e))
		question_hurry(q, r->opt.stale_wait_ms);
	for (int i = 0; i < FAMILIES; i++) {
		struct part *p = &q->parts[i];

		p->question = q;
		p->query.answer.status = DNS_NO_DATA;
		p->pending = r->opt.family == RESOLVER_ANY ||
			     (r->opt.family == RESOLVER_IPV6) == (i == 0);
		q->pending += p->pending;
	}
	for (int i = 0; i < FAMILIES; i++) {
		if (q->parts[i].pending)
			dns_query_start(&q->parts[i].query, r->client,
			    &e->named.name, families[i], question_on_answer);
	}
	return true;
}

static void
entry_on_refresh(struct timer *t)
{
	struct entry *e = owner_of(t, struct entry, refresh);

	e->resolver->stats.prefetches++;
	(void)entry_ask(e); /* out of memory: the name is asked when wanted */
}

/* --- lookups -------------------------------------------------------------- */

bool
resolver_cached(struct resolver *r, const struct hostname *name,
    const struct addr_list **addrs)
{
	struct entry *e = entry_find(r, name);

	if (e == NULL || e->why != OUTCOME_OK)
		return false;
	if (entry_is_fresh(e))
		r->stats.answers[RESOLVER_HIT]++;
	else if (entry_is_stale(e) && entry_is_resting(e))
		r->stats.answers[RESOLVER_STALE]++;
	else
		return false;
	entry_use(e);
	*addrs = &e->addrs;
	return true;
}

/* Sees to it that the entry gets an answer, and says how a lookup that comes
 * now is answered. *ready: it need not wait. False when out of memory. */
static bool
entry_want(struct entry *e, enum resolver_source *source, bool *ready)
{
	*ready = true;
	if (entry_is_fresh(e)) {
		*source =
		    e->why == OUTCOME_OK ? RESOLVER_HIT : RESOLVER_NEGATIVE;
		entry_use(e);
		return true;
	}
	*source = RESOLVER_STALE;
	if (entry_is_stale(e) && entry_is_resting(e)) {
		entry_use(e);
		return true;
	}
	if (e->question == NULL) {
		if (!entry_ask(e))
			return false;
		/* Servers that failed before are not waited for again. */
		if (entry_is_stale(e) && e->failing)
			return true;
		*source = RESOLVER_MISS;
		*ready = e->question == NULL;
		return true;
	}
	if (entry_is_stale(e) &&
	    (e->failing || !timer_is_set(&e->question->patience)))
		return true;
	*source = RESOLVER_COALESCED;
	*ready = false;
	if (part_has_addresses(&e->question->parts[0]) ||
	    part_has_addresses(&e->question->parts[1]))
		question_hurry(e->question, RESOLUTION_DELAY_MS);
	return true;
}

enum outcome
lookup_start(struct lookup **out, struct resolver *r,
    const struct hostname *name, lookup_done_fn done, void *arg)
{
	struct entry *e = entry_find(r, name);
	struct lookup *l = malloc(sizeof(*l));
	bool ready;

	if (l == NULL)
		return OUTCOME_INTERNAL_ERROR;
	if (e == NULL)
		e = entry_new(r, name);
	if (e == NULL || !entry_want(e, &l->source, &ready)) {
		free(l);
		return OUTCOME_INTERNAL_ERROR;
	}
	l->entry = e;
	l->done = done;
	l->arg = arg;
	e->lookups++;
	node_insert(ready ? &r->ready : &e->waiting, &l->node);
	if (ready && !r->delivering)
		loop_defer(r->loop, &r->deliver_later, deliver, r);
	*out = l;
	return OUTCOME_OK;
}

void
lookup_cancel(struct lookup **l)
{
	if (*l == NULL)
		return;
	lookup_free(*l);
	*l = NULL;
}

/* --- the whole ------------------------------------------------------------ */

struct resolver *
resolver_new(struct loop *loop, const struct resolver_options *opt)
{
	struct resolver *r = calloc(1, sizeof(*r));
	struct dns_client_options dns = {
	    .servers = opt->servers,
	    .server_count = opt->server_count,
	    .timeout_ms = opt->timeout_ms,
	    .attempts = opt->attempts,
	    .settled = deliver,
	    .arg = r,
	};

	if (r == NULL)
		return NULL;
	r->loop = loop;
	r->opt = *opt;
	r->opt.servers = NULL; /* the client's copy counts */
	if (r->opt.hosts_file == NULL)
		r->opt.hosts_file = "/etc/hosts";
	if (r->opt.stale_wait_ms == 0)
		r->opt.stale_wait_ms = STALE_WAIT_MS;
	if (r->opt.stale_retry_ms == 0)
		r->opt.stale_retry_ms = STALE_RETRY_MS;
	dns_table_init(&r->names);
	node_init(&r->ready);
	node_init(&r->batch);
	r->client = dns_client_new(loop, &dns);
	if (r->client == NULL) {
		free(r);
		return NULL;
	}
	return r;
}

static void
cancel_all(struct node *head)
{
	struct node *n;

	while ((n = node_pop(head)) != NULL)
		lookup_free((struct lookup *)(void *)n);
}

/* The client first: it drops the queries that stand in the questions. */
static void
resolver_destroy(struct resolver *r)
{
	struct node *n;

	dns_client_free(r->client);
	loop_undefer(&r->deliver_later);
	while ((n = node_pop(&r->names.by_use)) != NULL) {
		struct entry *e = (struct entry *)(void *)n;

		if (e->question != NULL)
			timer_clear(r->loop, &e->question->patience);
		free(e->question);
		entry_free(e);
	}
	free(r);
}

void
resolver_free(struct resolver *r)
{
	struct node *n;

	if (r == NULL)
		return;
	for (n = r->names.by_use.next; n != &r->names.by_use; n = n->next)
		cancel_all(&((struct entry *)(void *)n)->waiting);
	cancel_all(&r->ready);
	cancel_all(&r->batch);
	if (r->delivering)
		r->dead = true; /* deliver() does the rest */
	else
		resolver_destroy(r);
}

const struct resolver_stats *
resolver_stats(const struct resolver *r)
{
	return &r->stats;
}
