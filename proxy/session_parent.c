/* SPDX-License-Identifier: Apache-2.0
 *
 * A session that goes through a parent proxy: from the connection to it until
 * its tunnel is open. What it says then is the tunnel's, so no byte is read
 * past its answer's head. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "core/answer.h"
#include "core/response.h"
#include "core/text.h"
#include "session_internal.h"

enum {
	ANSWER_HEAD_MAX = 16384,
	REQUEST_MAX = 2048, /* two names and the credentials */
	INTERIM_MAX = 8,    /* 1xx answers that come together */
};

static const struct config_parent *
parent_of(const struct session *s)
{
	return &s->config->upstream.parent;
}

static void
add_parent(struct text *t, const struct session *s)
{
	text_str(t, parent_of(s)->text);
	if (s->upstream.addr.family != IP_NONE && parent_of(s)->name != NULL) {
		char addr[IP_ENDPOINT_TEXT_MAX + 1];

		text_str(t, " at ");
		text_add(
		    t, span_of(addr, ip_endpoint_format(&s->upstream, addr)));
	}
}

static const char advice_no_proxy[] =
    "The parent proxy of upstream.parent does not answer as a proxy: check its "
    "address and port, and that the gateway may reach it.\n";

static const char advice_certificate[] =
    "Nothing was sent there. Check that upstream.parent has the name of the "
    "parent's certificate; if a private authority has issued it, put that "
    "authority's certificate in upstream.parent_ca_file.\n";

/* reason: what happened, in the order of more and more exact words. */
static void
refuse_failed(struct session *s, const char *reason, const char *more)
{
	char buf[RESPONSE_DETAIL_MAX];
	struct text t = text_in(buf, sizeof(buf));
	const struct tls_stream *tls = s->tunnel.upstream.tls;
	bool refused = tls != NULL && tls_stream_verify_fault(tls) != NULL;

	text_str(&t, outcome_sentence(OUTCOME_PARENT_FAILED));
	text_str(&t, ": ");
	add_parent(&t, s);
	text_str(&t, ": ");
	text_str(&t, reason);
	if (more != NULL) {
		text_str(&t, " (");
		text_str(&t, more);
		text_char(&t, ')');
	}
	session_refuse(s, OUTCOME_PARENT_FAILED, span_of(t.buf, t.len),
	    span_str(refused ? advice_certificate : advice_no_proxy));
}

void
session_refuse_for_parent(
    struct session *s, enum outcome why, const char *detail)
{
	char buf[RESPONSE_DETAIL_MAX];
	struct text t = text_in(buf, sizeof(buf));

	if (why != OUTCOME_INTERNAL_ERROR && why != OUTCOME_LOOP) {
		refuse_failed(s, outcome_sentence(why), detail);
		return;
	}
	text_str(&t, outcome_sentence(why));
	text_str(&t, ": parent proxy ");
	add_parent(&t, s);
	session_refuse(s, why, span_of(t.buf, t.len),
	    why == OUTCOME_LOOP
		? span_str("upstream.parent is the gateway itself.\n")
		: span_of(NULL, 0));
}

static const char *
advice_for(unsigned status)
{
	if (status == 407)
		return "The parent proxy wants credentials that it accepts: "
		       "set user and password in upstream.parent, or the "
		       "password in upstream.parent_password_file, on the "
		       "gateway.\n";
	if (status == 403)
		return "The gateway admits this, the parent proxy does not: "
		       "ask its owner to allow this host and port.\n";
	return "The gateway admits this; ask the owner of the parent proxy "
	       "what its answer means.\n";
}

static void
refuse_as_parent(struct session *s, const struct answer *a)
{
	char buf[RESPONSE_DETAIL_MAX];
	struct text t = text_in(buf, sizeof(buf));

	text_str(&t, outcome_sentence(OUTCOME_PARENT_REFUSED));
	text_str(&t, ": ");
	add_parent(&t, s);
	text_str(&t, " answered ");
	text_u64(&t, a->status);
	if (a->reason.len > 0) {
		text_char(&t, ' ');
		text_add(&t, a->reason);
	}
	session_refuse(s, OUTCOME_PARENT_REFUSED, span_of(t.buf, t.len),
	    span_str(advice_for(a->status)));
}

static void
on_no_answer(struct timer *t)
{
	refuse_failed(session_of_timer(t),
	    "no answer within "
	    "upstream.connect_timeout",
	    NULL);
}

/* --- what it says ----------------------------------------------------------
 */

/* All that it has said so far, in the worker's buffer; nothing is taken, but of
 * TLS, which shows one record at a time, what was heard before. As recv(2). */
static ssize_t
listen_to(struct session *s)
{
	struct tunnel_end *up = &s->tunnel.upstream;
	struct span heard = intake_bytes(s->heard);
	char *buf = s->gate->relay.buffer;
	ssize_t n;

	if (up->tls == NULL)
		return recv(up->watch.fd, buf, ANSWER_HEAD_MAX, MSG_PEEK);
	if (heard.len > 0)
		memcpy(buf, heard.ptr, heard.len);
	n = tls_stream_peek(
	    up->tls, buf + heard.len, ANSWER_HEAD_MAX - heard.len);
	return n > 0 ? n + (ssize_t)heard.len : n;
}

/* Takes the first len bytes of it. tcp(7): with MSG_TRUNC they are dropped
 * unread. */
static bool
take(struct session *s, size_t len)
{
	struct tunnel_end *up = &s->tunnel.upstream;
	ssize_t n;

	if (up->tls == NULL)
		return recv(up->watch.fd, NULL, len, MSG_TRUNC) == (ssize_t)len;
	len -= intake_bytes(s->heard).len;
	n = tls_stream_recv(up->tls, s->gate->relay.buffer, len);
	intake_free(&s->heard);
	return n == (ssize_t)len;
}

/* Of TLS: takes all and keeps it, so that the next record shows. */
static bool
keep_heard(struct session *s, size_t len)
{
	size_t before = intake_bytes(s->heard).len;
	char *buf = s->gate->relay.buffer;

	return tls_stream_recv(s->tunnel.upstream.tls, buf, len - before) ==
		   (ssize_t)(len - before) &&
	       intake_add(&s->heard, span_of(buf, len - before));
}

enum heard {
	HEARD_ENOUGH,  /* or all that is there */
	HEARD_PIECE,   /* there may be more at once */
	HEARD_INTERIM, /* another answer follows (RFC 9110 section 15.2) */
};

/* The head goes; what stands behind it stays for the tunnel. */
static enum heard
take_answer(struct session *s, const struct answer *a)
{
	char copy[RESPONSE_DETAIL_MAX];
	struct text reason = text_in(copy, sizeof(copy));
	struct answer kept = *a;

	text_add(&reason, a->reason);
	kept.reason = span_of(copy, reason.len);
	if (!take(s, a->head_len)) {
		refuse_failed(s, "its answer cannot be read", NULL);
		return HEARD_ENOUGH;
	}
	if (a->status / 100 == 1)
		return HEARD_INTERIM;
	timer_clear(s->gate->relay.loop, &s->timer);
	if (a->status / 100 != 2) {
		refuse_as_parent(s, &kept);
		return HEARD_ENOUGH;
	}
	/* A record may be read already, of which no event will tell. */
	if (s->tunnel.upstream.tls != NULL)
		s->tunnel.upstream.readable = true;
	session_establish(s);
	return HEARD_ENOUGH;
}

/* The head is not whole. */
static enum heard
wait_for_more(struct session *s, size_t len)
{
	const struct tunnel_end *up = &s->tunnel.upstream;

	if (len == ANSWER_HEAD_MAX)
		refuse_failed(s, "its answer has no end", NULL);
	else if (up->tls != NULL && keep_heard(s, len))
		return HEARD_PIECE;
	else if (up->tls != NULL)
		refuse_failed(s, "its answer cannot be read", NULL);
	else if (up->hup || up->error)
		refuse_failed(s, "it closed amid its answer", NULL);
	return HEARD_ENOUGH;
}

static void
refuse_silent(struct session *s, ssize_t n)
{
	const struct tls_stream *tls = s->tunnel.upstream.tls;
	const char *more = NULL;

	if (n < 0)
		more = tls != NULL ? tls_stream_fault(tls)
				   : strerrordesc_np(errno);
	refuse_failed(s,
	    s->heard != NULL ? "it closed amid its answer"
			     : "it closed without an answer",
	    more);
}

static enum heard
hear(struct session *s)
{
	ssize_t n = listen_to(s);
	struct answer a;

	if (n < 0 && errno == EAGAIN)
		return HEARD_ENOUGH;
	if (n <= 0) {
		refuse_silent(s, n);
		return HEARD_ENOUGH;
	}
	switch (answer_parse(&a, span_of(s->gate->relay.buffer, (size_t)n))) {
	case ANSWER_DONE:
		return take_answer(s, &a);
	case ANSWER_BAD:
		refuse_failed(s, "what it says is no HTTP/1.1 answer", NULL);
		return HEARD_ENOUGH;
	case ANSWER_MORE:
		break;
	}
	return wait_for_more(s, (size_t)n);
}

static void
hear_out(struct session *s)
{
	enum heard heard = HEARD_PIECE;
	unsigned interim = 0;

	while (heard != HEARD_ENOUGH && interim < INTERIM_MAX) {
		heard = hear(s);
		interim += heard == HEARD_INTERIM;
	}
	if (heard != HEARD_ENOUGH)
		refuse_failed(
		    s, "it sends interim answers without an end", NULL);
}

/* --- what it is asked ------------------------------------------------------
 */

static void
send_request(struct session *s)
{
	const struct config_parent *p = parent_of(s);
	const struct hostname *host = session_target(s);
	struct tunnel_end *up = &s->tunnel.upstream;
	char request[REQUEST_MAX];
	struct text t = text_in(request, sizeof(request));

	text_str(&t, "CONNECT ");
	text_add(&t, span_of(host->text, host->len));
	text_char(&t, ':');
	text_u64(&t, s->port);
	text_str(&t, " HTTP/1.1\r\nHost: ");
	text_add(&t, span_of(host->text, host->len));
	text_char(&t, ':');
	text_u64(&t, s->port);
	text_str(&t, "\r\n");
	if (p->authorization != NULL) {
		text_str(&t, "Proxy-Authorization: Basic ");
		text_str(&t, p->authorization);
		text_str(&t, "\r\n");
	}
	text_str(&t, "\r\n");
	if (tunnel_end_send(up, span_of(request, t.len), 0) != (ssize_t)t.len) {
		refuse_failed(s, "it does not take the request", NULL);
		return;
	}
	/* What it has said already, or its end, is not told of again. */
	if (up->tls != NULL || up->readable || up->hup)
		hear_out(s);
}

static void
shake_hands(struct session *s)
{
	const struct tls_stream *tls = s->tunnel.upstream.tls;

	if (tls_stream_handshake(s->tunnel.upstream.tls) == 0)
		send_request(s);
	else if (errno == EAGAIN)
		return;
	else if (tls_stream_verify_fault(tls) != NULL)
		refuse_failed(s, "its certificate is refused",
		    tls_stream_verify_fault(tls));
	else
		refuse_failed(
		    s, "the TLS handshake failed", tls_stream_fault(tls));
}

void
session_on_parent(struct session *s)
{
	const struct tls_stream *tls = s->tunnel.upstream.tls;

	if (tls != NULL && !tls_stream_is_open(tls)) {
		shake_hands(s);
		return;
	}
	hear_out(s);
}

/* False: out of memory, and the client has been told. */
static bool
begin_tls(struct session *s)
{
	const struct config_parent *p = parent_of(s);
	struct tunnel_end *up = &s->tunnel.upstream;
	char addr[IPADDR_TEXT_MAX + 1] = "";

	if (p->name == NULL)
		(void)ipaddr_format(&p->address.addr, addr);
	up->tls = tls_stream_connect(s->config->upstream.parent_tls,
	    up->watch.fd, p->name != NULL ? p->name->text : addr);
	if (up->tls == NULL)
		session_refuse_upstream(s, OUTCOME_INTERNAL_ERROR, NULL);
	else /* the request stands right behind the handshake's last words */
		tunnel_make_prompt(&s->tunnel);
	return up->tls != NULL;
}

void
session_ask_parent(struct session *s)
{
	uint64_t wait_ms = s->config->upstream.connect_timeout_ms;

	session_enter(s, SESSION_PARENT);
	if (parent_of(s)->tls && !begin_tls(s))
		return;
	timer_set(s->gate->relay.loop, &s->timer,
	    loop_now(s->gate->relay.loop) + wait_ms * 1000000, on_no_answer);
	if (parent_of(s)->tls)
		shake_hands(s);
	else
		send_request(s);
}
