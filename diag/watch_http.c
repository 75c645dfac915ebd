/* SPDX-License-Identifier: Apache-2.0 */
#include "watch_http.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>

#include "core/own_host.h"
#include "net/loop.h"

enum {
	HTTP_BACKLOG = 64,
	HTTP_TIMEOUT_S = 10, /* without a byte, either way */
	HTTP_HEADER_MAX = 8192,
	HTTP_BODY_MAX = 4096,   /* of requests that are refused anyway */
	HTTP_MISDIRECTED = 421, /* RFC 9110 section 15.5.20 */
	ALL_METHODS = 0xFFFF,   /* the rest is refused here, by a 405 */
};

struct watch_http {
	struct watch_http_options options;
	struct ip_endpoint address;
	struct event_base *base;
	struct evhttp *http;
	struct event *stop;
	int stop_fds[2];
	pthread_t thread;
	bool running;

	pthread_mutex_t lock; /* of what follows */
	bool has_lock;
	struct watch_pages pages;
	uint64_t published_ns;
	bool published;
};

/* ---- answers ---- */

static void
header(struct evhttp_request *req, const char *name, const char *value)
{
	/* Fails when out of memory: then the answer fails too. */
	(void)evhttp_add_header(
	    evhttp_request_get_output_headers(req), name, value);
}

/* Every answer goes out here. (evhttp would send a body with HEAD, and leave
 * the length out.) A connection serves one request, so that none idles. */
static void
reply(struct evhttp_request *req, int status, const char *reason,
    struct evbuffer *body)
{
	bool head = evhttp_request_get_command(req) == EVHTTP_REQ_HEAD;
	char length[32];

	(void)snprintf(length, sizeof(length), "%zu",
	    body == NULL ? 0 : evbuffer_get_length(body));
	header(req, "Content-Length", length);
	header(req, "X-Content-Type-Options", "nosniff");
	header(req, "Cache-Control", "no-store");
	header(req, "Connection", "close");
	evhttp_send_reply(req, status, reason, head ? NULL : body);
}

static void
reply_text(struct evhttp_request *req, int status, const char *reason,
    const char *text)
{
	struct evbuffer *body = evbuffer_new();

	header(req, "Content-Type", "text/plain; charset=utf-8");
	if (body != NULL)
		(void)evbuffer_add_printf(body, "%s\n", text);
	reply(req, status, reason, body);
	if (body != NULL)
		evbuffer_free(body);
}

static void
serve_page(struct watch_http *h, struct evhttp_request *req,
    enum watch_page page, const char *type)
{
	struct evbuffer *body = evbuffer_new();
	bool published, ok = body != NULL;

	(void)pthread_mutex_lock(&h->lock);
	published = h->published;
	if (ok && published)
		ok = evbuffer_add(
			 body, h->pages.text[page], h->pages.len[page]) == 0;
	(void)pthread_mutex_unlock(&h->lock);
	if (!ok) {
		reply_text(req, HTTP_INTERNAL, "Internal Server Error",
		    "out of memory");
	} else if (!published) {
		header(req, "Retry-After", "1");
		reply_text(req, HTTP_SERVUNAVAIL, "Service Unavailable",
		    "no round has ended yet");
	} else {
		header(req, "Content-Type", type);
		reply(req, HTTP_OK, "OK", body);
	}
	if (body != NULL)
		evbuffer_free(body);
}

static void
serve_health(struct watch_http *h, struct evhttp_request *req)
{
	uint64_t age;

	(void)pthread_mutex_lock(&h->lock);
	age = clock_now_ns() - h->published_ns;
	(void)pthread_mutex_unlock(&h->lock);
	if (age > h->options.stale_ns)
		reply_text(req, HTTP_SERVUNAVAIL, "Service Unavailable",
		    "no round has ended for too long");
	else
		reply_text(req, HTTP_OK, "OK", "ok");
}

static void
serve_metrics(struct watch_http *h, struct evhttp_request *req)
{
	serve_page(
	    h, req, PAGE_METRICS, "text/plain; version=0.0.4; charset=utf-8");
}

static void
serve_report(struct watch_http *h, struct evhttp_request *req)
{
	serve_page(h, req, PAGE_REPORT_JSON, "application/json");
}

static void
serve_history(struct watch_http *h, struct evhttp_request *req)
{
	serve_page(h, req, PAGE_HISTORY_JSON, "application/json");
}

static void
serve_html(struct watch_http *h, struct evhttp_request *req)
{
	serve_page(h, req, PAGE_HTML, "text/html; charset=utf-8");
}

/* ---- requests ---- */

static const struct {
	const char *path;
	void (*serve)(struct watch_http *h, struct evhttp_request *req);
} served[] = {
    {"/", serve_html},
    {"/healthz", serve_health},
    {"/history.json", serve_history},
    {"/metrics", serve_metrics},
    {"/report.json", serve_report},
};

/* A web browser always names a host, so that a request without any is no
 * danger. */
static bool
is_for_us(const struct watch_http *h, struct evhttp_request *req)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *in_uri = uri == NULL ? NULL : evhttp_uri_get_host(uri);
	const struct evkeyvalq *headers = evhttp_request_get_input_headers(req);
	const struct evkeyval *f;

	if (in_uri != NULL &&
	    !own_host_is(in_uri, h->options.names, h->options.name_count))
		return false;
	for (f = headers->tqh_first; f != NULL; f = f->next.tqe_next) {
		if (span_is_nocase(span_str(f->key), "host") &&
		    !own_host_is(
			f->value, h->options.names, h->options.name_count))
			return false;
	}
	return true;
}

static void
on_request(struct evhttp_request *req, void *arg)
{
	struct watch_http *h = arg;
	enum evhttp_cmd_type method = evhttp_request_get_command(req);
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri == NULL ? NULL : evhttp_uri_get_path(uri);

	if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
		header(req, "Allow", "GET, HEAD");
		reply_text(req, HTTP_BADMETHOD, "Method Not Allowed",
		    "only GET and HEAD");
		return;
	}
	if (!is_for_us(h, req)) {
		reply_text(req, HTTP_MISDIRECTED, "Misdirected Request",
		    "not a name of this watch: ask by its address or "
		    "localhost, or name it by --name");
		return;
	}
	for (size_t i = 0;
	     path != NULL && i < sizeof(served) / sizeof(served[0]); i++) {
		if (strcmp(path, served[i].path) == 0) {
			served[i].serve(h, req);
			return;
		}
	}
	reply_text(req, HTTP_NOTFOUND, "Not Found",
	    "nothing here: try /metrics, /healthz, /report.json, "
	    "/history.json or /");
}

/* ---- life ---- */

static int
open_socket(struct watch_http *h)
{
	struct sockaddr_storage sa;
	socklen_t len = ip_endpoint_to_sockaddr(&h->options.address, &sa);
	int one = 1, saved;
	int fd =
	    socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	    bind(fd, (struct sockaddr *)&sa, len) == 0 &&
	    listen(fd, HTTP_BACKLOG) == 0) {
		len = sizeof(sa);
		if (getsockname(fd, (struct sockaddr *)&sa, &len) == 0 &&
		    ip_endpoint_from_sockaddr(
			&h->address, (struct sockaddr *)&sa))
			return fd;
	}
	saved = errno;
	(void)close(fd);
	errno = saved;
	return -1;
}

static void
on_stop(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)event_base_loopbreak(arg);
}

static void *
serve(void *arg)
{
	const struct watch_http *h = arg;

	(void)event_base_dispatch(h->base);
	return NULL;
}

static bool
make_http(struct watch_http *h)
{
	int fd;

	h->base = event_base_new();
	h->http = h->base ? evhttp_new(h->base) : NULL;
	if (h->http == NULL)
		return false;
	evhttp_set_timeout(h->http, HTTP_TIMEOUT_S);
	evhttp_set_max_headers_size(h->http, HTTP_HEADER_MAX);
	evhttp_set_max_body_size(h->http, HTTP_BODY_MAX);
	evhttp_set_allowed_methods(h->http, ALL_METHODS);
	evhttp_set_gencb(h->http, on_request, h);
	fd = open_socket(h);
	if (fd < 0)
		return false;
	if (evhttp_accept_socket(h->http, fd) == 0)
		return true;
	(void)close(fd);
	return false;
}

static bool
start(struct watch_http *h)
{
	int code;

	if (pipe2(h->stop_fds, O_CLOEXEC) != 0 || !make_http(h))
		return false;
	h->stop = event_new(h->base, h->stop_fds[0], EV_READ, on_stop, h->base);
	if (h->stop == NULL || event_add(h->stop, NULL) != 0)
		return false;
	code = pthread_create(&h->thread, NULL, serve, h);
	h->running = code == 0;
	if (code != 0)
		errno = code;
	return h->running;
}

struct watch_http *
watch_http_new(const struct watch_http_options *options)
{
	struct watch_http *h = calloc(1, sizeof(*h));
	int saved;

	if (h == NULL)
		return NULL;
	h->options = *options;
	h->stop_fds[0] = h->stop_fds[1] = -1;
	h->published_ns = clock_now_ns();
	h->has_lock = pthread_mutex_init(&h->lock, NULL) == 0;
	errno = ENOMEM; /* unless a call says better */
	if (h->has_lock && start(h))
		return h;
	saved = errno;
	watch_http_free(h);
	errno = saved;
	return NULL;
}

static void
pages_free(struct watch_pages *pages)
{
	for (unsigned i = 0; i < PAGE_COUNT; i++)
		free(pages->text[i]);
}

void
watch_http_free(struct watch_http *h)
{
	if (h == NULL)
		return;
	if (h->running) {
		while (write(h->stop_fds[1], "", 1) < 0 && errno == EINTR)
			;
		(void)pthread_join(h->thread, NULL);
	}
	if (h->http != NULL)
		evhttp_free(h->http);
	if (h->stop != NULL)
		event_free(h->stop);
	if (h->base != NULL)
		event_base_free(h->base);
	for (unsigned i = 0; i < 2; i++) {
		if (h->stop_fds[i] >= 0)
			(void)close(h->stop_fds[i]);
	}
	if (h->has_lock)
		(void)pthread_mutex_destroy(&h->lock);
	pages_free(&h->pages);
	free(h);
}

struct ip_endpoint
watch_http_address(const struct watch_http *h)
{
	return h->address;
}

void
watch_http_publish(struct watch_http *h, struct watch_pages pages)
{
	struct watch_pages before;

	(void)pthread_mutex_lock(&h->lock);
	before = h->pages;
	h->pages = pages;
	h->published = true;
	h->published_ns = clock_now_ns();
	(void)pthread_mutex_unlock(&h->lock);
	pages_free(&before);
}
