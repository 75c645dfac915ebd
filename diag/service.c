/* SPDX-License-Identifier: Apache-2.0 */
#include "service.h"

#include <string.h>

bool
service_is_genuine(const struct target *t, const struct tls_result *tls)
{
	return tls->end == TLS_FINISHED && (tls->verified || t->any_root) &&
	       tls->name_matches &&
	       (!t->expect_public || tls->issuer == ISSUER_PUBLIC);
}

static bool
has_json(const struct http_result *h)
{
	size_t i = 0;

	if (strcasestr(h->content_type, "html"))
		return false;
	while (i < h->body_len && h->body[i] != '\0' &&
	       strchr(" \t\r\n", h->body[i]) != NULL)
		i++;
	return strcasestr(h->content_type, "json") != NULL ||
	       (i < h->body_len && (h->body[i] == '{' || h->body[i] == '['));
}

bool
service_has_amz(const struct http_result *h)
{
	return h->amz_request_id[0] != '\0' || h->amz_bucket_region[0] != '\0';
}

bool
service_has_foreign_challenge(const struct http_result *h)
{
	return strcasestr(h->www_authenticate, "NTLM") ||
	       strcasestr(h->www_authenticate, "Negotiate") ||
	       strcasestr(h->www_authenticate, "Basic");
}

static bool
is_registry(const struct http_result *h)
{
	return h->docker_api_version[0] != '\0' ||
	       (h->status == 401 &&
		   strncasecmp(h->www_authenticate, "Bearer", 6) == 0);
}

bool
service_has_signature(const struct target *t, const struct http_result *h)
{
	switch (t->probe) {
	case PROBE_TLS:
		return true;
	case PROBE_JSON_API:
		return has_json(h) && !service_has_foreign_challenge(h) &&
		       ((h->status >= 400 && h->status < 500) ||
			   (h->status == 200 && h->key_sent));
	case PROBE_S3:
		return service_has_amz(h) && h->status < 500;
	case PROBE_REGISTRY:
		return is_registry(h) && h->status < 500;
	case PROBE_JSON_FILE:
		return h->status == 200 && has_json(h);
	}
	return false;
}

const char *
service_expected(enum probe_kind kind)
{
	switch (kind) {
	case PROBE_TLS:
		return "-";
	case PROBE_JSON_API:
		return "401 with JSON";
	case PROBE_S3:
		return "403 with x-amz-request-id";
	case PROBE_REGISTRY:
		return "401 with WWW-Authenticate: Bearer";
	case PROBE_JSON_FILE:
		return "200 with JSON";
	}
	return "-";
}
