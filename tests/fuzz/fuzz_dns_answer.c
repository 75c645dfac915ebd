/* SPDX-License-Identifier: Apache-2.0
 *
 * The first byte chooses the family, the rest is an answer to the question for
 * a.example. */
#include <stdlib.h>

#include "net/dns_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(const struct dns_answer *a, enum ip_family family)
{
	bool found = a->status == DNS_FOUND;

	if (found != (a->list.count > 0) || a->list.count > ADDR_LIST_MAX)
		abort();
	if ((a->status == DNS_FAILED) != (a->detail != NULL))
		abort();
	if (a->status == DNS_SILENT || (found && a->ttl_s > INT32_MAX))
		abort();
	for (size_t i = 0; i < a->list.count; i++) {
		if (a->list.addrs[i].family != family)
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	enum ip_family family;
	struct hostname name;
	struct dns_answer out;

	if (len == 0)
		return 0;
	family = (data[0] & 1) != 0 ? IP_V6 : IP_V4;
	if (hostname_parse(&name, span_str("a.example")) != HOSTNAME_NAME)
		abort();
	dns_answer_read(&out, data + 1, len - 1, &name, family);
	check(&out, family);
	return 0;
}
