/* SPDX-License-Identifier: Apache-2.0
 *
 * A session that goes through a parent proxy: from the connection to it until
 * its tunnel is open. What it says then is the tunnel's, so no byte is read
 * past its answer's head. */
#include <errno.h>
#include <stdio.h>
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

/* reason: what happened, in the order of more and more exact words. */
static void
refuse_failed(struct session *s, const char *reason, const char *more)
{
	char buf[RESPONSE_DETAIL_MAX];
	struct text t = text_in(buf, sizeof(buf));

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
	    span_str("The parent proxy of upstream.parent does not answer as "
		     "a proxy: check its address and port, and that the "
		     "gateway may reach it.\n"));
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

/* The head goes; what stands behind it stays for the tunnel. tcp(7): with
 * MSG_TRUNC the bytes are dropped unread. True: another one follows. */
static bool
take_answer(struct session *s, const struct answer *a)
{
	char copy[RESPONSE_DETAIL_MAX];
	struct text reason = text_in(copy, sizeof(copy));
	struct answer kept = *a;

	text_add(&reason, a->reason);
	kept.reason = span_of(copy, reason.len);
	if (recv(s->tunnel.upstream.watch.fd, NULL, a->head_len, MSG_TRUNC) !=
	    (ssize_t)a->head_len) {
		refuse_failed(s, "its answer cannot be read", NULL);
		return false;
	}
	if (a->status / 100 == 1) /* RFC 9110 section 15.2 */
		return true;
	timer_clear(s->gate->relay.loop, &s->timer);
	if (a->status / 100 == 2)
		session_establish(s);
	else
		refuse_as_parent(s, &kept);
	return false;
}

/* Looks at what is there. True: that was an interim answer. */
static bool
on_answer(struct session *s)
{
	const struct tunnel_end *up = &s->tunnel.upstream;
	char *buf = s->gate->relay.buffer;
	ssize_t n = recv(up->watch.fd, buf, ANSWER_HEAD_MAX, MSG_PEEK);
	struct answer a;

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		refuse_failed(s, "it closed without an answer",
		    n < 0 ? strerrordesc_np(errno) : NULL);
		return false;
	}
	switch (answer_parse(&a, span_of(buf, (size_t)n))) {
	case ANSWER_DONE:
		return take_answer(s, &a);
	case ANSWER_BAD:
		refuse_failed(s, "what it says is no HTTP/1.1 answer", NULL);
		break;
	case ANSWER_MORE:
		if (n == ANSWER_HEAD_MAX)
			refuse_failed(s, "its answer has no end", NULL);
		else if (up->hup || up->error)
			refuse_failed(s, "it closed amid its answer", NULL);
		break;
	}
	return false;
}

void
session_on_parent(struct session *s)
{
	for (unsigned n = 0; n < INTERIM_MAX; n++) {
		if (!on_answer(s))
			return;
	}
	refuse_failed(s, "it sends interim answers without an end", NULL);
}

void
session_ask_parent(struct session *s)
{
	const struct config_parent *p = parent_of(s);
	const struct hostname *host = session_target(s);
	uint64_t wait_ms = s->config->upstream.connect_timeout_ms;
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
	session_enter(s, SESSION_PARENT);
	timer_set(s->gate->relay.loop, &s->timer,
	    loop_now(s->gate->relay.loop) + wait_ms * 1000000, on_no_answer);
	if (send(s->tunnel.upstream.watch.fd, request, t.len, MSG_NOSIGNAL) !=
	    (ssize_t)t.len) {
		refuse_failed(s, "it does not take the request", NULL);
		return;
	}
	/* What it has said already, or its end, is not told of again. */
	if (s->tunnel.upstream.readable || s->tunnel.upstream.hup)
		session_on_parent(s);
}
