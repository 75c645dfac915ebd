/* SPDX-License-Identifier: Apache-2.0
 *
 * A session from the 200 on: what the client says first is inspected, then the
 * tunnel has the word, and the session keeps the time. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "core/hello.h"
#include "core/response.h"
#include "session_internal.h"

enum {
	/* How long a tunnel is still before its sockets get TCP keep-alives:
	 * most never live that long, and save the system calls. */
	KEEPALIVE_AFTER_MS = 60 * 1000,
	/* Shorter than the idle time of the common NATs and firewalls (350 s
	 * and up), so that a quiet MQTT tunnel stays in their tables. */
	KEEPALIVE_IDLE_S = 60,
	KEEPALIVE_INTERVAL_S = 30,
	KEEPALIVE_PROBES = 5,
};

static void session_set_relay_timer(struct session *s);

/* --- 200, and what the client says then --------------------------------------
 */

static void
session_on_tunnel_ended(
    struct tunnel *t, enum outcome why, int error_number, const char *tls_fault)
{
	const char *detail = tls_fault;

	if (detail == NULL && error_number != 0 && error_number != ECONNRESET &&
	    error_number != EPIPE)
		detail = strerrordesc_np(error_number);
	session_end(session_of_tunnel(t), why, detail);
}

static bool
set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

/* Best effort: a tunnel works without. */
static void
keep_alive(int fd)
{
	(void)!(
	    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S) &&
	    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S) &&
	    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES) &&
	    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1));
}

static uint64_t
session_idle_limit_ns(const struct session *s)
{
	const struct config *c = s->config;
	uint64_t ms = s->host != NULL && s->host->idle_timeout_ms != 0
			  ? s->host->idle_timeout_ms
			  : c->tunnel.idle_timeout_ms;

	if (tunnel_is_half_closed(&s->tunnel) &&
	    c->tunnel.half_close_timeout_ms < ms)
		ms = c->tunnel.half_close_timeout_ms;
	return ms * 1000000;
}

static uint64_t
session_keep_alive_at(const struct session *s)
{
	return s->established_ns + KEEPALIVE_AFTER_MS * 1000000ULL;
}

static void
session_on_relay_timer(struct timer *t)
{
	struct session *s = session_of_timer(t);
	uint64_t now = loop_now(s->gate->relay.loop);

	if (now - s->tunnel.last_ns >= session_idle_limit_ns(s)) {
		session_end(s,
		    tunnel_is_half_closed(&s->tunnel)
			? OUTCOME_HALF_CLOSE_TIMEOUT
			: OUTCOME_IDLE_TIMEOUT,
		    NULL);
		return;
	}
	if (!s->kept_alive && now >= session_keep_alive_at(s)) {
		s->kept_alive = true;
		keep_alive(s->tunnel.client.watch.fd);
		keep_alive(s->tunnel.upstream.watch.fd);
	}
	session_set_relay_timer(s);
}

/* The timer looks at the time of the last byte when it is due: a busy tunnel
 * never touches it. */
static void
session_set_relay_timer(struct session *s)
{
	uint64_t due = s->tunnel.last_ns + session_idle_limit_ns(s);

	if (!s->kept_alive && session_keep_alive_at(s) < due)
		due = session_keep_alive_at(s);
	timer_set(s->gate->relay.loop, &s->timer, due, session_on_relay_timer);
}

/* The time for the other side's end is shorter than the idle time. */
static void
session_on_half_closed(struct tunnel *t)
{
	session_set_relay_timer(session_of_tunnel(t));
}

static void
session_relay(struct session *s)
{
	session_enter(s, SESSION_RELAY);
	s->tunnel.last_ns = loop_now(s->gate->relay.loop);
	session_set_relay_timer(s);
	tunnel_start(&s->tunnel);
}

/* Hands the bytes inspected to the tunnel. */
static void
session_pass(struct session *s, struct span data)
{
	if (!tunnel_send_up(&s->tunnel, data)) {
		session_end(s, OUTCOME_INTERNAL_ERROR, "out of memory");
		return;
	}
	intake_free(&s->intake);
	session_relay(s);
}

static void
session_alert(struct session *s, enum outcome why, const char *detail)
{
	char alert[RESPONSE_ALERT_LEN];
	size_t len = response_alert(alert, why);

	session_report_end(s, why, detail);
	(void)!tunnel_end_send(&s->tunnel.client, span_of(alert, len), 0);
	session_linger(s);
}

static void
session_on_hello_timeout(struct timer *t)
{
	session_alert(session_of_timer(t), OUTCOME_HELLO_TIMEOUT, NULL);
}

static enum config_sni
session_sni(const struct session *s)
{
	return s->host != NULL && s->host->sni != SNI_AS_TUNNEL
		   ? s->host->sni
		   : s->config->tunnel.sni;
}

/* The hello is whole: is it for the host that was asked for? */
static void
session_judge_hello(struct session *s, const struct hello *h, struct span data)
{
	bool verify = session_sni(s) == SNI_VERIFY;

	if (h->has_name)
		session_note_sni(s, &h->name);
	if (verify && !h->has_name)
		session_alert(s, OUTCOME_SNI_MISSING, NULL);
	else if (verify && !session_is_target(s, &h->name))
		session_alert(s, OUTCOME_SNI_MISMATCH, NULL);
	else
		session_pass(s, data);
}

static void
session_refuse_hello(struct session *s, enum outcome why, const char *detail)
{
	if (session_is_sni(s))
		session_refuse_request(s, why, span_str(detail));
	else
		session_alert(s, why, detail);
}

bool
session_inspect(struct session *s, struct span data)
{
	struct hello h;

	/* Each look starts anew: pieces that cannot complete it are not worth
	 * one. */
	if (data.len < s->hello_need)
		return !session_keep(s, data);
	switch (hello_parse(&h, (const uint8_t *)data.ptr, data.len)) {
	case HELLO_DONE:
		if (session_is_sni(s))
			session_sni_route(s, &h, data);
		else
			session_judge_hello(s, &h, data);
		return true;
	case HELLO_BAD:
		session_refuse_hello(s, h.why, h.detail);
		return true;
	case HELLO_MORE:
		s->hello_need = h.need;
		return !session_keep(s, data);
	}
	return true;
}

void
session_on_hello(struct session *s)
{
	struct span all = span_of(NULL, 0);

	while (
	    s->state == SESSION_HELLO && session_read(s, &all) == INTAKE_BYTES)
		(void)session_inspect(s, all);
}

static void
session_await_hello(struct session *s)
{
	uint64_t wait_ms = s->config->tunnel.hello_timeout_ms;

	session_enter(s, SESSION_HELLO);
	timer_set(s->gate->relay.loop, &s->timer,
	    s->established_ns + wait_ms * 1000000, session_on_hello_timeout);
	if (s->intake == NULL || !session_inspect(s, intake_bytes(s->intake)))
		session_on_hello(s);
}

/* False: the session has ended. */
static bool
session_answer(struct session *s)
{
	char answer[RESPONSE_MAX];
	size_t len = s->socks != SOCKS_NOT
			 ? session_socks5_answer(s, OUTCOME_OK, answer)
			 : response_established(answer, &s->upstream);
	ssize_t n = tunnel_end_send(&s->tunnel.client, span_of(answer, len), 0);

	if (n == (ssize_t)len)
		return true;
	/* It is the first thing sent there: only a dead socket takes less than
	 * all of it. */
	session_end(s, OUTCOME_CLIENT_RESET, NULL);
	return false;
}

void
session_establish(struct session *s)
{
	bool redirected = session_is_sni(s);

	/* What a client has been told is in the metrics already. */
	s->established_ns = loop_now(s->gate->relay.loop);
	session_count_setup(s);
	session_report_begin(s);
	if (!redirected && !session_answer(s))
		return;
	tunnel_init(&s->tunnel, &s->gate->relay, session_on_tunnel_ended,
	    session_on_half_closed);
	/* TLS in the tunnel tells its own end. */
	s->tunnel.lax = redirected || session_sni(s) != SNI_OFF;
	if (redirected || session_sni(s) == SNI_OFF)
		session_pass(s, intake_bytes(s->intake));
	else
		session_await_hello(s);
}
