/* SPDX-License-Identifier: Apache-2.0
 *
 * Before any front door, at a listener with proxy_protocol: the header that
 * says whose connection this is. It is peeked at and then taken alone, so that
 * whatever reads the socket next, in whatever way, begins with the client's own
 * first byte. */
#include <errno.h>
#include <sys/socket.h>

#include "core/proxy_header.h"
#include "session_internal.h"

/* As the specification wants it, nothing is answered: who speaks wrongly here
 * is a load balancer, and its client waits for an answer to something else. */
static void
refuse(struct session *s, enum outcome why, const char *detail)
{
	session_refuse_request(s, why, span_str(detail));
}

static void
on_header_timeout(struct timer *t)
{
	struct session *s = session_of_timer(t);

	if (s->spoke)
		refuse(s, OUTCOME_HEADER_TIMEOUT,
		    "the PROXY header did not arrive in time");
	else
		session_close(s, false); /* a port check that stays on */
}

static void
await_more(struct session *s)
{
	uint64_t wait_ms = s->config->limits.header_timeout_ms;

	if (!session_watch_client(s)) {
		session_close(s, false);
		return;
	}
	if (!timer_is_set(&s->timer))
		timer_set(s->gate->relay.loop, &s->timer,
		    s->accepted_ns + wait_ms * 1000000, on_header_timeout);
}

/* Only whom clients lists is believed; a stranger stays what it is, and is
 * refused when its own request is there. */
static void
take_header(struct session *s, const struct proxy_header *h)
{
	/* Not by MSG_TRUNC, which drops bytes of TCP alone (tcp(7)). */
	if (recv(s->tunnel.client.watch.fd, s->gate->relay.buffer, h->len, 0) !=
	    (ssize_t)h->len) {
		session_end(s, OUTCOME_CLIENT_RESET, NULL);
		return;
	}
	timer_clear(s->gate->relay.loop, &s->timer);
	if (h->client.addr.family != IP_NONE && session_is_welcome(s)) {
		s->client = h->client;
		s->vouched = true;
	}
	session_enter(s, SESSION_HEAD);
	session_begin(s);
}

static void
on_nothing(struct session *s, ssize_t n)
{
	if (n < 0 && errno == EAGAIN)
		await_more(s);
	else if (n < 0)
		session_end(s, OUTCOME_CLIENT_RESET, strerrordesc_np(errno));
	else
		session_close(s, false); /* a port check */
}

void
session_on_proxy_header(struct session *s)
{
	const struct tunnel_end *client = &s->tunnel.client;
	char *buf = s->gate->relay.buffer;
	ssize_t n = recv(client->watch.fd, buf, PROXY_HEADER_MAX, MSG_PEEK);
	struct proxy_header h;

	if (n <= 0) {
		on_nothing(s, n);
		return;
	}
	s->spoke = true;
	switch (proxy_header_parse(&h, span_of(buf, (size_t)n))) {
	case PROXY_HEADER_DONE:
		take_header(s, &h);
		break;
	case PROXY_HEADER_BAD:
		refuse(s, OUTCOME_BAD_REQUEST, h.detail);
		break;
	case PROXY_HEADER_MORE:
		if (client->hup || client->error)
			refuse(s, OUTCOME_BAD_REQUEST,
			    "the connection ends within the PROXY header");
		else
			await_more(s);
		break;
	}
}
