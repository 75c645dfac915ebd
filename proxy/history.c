/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include <stdlib.h>

enum {
	MINUTE_S = 60,
	NO_RING = UINT16_MAX,
};

struct ring {
	bool in_use;
	size_t slot;                  /* of the rule, struct rule */
	struct history_minute before; /* totals when the minute began */
	struct history_minute minutes[HISTORY_MINUTES];
};

struct history {
	const struct metrics_source *src; /* borrowed */
	struct event *tick;
	size_t now; /* the minute that runs, in all rings */
	struct ring all;
	struct ring rings[HISTORY_ENDPOINTS];
	/* Slot to ring, NO_RING: none. */
	uint16_t *places;
	size_t place_count;
};

/* --- totals -----------------------------------------------------------------
 */

static uint64_t
histogram_count(const struct histogram *h)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		sum += counter_get(&h->buckets[i]);
	return sum;
}

static void
add_failures(struct history_minute *to, const counter *outcomes)
{
	for (unsigned o = 0; o < OUTCOME_COUNT; o++) {
		if (outcome_is_failure((enum outcome)o))
			to->failures += counter_get(&outcomes[o]);
	}
}

struct history_minute
history_rule_totals(const struct metrics_source *src, const struct rule *rule)
{
	struct history_minute sum = {.tunnels = 0};

	for (size_t i = 0; i < src->worker_count; i++) {
		const struct endpoint_metrics *e =
		    metrics_endpoint(src->workers[i], rule->slot);

		sum.tunnels += counter_get(&e->tunnels);
		add_failures(&sum, e->outcomes);
		sum.connects += histogram_count(&e->connect);
		sum.connect_ns += counter_get(&e->connect.sum_ns);
	}
	return sum;
}

static struct history_minute
all_totals(const struct metrics_source *src)
{
	struct history_minute sum = {.tunnels = 0};

	for (size_t i = 0; i < src->worker_count; i++) {
		const struct worker_metrics *m = src->workers[i];

		sum.tunnels += histogram_count(&m->setup_time);
		add_failures(&sum, m->requests);
		sum.connects += histogram_count(&m->connect_time);
		sum.connect_ns += counter_get(&m->connect_time.sum_ns);
	}
	return sum;
}

static struct history_minute
since(const struct history_minute *now, const struct history_minute *before)
{
	return (struct history_minute){
	    .tunnels = now->tunnels - before->tunnels,
	    .failures = now->failures - before->failures,
	    .connects = now->connects - before->connects,
	    .connect_ns = now->connect_ns - before->connect_ns};
}

/* --- rings ------------------------------------------------------------------
 */

static uint16_t
place_of(const struct history *h, size_t slot)
{
	return slot < h->place_count ? h->places[slot] : NO_RING;
}

static bool
is_in_use(const struct metrics_source *src, const struct rule *rule)
{
	for (size_t i = 0; i < src->worker_count; i++) {
		const struct endpoint_metrics *e =
		    metrics_endpoint(src->workers[i], rule->slot);

		if (counter_get(&e->last_success_unix_ns) != 0 ||
		    counter_get(&e->last_failure_unix_ns) != 0)
			return true;
	}
	return false;
}

/* A ring for a rule that has come into use: all that it has done, it has done
 * since the last look. */
static void
ring_take(struct history *h, size_t slot)
{
	for (size_t i = 0; slot < h->place_count && i < HISTORY_ENDPOINTS;
	     i++) {
		if (h->rings[i].in_use)
			continue;
		h->rings[i] = (struct ring){.in_use = true, .slot = slot};
		h->places[slot] = (uint16_t)i;
		return;
	}
}

static void
ring_turn(struct history *h, struct ring *r, struct history_minute totals)
{
	r->minutes[h->now] = since(&totals, &r->before);
	r->before = totals;
	r->minutes[(h->now + 1) % HISTORY_MINUTES] =
	    (struct history_minute){.tunnels = 0};
}

void
history_next_minute(struct history *h)
{
	for (size_t i = 0; i < h->src->rule_count; i++) {
		const struct rule *rule = &h->src->rules[i];

		if (place_of(h, rule->slot) == NO_RING &&
		    is_in_use(h->src, rule))
			ring_take(h, rule->slot);
		if (place_of(h, rule->slot) != NO_RING)
			ring_turn(h, &h->rings[place_of(h, rule->slot)],
			    history_rule_totals(h->src, rule));
	}
	ring_turn(h, &h->all, all_totals(h->src));
	h->now = (h->now + 1) % HISTORY_MINUTES;
}

static void
on_minute(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	history_next_minute(arg);
}

/* --- life -------------------------------------------------------------------
 */

struct history *
history_new(struct event_base *base, const struct metrics_source *src)
{
	static const struct timeval minute = {.tv_sec = MINUTE_S};
	struct history *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->src = src;
	h->tick = event_new(base, -1, EV_PERSIST, on_minute, h);
	if (h->tick == NULL || event_add(h->tick, &minute) != 0) {
		history_free(h);
		return NULL;
	}
	history_renew(h);
	return h;
}

void
history_free(struct history *h)
{
	if (h == NULL)
		return;
	if (h->tick != NULL)
		event_free(h->tick);
	free(h->places);
	free(h);
}

/* Places for all slots of the rules; those there are stay. Without memory, the
 * new rules have no rings. */
static void
grow_places(struct history *h)
{
	size_t count = h->place_count;
	uint16_t *places;

	for (size_t i = 0; i < h->src->rule_count; i++) {
		if (h->src->rules[i].slot >= count)
			count = h->src->rules[i].slot + 1;
	}
	places = reallocarray(h->places, count + 1, sizeof(*places));
	if (places == NULL)
		return;
	for (size_t i = h->place_count; i < count; i++)
		places[i] = NO_RING;
	h->places = places;
	h->place_count = count;
}

void
history_renew(struct history *h)
{
	bool kept[HISTORY_ENDPOINTS] = {false};

	for (size_t i = 0; i < h->src->rule_count; i++) {
		uint16_t place = place_of(h, h->src->rules[i].slot);

		if (place != NO_RING)
			kept[place] = true;
	}
	for (size_t i = 0; i < HISTORY_ENDPOINTS; i++) {
		struct ring *r = &h->rings[i];

		if (!r->in_use || kept[i])
			continue;
		h->places[r->slot] = NO_RING;
		r->in_use = false;
	}
	grow_places(h);
}

/* --- reading ----------------------------------------------------------------
 */

static void
ring_read(const struct history *h, const struct ring *r,
    struct history_minute totals, struct history_minute *out)
{
	for (size_t i = 0; i < HISTORY_MINUTES; i++)
		out[i] = r->minutes[(h->now + 1 + i) % HISTORY_MINUTES];
	out[HISTORY_MINUTES - 1] = since(&totals, &r->before);
}

void
history_of_rule(const struct history *h, const struct rule *rule,
    struct history_minute out[HISTORY_MINUTES])
{
	static const struct ring none = {.in_use = false};
	uint16_t place = place_of(h, rule->slot);

	ring_read(h, place != NO_RING ? &h->rings[place] : &none,
	    history_rule_totals(h->src, rule), out);
}

void
history_of_all(
    const struct history *h, struct history_minute out[HISTORY_MINUTES])
{
	ring_read(h, &h->all, all_totals(h->src), out);
}
