/* SPDX-License-Identifier: Apache-2.0
 *
 * How many spares: requests are counted in windows of a second. What matters is
 * how many come while a new spare is on its way, so the target is the rate
 * times twice the time that connecting takes, plus one for the next request.
 *
 * How old: AGE_FIRST to begin with. A spare that the far end closes lowers the
 * limit to three quarters of the age it reached; one that reaches the limit
 * raises it by a tenth, so that a wrong lesson is unlearnt. */
#include "warm.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define MS     1000000ULL
#define SECOND (1000 * MS)

static const uint64_t in_use_ns = 60 * SECOND, age_first_ns = 8 * SECOND,
		      age_least_ns = SECOND, age_most_ns = 45 * SECOND,
		      after_failure_ns = 5 * SECOND;

struct place;

struct spare {
	struct watch watch; /* first: found by its address */
	struct dial *dial;  /* while connecting */
	struct place *place;
	struct spare *next, **link;
	struct ip_endpoint peer;
	uint64_t since_ns; /* dialled, then connected */
	struct deferred dying;
};

/* An endpoint. */
struct place {
	struct warm *warm;
	const struct rule *rule;
	struct spare *ready; /* the youngest first */
	struct spare *connecting;
	unsigned ready_count, connecting_count;
	uint64_t used_ns; /* the last request */
	uint64_t window_ns;
	unsigned window_count, rate; /* requests: now, and in the last window */
	uint64_t connect_ns;         /* of the last spare */
	uint64_t age_ns;             /* limit */
	uint64_t failed_ns;          /* the last failure; 0: none */
	struct place *next;          /* of those ever asked for */
};

struct warm {
	struct loop *loop;
	struct warm_options opt;
	struct warm_stats stats;
	struct timer timer;     /* when the oldest spare is too old */
	struct place *asked;    /* the endpoints ever asked for ... */
	struct place *places[]; /* ... and where to find them by rule */
};

static void warm_set_timer(struct warm *w);

static void
spare_free(void *arg)
{
	free(arg);
}

static void
spare_unlink(struct spare *s)
{
	*s->link = s->next;
	if (s->next != NULL)
		s->next->link = s->link;
}

static void
spare_link(struct spare **list, struct spare *s)
{
	s->next = *list;
	s->link = list;
	if (s->next != NULL)
		s->next->link = &s->next;
	*list = s;
}

/* Out of its list, its descriptor closed or given away, freed when the turn is
 * over. */
static void
spare_end(struct spare *s)
{
	struct warm *w = s->place->warm;

	if (s->dial != NULL) {
		s->place->connecting_count--;
		w->stats.connecting--;
	} else {
		s->place->ready_count--;
		w->stats.ready--;
	}
	dial_cancel(&s->dial);
	spare_unlink(s);
	watch_close(w->loop, &s->watch);
	loop_free_later(w->loop, &s->dying, spare_free, s);
}

/* --- the age at which the far end closes -----------------------------------
 */

static uint64_t
clamp(uint64_t n, uint64_t least, uint64_t most)
{
	if (n < least)
		return least;
	return n > most ? most : n;
}

static void
learn_closed(struct place *p, uint64_t age_ns)
{
	if (age_ns < p->age_ns)
		p->age_ns = clamp(age_ns / 4 * 3, age_least_ns, age_most_ns);
}

static void
learn_survived(struct place *p)
{
	p->age_ns = clamp(p->age_ns / 10 * 11, age_least_ns, age_most_ns);
}

static void
on_spare_event(struct watch *watch, uint32_t events)
{
	struct spare *s = (struct spare *)(void *)watch;
	struct warm *w = s->place->warm;

	/* Writable is all that a spare should ever be. */
	if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0)
		return;
	learn_closed(s->place, loop_now(w->loop) - s->since_ns);
	w->stats.results[WARM_CLOSED]++;
	spare_end(s);
}

/* --- making spares -----------------------------------------------------------
 */

static void
on_spare_dialed(void *arg, const struct dial_result *res)
{
	struct spare *s = arg;
	struct place *p = s->place;
	struct warm *w = p->warm;
	uint64_t now = loop_now(w->loop);

	if (res->why != OUTCOME_OK) {
		p->failed_ns = now;
		w->stats.results[WARM_FAILED]++;
		s->dial = NULL;
		p->connecting_count--;
		w->stats.connecting--;
		spare_unlink(s);
		loop_free_later(w->loop, &s->dying, spare_free, s);
		return;
	}
	s->dial = NULL;
	p->connecting_count--;
	w->stats.connecting--;
	spare_unlink(s);
	p->connect_ns = now - s->since_ns;
	p->failed_ns = 0;
	s->since_ns = now;
	s->peer = res->peer;
	spare_link(&p->ready, s);
	p->ready_count++;
	w->stats.ready++;
	loop_adopt(w->loop, &s->watch, res->fd, on_spare_event);
	if (res->events & (EPOLLIN | EPOLLRDHUP))
		on_spare_event(&s->watch, res->events);
	else
		warm_set_timer(w); /* which may give it up at once */
}

static const char *
filter(void *arg, const struct ip_endpoint *to, enum outcome *why)
{
	const struct place *p = arg;
	const struct warm_options *opt = &p->warm->opt;

	return opt->filter(opt->arg, p->rule, to, why);
}

/* False: not now. */
static bool
spare_start(struct place *p, const struct addr_list *addrs)
{
	struct warm *w = p->warm;
	const struct dial_options opt = {.port = p->rule->entry->port,
	    .timeout_ms = w->opt.connect_timeout_ms,
	    .attempt_delay_ms = w->opt.attempt_delay_ms,
	    .spare_attempts = w->opt.spare_attempts,
	    .filter = filter,
	    .filter_arg = p};
	struct spare *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return false;
	s->watch.fd = -1;
	s->place = p;
	s->since_ns = loop_now(w->loop);
	if (dial_start(&s->dial, w->loop, addrs, &opt, on_spare_dialed, s) !=
	    OUTCOME_OK) {
		free(s);
		return false;
	}
	spare_link(&p->connecting, s);
	p->connecting_count++;
	w->stats.connecting++;
	return true;
}

static unsigned
wanted(const struct place *p)
{
	uint64_t rate = p->rate > p->window_count ? p->rate : p->window_count;
	uint64_t n = 1 + rate * 2 * p->connect_ns / SECOND;

	return n < p->warm->opt.most ? (unsigned)n : p->warm->opt.most;
}

static void
fill_up(struct place *p)
{
	struct warm *w = p->warm;
	const struct addr_list *addrs;
	unsigned want = wanted(p);

	if (p->ready_count + p->connecting_count >= want ||
	    w->stats.ready + w->stats.connecting >= w->opt.limit)
		return;
	/* An endpoint that cannot be reached is left to the requests. */
	if (p->failed_ns != 0 &&
	    loop_now(w->loop) - p->failed_ns < after_failure_ns)
		return;
	addrs = w->opt.addresses(w->opt.arg, p->rule);
	if (addrs == NULL)
		return;
	while (p->ready_count + p->connecting_count < want &&
	       w->stats.ready + w->stats.connecting < w->opt.limit) {
		if (!spare_start(p, addrs))
			return;
	}
}

/* --- age
 * ----------------------------------------------------------------------- */

/* Drops what is too old or wanted no more, and puts a fresh one in its place
 * while the endpoint is in use. Returns when the oldest one left is due. */
static uint64_t
sweep(struct place *p, uint64_t now)
{
	uint64_t next = UINT64_MAX;
	struct spare *s = p->ready;
	bool in_use = now - p->used_ns < in_use_ns;

	while (s != NULL) {
		struct spare *after = s->next;
		uint64_t due = s->since_ns + p->age_ns;

		if (!in_use || due <= now) {
			if (in_use)
				learn_survived(p);
			p->warm->stats.results[WARM_EXPIRED]++;
			spare_end(s);
		} else if (due < next) {
			next = due;
		}
		s = after;
	}
	if (in_use)
		fill_up(p);
	return next;
}

static void
on_age(struct timer *t)
{
	warm_set_timer(
	    (struct warm *)(void *)((char *)t - offsetof(struct warm, timer)));
}

static void
warm_set_timer(struct warm *w)
{
	uint64_t now = loop_now(w->loop), next = UINT64_MAX;

	for (struct place *p = w->asked; p != NULL; p = p->next) {
		uint64_t due = p->ready != NULL ? sweep(p, now) : UINT64_MAX;

		if (due < next)
			next = due;
	}
	if (next != UINT64_MAX)
		timer_set(w->loop, &w->timer, next, on_age);
}

/* --- the interface
 * --------------------------------------------------------------- */

static void
count_request(struct place *p, uint64_t now)
{
	if (now - p->window_ns >= SECOND) {
		p->rate = now - p->window_ns < 2 * SECOND ? p->window_count : 0;
		p->window_ns = now;
		p->window_count = 0;
	}
	p->window_count++;
	p->used_ns = now;
}

/* NULL: out of memory. */
static struct place *
place_of(struct warm *w, const struct rule *rule)
{
	struct place *p = w->places[rule->index];

	if (p != NULL)
		return p;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->warm = w;
	p->rule = rule;
	p->age_ns = age_first_ns;
	p->next = w->asked;
	w->asked = p;
	w->places[rule->index] = p;
	return p;
}

bool
warm_take(
    struct warm *w, const struct rule *rule, int *fd, struct ip_endpoint *peer)
{
	struct place *p = place_of(w, rule);
	struct spare *s;

	if (p == NULL)
		return false;
	s = p->ready;
	count_request(p, loop_now(w->loop));
	w->stats.results[s != NULL ? WARM_TAKEN : WARM_MISSED]++;
	if (s != NULL) {
		*fd = s->watch.fd;
		*peer = s->peer;
		loop_release(w->loop, &s->watch);
		spare_end(s);
	}
	fill_up(p);
	return s != NULL;
}

void
warm_fill(struct warm *w, const struct rule *rule)
{
	struct place *p = place_of(w, rule);

	if (p != NULL)
		fill_up(p);
}

const struct warm_stats *
warm_stats(const struct warm *w)
{
	return &w->stats;
}

struct warm *
warm_new(struct loop *loop, const struct warm_options *opt)
{
	struct warm *w =
	    calloc(1, sizeof(*w) + opt->endpoints * sizeof(struct place *));

	if (w == NULL)
		return NULL;
	w->loop = loop;
	w->opt = *opt;
	if (opt->counted != NULL)
		memcpy(w->stats.results, opt->counted->results,
		    sizeof(w->stats.results));
	return w;
}

void
warm_free(struct warm *w)
{
	if (w == NULL)
		return;
	timer_clear(w->loop, &w->timer);
	while (w->asked != NULL) {
		struct place *p = w->asked;

		w->asked = p->next;
		while (p->ready != NULL)
			spare_end(p->ready);
		while (p->connecting != NULL)
			spare_end(p->connecting);
		free(p);
	}
	free(w);
}
