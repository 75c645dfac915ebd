/* SPDX-License-Identifier: Apache-2.0
 *
 * A longer head never changes an answer once given, and the same message cut
 * into records in another way has the same name. The first byte chooses how. */
#include <stdlib.h>

#include "core/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(bool holds)
{
	if (!holds)
		abort();
}

/* Parses a copy of exactly len bytes, so that a sanitizer sees every slip. */
static enum hello_status
parse(struct hello *h, const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	enum hello_status s;

	check(copy != NULL);
	if (len > 0)
		memcpy(copy, data, len);
	s = hello_parse(h, copy, len);
	free(copy);
	return s;
}

static void
check_same(const struct hello *a, const struct hello *b)
{
	check(a->why == b->why && a->detail == b->detail);
	check(a->has_name == b->has_name);
	check(!a->has_name || hostname_equal(&a->name, &b->name));
}

static void
check_heads(const uint8_t *data, size_t len, size_t step)
{
	struct hello whole, h;
	enum hello_status want = parse(&whole, data, len);

	check((want == HELLO_BAD) == (whole.why != OUTCOME_OK));
	check((want == HELLO_BAD) == (whole.detail != NULL));
	check(want != HELLO_BAD || !whole.has_name);
	for (size_t n = 0; n < len; n += step) {
		enum hello_status got = parse(&h, data, n);

		if (got == HELLO_MORE) {
			check(h.need > n);
			check(want != HELLO_DONE || h.need <= len);
			continue;
		}
		check(got == want);
		check_same(&h, &whole);
	}
}

/* The bytes as a handshake message, cut into records of size bytes. */
static size_t
cut(uint8_t *wire, const uint8_t *message, size_t len, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < len; i += size) {
		size_t n = len - i < size ? len - i : size;

		wire[at++] = 22;
		wire[at++] = 3;
		wire[at++] = 1;
		wire[at++] = (uint8_t)(n >> 8);
		wire[at++] = (uint8_t)n;
		memcpy(wire + at, message + i, n);
		at += n;
	}
	return at;
}

static void
check_cuts(const uint8_t *message, size_t len, size_t size)
{
	struct hello one, many;
	enum hello_status a, b;
	uint8_t *wire;

	if (len == 0 || len > 2048)
		return;
	wire = malloc(len * 6);
	check(wire != NULL);
	a = parse(&one, wire, cut(wire, message, len, 16384));
	b = parse(&many, wire, cut(wire, message, len, size));
	check(a == b);
	check_same(&one, &many);
	free(wire);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len < 1)
		return 0;
	check_heads(data + 1, len - 1, len / 16 + 1);
	if (len > 6)
		check_cuts(data + 6, len - 6, (size_t)(data[0] & 63) + 1);
	return 0;
}
