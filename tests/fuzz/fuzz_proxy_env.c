/* SPDX-License-Identifier: Apache-2.0
 *
 * Variables, a line each (URL, NO_PROXY, host), whatever they hold: both
 * readers and all lints come to an end, a URL that is taken is written and read
 * back the same but for its password, which is never written. */
#include <stdlib.h>

#include "key.h"
#include "proxy_env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum {
	LINES = 3,
	LINE_MAX_BYTES = 3000,
};

struct lines {
	char text[LINES][LINE_MAX_BYTES + 1];
};

static void
check(bool holds)
{
	if (!holds)
		abort();
}

static const char *
variable(void *arg, const char *name)
{
	struct lines *in = arg;

	if (strcmp(name, "HTTPS_PROXY") == 0 || strcmp(name, "all_proxy") == 0)
		return in->text[0];
	return strcmp(name, "NO_PROXY") == 0 ? in->text[1] : NULL;
}

static void
round_trip(const struct proxy_url *url)
{
	char shown[PROXY_URL_TEXT_MAX];
	struct proxy_url again;

	check(proxy_url_format(url, shown) == strlen(shown));
	if (url->has_user)
		return;
	check(proxy_url_parse(&again, span_str(shown)) == PROXY_URL_OK);
	check(again.kind == url->kind && again.port == url->port);
	check(strcmp(again.host, url->host) == 0);
}

static void
split(struct lines *in, struct span s)
{
	for (size_t line = 0; line < LINES; line++) {
		const char *end = s.len ? memchr(s.ptr, '\n', s.len) : NULL;
		size_t n = end ? (size_t)(end - s.ptr) : s.len;
		size_t take = n < LINE_MAX_BYTES ? n : LINE_MAX_BYTES;

		if (take > 0)
			memcpy(in->text[line], s.ptr, take);
		in->text[line][take] = '\0';
		if (end != NULL)
			n++;
		s = span_of(s.len ? s.ptr + n : NULL, s.len - n);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct lines in;
	struct proxy_env env;
	struct proxy_choice choice;
	struct key_lint key;
	char line[256];

	split(&in, span_of((const char *)data, len));
	proxy_env_read(
	    &env, variable, &in, &(struct proxy_env_where){true, true});
	check(env.lint_count <= PROXY_LINTS_MAX);
	for (unsigned reader = READER_CURL; reader <= READER_GO; reader++) {
		proxy_env_choose(
		    &choice, &env, (enum proxy_reader)reader, in.text[2], 443);
		check(!choice.via_proxy || choice.fault == PROXY_URL_OK);
		if (choice.via_proxy)
			round_trip(&choice.url);
		proxy_env_without(&env, choice.token, line, sizeof(line));
	}
	key_lint(&key, span_of((const char *)data, len));
	check(key.length == len);
	return 0;
}
