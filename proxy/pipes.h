/* SPDX-License-Identifier: Apache-2.0
 *
 * A pool of pipes for splice(2), one per worker: a direction of a tunnel
 * borrows one only while bytes wait in it. At most a fixed number of pipes
 * exists, so that pipes never take the descriptors that clients need. */
#ifndef SEKISHO_PIPES_H
#define SEKISHO_PIPES_H

#include <stdbool.h>
#include <stddef.h>

struct pipe_pair {
	int rd, wr;
	size_t filled;   /* bytes in it; kept by the borrower */
	size_t capacity; /* bytes an empty one takes for certain by write(2) */
	struct pipe_pair *next;
};

struct pipe_pool {
	struct pipe_pair *spare;
	unsigned made, limit;
};

void pipe_pool_init(struct pipe_pool *p, unsigned limit);
/* Every pipe must have been given back. */
void pipe_pool_fini(struct pipe_pool *p);

/* Whether one is to be had, if the kernel plays along. */
bool pipe_can_borrow(const struct pipe_pool *p);

/* An empty pipe, or NULL when the limit is reached or none can be made. */
struct pipe_pair *pipe_borrow(struct pipe_pool *p);

/* Takes it back; one with bytes left in it is closed. Sets *pair to NULL, which
 * is also fine to pass. */
void pipe_give_back(struct pipe_pool *p, struct pipe_pair **pair);

#endif
