/* SPDX-License-Identifier: Apache-2.0 */
#include "core/json_out.h"

#include <inttypes.h>

#include "core/text.h"

enum {
	STRING_MAX = JSON_TEXT_MAX * 6 + 2, /* each byte escaped as six */
};

static void
begin_member(struct json_out *j, const char *key)
{
	if (j->begun)
		(void)fputc(',', j->out);
	if (j->depth > 0)
		(void)fputc('\n', j->out);
	for (unsigned i = 0; i < j->depth; i++)
		(void)fputs("  ", j->out);
	j->begun = true;
	if (key != NULL)
		(void)fprintf(j->out, "\"%s\": ", key);
}

void
json_open(struct json_out *j, const char *key, char bracket)
{
	begin_member(j, key);
	(void)fputc(bracket, j->out);
	j->depth++;
	j->begun = false;
}

void
json_close(struct json_out *j, char bracket)
{
	j->depth--;
	if (j->begun) {
		(void)fputc('\n', j->out);
		for (unsigned i = 0; i < j->depth; i++)
			(void)fputs("  ", j->out);
	}
	(void)fputc(bracket, j->out);
	j->begun = true;
}

void
json_span(struct json_out *j, const char *key, struct span value)
{
	char buf[STRING_MAX];
	struct text t = text_in(buf, sizeof(buf));

	if (value.len > JSON_TEXT_MAX)
		value.len = JSON_TEXT_MAX;
	begin_member(j, key);
	text_json(&t, value);
	(void)fwrite(buf, 1, t.len, j->out);
}

void
json_str(struct json_out *j, const char *key, const char *value)
{
	json_span(j, key, span_str(value));
}

void
json_text(struct json_out *j, const char *key, const char *value)
{
	if (value[0] != '\0')
		json_str(j, key, value);
}

void
json_u64(struct json_out *j, const char *key, uint64_t value)
{
	begin_member(j, key);
	(void)fprintf(j->out, "%" PRIu64, value);
}

void
json_i64(struct json_out *j, const char *key, int64_t value)
{
	begin_member(j, key);
	(void)fprintf(j->out, "%" PRId64, value);
}

void
json_u64s(
    struct json_out *j, const char *key, const uint64_t *values, size_t count)
{
	begin_member(j, key);
	(void)fputc('[', j->out);
	for (size_t i = 0; i < count; i++)
		(void)fprintf(
		    j->out, "%s%" PRIu64, i > 0 ? ", " : "", values[i]);
	(void)fputc(']', j->out);
}

void
json_bool(struct json_out *j, const char *key, bool value)
{
	begin_member(j, key);
	(void)fputs(value ? "true" : "false", j->out);
}

void
json_null(struct json_out *j, const char *key)
{
	begin_member(j, key);
	(void)fputs("null", j->out);
}

void
json_ms(struct json_out *j, const char *key, uint64_t ns)
{
	char buf[32];
	struct text t = text_in(buf, sizeof(buf));

	begin_member(j, key);
	text_ms(&t, ns);
	(void)fwrite(buf, 1, t.len, j->out);
}

void
json_date(struct json_out *j, const char *key, int64_t unix_s)
{
	char buf[40];
	struct text t = text_in(buf, sizeof(buf));

	/* Beyond the year 9999 there is no such text. */
	if (unix_s <= 0 || unix_s > 253402300799) {
		json_null(j, key);
		return;
	}
	text_time(&t, (uint64_t)unix_s * 1000000000U);
	json_span(j, key, span_of(buf, t.len));
}

void
json_time(struct json_out *j, const char *key, uint64_t unix_ns)
{
	char buf[40];
	struct text t = text_in(buf, sizeof(buf));

	if (unix_ns == 0) {
		json_null(j, key);
		return;
	}
	text_time(&t, unix_ns);
	json_span(j, key, span_of(buf, t.len));
}

void
json_endpoint(struct json_out *j, const char *key, const struct ip_endpoint *at)
{
	char buf[IP_ENDPOINT_TEXT_MAX + 1];

	if (at->addr.family == IP_NONE)
		return;
	(void)ip_endpoint_format(at, buf);
	json_str(j, key, buf);
}
