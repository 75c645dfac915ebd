/* SPDX-License-Identifier: Apache-2.0
 *
 * A fixed set of job slots: nothing is allocated for a guess, and what is on
 * its way when the gateway ends is not lost memory. */
#include "hasher.h"

#include <crypt.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "core/htpasswd.h"
#include "core/log.h"

enum {
	/* Clients with tunnels go before those who ask for one. */
	NICE = 5,
};

struct hash_job {
	struct hasher *hasher;
	struct hash_job *next; /* of the free ones, or in the queue */
	struct ipaddr client;
	struct loop *loop;
	hash_fn fn;
	void *arg;
	bool taken, queued, good;
	bool lost; /* done, but there was no memory to say so */
	atomic_bool cancelled;
	char hash[HTPASSWD_HASH_MAX + 1];
	char password[CREDENTIAL_MAX + 1];
};

struct hasher {
	pthread_mutex_t lock;  /* of what stands behind */
	pthread_cond_t queued; /* or stopping */
	struct hash_job jobs[HASHER_JOBS];
	struct hash_job *unused, *first, *last;
	bool stopping;
	/* The main thread's. */
	pthread_t threads[HASHER_THREADS_MAX];
	unsigned wanted, started;
};

struct hasher *
hasher_new(unsigned threads)
{
	struct hasher *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->wanted = threads;
	(void)pthread_mutex_init(&h->lock, NULL);
	(void)pthread_cond_init(&h->queued, NULL);
	for (size_t i = 0; i < HASHER_JOBS; i++) {
		h->jobs[i].hasher = h;
		h->jobs[i].next = h->unused;
		h->unused = &h->jobs[i];
	}
	return h;
}

/* --- the threads
 * ----------------------------------------------------------- */

/* With the lock held. */
static void
put_back(struct hash_job *job)
{
	explicit_bzero(job->password, sizeof(job->password));
	job->taken = false;
	job->next = job->hasher->unused;
	job->hasher->unused = job;
}

/* In the loop's thread. */
static void
deliver(void *arg)
{
	struct hash_job *job = arg;
	struct hasher *h = job->hasher;
	bool cancelled = atomic_load(&job->cancelled), good = job->good;
	hash_fn fn = job->fn;
	void *fn_arg = job->arg;

	(void)pthread_mutex_lock(&h->lock);
	put_back(job);
	(void)pthread_mutex_unlock(&h->lock);
	if (!cancelled)
		fn(fn_arg, good);
}

/* No memory for the message: the asker's own time limit ends its wait, and its
 * cancelling gives the slot back. */
static void
lose(struct hash_job *job)
{
	struct hasher *h = job->hasher;

	(void)pthread_mutex_lock(&h->lock);
	job->lost = true;
	if (atomic_load(&job->cancelled))
		put_back(job);
	(void)pthread_mutex_unlock(&h->lock);
}

/* Whether the password gives the hash: compared in constant time, though what
 * a guesser could learn from it is nothing but a part of a hash. */
static bool
verify(const struct hash_job *job, struct crypt_data *data)
{
	const char *got =
	    crypt_rn(job->password, job->hash, data, sizeof(*data));
	size_t len = strlen(job->hash);
	unsigned differ = 0;

	if (got == NULL || got[0] == '*' || strlen(got) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		differ |= (unsigned)(got[i] ^ job->hash[i]);
	return differ == 0;
}

/* Takes the job at *link out of the queue, with the lock held. */
static void
unqueue(struct hasher *h, struct hash_job **link)
{
	struct hash_job *job = *link;

	*link = job->next;
	job->queued = false;
	if (h->last != job)
		return;
	h->last = NULL;
	for (struct hash_job *j = h->first; j != NULL; j = j->next)
		h->last = j;
}

static struct hash_job *
next_job(struct hasher *h)
{
	struct hash_job *job;

	(void)pthread_mutex_lock(&h->lock);
	while (h->first == NULL && !h->stopping)
		(void)pthread_cond_wait(&h->queued, &h->lock);
	job = h->stopping ? NULL : h->first;
	if (job != NULL)
		unqueue(h, &h->first);
	(void)pthread_mutex_unlock(&h->lock);
	return job;
}

static void *
hasher_run(void *arg)
{
	struct hasher *h = arg;
	struct crypt_data *data = calloc(1, sizeof(*data)); /* 32 KiB */
	struct hash_job *job;

	/* Of this thread alone (setpriority(2), "C library/kernel
	 * differences"). */
	(void)setpriority(PRIO_PROCESS, 0, NICE);
	while ((job = next_job(h)) != NULL) {
		if (!atomic_load(&job->cancelled))
			job->good = data != NULL && verify(job, data);
		if (!loop_post(job->loop, deliver, job))
			lose(job);
	}
	if (data != NULL)
		explicit_bzero(data, sizeof(*data));
	free(data);
	return NULL;
}

/* Signals are the main thread's. */
bool
hasher_start(struct hasher *h)
{
	sigset_t all, old;
	int rc = 0;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	while (rc == 0 && h->started < h->wanted) {
		rc = pthread_create(
		    &h->threads[h->started], NULL, hasher_run, h);
		if (rc == 0)
			h->started++;
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = rc;
	return rc == 0;
}

void
hasher_stop(struct hasher *h)
{
	if (h == NULL)
		return;
	(void)pthread_mutex_lock(&h->lock);
	h->stopping = true;
	(void)pthread_cond_broadcast(&h->queued);
	(void)pthread_mutex_unlock(&h->lock);
	while (h->started > 0)
		(void)pthread_join(h->threads[--h->started], NULL);
}

void
hasher_free(struct hasher *h)
{
	if (h == NULL)
		return;
	explicit_bzero(h->jobs, sizeof(h->jobs));
	(void)pthread_cond_destroy(&h->queued);
	(void)pthread_mutex_destroy(&h->lock);
	free(h);
}

/* --- the askers
 * ------------------------------------------------------------ */

/* With the lock held. */
static unsigned
jobs_of(const struct hasher *h, const struct ipaddr *client)
{
	unsigned n = 0;

	for (size_t i = 0; i < HASHER_JOBS; i++) {
		if (h->jobs[i].taken &&
		    ipaddr_equal(&h->jobs[i].client, client))
			n++;
	}
	return n;
}

/* With the lock held. NULL: too many. */
static struct hash_job *
take_slot(struct hasher *h, const struct ipaddr *client)
{
	struct hash_job *job = h->unused;

	if (job == NULL || h->stopping ||
	    jobs_of(h, client) >= HASHER_JOBS_PER_CLIENT)
		return NULL;
	h->unused = job->next;
	job->next = NULL;
	job->taken = true;
	job->client = *client;
	return job;
}

static void
fill(struct hash_job *job, const struct hash_request *r)
{
	const struct credentials *c = r->credentials;

	job->loop = r->loop;
	job->fn = r->fn;
	job->arg = r->arg;
	job->good = false;
	job->lost = false;
	atomic_store(&job->cancelled, false);
	memcpy(job->hash, r->hash, strlen(r->hash) + 1);
	memcpy(job->password, c->password, c->password_len);
	job->password[c->password_len] = '\0';
}

bool
hash_start(
    struct hash_job **out, struct hasher *h, const struct hash_request *r)
{
	struct hash_job *job;

	(void)pthread_mutex_lock(&h->lock);
	job = take_slot(h, &r->client);
	if (job != NULL) {
		fill(job, r);
		if (h->last != NULL)
			h->last->next = job;
		else
			h->first = job;
		h->last = job;
		job->queued = true;
		(void)pthread_cond_signal(&h->queued);
	}
	(void)pthread_mutex_unlock(&h->lock);
	*out = job;
	return job != NULL;
}

/* With the lock held. */
static void
forget(struct hasher *h, struct hash_job *job)
{
	struct hash_job **link = &h->first;

	while (*link != job)
		link = &(*link)->next;
	unqueue(h, link);
	put_back(job);
}

/* What nobody has begun is forgotten; what is in hand or done is thrown away
 * when it is delivered. */
void
hash_cancel(struct hash_job **job)
{
	struct hasher *h;

	if (*job == NULL)
		return;
	h = (*job)->hasher;
	(void)pthread_mutex_lock(&h->lock);
	atomic_store(&(*job)->cancelled, true);
	if ((*job)->queued)
		forget(h, *job);
	else if ((*job)->lost)
		put_back(*job);
	(void)pthread_mutex_unlock(&h->lock);
	*job = NULL;
}
