/* SPDX-License-Identifier: Apache-2.0
 *
 * One conversation with the proxy: TLS first when it is an https proxy, then
 * CONNECT, or the steps of SOCKS5. Bytes behind the proxy's answer are never
 * taken: they belong to the tunnel. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include <openssl/evp.h>

#include "core/answer.h"
#include "core/text.h"
#include "probe_io.h"
#include "proxy_answer.h"

enum {
	INTERIM_MAX = 8, /* 1xx answers before the real one */
	BODY_WAIT_MS = 500,
};

enum state {
	STATE_TLS,
	STATE_SEND_HEAD,
	STATE_HEAD,
	STATE_BODY, /* of a refusal: its first bytes */
	STATE_SOCKS_GREET,
	STATE_SOCKS_METHOD,
	STATE_SOCKS_LOGIN,
	STATE_SOCKS_LOGIN_ANSWER,
	STATE_SOCKS_ASK,
	STATE_SOCKS_ANSWER,
	STATE_ENDED,
};

struct probe {
	struct probe_job *job;
	struct proxy_result *out;
	struct watch watch;
	struct timer timer;
	struct deferred later;
	enum state state;
	struct tls_layer *tls; /* until the handshake is over */
	unsigned interim;
	size_t out_len, out_sent, in_len;
	int send_err; /* of the sending, until the reading explains it */
	uint8_t out_buf[2048];
	char in_buf[PROXY_HEAD_MAX];
	probe_done_fn done;
	void *arg;
};

static void
probe_release(void *arg)
{
	struct probe *p = arg;

	OPENSSL_cleanse(p->out_buf, sizeof(p->out_buf));
	free(p);
}

static void
probe_close(struct probe *p)
{
	struct loop *loop = p->job->env->loop;

	p->state = STATE_ENDED;
	loop_unwatch(loop, &p->watch);
	timer_clear(loop, &p->timer);
	tls_layer_free(p->tls);
	p->tls = NULL;
	loop_free_later(loop, &p->later, probe_release, p);
}

static void
probe_end(struct probe *p, enum proxy_end why, enum phase_end end)
{
	probe_done_fn done = p->done;
	void *arg = p->arg;

	p->out->end = why;
	phase_finish(&p->out->time, p->job->env, end);
	probe_close(p);
	done(arg);
}

static void
keep_first(struct proxy_result *out, const char *bytes, size_t n)
{
	size_t room = sizeof(out->first_bytes) - out->first_byte_count;

	if (n > room)
		n = room;
	memcpy(out->first_bytes + out->first_byte_count, bytes, n);
	out->first_byte_count += n;
}

static bool
wait_for(struct probe *p, uint32_t events)
{
	return loop_rewatch(p->job->env->loop, &p->watch, events);
}

/* What ended the conversation. */
static void
cut(struct probe *p, enum io_end end, int err)
{
	if (end == IO_EOF && p->send_err != 0) {
		end = IO_ERROR; /* send(2) has taken the socket's error */
		err = p->send_err;
	}
	p->out->err = err;
	if (p->state == STATE_BODY)
		probe_end(p, PROXY_STATUS, PHASE_FAILED);
	else if (end == IO_ERROR && (err == ECONNRESET || err == EPIPE))
		probe_end(p, PROXY_RESET, PHASE_FAILED);
	else if (end == IO_ERROR && err == ETIMEDOUT)
		probe_end(p, PROXY_SILENT, PHASE_FAILED);
	else if (p->in_len > 0) {
		keep_first(p->out, p->in_buf, p->in_len);
		probe_end(p, PROXY_CLOSED, PHASE_FAILED);
	} else
		probe_end(p, PROXY_CLOSED, PHASE_FAILED);
}

/* --- CONNECT -------------------------------------------------------------- */

/* host:port, an IPv6 address in brackets. */
static void
authority(const struct probe *p, char *out, size_t size)
{
	const struct endpoint *at = &p->job->target->at;
	bool v6 = strchr(at->host.text, ':') != NULL;

	(void)snprintf(out, size, v6 ? "[%s]:%u" : "%s:%u", at->host.text,
	    (unsigned)at->port);
}

/* The password goes to a proxy that has proven its name, or to one that was
 * given without TLS. */
static bool
may_log_in(const struct probe *p)
{
	const struct proxy_url *u = &p->job->path->proxy;

	if (!u->has_user)
		return false;
	return u->kind != PROXY_HTTPS ||
	       (p->out->tls.verified && p->out->tls.name_matches);
}

static void
write_connect(struct probe *p)
{
	const struct proxy_url *u = &p->job->path->proxy;
	char host[HOSTNAME_MAX + 16], pair[600];
	uint8_t code[804];
	int n, used;

	authority(p, host, sizeof(host));
	n = snprintf((char *)p->out_buf, sizeof(p->out_buf),
	    "CONNECT %s HTTP/1.1\r\nHost: %s\r\n"
	    "User-Agent: sekisho-diag/" SEKISHO_VERSION "\r\n",
	    host, host);
	assert(n > 0 && (size_t)n < sizeof(p->out_buf));
	if (may_log_in(p)) {
		used =
		    snprintf(pair, sizeof(pair), "%s:%s", u->user, u->password);
		(void)EVP_EncodeBlock(code, (uint8_t *)pair, used);
		n += snprintf((char *)p->out_buf + n,
		    sizeof(p->out_buf) - (size_t)n,
		    "Proxy-Authorization: Basic %s\r\n", (char *)code);
		p->out->authenticated = true;
		OPENSSL_cleanse(pair, sizeof(pair));
		OPENSSL_cleanse(code, sizeof(code));
	}
	n += snprintf(
	    (char *)p->out_buf + n, sizeof(p->out_buf) - (size_t)n, "\r\n");
	p->out_len = (size_t)n;
	p->out_sent = 0;
}

static void
on_body_late(struct timer *t)
{
	struct probe *p = CONTAINER_OF(t, struct probe, timer);

	probe_end(p, PROXY_STATUS, PHASE_FAILED);
}

/* A whole head is here. */
static void
on_head(struct probe *p)
{
	struct proxy_result *out = p->out;
	uint64_t until = clock_now_ns() + BODY_WAIT_MS * 1000000ULL;
	struct span head = span_of(p->in_buf, p->in_len);

	p->in_len = 0;
	if (!proxy_head_read(out, head)) {
		keep_first(out, head.ptr, head.len);
		probe_end(p, PROXY_GARBAGE, PHASE_FAILED);
		return;
	}
	if (out->status / 100 == 1 && ++p->interim <= INTERIM_MAX)
		return;
	if (out->status / 100 == 2) {
		probe_end(p, PROXY_TUNNEL, PHASE_DONE);
		return;
	}
	p->state = STATE_BODY;
	if (until > p->job->deadline_ns)
		until = p->job->deadline_ns;
	timer_set(p->job->env->loop, &p->timer, until, on_body_late);
}

/* Takes bytes up to the end of the head, none behind it. */
static enum io_end
read_head(struct probe *p, int *err)
{
	size_t room = sizeof(p->in_buf) - p->in_len, whole;
	struct io_buf b = {
	    .ptr = p->in_buf + p->in_len, .len = room, .peek = true};
	enum io_end end = conn_read(&p->job->conn, &b);

	*err = b.err;
	if (end != IO_DONE)
		return end;
	whole = answer_head_length(span_of(p->in_buf, p->in_len + b.got));
	b = (struct io_buf){.ptr = p->in_buf + p->in_len,
	    .len = whole ? whole - p->in_len : b.got};
	end = conn_read(&p->job->conn, &b);
	*err = b.err;
	if (end != IO_DONE)
		return end;
	p->in_len += b.got;
	if (!proxy_head_is_http(span_of(p->in_buf, p->in_len)) ||
	    (whole == 0 && p->in_len == sizeof(p->in_buf))) {
		keep_first(p->out, p->in_buf, p->in_len);
		probe_end(p, PROXY_GARBAGE, PHASE_FAILED);
	} else if (whole != 0) {
		on_head(p);
	}
	return IO_DONE;
}

static enum io_end
read_body(struct probe *p, int *err)
{
	char chunk[1024];
	struct io_buf b = {.ptr = chunk, .len = sizeof(chunk)};
	enum io_end end = conn_read(&p->job->conn, &b);

	*err = b.err;
	if (end != IO_DONE)
		return end;
	keep_first(p->out, chunk, b.got);
	if (p->out->first_byte_count == sizeof(p->out->first_bytes))
		probe_end(p, PROXY_STATUS, PHASE_FAILED);
	return IO_DONE;
}

/* --- SOCKS5 (RFC 1928, RFC 1929) ------------------------------------------ */

static void
socks_greet(struct probe *p)
{
	bool user = p->job->path->proxy.has_user;

	p->out_buf[0] = 5;
	p->out_buf[1] = user ? 2 : 1;
	p->out_buf[2] = 0;
	p->out_buf[3] = 2;
	p->out_len = user ? 4 : 3;
}

static void
socks_login(struct probe *p)
{
	const struct proxy_url *u = &p->job->path->proxy;
	size_t user = strlen(u->user), password = strlen(u->password);
	uint8_t *b = p->out_buf;

	*b++ = 1;
	*b++ = (uint8_t)user;
	memcpy(b, u->user, user);
	b += user;
	*b++ = (uint8_t)password;
	memcpy(b, u->password, password);
	b += password;
	p->out_len = (size_t)(b - p->out_buf);
	p->out->authenticated = true;
}

static void
socks_ask(struct probe *p)
{
	const struct endpoint *at = &p->job->target->at;
	uint8_t *b = p->out_buf;
	struct ipaddr addr;

	*b++ = 5;
	*b++ = 1; /* CONNECT */
	*b++ = 0;
	if (ipaddr_parse(&addr, span_str(at->host.text))) {
		size_t n = addr.family == IP_V4 ? 4 : 16;

		*b++ = addr.family == IP_V4 ? 1 : 4;
		memcpy(b, addr.bytes, n);
		b += n;
	} else {
		*b++ = 3;
		*b++ = at->host.len;
		memcpy(b, at->host.text, at->host.len);
		b += at->host.len;
	}
	*b++ = (uint8_t)(at->port >> 8);
	*b++ = (uint8_t)at->port;
	p->out_len = (size_t)(b - p->out_buf);
}

static void
socks_send(struct probe *p, enum state state)
{
	p->in_len = 0;
	p->out_sent = 0;
	if (state == STATE_SOCKS_GREET)
		socks_greet(p);
	else if (state == STATE_SOCKS_LOGIN)
		socks_login(p);
	else
		socks_ask(p);
	p->state = state;
	if (!wait_for(p, EPOLLOUT))
		cut(p, IO_ERROR, errno);
}

static void
socks_method(struct probe *p, uint8_t method)
{
	p->out->socks_method = method;
	if (method == 0)
		socks_send(p, STATE_SOCKS_ASK);
	else if (method == 2 && p->job->path->proxy.has_user)
		socks_send(p, STATE_SOCKS_LOGIN);
	else
		probe_end(p, PROXY_SOCKS_AUTH, PHASE_FAILED);
}

/* How many bytes the answer now awaited has, as far as is known yet; 0: it is
 * no SOCKS5. */
static size_t
socks_length(const struct probe *p)
{
	const uint8_t *in = (const uint8_t *)p->in_buf;
	uint8_t version = p->state == STATE_SOCKS_LOGIN_ANSWER ? 1 : 5;

	if (p->in_len > 0 && in[0] != version)
		return 0;
	if (p->state != STATE_SOCKS_ANSWER)
		return 2;
	if (p->in_len < 5)
		return 5;
	switch (in[3]) {
	case 1:
		return 4 + 4 + 2;
	case 3:
		return 4 + 1 + (size_t)in[4] + 2;
	case 4:
		return 4 + 16 + 2;
	default:
		return 0;
	}
}

static void
socks_step(struct probe *p)
{
	const uint8_t *in = (const uint8_t *)p->in_buf;

	if (p->state == STATE_SOCKS_METHOD) {
		socks_method(p, in[1]);
		return;
	}
	if (p->state == STATE_SOCKS_LOGIN_ANSWER) {
		if (in[1] == 0)
			socks_send(p, STATE_SOCKS_ASK);
		else
			probe_end(p, PROXY_SOCKS_AUTH, PHASE_FAILED);
		return;
	}
	p->out->socks_reply = in[1];
	if (in[1] == 0)
		probe_end(p, PROXY_TUNNEL, PHASE_DONE);
	else
		probe_end(p, PROXY_SOCKS_REFUSED, PHASE_FAILED);
}

static enum io_end
read_socks(struct probe *p, int *err)
{
	size_t want = socks_length(p);
	struct io_buf b = {
	    .ptr = p->in_buf + p->in_len, .len = want - p->in_len};
	enum io_end end = conn_read(&p->job->conn, &b);

	*err = b.err;
	if (end != IO_DONE)
		return end;
	p->in_len += b.got;
	/* A refusal may be cut short behind the reply code. */
	if (p->state == STATE_SOCKS_ANSWER && p->in_len >= 2 &&
	    p->in_buf[0] == 5 && p->in_buf[1] != 0) {
		socks_step(p);
		return IO_DONE;
	}
	want = socks_length(p);
	if (want == 0) {
		/* What else has come helps to see who is there. */
		b = (struct io_buf){.ptr = p->in_buf + p->in_len,
		    .len = sizeof(p->in_buf) - p->in_len};
		if (conn_read(&p->job->conn, &b) == IO_DONE)
			p->in_len += b.got;
		keep_first(p->out, p->in_buf, p->in_len);
		probe_end(p, PROXY_GARBAGE, PHASE_FAILED);
	} else if (p->in_len == want) {
		socks_step(p);
	}
	return IO_DONE;
}

/* --- the conversation ----------------------------------------------------- */

static enum state
after_send(enum state s)
{
	switch (s) {
	case STATE_SEND_HEAD:
		return STATE_HEAD;
	case STATE_SOCKS_GREET:
		return STATE_SOCKS_METHOD;
	case STATE_SOCKS_LOGIN:
		return STATE_SOCKS_LOGIN_ANSWER;
	case STATE_SOCKS_ASK:
		return STATE_SOCKS_ANSWER;
	case STATE_TLS:
	case STATE_HEAD:
	case STATE_BODY:
	case STATE_SOCKS_METHOD:
	case STATE_SOCKS_LOGIN_ANSWER:
	case STATE_SOCKS_ANSWER:
	case STATE_ENDED:
		break;
	}
	return s;
}

/* Sends; whatever hinders it shows when the answer is read. */
static void
step_send(struct probe *p)
{
	struct io_buf b = {
	    .ptr = p->out_buf + p->out_sent, .len = p->out_len - p->out_sent};
	enum io_end end = conn_write(&p->job->conn, &b);

	if (end == IO_WANT_WRITE || end == IO_WANT_READ)
		return;
	p->out_sent += b.got;
	p->send_err = end == IO_ERROR ? b.err : 0;
	if (end == IO_DONE && p->out_sent < p->out_len)
		return;
	p->state = after_send(p->state);
	if (!wait_for(p, EPOLLIN))
		cut(p, IO_ERROR, errno);
}

static void
step_read(struct probe *p)
{
	int err = 0;
	enum io_end end;

	if (p->state == STATE_HEAD)
		end = read_head(p, &err);
	else if (p->state == STATE_BODY)
		end = read_body(p, &err);
	else
		end = read_socks(p, &err);
	if (end != IO_DONE && end != IO_WANT_READ && end != IO_WANT_WRITE)
		cut(p, end, err);
}

/* The handshake with an https proxy has come to an end. */
static void
tls_ended(struct probe *p, enum io_end end)
{
	struct tls_result *tls = &p->out->tls;

	tls_layer_report(tls, p->tls, end, p->job->path->proxy.host);
	phase_finish(&tls->time, p->job->env,
	    end == IO_DONE ? PHASE_DONE : PHASE_FAILED);
	if (end != IO_DONE) {
		tcp_figures_read(&tls->figures, p->job->conn.fd);
		p->out->err = tls->err;
		probe_end(p, PROXY_TLS_FAILED, PHASE_FAILED);
		return;
	}
	p->job->conn.proxy_tls = p->tls;
	p->tls = NULL;
	write_connect(p);
	p->state = STATE_SEND_HEAD;
	if (!wait_for(p, EPOLLOUT))
		cut(p, IO_ERROR, errno);
}

static void
step_tls(struct probe *p)
{
	enum io_end end = tls_layer_handshake(p->tls);

	if (end == IO_WANT_READ || end == IO_WANT_WRITE) {
		if (!wait_for(
			p, end == IO_WANT_READ ? EPOLLIN : EPOLLIN | EPOLLOUT))
			tls_ended(p, IO_ERROR);
		return;
	}
	tls_ended(p, end);
}

static bool
is_sending(enum state s)
{
	return after_send(s) != s;
}

static void
on_event(struct watch *w, uint32_t events)
{
	struct probe *p = CONTAINER_OF(w, struct probe, watch);

	if (p->state == STATE_TLS) {
		step_tls(p);
		return;
	}
	if (is_sending(p->state)) {
		step_send(p);
		return;
	}
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) == 0)
		return;
	/* A layer may hold more than the descriptor shows: read it dry. */
	do {
		enum state before = p->state;
		size_t in_len = p->in_len, first = p->out->first_byte_count;
		unsigned interim = p->interim;

		step_read(p);
		if (p->state == before && p->in_len == in_len &&
		    p->out->first_byte_count == first && p->interim == interim)
			return;
	} while (p->state != STATE_ENDED && !is_sending(p->state) &&
		 p->job->conn.proxy_tls != NULL);
}

static void
on_timer(struct timer *t)
{
	struct probe *p = CONTAINER_OF(t, struct probe, timer);

	if (p->state == STATE_TLS) {
		struct tls_result *tls = &p->out->tls;

		tls_layer_report(
		    tls, p->tls, IO_WANT_READ, p->job->path->proxy.host);
		tcp_figures_read(&tls->figures, p->job->conn.fd);
		phase_finish(&tls->time, p->job->env, PHASE_TIMED_OUT);
		probe_end(p, PROXY_TLS_FAILED, PHASE_TIMED_OUT);
		return;
	}
	keep_first(p->out, p->in_buf, p->in_len);
	probe_end(p, PROXY_SILENT, PHASE_TIMED_OUT);
}

static bool
begin_tls(struct probe *p)
{
	const struct tls_want want = {
	    .context = p->job->env->tls_context,
	    .fd = p->job->conn.fd,
	    .name = p->job->path->proxy.host,
	    .alpn = "http/1.1",
	    /* The usual size would be a second suspect for a failure here. */
	    .shape = HELLO_SMALL,
	};

	p->state = STATE_TLS;
	phase_begin(&p->out->tls.time, p->job->env);
	p->tls = tls_layer_new(&want);
	return p->tls != NULL;
}

static bool
proxy_start(
    struct probe **out, struct probe_job *job, probe_done_fn done, void *arg)
{
	struct probe *p = calloc(1, sizeof(*p));
	bool ready = true;

	if (p == NULL)
		return false;
	p->job = job;
	p->out = &job->result->proxy;
	p->out->socks_method = p->out->socks_reply = -1;
	p->watch.fd = -1;
	p->done = done;
	p->arg = arg;
	phase_begin(&p->out->time, job->env);
	if (job->path->proxy.kind == PROXY_HTTPS) {
		ready = begin_tls(p);
	} else if (job->path->proxy.kind == PROXY_SOCKS5) {
		p->state = STATE_SOCKS_GREET;
		socks_greet(p);
	} else {
		p->state = STATE_SEND_HEAD;
		write_connect(p);
	}
	if (!ready || !loop_watch(job->env->loop, &p->watch, job->conn.fd,
			  EPOLLOUT, on_event)) {
		tls_layer_free(p->tls);
		probe_release(p);
		return false;
	}
	timer_set(job->env->loop, &p->timer, job->deadline_ns, on_timer);
	*out = p;
	return true;
}

static void
proxy_cancel(struct probe **pp)
{
	struct probe *p = *pp;

	if (p == NULL)
		return;
	*pp = NULL;
	phase_finish(&p->out->time, p->job->env, PHASE_INTERRUPTED);
	probe_close(p);
}

const struct probe_ops probe_proxy = {
    "proxy", PHASE_PROXY, proxy_start, proxy_cancel};
