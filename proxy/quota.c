/* SPDX-License-Identifier: Apache-2.0 */
#include "quota.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
	BUCKETS = 4096, /* a power of two */
	CLIENTS_MAX = 65536,
	TUNNELS_AUTO_MAX = 65536,
	PIPES_MAX = 64,
	/* Tokens are counted in thousandths. */
	TOKEN = 1000,
};

struct client {
	struct ipaddr addr;
	unsigned tunnels;
	uint64_t tokens; /* of requests, in TOKENs */
	uint64_t filled_ns;
	struct client *next;
};

struct quota {
	struct quota_budget budget;
	atomic_uint tunnels, clients;
	unsigned tunnels_per_client, requests_per_s; /* 0: none */
	pthread_mutex_t lock;
	struct client **buckets; /* NULL when nothing is limited per client */
	unsigned known;
};

/* --- descriptors -----------------------------------------------------------
 */

/* Each worker has its epoll, its eventfd, some sockets to DNS servers, one to
 * try a second address with, and its listeners; the process has its standard
 * files, log, signals, and the admin port with its reserve and a few
 * connections. */
static uint64_t
own_files(unsigned workers, unsigned listeners)
{
	return 32 + (uint64_t)workers * (7 + listeners);
}

bool
quota_share_out(struct quota_budget *out, uint64_t files, unsigned workers,
    unsigned listeners, unsigned wanted, unsigned *least)
{
	uint64_t own = own_files(workers, listeners), left, spare, pipes, fit;
	uint64_t attempts;

	*least = (unsigned)own + 8;
	if (files < *least)
		return false;
	left = files - own;
	/* Connections beyond the tunnels: those that ask or are refused. */
	spare = left / 16 < 4 ? 4 : left / 16;
	if (spare > 1024)
		spare = 1024;
	pipes = left / 32 / workers;
	if (pipes > PIPES_MAX)
		pipes = PIPES_MAX;
	attempts = left / 32 / workers;
	fit = (left - spare - (2 * pipes + attempts) * workers) / 2;
	if (wanted == 0 && fit > TUNNELS_AUTO_MAX)
		fit = TUNNELS_AUTO_MAX;
	if (wanted != 0 && wanted < fit)
		fit = wanted;
	*out = (struct quota_budget){.tunnels = (unsigned)fit,
	    .clients = (unsigned)(fit + spare),
	    .pipes = (unsigned)pipes,
	    .attempts = (unsigned)attempts + 1};
	return fit > 0;
}

/* --- clients ---------------------------------------------------------------
 */

static unsigned
bucket_of(const struct ipaddr *a)
{
	uint64_t h = 14695981039346656037U;

	for (size_t i = 0; i < sizeof(a->bytes); i++)
		h = (h ^ a->bytes[i]) * 1099511628211U;
	return (unsigned)(h >> 32) % BUCKETS;
}

static void
refill(const struct quota *l, struct client *c, uint64_t now_ns)
{
	uint64_t full = (uint64_t)l->requests_per_s * 2 * TOKEN;
	uint64_t since_us = (now_ns - c->filled_ns) / 1000;
	uint64_t fresh;

	if (now_ns < c->filled_ns || since_us == 0)
		return;
	/* Two seconds fill it whatever the rate: no overflow beyond them. */
	if (since_us > 2000000)
		since_us = 2000000;
	fresh = since_us * l->requests_per_s * TOKEN / 1000000;
	if (fresh == 0)
		return;
	c->filled_ns = now_ns;
	c->tokens = c->tokens + fresh > full ? full : c->tokens + fresh;
}

static bool
is_idle(const struct quota *l, struct client *c, uint64_t now_ns)
{
	if (l->requests_per_s > 0)
		refill(l, c, now_ns);
	return c->tunnels == 0 &&
	       c->tokens >= (uint64_t)l->requests_per_s * 2 * TOKEN;
}

/* Clients that use nothing any more are as if never seen. */
static void
sweep(struct quota *l, unsigned bucket, uint64_t now_ns)
{
	struct client **link = &l->buckets[bucket];

	while (*link != NULL) {
		struct client *c = *link;

		if (is_idle(l, c, now_ns)) {
			*link = c->next;
			free(c);
			l->known--;
		} else {
			link = &c->next;
		}
	}
}

static struct client *
find(const struct quota *l, const struct ipaddr *addr)
{
	struct client *c = l->buckets[bucket_of(addr)];

	while (c != NULL && !ipaddr_equal(&c->addr, addr))
		c = c->next;
	return c;
}

static struct client *
find_or_add(struct quota *l, const struct ipaddr *addr, uint64_t now_ns)
{
	unsigned bucket = bucket_of(addr);
	struct client *c = find(l, addr);

	if (c != NULL)
		return c;
	sweep(l, bucket, now_ns);
	if (l->known >= CLIENTS_MAX) {
		for (unsigned i = 0; i < BUCKETS; i++)
			sweep(l, i, now_ns);
	}
	if (l->known >= CLIENTS_MAX)
		return NULL;
	c = malloc(sizeof(*c));
	if (c == NULL)
		return NULL;
	*c = (struct client){.addr = *addr,
	    .tokens = (uint64_t)l->requests_per_s * 2 * TOKEN,
	    .filled_ns = now_ns,
	    .next = l->buckets[bucket]};
	l->buckets[bucket] = c;
	l->known++;
	return c;
}

/* --- the interface ---------------------------------------------------------
 */

struct quota *
quota_new(const struct quota_budget *budget, const struct config *config)
{
	struct quota *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->budget = *budget;
	l->tunnels_per_client = config->limits.tunnels_per_client;
	l->requests_per_s = config->limits.connects_per_client;
	(void)pthread_mutex_init(&l->lock, NULL);
	if (l->tunnels_per_client > 0 || l->requests_per_s > 0) {
		l->buckets = calloc(BUCKETS, sizeof(struct client *));
		if (l->buckets == NULL) {
			quota_free(l);
			return NULL;
		}
	}
	return l;
}

void
quota_free(struct quota *l)
{
	if (l == NULL)
		return;
	for (unsigned i = 0; l->buckets != NULL && i < BUCKETS; i++) {
		while (l->buckets[i] != NULL) {
			struct client *c = l->buckets[i];

			l->buckets[i] = c->next;
			free(c);
		}
	}
	free(l->buckets);
	(void)pthread_mutex_destroy(&l->lock);
	free(l);
}

/* Adds one unless that would be more than most. */
static bool
take_place(atomic_uint *n, unsigned most)
{
	if (atomic_fetch_add_explicit(n, 1, memory_order_relaxed) < most)
		return true;
	atomic_fetch_sub_explicit(n, 1, memory_order_relaxed);
	return false;
}

bool
quota_client_came(struct quota *l)
{
	return take_place(&l->clients, l->budget.clients);
}

void
quota_client_gone(struct quota *l)
{
	atomic_fetch_sub_explicit(&l->clients, 1, memory_order_relaxed);
}

enum outcome
quota_request(struct quota *l, const struct ipaddr *client, uint64_t now_ns,
    unsigned *retry_after_s)
{
	enum outcome why = OUTCOME_RATE_LIMITED;
	struct client *c;

	*retry_after_s = 1; /* a second refills one request at least */
	if (l->requests_per_s == 0 || client->family == IP_NONE)
		return OUTCOME_OK;
	(void)pthread_mutex_lock(&l->lock);
	c = find_or_add(l, client, now_ns);
	if (c != NULL) {
		refill(l, c, now_ns);
		if (c->tokens >= TOKEN) {
			c->tokens -= TOKEN;
			why = OUTCOME_OK;
		}
	}
	(void)pthread_mutex_unlock(&l->lock);
	return why;
}

enum outcome
quota_enter(struct quota *l, const struct ipaddr *client)
{
	enum outcome why = OUTCOME_RATE_LIMITED;
	struct client *c;

	if (!take_place(&l->tunnels, l->budget.tunnels))
		return OUTCOME_LIMIT_REACHED;
	if (l->tunnels_per_client == 0 || client->family == IP_NONE)
		return OUTCOME_OK;
	(void)pthread_mutex_lock(&l->lock);
	c = find_or_add(l, client, 0);
	if (c != NULL && c->tunnels < l->tunnels_per_client) {
		c->tunnels++;
		why = OUTCOME_OK;
	}
	(void)pthread_mutex_unlock(&l->lock);
	if (why != OUTCOME_OK)
		atomic_fetch_sub_explicit(&l->tunnels, 1, memory_order_relaxed);
	return why;
}

void
quota_leave(struct quota *l, const struct ipaddr *client)
{
	struct client *c;

	atomic_fetch_sub_explicit(&l->tunnels, 1, memory_order_relaxed);
	if (l->tunnels_per_client == 0 || client->family == IP_NONE)
		return;
	(void)pthread_mutex_lock(&l->lock);
	c = find(l, client);
	if (c != NULL && c->tunnels > 0)
		c->tunnels--;
	(void)pthread_mutex_unlock(&l->lock);
}
