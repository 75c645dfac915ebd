/* SPDX-License-Identifier: Apache-2.0 */
#include "intake.h"

#include <stdlib.h>

enum {
	INTAKE_STEP = 2048
};

struct span
intake_bytes(const struct intake *in)
{
	return in == NULL ? span_of(NULL, 0) : span_of(in->data, in->len);
}

static bool
reserve(struct intake *in, size_t need)
{
	size_t cap = in->cap == 0 ? INTAKE_STEP : in->cap;
	char *data;

	if (need <= in->cap)
		return true;
	while (cap < need)
		cap *= 2;
	data = realloc(in->data, cap);
	if (data == NULL)
		return false;
	in->data = data;
	in->cap = cap;
	return true;
}

bool
intake_add(struct intake **in, struct span more)
{
	struct intake *it = *in != NULL ? *in : calloc(1, sizeof(*it));

	if (it == NULL)
		return false;
	if (!reserve(it, it->len + more.len)) {
		if (*in == NULL)
			free(it);
		return false;
	}
	if (more.len > 0)
		memcpy(it->data + it->len, more.ptr, more.len);
	it->len += more.len;
	*in = it;
	return true;
}

bool
intake_grow(struct intake *in)
{
	return in->len < in->cap || reserve(in, in->len + 1);
}

void
intake_drop(struct intake **in, size_t n)
{
	struct intake *it = *in;

	if (n >= it->len) {
		intake_free(in);
		return;
	}
	memmove(it->data, it->data + n, it->len - n);
	it->len -= n;
	explicit_bzero(it->data + it->len, n); /* may be of a password */
}

void
intake_free(struct intake **in)
{
	if (*in != NULL)
		free((*in)->data);
	free(*in);
	*in = NULL;
}
