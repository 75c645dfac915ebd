/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers for names: the same name has the same number for as long as this
 * lives, so that what is counted under it goes on when the name leaves the
 * configuration and comes back, and takes no new place each time. One thread's.
 */
#ifndef SEKISHO_SLOTS_H
#define SEKISHO_SLOTS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/span.h"

struct slots;

struct slots *slots_new(void) MUST_CHECK; /* NULL when out of memory */
void slots_free(struct slots *s);         /* NULL is fine */

/* The number of a name: that of before, or the next one, from 0 on. The name is
 * copied. False when out of memory. */
bool slots_get(struct slots *s, struct span name, size_t *slot) MUST_CHECK;

/* How many names there are: one more than the greatest number. */
size_t slots_count(const struct slots *s);

#endif
