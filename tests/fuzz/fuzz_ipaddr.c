/* SPDX-License-Identifier: Apache-2.0
 *
 * What is read as an address, prefix or endpoint must be written as text that
 * reads back to the same; judging it must not crash. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "core/ipaddr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_addr(struct span text)
{
	char buf[IPADDR_TEXT_MAX + 1];
	struct ipaddr a, again;
	size_t n;

	if (!ipaddr_parse(&a, text))
		return;
	n = ipaddr_format(&a, buf);
	assert(n > 0 && n <= IPADDR_TEXT_MAX && n == strlen(buf));
	assert(ipaddr_parse(&again, span_of(buf, n)));
	assert(ipaddr_equal(&a, &again));
	(void)ipaddr_special(&a);
}

static void
check_prefix(struct span text)
{
	char buf[IP_PREFIX_TEXT_MAX + 1];
	struct ip_prefix p, again;
	size_t n;

	if (!ip_prefix_parse(&p, text))
		return;
	n = ip_prefix_format(&p, buf);
	assert(n <= IP_PREFIX_TEXT_MAX && n == strlen(buf));
	assert(ip_prefix_parse(&again, span_of(buf, n)));
	assert(again.bits == p.bits && ipaddr_equal(&again.addr, &p.addr));
	assert(ip_prefix_contains(&p, &p.addr));
}

static void
check_endpoint(struct span text)
{
	char buf[IP_ENDPOINT_TEXT_MAX + 1];
	struct ip_endpoint e, again;
	struct sockaddr_storage ss;
	size_t n;

	if (!ip_endpoint_parse(&e, text))
		return;
	n = ip_endpoint_format(&e, buf);
	assert(n <= IP_ENDPOINT_TEXT_MAX && n == strlen(buf));
	assert(ip_endpoint_parse(&again, span_of(buf, n)));
	assert(ip_endpoint_equal(&e, &again));
	assert(ip_endpoint_to_sockaddr(&e, &ss) > 0);
	assert(ip_endpoint_from_sockaddr(&again, (const struct sockaddr *)&ss));
	assert(again.port == e.port);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct span text = span_of((const char *)data, len);
	struct ipaddr raw = {.family = len % 2 == 0 ? IP_V6 : IP_V4};

	check_addr(text);
	check_prefix(text);
	check_endpoint(text);
	if (len >= 16) {
		memcpy(raw.bytes, data, raw.family == IP_V6 ? 16 : 4);
		(void)ipaddr_special(&raw);
	}
	return 0;
}
