/* SPDX-License-Identifier: Apache-2.0 */
#include "http_get.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

struct transfer {
	const struct http_get *in;
	struct http_got *out;
	bool too_much;
};

static size_t
on_header(char *ptr, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	size_t n = size * count, len = n;
	const char *wanted = t->in->header;

	while (len > 0 && strchr(" \t\r\n", ptr[len - 1]) != NULL)
		len--;
	if (wanted != NULL && len == strlen(wanted) &&
	    strncasecmp(ptr, wanted, len) == 0)
		t->out->has_header = true;
	return n;
}

static size_t
on_body(char *ptr, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	size_t n = size * count;
	char *grown;

	if (n > t->in->most - t->out->len) {
		t->too_much = true;
		return 0;
	}
	grown = realloc(t->out->body, t->out->len + n + 1);
	if (grown == NULL)
		return 0;
	memcpy(grown + t->out->len, ptr, n);
	t->out->body = grown;
	t->out->len += n;
	t->out->body[t->out->len] = '\0';
	return n;
}

static void
prepare(CURL *easy, struct transfer *t, struct curl_slist *headers)
{
	(void)curl_easy_setopt(easy, CURLOPT_URL, t->in->url);
#if LIBCURL_VERSION_NUM >= 0x075500
	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
#endif
	(void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	(void)curl_easy_setopt(
	    easy, CURLOPT_TIMEOUT_MS, (long)t->in->timeout_ms);
	(void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	(void)curl_easy_setopt(
	    easy, CURLOPT_USERAGENT, "sekisho-diag/" SEKISHO_VERSION);
}

bool
http_get(struct http_got *out, const struct http_get *in)
{
	struct transfer t = {.in = in, .out = out};
	struct curl_slist *headers =
	    in->header ? curl_slist_append(NULL, in->header) : NULL;
	CURL *easy = curl_easy_init();
	CURLcode code = CURLE_OUT_OF_MEMORY;
	long status = 0;

	*out = (struct http_got){.status = 0};
	if (easy != NULL && (in->header == NULL || headers != NULL)) {
		prepare(easy, &t, headers);
		code = curl_easy_perform(easy);
		(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	}
	curl_easy_cleanup(easy);
	curl_slist_free_all(headers);
	if (code == CURLE_OK) {
		out->status = (int)status;
		return true;
	}
	(void)snprintf(out->why, sizeof(out->why), "%s",
	    t.too_much ? "the answer is too long" : curl_easy_strerror(code));
	free(out->body);
	out->body = NULL;
	out->len = 0;
	return false;
}
