/* SPDX-License-Identifier: Apache-2.0
 *
 * "Did you mean": finds, among known words, the one that somebody most likely
 * meant. Pure; allocates nothing.
 *
 *	struct nearest n = nearest_to(word);
 *	for each known word k
 *		nearest_try(&n, k);
 *	if (n.best != NULL) … */
#ifndef SEKISHO_CORE_NEAREST_H
#define SEKISHO_CORE_NEAREST_H

#include "core/span.h"

enum {
	NEAREST_WORD_MAX = 80, /* longer words are near to nothing */
};

struct nearest {
	struct span word;  /* borrowed: what was written */
	const char *best;  /* borrowed: the nearest so far, or NULL */
	unsigned distance; /* of best: letters added, left out, changed, or
			    * swapped with the next; case does not count */
};

struct nearest nearest_to(struct span word);

/* Offers a known word. It becomes the best one when it is nearer than those
 * before, and near enough to be meant: at most a third of its letters differ.
 */
void nearest_try(struct nearest *n, const char *known);

#endif
