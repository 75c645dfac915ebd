/* SPDX-License-Identifier: Apache-2.0 */
#include "admin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include "admin_internal.h"
#include "admin_reserve.h"
#include "core/log.h"
#include "core/own_host.h"
#include "session.h"

enum {
	ADMIN_BACKLOG = 64,
	ADMIN_TIMEOUT_S = 10, /* without a byte, either way */
	ADMIN_HEADER_MAX = 8192,
	ADMIN_BODY_MAX = 4096,  /* of requests that are refused anyway */
	HTTP_MISDIRECTED = 421, /* RFC 9110 section 15.5.20 */
	ALL_METHODS = 0xFFFF,   /* the rest is refused here, by a 405 */
};

void
admin_header(struct evhttp_request *req, const char *name, const char *value)
{
	/* Fails when out of memory: then the answer fails too. */
	(void)evhttp_add_header(
	    evhttp_request_get_output_headers(req), name, value);
}

static void
on_connection_end(struct evhttp_connection *connection, void *arg)
{
	const struct admin *a = arg;

	(void)connection;
	if (a->reserve != NULL)
		admin_reserve_refill(a->reserve);
}

/* Every answer of ours goes out here. (evhttp would send a body with HEAD, and
 * leave the length out.) */
void
admin_reply(struct admin *a, struct evhttp_request *req, int status,
    const char *reason, struct evbuffer *body)
{
	static const char policy[] = "Content-Security-Policy";
	static const struct {
		const char *name, *value;
	} fields[] = {
	    {"X-Content-Type-Options", "nosniff"},
	    {"X-Frame-Options", "DENY"},
	    {"Referrer-Policy", "no-referrer"},
	    {"Cross-Origin-Resource-Policy", "same-origin"},
	    {"Cache-Control", "no-store"},
	};
	bool head = evhttp_request_get_command(req) == EVHTTP_REQ_HEAD;
	char length[32];

	(void)snprintf(length, sizeof(length), "%zu",
	    body == NULL ? 0 : evbuffer_get_length(body));
	admin_header(req, "Content-Length", length);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		admin_header(req, fields[i].name, fields[i].value);
	if (evhttp_find_header(
		evhttp_request_get_output_headers(req), policy) == NULL)
		admin_header(
		    req, policy, "default-src 'none'; frame-ancestors 'none'");
	evhttp_connection_set_closecb(
	    evhttp_request_get_connection(req), on_connection_end, a);
	if (a->reserve == NULL || admin_reserve_is_short(a->reserve))
		admin_header(req, "Connection", "close");
	evhttp_send_reply(req, status, reason, head ? NULL : body);
}

void
admin_reply_text(struct admin *a, struct evhttp_request *req, int status,
    const char *reason, const char *text)
{
	struct evbuffer *body = evbuffer_new();

	admin_header(req, "Content-Type", "text/plain; charset=utf-8");
	if (body != NULL)
		(void)evbuffer_add_printf(body, "%s\n", text);
	admin_reply(a, req, status, reason, body);
	if (body != NULL)
		evbuffer_free(body);
}

static const struct admin_page *
page_of(const struct evhttp_request *req)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri == NULL ? NULL : evhttp_uri_get_path(uri);

	for (size_t i = 0; path != NULL && i < admin_page_count; i++) {
		if (strcmp(path, admin_pages[i].path) == 0)
			return &admin_pages[i];
	}
	return NULL;
}

static bool
is_our_name(const struct admin *a, const char *host)
{
	return own_host_is(host, a->src.names, a->src.name_count);
}

/* Whether every host that the request names is ours. A web browser always
 * names one, so that a request without any is no danger (HTTP/1.0 probes). */
static bool
is_for_us(const struct admin *a, struct evhttp_request *req)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *in_uri = uri == NULL ? NULL : evhttp_uri_get_host(uri);
	const struct evkeyvalq *headers = evhttp_request_get_input_headers(req);
	const struct evkeyval *h;

	if (in_uri != NULL && !is_our_name(a, in_uri))
		return false;
	for (h = headers->tqh_first; h != NULL; h = h->next.tqe_next) {
		if (span_is_nocase(span_str(h->key), "host") &&
		    !is_our_name(a, h->value))
			return false;
	}
	return true;
}

static void
on_request(struct evhttp_request *req, void *arg)
{
	struct admin *a = arg;
	enum evhttp_cmd_type method = evhttp_request_get_command(req);
	const struct admin_page *page;

	if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
		admin_header(req, "Allow", "GET, HEAD");
		admin_reply_text(a, req, HTTP_BADMETHOD, "Method Not Allowed",
		    "only GET and HEAD");
		return;
	}
	if (!is_for_us(a, req)) {
		admin_reply_text(a, req, HTTP_MISDIRECTED,
		    "Misdirected Request",
		    "not a name of this gateway: ask by its address or "
		    "localhost, or add its name to admin.names");
		return;
	}
	page = page_of(req);
	if (page == NULL)
		admin_reply_text(a, req, HTTP_NOTFOUND, "Not Found",
		    "nothing here: try /, /metrics, /healthz, /readyz, "
		    "/api/status or /api/denied");
	else
		page->serve(a, req);
}

static int
open_socket(const struct ip_endpoint *address)
{
	struct sockaddr_storage sa;
	socklen_t len = ip_endpoint_to_sockaddr(address, &sa);
	int one = 1, saved;
	int fd =
	    socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	    bind(fd, (struct sockaddr *)&sa, len) == 0 &&
	    listen(fd, ADMIN_BACKLOG) == 0)
		return fd;
	saved = errno;
	(void)close(fd);
	errno = saved;
	return -1;
}

static bool
listen_on(struct admin *a, struct event_base *base)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int fd = a->src.fd > 0 ? a->src.fd : open_socket(&a->src.address);

	if (fd < 0)
		return false;
	a->listener = evconnlistener_new(base, NULL, NULL,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (a->listener == NULL) {
		(void)close(fd);
		return false;
	}
	return getsockname(fd, (struct sockaddr *)&sa, &len) == 0 &&
	       ip_endpoint_from_sockaddr(&a->address, (struct sockaddr *)&sa);
}

static bool
make_http(struct admin *a, struct event_base *base)
{
	a->http = evhttp_new(base);
	if (a->http == NULL)
		return false;
	evhttp_set_timeout(a->http, ADMIN_TIMEOUT_S);
	evhttp_set_max_headers_size(a->http, ADMIN_HEADER_MAX);
	evhttp_set_max_body_size(a->http, ADMIN_BODY_MAX);
	evhttp_set_allowed_methods(a->http, ALL_METHODS);
	evhttp_set_gencb(a->http, on_request, a);
	return true;
}

static bool
start(struct admin *a, struct event_base *base)
{
	a->process = metrics_process_open();
	if (!make_http(a, base) || !listen_on(a, base))
		return false;
	a->bound = evhttp_bind_listener(a->http, a->listener);
	if (a->bound == NULL)
		return false;
	a->reserve = admin_reserve_new(base, a->listener);
	return a->reserve != NULL;
}

struct admin *
admin_new(struct event_base *base, const struct admin_sources *src)
{
	char where[IP_ENDPOINT_TEXT_MAX + 1];
	struct admin *a = calloc(1, sizeof(*a));

	(void)ip_endpoint_format(&src->address, where);
	if (a != NULL) {
		a->src = *src;
		a->start_unix_ns = clock_unix_ns();
		status_page_policy(a->page_policy);
		if (start(a, base))
			return a;
	}
	log_error("admin_listen",
	    "address=%s error=\"%s\" do=\"set admin.address to a free address "
	    "of this machine, or to off\"",
	    where, strerror(errno));
	admin_free(a);
	return NULL;
}

void
admin_free(struct admin *a)
{
	if (a == NULL)
		return;
	/* First, as it watches the socket that http closes. */
	admin_reserve_free(a->reserve);
	a->reserve = NULL;
	if (a->http != NULL)
		evhttp_free(a->http);
	if (a->listener != NULL && a->bound == NULL)
		evconnlistener_free(a->listener);
	metrics_process_close(a->process);
	free(a);
}

void
admin_set_names(struct admin *a, const char *const *names, size_t count)
{
	a->src.names = names;
	a->src.name_count = count;
}

int
admin_listener(const struct admin *a)
{
	return evconnlistener_get_fd(a->listener);
}

void
admin_leave(struct admin *a)
{
	admin_reserve_free(a->reserve);
	a->reserve = NULL;
	if (a->bound != NULL)
		evhttp_del_accept_socket(a->http, a->bound);
	a->listener = NULL;
	a->bound = NULL;
}

struct ip_endpoint
admin_address(const struct admin *a)
{
	return a->address;
}
