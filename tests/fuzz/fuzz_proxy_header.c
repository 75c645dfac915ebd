/* SPDX-License-Identifier: Apache-2.0
 *
 * A header is the same whatever stands behind it; every shorter piece of it
 * wants more, no more than there is, and a fault stays one. */
#include <stdlib.h>

#include "core/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(bool holds)
{
	if (!holds)
		abort();
}

static void
check_header(struct span all, const struct proxy_header *h)
{
	struct proxy_header piece;

	check(h->len <= all.len && h->len <= PROXY_HEADER_MAX);
	check(h->client.addr.family != IP_NONE || h->client.port == 0);
	for (size_t n = 0; n < h->len; n++) {
		check(proxy_header_parse(&piece, span_of(all.ptr, n)) ==
		      PROXY_HEADER_MORE);
		check(piece.need > n && piece.need <= h->len);
	}
	check(proxy_header_parse(&piece, span_of(all.ptr, h->len)) ==
	      PROXY_HEADER_DONE);
	check(piece.len == h->len &&
	      ip_endpoint_equal(&piece.client, &h->client));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct span all = span_of((const char *)data, len);
	struct proxy_header h, longer;
	char more[PROXY_HEADER_MAX + 1];

	switch (proxy_header_parse(&h, all)) {
	case PROXY_HEADER_MORE:
		check(len < PROXY_HEADER_MAX && h.need > len);
		check(h.need <= PROXY_HEADER_MAX);
		return 0;
	case PROXY_HEADER_DONE:
		check_header(all, &h);
		return 0;
	case PROXY_HEADER_BAD:
		break;
	}
	check(h.detail != NULL && h.client.addr.family == IP_NONE);
	if (len <= PROXY_HEADER_MAX) {
		if (len > 0)
			memcpy(more, data, len);
		more[len] = '\n';
		check(proxy_header_parse(&longer, span_of(more, len + 1)) ==
		      PROXY_HEADER_BAD);
	}
	return 0;
}
