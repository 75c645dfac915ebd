/* SPDX-License-Identifier: Apache-2.0 */
#include "echoes.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	BUCKETS = 4096, /* a power of two */
	WORDS = HELLO_RANDOM_LEN / 4,
};

struct echoes {
	pthread_mutex_t lock;
	uint64_t keys[WORDS + 1];
	struct echo *buckets[BUCKETS];
};

struct echoes *
echoes_new(void)
{
	struct echoes *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	if (getrandom(e->keys, sizeof(e->keys), 0) != sizeof(e->keys)) {
		free(e);
		return NULL;
	}
	(void)pthread_mutex_init(&e->lock, NULL);
	return e;
}

void
echoes_free(struct echoes *e)
{
	if (e == NULL)
		return;
	(void)pthread_mutex_destroy(&e->lock);
	free(e);
}

/* Pair-multiply-shift: clients choose the bytes, and without the keys they
 * cannot choose the bucket. */
static struct echo **
bucket_of(struct echoes *e, const uint8_t random[HELLO_RANDOM_LEN])
{
	uint32_t words[WORDS];
	uint64_t h = e->keys[WORDS];

	memcpy(words, random, sizeof(words));
	for (size_t i = 0; i < WORDS; i += 2)
		h += (e->keys[i] + words[i + 1]) * (e->keys[i + 1] + words[i]);
	return &e->buckets[(h >> 32) % BUCKETS];
}

bool
echoes_enter(
    struct echoes *e, struct echo *echo, const uint8_t random[HELLO_RANDOM_LEN])
{
	struct echo **bucket = bucket_of(e, random), *other;

	(void)pthread_mutex_lock(&e->lock);
	other = *bucket;
	while (other != NULL &&
	       memcmp(other->random, random, HELLO_RANDOM_LEN) != 0)
		other = other->next;
	if (other == NULL) {
		memcpy(echo->random, random, HELLO_RANDOM_LEN);
		echo->next = *bucket;
		echo->link = bucket;
		if (echo->next != NULL)
			echo->next->link = &echo->next;
		*bucket = echo;
	}
	(void)pthread_mutex_unlock(&e->lock);
	return other == NULL;
}

void
echoes_leave(struct echoes *e, struct echo *echo)
{
	if (echo->link == NULL)
		return;
	(void)pthread_mutex_lock(&e->lock);
	*echo->link = echo->next;
	if (echo->next != NULL)
		echo->next->link = echo->link;
	echo->link = NULL;
	(void)pthread_mutex_unlock(&e->lock);
}
