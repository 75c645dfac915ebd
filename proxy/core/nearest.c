/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nearest.h"

#include <string.h>

struct nearest
nearest_to(struct span word)
{
	return (struct nearest){.word = word};
}

static unsigned
min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Optimal string alignment distance, by three rows of its table. Both words
 * have at most NEAREST_WORD_MAX bytes. */
static unsigned
distance(struct span a, struct span b)
{
	unsigned rows[3][NEAREST_WORD_MAX + 1];
	unsigned *old = rows[0], *last = rows[1], *now = rows[2];

	for (unsigned j = 0; j <= b.len; j++)
		last[j] = j;
	for (unsigned i = 1; i <= a.len; i++) {
		unsigned *spare = old;

		now[0] = i;
		for (unsigned j = 1; j <= b.len; j++) {
			char x = ascii_lower(a.ptr[i - 1]);
			char y = ascii_lower(b.ptr[j - 1]);

			now[j] = min3(last[j] + 1, now[j - 1] + 1,
			    last[j - 1] + (x == y ? 0 : 1));
			if (i > 1 && j > 1 && x == ascii_lower(b.ptr[j - 2]) &&
			    y == ascii_lower(a.ptr[i - 2]) &&
			    old[j - 2] + 1 < now[j])
				now[j] = old[j - 2] + 1;
		}
		old = last;
		last = now;
		now = spare;
	}
	return last[b.len];
}

void
nearest_try(struct nearest *n, const char *known)
{
	struct span k = span_str(known);
	unsigned d;

	if (k.len == 0 || k.len > NEAREST_WORD_MAX || n->word.len == 0 ||
	    n->word.len > NEAREST_WORD_MAX)
		return;
	d = distance(n->word, k);
	if (d > (k.len < 6 ? 1 : k.len / 3) || d >= k.len ||
	    (n->best != NULL && d >= n->distance))
		return;
	n->best = known;
	n->distance = d;
}
