/* SPDX-License-Identifier: Apache-2.0
 *
 * Whatever stands in detail and advice, a refusal is one well-formed answer:
 * printable, its lines where they belong, Content-Length right. The first bytes
 * choose the outcome, Retry-After and where the detail ends. */
#include <stdlib.h>

#include "core/response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(bool holds)
{
	if (!holds)
		abort();
}

static void
check_head(const char *p, const char *end)
{
	for (; p < end; p++) {
		if (*p == '\r')
			check(p[1] == '\n');
		else if (*p == '\n')
			check(p[-1] == '\r');
		else
			check(*p >= 0x20 && *p < 0x7F);
	}
}

/* An sf-string: every quote inside is escaped, and nothing else is. */
static void
check_sf_string(const char *p)
{
	check(*p++ == '"');
	for (; *p != '"'; p++) {
		check(*p >= 0x20 && *p < 0x7F);
		if (*p == '\\') {
			p++;
			check(*p == '"' || *p == '\\');
		}
	}
	check(memcmp(p, "\"\r\n", 3) == 0);
}

static void
check_refusal(const char *answer, const char *end)
{
	static const char status[] = "\r\nProxy-Status: sekisho; error=";
	static const char details[] = "; details=";
	static const char length[] = "\r\nContent-Length: ";
	const char *body = strstr(answer, "\r\n\r\n");
	const char *at;

	check(body != NULL && strlen(answer) == (size_t)(end - answer));
	body += 4;
	check_head(answer, body);
	/* Only behind the reason phrase, which may say the same words. */
	at = strstr(answer, status);
	check(at != NULL && at < body);
	at = strstr(at, details);
	check(at != NULL && at < body);
	check_sf_string(at + strlen(details));
	at = strstr(answer, length);
	check(at != NULL && at < body);
	check(strtoul(at + strlen(length), NULL, 10) == (size_t)(end - body));
	for (at = body; at < end; at++)
		check(*at == '\n' || (*at >= 0x20 && *at < 0x7F));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char answer[RESPONSE_MAX + 1];
	struct refusal r;
	size_t cut, n;

	if (len < 4)
		return 0;
	r.why = (enum outcome)(data[0] % OUTCOME_COUNT);
	if (outcome_status(r.why) < 400)
		return 0;
	r.retry_after_s = data[1];
	cut = ((size_t)data[2] << 8 | data[3]) % (len - 3);
	r.detail = span_of((const char *)data + 4, cut);
	r.advice = span_of((const char *)data + 4 + cut, len - 4 - cut);
	n = response_refusal(answer, &r);
	check(n <= RESPONSE_MAX);
	answer[n] = '\0';
	check_refusal(answer, answer + n);
	return 0;
}
