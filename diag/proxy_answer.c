/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy_answer.h"

#include "probe_text.h"

bool
proxy_head_is_http(struct span text)
{
	static const char http[] = "HTTP/";
	size_t n = text.len < sizeof(http) - 1 ? text.len : sizeof(http) - 1;

	return n == 0 || memcmp(text.ptr, http, n) == 0;
}

/* "HTTP/1.1 403 Forbidden" */
static bool
read_status(struct proxy_result *out, struct span line)
{
	const char *blank = memchr(line.ptr, ' ', line.len);
	struct span rest;
	int status = 0;

	if (!proxy_head_is_http(line) || blank == NULL)
		return false;
	rest = text_trim(span_of(blank, line.len - (size_t)(blank - line.ptr)));
	if (rest.len < 3)
		return false;
	for (size_t i = 0; i < 3; i++) {
		if (rest.ptr[i] < '0' || rest.ptr[i] > '9')
			return false;
		status = status * 10 + (rest.ptr[i] - '0');
	}
	out->status = status;
	copy_text(out->reason, sizeof(out->reason),
	    text_trim(span_of(rest.ptr + 3, rest.len - 3)));
	return true;
}

/* Appends the scheme of one challenge: its first word. */
static void
add_scheme(struct proxy_result *out, struct span value)
{
	size_t used = strlen(out->schemes), n = 0;
	struct span scheme = value;

	while (n < value.len && value.ptr[n] != ' ' && value.ptr[n] != ',')
		n++;
	scheme.len = n;
	if (n == 0 || used + 2 + n + 1 > sizeof(out->schemes))
		return;
	if (used > 0) {
		out->schemes[used++] = ',';
		out->schemes[used++] = ' ';
	}
	copy_text(out->schemes + used, sizeof(out->schemes) - used, scheme);
}

static void
read_field(struct proxy_result *out, struct span name, struct span value)
{
	static const char *const ids[] = {
	    "x-request-id", "x-correlation-id", "request-id", "x-trace-id"};
	const struct text_field fields[] = {
	    {"proxy-status", out->proxy_status, sizeof(out->proxy_status)},
	    {"via", out->via, sizeof(out->via)},
	    {"server", out->server, sizeof(out->server)},
	    {"x-squid-error", out->squid_error, sizeof(out->squid_error)},
	    {"retry-after", out->retry_after, sizeof(out->retry_after)},
	    {"content-type", out->content_type, sizeof(out->content_type)},
	};

	text_field_take(
	    fields, sizeof(fields) / sizeof(fields[0]), name, value);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		if (span_is_nocase(name, ids[i]) && out->request_id[0] == '\0')
			copy_text(
			    out->request_id, sizeof(out->request_id), value);
	}
	if (span_is_nocase(name, "proxy-authenticate"))
		add_scheme(out, value);
	if (span_is_nocase(name, "www-authenticate"))
		out->www_authenticate = true;
}

bool
proxy_head_read(struct proxy_result *out, struct span head)
{
	struct span line, name, value;

	if (!text_next_line(&head, &line) || !read_status(out, line))
		return false;
	while (text_next_line(&head, &line)) {
		if (text_split_field(line, &name, &value))
			read_field(out, name, value);
	}
	return true;
}
