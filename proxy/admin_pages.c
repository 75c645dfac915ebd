/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/keyvalq_struct.h>

#include "admin_internal.h"
#include "denied_page.h"
#include "session.h"
#include "status.h"

static void
serve_health(struct admin *a, struct evhttp_request *req)
{
	admin_reply_text(a, req, HTTP_OK, "OK", "ok");
}

static void
serve_ready(struct admin *a, struct evhttp_request *req)
{
	const char *why = a->src.not_ready(a->src.arg);

	if (why == NULL)
		admin_reply_text(a, req, HTTP_OK, "OK", "ready");
	else
		admin_reply_text(
		    a, req, HTTP_SERVUNAVAIL, "Service Unavailable", why);
}

static void
reply_failed(struct admin *a, struct evhttp_request *req)
{
	admin_reply_text(
	    a, req, HTTP_INTERNAL, "Internal Server Error", "out of memory");
}

static void
serve_metrics(struct admin *a, struct evhttp_request *req)
{
	struct metrics_source source = *a->src.metrics;
	struct evbuffer *body = evbuffer_new();

	source.process = a->process;
	if (body == NULL || !metrics_text_add(body, &source)) {
		reply_failed(a, req);
	} else {
		admin_header(req, "Content-Type",
		    "text/plain; version=0.0.4; charset=utf-8");
		admin_reply(a, req, HTTP_OK, "OK", body);
	}
	if (body != NULL)
		evbuffer_free(body);
}

/* --- pages that are written to a stream -------------------------------------
 */

static void
free_text(const void *data, size_t len, void *text)
{
	(void)data;
	(void)len;
	free(text);
}

/* What write(out, arg) writes becomes the body. */
static void
reply_stream(struct admin *a, struct evhttp_request *req, const char *type,
    void (*write)(FILE *out, void *arg), void *arg)
{
	char *text = NULL;
	size_t len = 0;
	struct evbuffer *body = evbuffer_new();
	FILE *out = open_memstream(&text, &len);
	bool ok = out != NULL;

	if (ok) {
		write(out, arg);
		ok = ferror(out) == 0;
		ok = fclose(out) == 0 && ok;
	}
	ok = ok && body != NULL &&
	     evbuffer_add_reference(body, text, len, free_text, text) == 0;
	if (ok) {
		admin_header(req, "Content-Type", type);
		admin_reply(a, req, HTTP_OK, "OK", body);
	} else {
		free(text);
		reply_failed(a, req);
	}
	if (body != NULL)
		evbuffer_free(body);
}

/* --- /api/denied ------------------------------------------------------------
 */

struct denied_request {
	struct denied_list list;
	const struct policy *policy;
	size_t most;
	bool ini;
};

/* Reads ?format=json|ini&limit=N. False for anything else. */
static bool
read_denied_query(struct denied_request *r, const struct evhttp_request *req)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *query = evhttp_uri_get_query(uri);
	struct evkeyvalq found;
	bool ok = true;

	if (query == NULL)
		return true;
	if (evhttp_parse_query_str(query, &found) != 0)
		return false;
	for (const struct evkeyval *q = found.tqh_first; q != NULL;
	     q = q->next.tqe_next) {
		char *end = NULL;

		if (strcmp(q->key, "format") == 0) {
			r->ini = strcmp(q->value, "ini") == 0;
			ok = ok && (r->ini || strcmp(q->value, "json") == 0);
		} else if (strcmp(q->key, "limit") == 0) {
			r->most = strtoul(q->value, &end, 10);
			ok = ok && *end == '\0' && q->value[0] >= '0' &&
			     q->value[0] <= '9';
		} else {
			ok = false;
		}
	}
	evhttp_clear_headers(&found);
	return ok;
}

static void
write_denied(FILE *out, void *arg)
{
	const struct denied_request *r = arg;

	(r->ini ? denied_page_ini : denied_page_json)(
	    out, &r->list, r->policy, r->most, clock_unix_ns());
}

static void
serve_denied(struct admin *a, struct evhttp_request *req)
{
	struct denied_request r = {
	    .policy = a->src.config(a->src.arg)->policy, .most = DENIED_MAX};

	if (!read_denied_query(&r, req)) {
		admin_reply_text(a, req, HTTP_BADREQUEST, "Bad Request",
		    "format is json or ini, limit a number: "
		    "/api/denied?format=ini&limit=100");
		return;
	}
	if (!denied_list_read(
		&r.list, a->src.denied, a->src.metrics->worker_count)) {
		reply_failed(a, req);
		return;
	}
	reply_stream(a, req,
	    r.ini ? "text/plain; charset=utf-8" : "application/json",
	    write_denied, &r);
	denied_list_free(&r.list);
}

/* --- /api/status ------------------------------------------------------------
 */

static void
write_status(FILE *out, void *arg)
{
	status_json(out, arg);
}

static void
serve_status(struct admin *a, struct evhttp_request *req)
{
	struct denied_list denied;
	struct metrics_process_values process;
	struct status_source src = {.metrics = a->src.metrics,
	    .config = a->src.config(a->src.arg),
	    .history = a->src.history,
	    .denied = &denied,
	    .not_ready = a->src.not_ready(a->src.arg),
	    .start_unix_ns = a->start_unix_ns,
	    .now_unix_ns = clock_unix_ns()};

	if (!denied_list_read(
		&denied, a->src.denied, a->src.metrics->worker_count)) {
		reply_failed(a, req);
		return;
	}
	if (a->process != NULL && metrics_process_read(a->process, &process))
		src.process = &process;
	reply_stream(a, req, "application/json", write_status, &src);
	denied_list_free(&denied);
}

/* --- the status page --------------------------------------------------------
 */

static void
serve_page(struct admin *a, struct evhttp_request *req)
{
	struct evbuffer *body = evbuffer_new();

	if (body == NULL || evbuffer_add_reference(body, status_page,
				status_page_len, NULL, NULL) != 0) {
		reply_failed(a, req);
	} else {
		admin_header(req, "Content-Type", "text/html; charset=utf-8");
		admin_header(req, "Content-Security-Policy", a->page_policy);
		admin_reply(a, req, HTTP_OK, "OK", body);
	}
	if (body != NULL)
		evbuffer_free(body);
}

const struct admin_page admin_pages[] = {
    {"/", serve_page},
    {"/api/denied", serve_denied},
    {"/api/status", serve_status},
    {"/healthz", serve_health},
    {"/metrics", serve_metrics},
    {"/readyz", serve_ready},
};

const size_t admin_page_count = sizeof(admin_pages) / sizeof(admin_pages[0]);
