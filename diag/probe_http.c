/* SPDX-License-Identifier: Apache-2.0
 *
 * The one file that knows libcurl. Each probe has a multi handle of its own on
 * the run's loop; libcurl opens a connection of its own to the address that the
 * TCP phase found, so nothing is resolved twice. It checks the certificate only
 * when it was found to be good: else the point is to read who answers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include "http_head.h"
#include "http_redirect.h"
#include "probe_io.h"
#include "registry.h"

enum {
	HEAD_MAX = 65536, /* of all header lines together */
};

struct sock {
	struct watch watch;
	struct probe *probe;
	struct sock *next;
};

struct probe {
	struct probe_job *job;
	struct http_result *out;    /* of the job, or again */
	struct http_result *again;  /* the second try, with HTTP/1.1; or the
				     * answer of a step of walk */
	struct registry_walk *walk; /* NULL: the usual request */
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers, *resolve;
	struct sock *socks;
	struct timer deadline, curl_timer;
	struct deferred later;
	size_t head_bytes;
	int socket_errno; /* why no socket was to be had; 0: it was */
	bool head_done, enough, too_much;
	probe_done_fn done;
	void *arg;
};

static void
easy_close(struct probe *p)
{
	struct loop *loop = p->job->env->loop;

	if (p->easy != NULL)
		(void)curl_multi_remove_handle(p->multi, p->easy);
	curl_easy_cleanup(p->easy);
	(void)curl_multi_cleanup(p->multi);
	p->easy = NULL;
	p->multi = NULL;
	for (struct curl_slist *h = p->headers; h != NULL; h = h->next)
		OPENSSL_cleanse(h->data, strlen(h->data));
	curl_slist_free_all(p->headers);
	curl_slist_free_all(p->resolve);
	p->headers = p->resolve = NULL;
	/* libcurl has taken off all its sockets by now; a forgotten one would
	 * be a watch on freed memory. */
	while (p->socks != NULL) {
		struct sock *s = p->socks;

		p->socks = s->next;
		loop_unwatch(loop, &s->watch);
		free(s);
	}
	timer_clear(loop, &p->curl_timer);
}

static void
probe_release(void *arg)
{
	struct probe *p = arg;

	free(p->again);
	registry_free(p->walk);
	free(p);
}

static void
probe_close(struct probe *p)
{
	struct loop *loop = p->job->env->loop;

	easy_close(p);
	timer_clear(loop, &p->deadline);
	loop_free_later(loop, &p->later, probe_release, p);
}

static void
probe_end(struct probe *p, enum phase_end end)
{
	probe_done_fn done = p->done;
	void *arg = p->arg;

	if (p->walk == NULL)
		phase_finish(&p->job->result->http.time, p->job->env, end);
	probe_close(p);
	done(arg);
}

/* --- what came ------------------------------------------------------------ */

static size_t
on_header(char *ptr, size_t size, size_t count, void *arg)
{
	struct probe *p = arg;
	struct span line = text_trim(span_of(ptr, size * count));

	p->head_bytes += size * count;
	if (p->head_bytes > HEAD_MAX) {
		p->too_much = true;
		return 0;
	}
	if (http_head_line(p->out, line))
		p->head_done = true;
	return size * count;
}

static size_t
on_body(char *ptr, size_t size, size_t count, void *arg)
{
	struct probe *p = arg;
	size_t n = size * count, room = BODY_MAX - p->out->body_len;

	if (n < room)
		room = n;
	memcpy(p->out->body + p->out->body_len, ptr, room);
	p->out->body_len += room;
	if (p->walk != NULL)
		return registry_take(p->walk, span_of(ptr, n)) ? n : 0;
	/* The start is all that is wanted. */
	p->enough = p->out->body_len == BODY_MAX;
	return p->enough ? 0 : n;
}

/* --- how it ended --------------------------------------------------------- */

static enum http_end
end_of(const struct probe *p, CURLcode code, long err)
{
	if (p->too_much)
		return HTTP_GARBAGE;
	if (p->head_done || p->enough)
		return HTTP_ANSWER;
	/* Only those codes matter that tell how a peer failed. */
	if (code == CURLE_OK || code == CURLE_GOT_NOTHING ||
	    code == CURLE_PARTIAL_FILE)
		return HTTP_CLOSED;
	if (code == CURLE_OPERATION_TIMEDOUT)
		return HTTP_SILENT;
	if (code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM ||
	    code == CURLE_WEIRD_SERVER_REPLY ||
	    code == CURLE_UNSUPPORTED_PROTOCOL)
		return HTTP_GARBAGE;
	if (code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
	    code == CURLE_SSL_CONNECT_ERROR)
		return err == ECONNRESET || err == EPIPE ? HTTP_RESET
							 : HTTP_CLOSED;
	return HTTP_OTHER;
}

static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *at)
{
	struct probe *p = arg;
	int fd = socket(at->family, at->socktype | SOCK_CLOEXEC, at->protocol);

	(void)purpose;
	if (fd < 0)
		p->socket_errno = errno;
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static void
note_end(struct probe *p, CURLcode code)
{
	struct http_result *out = p->out;
	long err = 0;

	(void)curl_easy_getinfo(p->easy, CURLINFO_OS_ERRNO, &err);
	/* libcurl forgets why it could not make a socket. */
	if (p->socket_errno != 0)
		err = p->socket_errno;
	out->end = end_of(p, code, err);
	out->curl_code = out->end == HTTP_ANSWER ? 0 : (int)code;
	out->err = out->end == HTTP_ANSWER ? 0 : (int)err;
	if (out->end != HTTP_ANSWER)
		copy_text(out->curl_text, sizeof(out->curl_text),
		    span_str(curl_easy_strerror(code)));
	text_title(
	    out->title, sizeof(out->title), span_of(out->body, out->body_len));
	http_redirect_read(out, p->job->env->plan, p->job->target);
}

static bool easy_begin(struct probe *p, bool http11);

/* HTTP/2 was agreed on, and no answer came: does HTTP/1.1 work? */
static bool
try_again(struct probe *p)
{
	bool broken = p->out->end == HTTP_GARBAGE ||
		      p->out->end == HTTP_RESET || p->out->end == HTTP_CLOSED;

	if (p->again != NULL || !broken ||
	    strcmp(p->job->result->tls.alpn, "h2") != 0)
		return false;
	p->again = calloc(1, sizeof(*p->again));
	if (p->again == NULL)
		return false;
	easy_close(p);
	p->out = p->again;
	p->head_done = p->enough = p->too_much = false;
	p->head_bytes = 0;
	return easy_begin(p, true);
}

/* --deep: what came of a step towards a layer. True: the next one is asked. */
static bool
walk_on(struct probe *p)
{
	const struct http_result *out = p->again;

	if (out->redirect.seen)
		p->job->result->http.redirect = out->redirect;
	if (out->end != HTTP_ANSWER || !registry_next(p->walk, out->status))
		return false;
	easy_close(p);
	*p->again = (struct http_result){.status = 0};
	p->head_done = p->enough = p->too_much = false;
	p->head_bytes = 0;
	return easy_begin(p, true);
}

static void
finish(struct probe *p, CURLcode code)
{
	struct http_result *out = &p->job->result->http;

	note_end(p, code);
	if (p->walk != NULL) {
		if (!walk_on(p))
			probe_end(p, PHASE_DONE);
		return;
	}
	if (try_again(p))
		return;
	if (p->again != NULL)
		out->http11_works =
		    p->again->end == HTTP_ANSWER ? TRI_YES : TRI_NO;
	probe_end(p, out->end == HTTP_ANSWER ? PHASE_DONE : PHASE_FAILED);
}

static void
on_deadline(struct timer *t)
{
	struct probe *p = CONTAINER_OF(t, struct probe, deadline);

	note_end(p, CURLE_OPERATION_TIMEDOUT);
	probe_end(p, p->job->result->http.end == HTTP_ANSWER ? PHASE_DONE
							     : PHASE_TIMED_OUT);
}

/* --- libcurl on our loop -------------------------------------------------- */

/* Lets libcurl work; the probe may be gone afterwards. */
static void
drive(struct probe *p, curl_socket_t fd, int what)
{
	const CURLMsg *m;
	int n;

	(void)curl_multi_socket_action(p->multi, fd, what, &n);
	while ((m = curl_multi_info_read(p->multi, &n)) != NULL) {
		if (m->msg == CURLMSG_DONE) {
			finish(p, m->data.result);
			return;
		}
	}
}

static void
on_socket(struct watch *w, uint32_t events)
{
	struct sock *s = CONTAINER_OF(w, struct sock, watch);
	int what = 0;

	if ((events & (EPOLLIN | EPOLLHUP)) != 0)
		what |= CURL_CSELECT_IN;
	if ((events & EPOLLOUT) != 0)
		what |= CURL_CSELECT_OUT;
	if ((events & EPOLLERR) != 0)
		what |= CURL_CSELECT_ERR;
	drive(s->probe, w->fd, what);
}

static void
on_curl_timer(struct timer *t)
{
	drive(
	    CONTAINER_OF(t, struct probe, curl_timer), CURL_SOCKET_TIMEOUT, 0);
}

static int
want_timer(CURLM *multi, long ms, void *arg)
{
	struct probe *p = arg;
	struct loop *loop = p->job->env->loop;

	(void)multi;
	if (ms < 0)
		timer_clear(loop, &p->curl_timer);
	else {
		timer_clear(loop, &p->curl_timer);
		timer_set(loop, &p->curl_timer,
		    clock_now_ns() + (uint64_t)ms * 1000000U, on_curl_timer);
	}
	return 0;
}

static void
sock_remove(struct probe *p, struct sock *s)
{
	struct sock **at = &p->socks;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	loop_unwatch(p->job->env->loop, &s->watch);
	free(s);
}

static int
want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct probe *p = arg;
	struct sock *s = known;
	uint32_t events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s != NULL)
			sock_remove(p, s);
		return 0;
	}
	if ((what & CURL_POLL_IN) != 0)
		events |= EPOLLIN;
	if ((what & CURL_POLL_OUT) != 0)
		events |= EPOLLOUT;
	if (s != NULL)
		return loop_rewatch(p->job->env->loop, &s->watch, events) ? 0
									  : -1;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -1;
	s->probe = p;
	if (!loop_watch(p->job->env->loop, &s->watch, fd, events, on_socket)) {
		free(s);
		return -1;
	}
	s->next = p->socks;
	p->socks = s;
	(void)curl_multi_assign(p->multi, fd, s);
	return 0;
}

/* --- the request ---------------------------------------------------------- */

static CURLcode
on_ssl(CURL *easy, void *ctx, void *arg)
{
	SSL_CTX *ours = arg;

	(void)easy;
	SSL_CTX_set1_cert_store(ctx, SSL_CTX_get_cert_store(ours));
	return CURLE_OK;
}

static const char *
path_of(const struct probe *p)
{
	return p->walk != NULL ? registry_path(p->walk)
			       : p->job->target->http_path;
}

static void
set_url(struct probe *p)
{
	const struct endpoint *at = &p->job->target->at;
	bool v6 = strchr(at->host.text, ':') != NULL;
	char url[HOSTNAME_MAX + REGISTRY_PATH_MAX + 16];

	(void)snprintf(url, sizeof(url),
	    v6 ? "https://[%s]:%u%s" : "https://%s:%u%s", at->host.text,
	    (unsigned)at->port, path_of(p));
	(void)curl_easy_setopt(p->easy, CURLOPT_URL, url);
}

/* Pins the address that TCP used to the name that libcurl dials. */
static bool
set_address(struct probe *p)
{
	const struct tcp_result *tcp = &p->job->result->tcp;
	char addr[IPADDR_TEXT_MAX + 1], line[HOSTNAME_MAX + 64];
	struct ipaddr literal;

	if (tcp->used < 0 || ipaddr_parse(&literal, span_str(job_host(p->job))))
		return true;
	(void)ipaddr_format(&tcp->attempts[tcp->used].to.addr, addr);
	(void)snprintf(line, sizeof(line),
	    strchr(addr, ':') ? "%s:%u:[%s]" : "%s:%u:%s", job_host(p->job),
	    (unsigned)job_port(p->job), addr);
	p->resolve = curl_slist_append(NULL, line);
	(void)curl_easy_setopt(p->easy, CURLOPT_RESOLVE, p->resolve);
	return p->resolve != NULL;
}

static void
set_proxy(struct probe *p)
{
	const struct proxy_url *u = &p->job->path->proxy;
	const struct tls_result *leg = &p->job->result->proxy.tls;
	bool good = leg->verified && leg->name_matches;
	bool v6 = strchr(u->host, ':') != NULL;
	char url[HOSTNAME_MAX + 64];

	(void)curl_easy_setopt(p->easy, CURLOPT_NOPROXY, "");
	if (u->kind == PROXY_DIRECT) {
		(void)curl_easy_setopt(p->easy, CURLOPT_PROXY, "");
		return;
	}
	(void)snprintf(url, sizeof(url), v6 ? "%s://[%s]:%u" : "%s://%s:%u",
	    u->kind == PROXY_SOCKS5 ? "socks5h" : proxy_kind_str(u->kind),
	    u->host, (unsigned)u->port);
	(void)curl_easy_setopt(p->easy, CURLOPT_PROXY, url);
	(void)curl_easy_setopt(p->easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
	(void)curl_easy_setopt(p->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	(void)curl_easy_setopt(p->easy, CURLOPT_PROXY_CAINFO, NULL);
	(void)curl_easy_setopt(p->easy, CURLOPT_PROXY_CAPATH, NULL);
	(void)curl_easy_setopt(
	    p->easy, CURLOPT_PROXY_SSL_VERIFYPEER, good ? 1L : 0L);
	(void)curl_easy_setopt(
	    p->easy, CURLOPT_PROXY_SSL_VERIFYHOST, good ? 2L : 0L);
	if (!u->has_user || (u->kind == PROXY_HTTPS && !good))
		return;
	(void)curl_easy_setopt(p->easy, CURLOPT_PROXYUSERNAME, u->user);
	(void)curl_easy_setopt(p->easy, CURLOPT_PROXYPASSWORD, u->password);
}

static bool
add_header(struct probe *p, const char *line)
{
	struct curl_slist *l = curl_slist_append(p->headers, line);

	if (l == NULL)
		return false;
	p->headers = l;
	return true;
}

/* "Authorization: SCHEME SECRET", wiped behind itself. */
static bool
add_credential(struct probe *p, const char *scheme, const char *secret)
{
	size_t size = strlen(scheme) + strlen(secret) + 32;
	char *line = malloc(size);
	bool fine;

	if (line == NULL)
		return false;
	(void)snprintf(line, size, "Authorization: %s %s", scheme, secret);
	fine = add_header(p, line);
	OPENSSL_cleanse(line, size);
	free(line);
	return fine;
}

static bool
set_credential(struct probe *p)
{
	const char *key = p->job->env->api_key;

	if (p->walk != NULL)
		return registry_token(p->walk)[0] == '\0' ||
		       add_credential(p, "Bearer", registry_token(p->walk));
	if (key == NULL || !p->job->target->send_key || !p->out->verified)
		return true;
	p->out->key_sent = add_credential(p, "ApiKey", key);
	return p->out->key_sent;
}

static bool
set_headers(struct probe *p)
{
	if (!add_header(p, p->walk != NULL ? registry_accept() : "Accept: */*"))
		return false;
	if (p->job->target->probe == PROBE_JSON_API &&
	    !add_header(p, "Api-Version: v1"))
		return false;
	if (!set_credential(p))
		return false;
	(void)curl_easy_setopt(p->easy, CURLOPT_HTTPHEADER, p->headers);
	return true;
}

static void
set_tls(struct probe *p)
{
	bool good = p->out->verified;

	(void)curl_easy_setopt(p->easy, CURLOPT_CAINFO, NULL);
	(void)curl_easy_setopt(p->easy, CURLOPT_CAPATH, NULL);
	(void)curl_easy_setopt(p->easy, CURLOPT_SSL_VERIFYPEER, good ? 1L : 0L);
	(void)curl_easy_setopt(p->easy, CURLOPT_SSL_VERIFYHOST, good ? 2L : 0L);
	(void)curl_easy_setopt(p->easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl);
	(void)curl_easy_setopt(
	    p->easy, CURLOPT_SSL_CTX_DATA, p->job->env->tls_context);
#if LIBCURL_VERSION_NUM >= 0x075700
	(void)curl_easy_setopt(p->easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
#endif
}

static void
set_callbacks(struct probe *p)
{
	(void)curl_easy_setopt(p->easy, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(p->easy, CURLOPT_HEADERDATA, p);
	(void)curl_easy_setopt(p->easy, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(p->easy, CURLOPT_WRITEDATA, p);
	(void)curl_easy_setopt(
	    p->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	(void)curl_easy_setopt(p->easy, CURLOPT_OPENSOCKETDATA, p);
	/* Not CURLOPT_NOSIGNAL: libcurl then guards itself against SIGPIPE. */
	(void)curl_easy_setopt(
	    p->easy, CURLOPT_USERAGENT, "sekisho-diag/" SEKISHO_VERSION);
	(void)curl_multi_setopt(p->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	(void)curl_multi_setopt(p->multi, CURLMOPT_SOCKETDATA, p);
	(void)curl_multi_setopt(p->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	(void)curl_multi_setopt(p->multi, CURLMOPT_TIMERDATA, p);
}

static bool
easy_begin(struct probe *p, bool http11)
{
	const struct tls_result *tls = &p->job->result->tls;
	bool h2 = !http11 && strstr(p->job->target->alpn, "h2") != NULL;

	p->multi = curl_multi_init();
	p->easy = curl_easy_init();
	if (p->multi == NULL || p->easy == NULL)
		goto fail;
	p->out->verified = tls->verified && tls->name_matches;
	copy_text(p->out->method, sizeof(p->out->method), span_str("GET"));
	copy_text(p->out->path, sizeof(p->out->path), span_str(path_of(p)));
	(void)curl_easy_setopt(p->easy, CURLOPT_HTTP_VERSION,
	    h2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
	set_url(p);
	set_proxy(p);
	set_tls(p);
	set_callbacks(p);
	if (!set_address(p) || !set_headers(p))
		goto fail;
	if (curl_multi_add_handle(p->multi, p->easy) == CURLM_OK)
		return true;
	curl_easy_cleanup(p->easy);
	p->easy = NULL;
fail:
	easy_close(p);
	return false;
}

static bool
http_start(
    struct probe **out, struct probe_job *job, probe_done_fn done, void *arg)
{
	struct probe *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return false;
	p->job = job;
	p->out = &job->result->http;
	p->done = done;
	p->arg = arg;
	phase_begin(&p->out->time, job->env);
	if (!easy_begin(p, false)) {
		free(p);
		return false;
	}
	timer_set(job->env->loop, &p->deadline, job->deadline_ns, on_deadline);
	*out = p;
	return true;
}

static void
http_cancel(struct probe **pp)
{
	struct probe *p = *pp;

	if (p == NULL)
		return;
	*pp = NULL;
	if (p->walk == NULL)
		phase_finish(
		    &p->job->result->http.time, p->job->env, PHASE_INTERRUPTED);
	probe_close(p);
}

/* Only after the usual request has met the registry behind a good certificate:
 * the token, though anybody may have one, goes to nobody else. */
static bool
registry_start(
    struct probe **out, struct probe_job *job, probe_done_fn done, void *arg)
{
	struct probe *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return false;
	p->job = job;
	p->done = done;
	p->arg = arg;
	p->again = calloc(1, sizeof(*p->again));
	p->walk = registry_new(job_host(job));
	p->out = p->again;
	if (p->again == NULL || p->walk == NULL || !easy_begin(p, true)) {
		probe_release(p);
		return false;
	}
	timer_set(job->env->loop, &p->deadline, job->deadline_ns, on_deadline);
	*out = p;
	return true;
}

const struct probe_ops probe_http = {
    "http", PHASE_HTTP, http_start, http_cancel};

const struct probe_ops probe_registry = {
    "registry", PHASE_HTTP, registry_start, http_cancel};
