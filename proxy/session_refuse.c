/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/response.h"
#include "core/text.h"
#include "session_internal.h"

enum {
	/* A client that has read its answer closes well within this; one that
	 * still sends is listened to for longer. */
	LINGER_IDLE_MS = 2000,
	LINGER_MS = 15000,
	LINGER_READS = 16, /* a turn */
	RETRY_AFTER_S = 1,
	RETRY_AFTER_DRAIN_S = 5,
};

/* --- lingering
 * ---------------------------------------------------------------- */

static void
session_on_linger_timeout(struct timer *t)
{
	session_close(session_of_timer(t), false);
}

static void
session_linger_again(void *arg)
{
	session_on_linger(arg);
}

static void
session_set_linger_timer(struct session *s)
{
	struct loop *loop = s->gate->relay.loop;
	uint64_t due = loop_now(loop) + LINGER_IDLE_MS * 1000000ULL;

	if (due > s->linger_until_ns)
		due = s->linger_until_ns;
	timer_set(loop, &s->timer, due, session_on_linger_timeout);
}

/* What still comes is read and thrown away, never as a request. All of it is
 * read: what is left in the socket would hold its window shut. */
void
session_on_linger(struct session *s)
{
	struct tunnel_end *client = &s->tunnel.client;
	ssize_t n = RELAY_BUFFER;

	/* Of TLS, too, nothing is read but bytes. */
	for (int i = 0; i < LINGER_READS && n == RELAY_BUFFER; i++)
		n = recv(
		    client->watch.fd, s->gate->relay.buffer, RELAY_BUFFER, 0);
	if (n == 0 || (n < 0 && errno != EAGAIN) ||
	    (n > 0 && n < RELAY_BUFFER && (client->hup || client->error))) {
		session_close(s, false);
		return;
	}
	session_set_linger_timer(s);
	if (n == RELAY_BUFFER)
		loop_defer(s->gate->relay.loop, &s->tunnel.again,
		    session_linger_again, s);
}

void
session_linger(struct session *s)
{
	struct loop *loop = s->gate->relay.loop;
	struct tunnel_end *client = &s->tunnel.client;

	session_enter(s, SESSION_LINGER);
	tls_stream_free(s->tunnel.upstream.tls);
	s->tunnel.upstream.tls = NULL;
	watch_close(loop, &s->tunnel.upstream.watch);
	intake_free(&s->intake);
	if (s->counted)
		quota_leave(s->gate->quota, &s->client.addr);
	s->counted = false;
	if (tunnel_end_shutdown(client) != 0 || !session_watch_client(s)) {
		session_close(s, false);
		return;
	}
	s->linger_until_ns = loop_now(loop) + LINGER_MS * 1000000ULL;
	session_set_linger_timer(s);
	/* A socket watched only now will tell of bytes and ends that came
	 * before; one watched all along has told of them already. */
	if (client->readable || client->hup || client->error)
		session_on_linger(s);
}

/* --- answers
 * ------------------------------------------------------------------ */

static unsigned
retry_after_s(enum outcome why)
{
	if (why == OUTCOME_DRAINING)
		return RETRY_AFTER_DRAIN_S;
	return why == OUTCOME_LIMIT_REACHED || why == OUTCOME_RATE_LIMITED
		   ? RETRY_AFTER_S
		   : 0;
}

/* In the client's own terms. Returns the length; 0: it has been told, or is not
 * to be. */
static size_t
write_refusal(struct session *s, const struct refusal *r, char *answer)
{
	const struct tls_stream *tls = s->tunnel.client.tls;

	if (s->state == SESSION_PROXY_HEADER)
		return 0;
	if (session_is_sni(s))
		return response_alert(answer, r->why);
	if (tls != NULL && !tls_stream_is_open(tls))
		return session_tls_answer(s, r->why, answer);
	if (s->socks != SOCKS_NOT)
		return session_socks5_answer(s, r->why, answer);
	return response_refusal(answer, r);
}

void
session_refuse(
    struct session *s, enum outcome why, struct span detail, struct span advice)
{
	char answer[RESPONSE_MAX];
	const struct refusal refusal = {.why = why,
	    .detail = detail,
	    .advice = advice,
	    .retry_after_s = retry_after_s(why),
	    .no_body = s->is_head};
	size_t len = write_refusal(s, &refusal, answer);

	session_report_refusal(s, why, detail);
	timer_clear(s->gate->relay.loop, &s->timer);
	/* The FIN of session_linger() follows at once: let it ride on the
	 * answer's last segment. */
	if (s->state == SESSION_PROXY_HEADER ||
	    tunnel_end_send(&s->tunnel.client, span_of(answer, len), MSG_MORE) <
		0)
		session_close(s, false);
	else
		session_linger(s);
}

bool
session_is_welcome(const struct session *s)
{
	const struct config_prefixes *clients = &s->door->clients;

	if (s->vouched || s->client.addr.family == IP_NONE)
		return true; /* a Unix socket: its file's mode decides */
	for (size_t i = 0; i < clients->count; i++) {
		if (ip_prefix_contains(&clients->items[i], &s->client.addr))
			return true;
	}
	return false;
}

static void
refuse_stranger(struct session *s)
{
	char buf[RESPONSE_DETAIL_MAX];
	struct text t = text_in(buf, sizeof(buf));
	char addr[IPADDR_TEXT_MAX + 1];

	text_str(&t, "client address not allowed: ");
	text_add(&t, span_of(addr, ipaddr_format(&s->client.addr, addr)));
	session_refuse(s, OUTCOME_DENIED_CLIENT, span_of(t.buf, t.len),
	    span_str("Add its network to 'clients' of this listener in the "
		     "gateway's configuration.\n"));
}

void
session_refuse_request(struct session *s, enum outcome why, struct span detail)
{
	if (session_is_welcome(s))
		session_refuse(s, why, detail, span_of(NULL, 0));
	else
		refuse_stranger(s);
}

/* --- admission
 * ------------------------------------------------------------------ */

static void
refuse_by_policy(struct session *s, const struct policy_decision *d,
    const struct endpoint *target)
{
	char detail[POLICY_DETAIL_MAX], advice[POLICY_ADVICE_MAX];
	size_t detail_len = policy_detail(s->config->policy, d, target, detail);
	size_t advice_len = policy_advice(s->config->policy, d, target, advice);

	session_refuse(s, d->why, span_of(detail, detail_len),
	    span_of(advice, advice_len));
}

/* Remembers what was admitted; rule is NULL in report mode alone. False: out of
 * memory. */
static bool
keep_target(
    struct session *s, const struct rule *rule, const struct endpoint *target)
{
	if (rule == NULL || rule->entry->suffix) {
		s->name = malloc(sizeof(*s->name));
		if (s->name == NULL)
			return false;
		*s->name = target->host;
	}
	s->rule = rule;
	s->host = config_host_find(s->config, &target->host);
	return true;
}

static enum outcome
judge_load(struct session *s)
{
	unsigned retry_s;

	if (s->gate->draining)
		return OUTCOME_DRAINING;
	return quota_request(s->gate->quota, &s->client.addr,
	    loop_now(s->gate->relay.loop), &retry_s);
}

bool
session_admit(struct session *s, const struct endpoint *target)
{
	struct policy_decision d;
	enum outcome why;

	s->asked = span_of(target->host.text, target->host.len);
	s->port = target->port;
	why = session_is_welcome(s) ? judge_load(s) : OUTCOME_DENIED_CLIENT;
	if (why == OUTCOME_OK) {
		d = policy_decide(s->config->policy, target);
		if (d.why != OUTCOME_OK &&
		    s->config->gateway.mode == MODE_ENFORCE) {
			refuse_by_policy(s, &d, target);
			return false;
		}
		why = quota_enter(s->gate->quota, &s->client.addr);
		s->counted = why == OUTCOME_OK;
	}
	if (why == OUTCOME_OK && !keep_target(s, d.rule, target))
		why = OUTCOME_INTERNAL_ERROR;
	if (why != OUTCOME_OK)
		session_refuse_request(s, why, span_of(NULL, 0));
	else if (d.why != OUTCOME_OK)
		session_note_let_through(s, d.why);
	return why == OUTCOME_OK;
}

/* --- names and addresses that cannot be reached
 * ----------------------------------- */

static const char *
upstream_advice(const struct session *s, enum outcome why)
{
	if (s->reported != OUTCOME_OK)
		return ""; /* what follows speaks of a name on the list */
	if (why == OUTCOME_DNS_NXDOMAIN || why == OUTCOME_DNS_ERROR ||
	    why == OUTCOME_DNS_TIMEOUT)
		return "The name is on the allowlist, but the gateway's DNS "
		       "does not give its address: check dns.servers, or "
		       "/etc/resolv.conf on the gateway.\n";
	if (why == OUTCOME_DENIED_RESOLVED_ADDRESS)
		return "Nothing was sent there. If this is a private endpoint "
		       "of yours, put its network in allow_addresses of "
		       "[host NAME] or [upstream]; if not, ask who answers DNS "
		       "for this name.\n";
	if (why == OUTCOME_CONNECT_TIMEOUT ||
	    why == OUTCOME_CONNECT_UNREACHABLE ||
	    why == OUTCOME_CONNECT_REFUSED || why == OUTCOME_CONNECT_RESET)
		return "The allowlist admits this; the network behind the "
		       "gateway does not: open outbound TCP from the gateway "
		       "to this host and port, and check its route and "
		       "NAT.\n";
	if (why == OUTCOME_LOOP)
		return "DNS sends this name to the gateway itself.\n";
	return "";
}

void
session_refuse_upstream(struct session *s, enum outcome why, const char *detail)
{
	char buf[RESPONSE_DETAIL_MAX], addr[IP_ENDPOINT_TEXT_MAX + 1];
	const struct hostname *host = session_target(s);
	struct text t = text_in(buf, sizeof(buf));

	if (s->via_parent) {
		session_refuse_for_parent(s, why, detail);
		return;
	}
	text_str(&t, outcome_sentence(why));
	text_str(&t, ": ");
	text_add(&t, span_of(host->text, host->len));
	text_char(&t, ':');
	text_u64(&t, s->port);
	if (s->upstream.addr.family != IP_NONE) {
		text_str(&t, " at ");
		text_add(
		    &t, span_of(addr, ip_endpoint_format(&s->upstream, addr)));
	}
	if (detail != NULL) {
		text_str(&t, " (");
		text_str(&t, detail);
		text_char(&t, ')');
	}
	session_refuse(
	    s, why, span_of(t.buf, t.len), span_str(upstream_advice(s, why)));
}

/* --- no place at all
 * ---------------------------------------------------------------- */

void
session_turn_away(struct gate *gate, const struct config_listener *door, int fd,
    const struct ip_endpoint *peer)
{
	char answer[RESPONSE_MAX];
	const struct refusal refusal = {
	    .why = OUTCOME_LIMIT_REACHED, .retry_after_s = RETRY_AFTER_S};
	bool tls = door->tls != NULL || (door->protocols & PROTOCOL_SNI) != 0;
	size_t len = tls ? response_alert(answer, refusal.why)
			 : response_refusal(answer, &refusal);
	const struct access_record r = {.unix_ns = clock_unix_ns(),
	    .why = OUTCOME_LIMIT_REACHED,
	    .status = tls ? 0 : outcome_status(OUTCOME_LIMIT_REACHED),
	    .client = *peer,
	    .listener = span_str(door->name),
	    .dns_ns = ACCESS_ABSENT,
	    .connect_ns = ACCESS_ABSENT,
	    .first_byte_ns = ACCESS_ABSENT,
	    .duration_ns = 0,
	    .bytes_up = ACCESS_ABSENT,
	    .bytes_down = ACCESS_ABSENT,
	    .detail = span_str("no descriptor left for this connection")};

	/* Reading what is there keeps close(2) from resetting the answer; there
	 * is no place to wait for more. */
	(void)!recv(fd, gate->relay.buffer, RELAY_BUFFER, 0);
	(void)!send(fd, answer, len, MSG_NOSIGNAL);
	(void)close(fd);
	counter_add(&gate->metrics->requests[OUTCOME_LIMIT_REACHED], 1);
	access_log_write(gate->ring, &r);
}
