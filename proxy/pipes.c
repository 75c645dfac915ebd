/* SPDX-License-Identifier: Apache-2.0 */
#include "pipes.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	/* One splice moves at most this much. An unprivileged user may have 64
	 * MiB of pipes in all (pipe-user-pages-soft); where that is used up,
	 * pipes keep the size they were born with. */
	PIPE_WANTED = 1024 * 1024,
	/* Idle pipes beyond these are closed: each one costs descriptors. */
	PIPES_SPARE = 16,
};

void
pipe_pool_init(struct pipe_pool *p, unsigned limit)
{
	*p = (struct pipe_pool){.limit = limit};
}

static void
destroy(struct pipe_pool *p, struct pipe_pair *pair)
{
	(void)close(pair->rd);
	(void)close(pair->wr);
	free(pair);
	p->made--;
}

void
pipe_pool_fini(struct pipe_pool *p)
{
	while (p->spare != NULL) {
		struct pipe_pair *pair = p->spare;

		p->spare = pair->next;
		destroy(p, pair);
	}
}

static struct pipe_pair *
make(void)
{
	struct pipe_pair *pair = malloc(sizeof(*pair));
	int fds[2], size;

	if (pair == NULL)
		return NULL;
	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0) {
		free(pair);
		return NULL;
	}
	size = fcntl(fds[1], F_SETPIPE_SZ, PIPE_WANTED);
	if (size < 0)
		size = fcntl(fds[1], F_GETPIPE_SZ);
	*pair = (struct pipe_pair){.rd = fds[0],
	    .wr = fds[1],
	    .capacity = size > 0 ? (size_t)size : 4096};
	return pair;
}

bool
pipe_can_borrow(const struct pipe_pool *p)
{
	return p->spare != NULL || p->made < p->limit;
}

struct pipe_pair *
pipe_borrow(struct pipe_pool *p)
{
	struct pipe_pair *pair = p->spare;

	if (pair != NULL) {
		p->spare = pair->next;
		return pair;
	}
	if (p->made >= p->limit)
		return NULL;
	pair = make();
	if (pair != NULL)
		p->made++;
	return pair;
}

static unsigned
spares(const struct pipe_pool *p)
{
	unsigned n = 0;

	for (const struct pipe_pair *s = p->spare; s != NULL; s = s->next)
		n++;
	return n;
}

void
pipe_give_back(struct pipe_pool *p, struct pipe_pair **pair)
{
	struct pipe_pair *it = *pair;

	*pair = NULL;
	if (it == NULL)
		return;
	if (it->filled > 0 || spares(p) >= PIPES_SPARE) {
		destroy(p, it);
	} else {
		it->next = p->spare;
		p->spare = it;
	}
}
