/* SPDX-License-Identifier: Apache-2.0
 *
 * However the bytes are cut into reads, the answer is the same; a head that is
 * taken ends in a blank line within the limit and names an endpoint. The first
 * two bytes choose the limit and the cut. */
#include <stdlib.h>

#include "core/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(bool holds)
{
	if (!holds)
		abort();
}

/* Parses a copy of exactly len bytes, so that a sanitizer sees every slip. */
static enum request_status
feed(struct request *r, const uint8_t *data, size_t len)
{
	char *copy = malloc(len > 0 ? len : 1);
	enum request_status s;

	check(copy != NULL);
	if (len > 0)
		memcpy(copy, data, len);
	s = request_parse(r, copy, len);
	free(copy);
	return s;
}

static void
check_slice(struct request_slice s, const uint8_t *data, size_t end)
{
	check(s.offset <= end && s.len <= end - s.offset);
	for (size_t i = 0; i < s.len; i++)
		check(data[s.offset + i] >= 0x20 || data[s.offset + i] == '\t');
}

static void
check_done(const struct request *r, const uint8_t *data, size_t len)
{
	struct endpoint e;
	const char *why;

	check(r->head_len <= len && r->head_len <= r->limit);
	check(memcmp(data + r->head_len - 4, "\r\n\r\n", 4) == 0);
	check(endpoint_parse(&e,
		  request_slice_span(r->authority, (const char *)data),
		  &why) == OUTCOME_OK);
	check(hostname_equal(&e.host, &r->target.host));
	check(e.port == r->target.port);
	check(memchr(data, '\0', r->head_len) == NULL);
	check_slice(r->authority, data, r->head_len);
	check_slice(r->authorization, data, r->head_len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct request whole, parts;
	enum request_status want, got;
	size_t limit, cut;

	if (len < 2)
		return 0;
	limit = 16 + (size_t)data[0] * 8;
	cut = data[1];
	data += 2;
	len -= 2;
	request_init(&whole, limit);
	want = feed(&whole, data, len);
	request_init(&parts, limit);
	got = REQUEST_MORE;
	for (size_t n = 0; got == REQUEST_MORE && n < len; n += cut + 1)
		got = feed(&parts, data, n);
	if (got == REQUEST_MORE)
		got = feed(&parts, data, len);
	check(got == want && parts.why == whole.why &&
	      parts.detail == whole.detail && parts.head_len == whole.head_len);
	check((want == REQUEST_BAD) == (whole.why != OUTCOME_OK));
	check((want == REQUEST_BAD) == (whole.detail != NULL));
	check((want == REQUEST_DONE) == (whole.head_len > 0));
	check(want != REQUEST_MORE || len < limit);
	if (want == REQUEST_DONE)
		check_done(&whole, data, len);
	return 0;
}
