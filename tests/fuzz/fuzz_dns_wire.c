/* SPDX-License-Identifier: Apache-2.0
 *
 * Whatever a server sends as an answer: counts stay in their arrays, texts end,
 * and what is not an answer leaves the result alone. */
#include <stdlib.h>

#include "dns_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(bool holds)
{
	if (!holds)
		abort();
}

static void
read_one(const uint8_t *data, size_t len, uint16_t type)
{
	struct dns_question q = {
	    .name = "a.example", .id = 0x1234, .type = type};
	struct dns_reply r = {.chain_count = 77};
	enum dns_wire_end end = dns_wire_read(&r, data, len, &q);

	check(end == DNS_WIRE_ANSWER || r.chain_count == 77);
	if (end != DNS_WIRE_ANSWER)
		return;
	check(r.answer_count <= DNS_ANSWERS_MAX);
	check(r.chain_count <= DNS_CHAIN_MAX);
	for (size_t i = 0; i < r.chain_count; i++)
		check(strnlen(r.chain[i], HOSTNAME_MAX + 1) <= HOSTNAME_MAX);
	check(strnlen(r.ede_text, sizeof(r.ede_text)) < sizeof(r.ede_text));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	check(copy != NULL);
	if (len > 0)
		memcpy(copy, data, len);
	read_one(copy, len, DNS_TYPE_A);
	read_one(copy, len, DNS_TYPE_AAAA);
	free(copy);
	return 0;
}
