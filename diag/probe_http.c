/* SPDX-License-Identifier: Apache-2.0
 *
 * The requests, by libcurl. Each probe has a multi handle of its own on
 * the run's loop; libcurl opens a connection of its own to the address that the
 * TCP phase found, so nothing is resolved twice. It checks the certificate only
 * when it was found to be good: else the point is to read who answers. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include "curl_loop.h"
#include "http_head.h"
#include "http_key.h"
#include "http_redirect.h"
#include "probe_io.h"
#include "registry.h"

enum {
	HEAD_MAX = 65536,          /* of all header lines together */
	UPLOAD_BYTES = 512 * 1024, /* more than socket buffers take at once */
};

struct probe {
	struct probe_job *job;
	struct http_result *out;    /* of the job, or again */
	struct http_result *again;  /* the second try, with HTTP/1.1; or the
				     * answer of a step of walk */
	struct registry_walk *walk; /* NULL: the usual request */
	struct curl_loop transfer;
	CURL *easy;
	struct curl_slist *headers, *resolve;
	struct timer deadline;
	struct deferred later;
	size_t head_bytes;
	int fd;           /* libcurl's last socket */
	int socket_errno; /* why no socket was to be had; 0: it was */
	size_t upload_left;
	bool upload; /* offer a large body instead of the usual request */
	bool keyed; /* the service has proven itself: once more, with the key */
	bool head_done, enough, too_much;
	probe_done_fn done;
	void *arg;
};

static void
easy_close(struct probe *p)
{
	if (p->easy != NULL)
		(void)curl_multi_remove_handle(p->transfer.multi, p->easy);
	curl_easy_cleanup(p->easy);
	p->easy = NULL;
	curl_loop_close(&p->transfer);
	for (struct curl_slist *h = p->headers; h != NULL; h = h->next)
		OPENSSL_cleanse(h->data, strlen(h->data));
	curl_slist_free_all(p->headers);
	curl_slist_free_all(p->resolve);
	p->headers = p->resolve = NULL;
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

/* The request that makes the phase, and no deeper look. */
static bool
is_usual(const struct probe *p)
{
	return p->walk == NULL && !p->upload;
}

static void
probe_end(struct probe *p, enum phase_end end)
{
	probe_done_fn done = p->done;
	void *arg = p->arg;

	if (is_usual(p))
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
	p->fd = fd;
	if (fd < 0)
		p->socket_errno = errno;
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* Bytes are under way and none of them again: slow, but not stalled. */
static bool
is_moving(const struct probe *p)
{
	struct tcp_info info = {.tcpi_state = 0};
	socklen_t len = sizeof(info);

	return p->fd >= 0 &&
	       getsockopt(p->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	       info.tcpi_unacked > 0 && info.tcpi_retransmits == 0;
}

/* Silence after a small request was answered is a stall, and so is an answer
 * that is not the service's. A service may refuse a stranger before it has read
 * everything, and then cut: that tells nothing of the way. */
static enum tri
upload_taken(const struct probe *p, bool all)
{
	const struct http_result *out = p->out;

	if (out->end == HTTP_SILENT)
		return is_moving(p) ? TRI_UNKNOWN : TRI_NO;
	if (out->end != HTTP_ANSWER)
		return TRI_UNKNOWN;
	if (out->amz_request_id[0] == '\0')
		return TRI_NO;
	return all ? TRI_YES : TRI_UNKNOWN;
}

static void
note_upload(const struct probe *p)
{
	struct http_result *to = &p->job->result->http;
	curl_off_t sent = 0;

	(void)curl_easy_getinfo(p->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	to->upload_bytes = UPLOAD_BYTES;
	to->upload_sent = sent > UPLOAD_BYTES ? UPLOAD_BYTES : (uint32_t)sent;
	to->upload_status = p->out->status;
	to->upload_taken = upload_taken(p, to->upload_sent == UPLOAD_BYTES);
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
	if (p->keyed)
		http_key_scrub(out, p->job->env->api_key);
	text_title(
	    out->title, sizeof(out->title), span_of(out->body, out->body_len));
	http_redirect_read(out, p->job->env->plan, p->job->target);
	if (p->upload)
		note_upload(p);
}

static bool easy_begin(struct probe *p, bool http11);

/* Makes room for one more answer. */
static void
answer_clear(struct probe *p)
{
	easy_close(p);
	p->head_done = p->enough = p->too_much = false;
	p->head_bytes = 0;
}

static bool
ask_with_key(struct probe *p)
{
	struct http_result *out = p->out;
	struct http_result fresh = {
	    .time = out->time, .bare_status = out->status};

	answer_clear(p);
	*out = fresh;
	p->keyed = true;
	return easy_begin(p, false);
}

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
	answer_clear(p);
	p->out = p->again;
	return easy_begin(p, true);
}

/* --deep: what came of a step towards a layer. True: the next one is asked. */
static bool
walk_on(struct probe *p)
{
	const struct http_result *out = p->again;

	if (out->redirect.seen && registry_at_layer(p->walk))
		p->job->result->http.redirect = out->redirect;
	if (out->end != HTTP_ANSWER || !registry_next(p->walk, out->status))
		return false;
	answer_clear(p);
	*p->again = (struct http_result){.status = 0};
	return easy_begin(p, true);
}

static void
finish(struct probe *p, CURLcode code)
{
	struct http_result *out = &p->job->result->http;

	note_end(p, code);
	if (!is_usual(p)) {
		if (p->walk == NULL || !walk_on(p))
			probe_end(p, PHASE_DONE);
		return;
	}
	if (!p->keyed && p->again == NULL && http_key_wanted(p->job) &&
	    ask_with_key(p))
		return;
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

static void
on_finished(void *arg, CURLcode code)
{
	finish(arg, code);
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
	/* Not the bucket itself: that would ask to make one. */
	if (p->upload)
		return "/sekisho-diag-upload";
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
	if (!p->keyed)
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
	/* Nobody is asked first whether it may be sent. */
	if (p->upload && !add_header(p, "Expect:"))
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
}

static size_t
on_read(char *ptr, size_t size, size_t count, void *arg)
{
	struct probe *p = arg;
	size_t n = size * count;

	if (n > p->upload_left)
		n = p->upload_left;
	memset(ptr, '\0', n);
	p->upload_left -= n;
	return n;
}

static void
set_upload(struct probe *p)
{
	p->upload_left = UPLOAD_BYTES;
	(void)curl_easy_setopt(p->easy, CURLOPT_UPLOAD, 1L);
	(void)curl_easy_setopt(
	    p->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)UPLOAD_BYTES);
	(void)curl_easy_setopt(p->easy, CURLOPT_READFUNCTION, on_read);
	(void)curl_easy_setopt(p->easy, CURLOPT_READDATA, p);
}

static bool
easy_begin(struct probe *p, bool http11)
{
	const struct tls_result *tls = &p->job->result->tls;
	bool h2 = !http11 && strstr(p->job->target->alpn, "h2") != NULL;

	p->easy = curl_easy_init();
	if (p->easy == NULL ||
	    !curl_loop_open(&p->transfer, p->job->env->loop, on_finished, p))
		goto fail;
	p->out->verified = tls->verified && tls->name_matches;
	copy_text(p->out->method, sizeof(p->out->method),
	    span_str(p->upload ? "PUT" : "GET"));
	copy_text(p->out->path, sizeof(p->out->path), span_str(path_of(p)));
	(void)curl_easy_setopt(p->easy, CURLOPT_HTTP_VERSION,
	    h2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
	set_url(p);
	set_proxy(p);
	set_tls(p);
	set_callbacks(p);
	if (p->upload)
		set_upload(p);
	if (!set_address(p) || !set_headers(p))
		goto fail;
	if (curl_multi_add_handle(p->transfer.multi, p->easy) == CURLM_OK)
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
	if (is_usual(p))
		phase_finish(
		    &p->job->result->http.time, p->job->env, PHASE_INTERRUPTED);
	probe_close(p);
}

static bool
look_start(struct probe **out, struct probe *p)
{
	p->fd = -1;
	p->again = calloc(1, sizeof(*p->again));
	p->out = p->again;
	if (p->again == NULL || !easy_begin(p, true)) {
		probe_release(p);
		return false;
	}
	timer_set(
	    p->job->env->loop, &p->deadline, p->job->deadline_ns, on_deadline);
	*out = p;
	return true;
}

static struct probe *
look_new(struct probe_job *job, probe_done_fn done, void *arg)
{
	struct probe *p = calloc(1, sizeof(*p));

	if (p != NULL) {
		p->job = job;
		p->done = done;
		p->arg = arg;
	}
	return p;
}

/* Only after the usual request has met the registry behind a good certificate:
 * the token, though anybody may have one, goes to nobody else. */
static bool
registry_start(
    struct probe **out, struct probe_job *job, probe_done_fn done, void *arg)
{
	struct probe *p = look_new(job, done, arg);

	if (p == NULL)
		return false;
	p->walk = registry_new(job_host(job));
	if (p->walk == NULL) {
		probe_release(p);
		return false;
	}
	return look_start(out, p);
}

static bool
upload_start(
    struct probe **out, struct probe_job *job, probe_done_fn done, void *arg)
{
	struct probe *p = look_new(job, done, arg);

	if (p == NULL)
		return false;
	p->upload = true;
	return look_start(out, p);
}

const struct probe_ops probe_http = {
    "http", PHASE_HTTP, http_start, http_cancel};

const struct probe_ops probe_registry = {
    "registry", PHASE_HTTP, registry_start, http_cancel};

const struct probe_ops probe_upload = {
    "upload", PHASE_HTTP, upload_start, http_cancel};
