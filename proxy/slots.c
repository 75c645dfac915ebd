/* SPDX-License-Identifier: Apache-2.0
 *
 * An open hash table of the names in the order of their numbers. */
#include "slots.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIRST_ROOM = 64, /* a power of two */
};

struct name {
	char *text; /* with a NUL, which no name has inside */
	size_t len;
	uint32_t hash;
};

struct slots {
	struct name *names; /* by number */
	size_t count;
	size_t *places; /* number + 1, or 0: free */
	size_t room;    /* of places, a power of two, at least twice count */
};

/* FNV-1a: names are the operator's. */
static uint32_t
hash_of(struct span name)
{
	uint32_t h = 2166136261U;

	for (size_t i = 0; i < name.len; i++)
		h = (h ^ (unsigned char)name.ptr[i]) * 16777619U;
	return h;
}

static bool
is_name(const struct name *n, struct span name, uint32_t hash)
{
	return n->hash == hash && span_equal(span_of(n->text, n->len), name);
}

/* Where the name stands, or would stand. */
static size_t *
place_of(const struct slots *s, struct span name, uint32_t hash)
{
	size_t i = hash & (s->room - 1);

	while (s->places[i] != 0 &&
	       !is_name(&s->names[s->places[i] - 1], name, hash))
		i = (i + 1) & (s->room - 1);
	return &s->places[i];
}

/* Makes room for one more. */
static bool
grow(struct slots *s)
{
	size_t room = s->room == 0 ? FIRST_ROOM : 2 * s->room;
	struct name *names;
	size_t *places;

	if (2 * (s->count + 1) <= s->room)
		return true;
	names = realloc(s->names, room / 2 * sizeof(*names));
	if (names == NULL)
		return false;
	s->names = names;
	places = calloc(room, sizeof(*places));
	if (places == NULL)
		return false;
	free(s->places);
	s->places = places;
	s->room = room;
	for (size_t i = 0; i < s->count; i++) {
		struct span name = span_of(names[i].text, names[i].len);

		*place_of(s, name, names[i].hash) = i + 1;
	}
	return true;
}

static bool
add(struct slots *s, struct span name, uint32_t hash)
{
	char *text;

	if (!grow(s))
		return false;
	text = strndup(name.ptr, name.len);
	if (text == NULL)
		return false;
	*place_of(s, name, hash) = s->count + 1;
	s->names[s->count++] =
	    (struct name){.text = text, .len = name.len, .hash = hash};
	return true;
}

bool
slots_get(struct slots *s, struct span name, size_t *slot)
{
	uint32_t hash = hash_of(name);
	size_t found = s->room > 0 ? *place_of(s, name, hash) : 0;

	if (found == 0 && !add(s, name, hash))
		return false;
	*slot = found != 0 ? found - 1 : s->count - 1;
	return true;
}

size_t
slots_count(const struct slots *s)
{
	return s->count;
}

struct slots *
slots_new(void)
{
	return calloc(1, sizeof(struct slots));
}

void
slots_free(struct slots *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++)
		free(s->names[i].text);
	free(s->names);
	free(s->places);
	free(s);
}
