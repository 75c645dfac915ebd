/* SPDX-License-Identifier: Apache-2.0 */
#include "http_head.h"

#include <stdlib.h>
#include <time.h>

#include <curl/curl.h> /* its reader of dates */

#include "probe_text.h"

static int64_t
wall_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
on_date(struct http_result *out, struct span value)
{
	char text[64];
	time_t date;

	copy_text(text, sizeof(text), value);
	date = curl_getdate(text, NULL);
	if (date <= 0)
		return;
	out->date = (int64_t)date;
	out->skew_ms = wall_ms() - (int64_t)date * 1000;
}

static void
on_field(struct http_result *out, struct span name, struct span value)
{
	static const char *const ids[] = {"x-amzn-requestid", "x-amzn-trace-id",
	    "apigw-requestid", "x-amz-apigw-id"};
	const struct text_field fields[] = {
	    {"content-type", out->content_type, sizeof(out->content_type)},
	    {"server", out->server, sizeof(out->server)},
	    {"via", out->via, sizeof(out->via)},
	    {"location", out->location, sizeof(out->location)},
	    {"www-authenticate", out->www_authenticate,
		sizeof(out->www_authenticate)},
	    {"x-amz-request-id", out->amz_request_id,
		sizeof(out->amz_request_id)},
	    {"x-amz-id-2", out->amz_id_2, sizeof(out->amz_id_2)},
	    {"x-amz-bucket-region", out->amz_bucket_region,
		sizeof(out->amz_bucket_region)},
	    {"docker-distribution-api-version", out->docker_api_version,
		sizeof(out->docker_api_version)},
	    {"retry-after", out->retry_after, sizeof(out->retry_after)},
	};

	text_field_take(
	    fields, sizeof(fields) / sizeof(fields[0]), name, value);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		if (span_is_nocase(name, ids[i]) &&
		    out->amzn_request_id[0] == '\0')
			copy_text(out->amzn_request_id,
			    sizeof(out->amzn_request_id), value);
	}
	if (span_is_nocase(name, "date") && out->date == 0)
		on_date(out, value);
}

/* "HTTP/1.1 401 Unauthorized", "HTTP/2 401". */
static void
on_status(struct http_result *out, struct span line)
{
	const char *blank = memchr(line.ptr, ' ', line.len);
	size_t n = blank != NULL ? (size_t)(blank - line.ptr) : line.len;

	out->status = 0;
	copy_text(out->version, sizeof(out->version),
	    span_of(line.ptr + 5, n > 5 ? n - 5 : 0));
	if (blank == NULL || line.len < n + 4)
		return;
	for (size_t i = n + 1; i < n + 4; i++) {
		if (line.ptr[i] >= '0' && line.ptr[i] <= '9')
			out->status = out->status * 10 + (line.ptr[i] - '0');
	}
}

bool
http_head_line(struct http_result *out, struct span line)
{
	struct span name, value;

	if (line.len == 0)
		return out->status >= 200;
	if (line.len >= 5 && memcmp(line.ptr, "HTTP/", 5) == 0)
		on_status(out, line);
	else if (text_split_field(line, &name, &value))
		on_field(out, name, value);
	return false;
}
