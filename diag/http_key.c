/* SPDX-License-Identifier: Apache-2.0 */
#include "http_key.h"

#include <string.h>

#include "key.h"
#include "service.h"

bool
http_key_wanted(const struct probe_job *job)
{
	const struct http_result *h = &job->result->http;

	return job->env->api_key != NULL && job->target->send_key &&
	       h->end == HTTP_ANSWER && h->verified &&
	       service_is_genuine(job->target, &job->result->tls) &&
	       service_has_signature(job->target, h);
}

void
http_key_scrub(struct http_result *out, const char *key)
{
	if (out->status >= 200 && out->status < 300)
		out->body_len = 0;
	memset(out->body + out->body_len, 0, BODY_MAX - out->body_len);
	/* Plain data without a pointer: all its texts at once. */
	key_scrub((char *)out, sizeof(*out), key);
}
