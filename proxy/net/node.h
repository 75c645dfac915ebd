/* SPDX-License-Identifier: Apache-2.0
 *
 * Circular doubly linked lists of embedded nodes: a node is taken out without
 * knowing its list, and one that is in no list is linked to itself. */
#ifndef SEKISHO_NET_NODE_H
#define SEKISHO_NET_NODE_H

#include <stdbool.h>
#include <stddef.h>

/* The object of which *ptr is a member. */
#define owner_of(ptr, type, member)                                            \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* A list's head, or a member. */
struct node {
	struct node *next, *prev;
};

static inline void
node_init(struct node *n)
{
	n->next = n->prev = n;
}

static inline bool
node_is_empty(const struct node *head)
{
	return head->next == head;
}

static inline void
node_remove(struct node *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	node_init(n);
}

/* Before at: with a list's head, that is its end. n must be in no list. */
static inline void
node_insert(struct node *at, struct node *n)
{
	n->prev = at->prev;
	n->next = at;
	at->prev->next = n;
	at->prev = n;
}

/* Takes the first one off the list; NULL when it is empty. */
static inline struct node *
node_pop(struct node *head)
{
	struct node *n = head->next;

	if (n == head)
		return NULL;
	head->next = n->next;
	n->next->prev = head;
	node_init(n);
	return n;
}

/* All of from to the end of head's list. */
static inline void
node_move_all(struct node *head, struct node *from)
{
	if (node_is_empty(from))
		return;
	from->next->prev = head->prev;
	head->prev->next = from->next;
	from->prev->next = head;
	head->prev = from->prev;
	node_init(from);
}

#endif
