/* SPDX-License-Identifier: Apache-2.0
 *
 * The third front door: TLS that was sent here by a redirect or a DNS record,
 * by clients that know of no proxy. The ClientHello's server name is the target
 * and 443 the port; the hello goes on as it came. Where the connection was
 * bound for stands in the log alone: the client chose that address, and only
 * the name is judged. */
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "core/text.h"
#include "session_internal.h"

enum {
	SNI_PORT = 443,
	/* SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST of linux/netfilter_ipv4.h
	 * and linux/netfilter_ipv6/ip6_tables.h, which do not go together with
	 * netinet/in.h. */
	ORIGINAL_DST = 80,
};

struct transparent {
	struct echo echo;           /* of its hello */
	struct ip_endpoint sent_to; /* IP_NONE: to this gateway itself */
};

bool
session_is_sni(const struct session *s)
{
	return (s->door->protocols & PROTOCOL_SNI) != 0;
}

/* --- where it was bound for --------------------------------------------------
 */

static bool
socket_address(int fd, struct ip_endpoint *out)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	return getsockname(fd, (struct sockaddr *)&ss, &len) == 0 &&
	       ip_endpoint_from_sockaddr(out, (const struct sockaddr *)&ss);
}

/* What stood in the packets before a redirect or DNAT of this host (conntrack
 * knows). */
static bool
redirected_address(int fd, enum ip_family family, struct ip_endpoint *out)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int level = family == IP_V4 ? IPPROTO_IP : IPPROTO_IPV6;

	return getsockopt(fd, level, ORIGINAL_DST, &ss, &len) == 0 &&
	       ip_endpoint_from_sockaddr(out, (const struct sockaddr *)&ss);
}

/* With TPROXY, the socket's own address is the one it was bound for. */
static void
note_destination(struct session *s)
{
	int fd = s->tunnel.client.watch.fd;
	struct ip_endpoint local, before;

	if (!socket_address(fd, &local))
		return; /* a Unix socket */
	if (redirected_address(fd, local.addr.family, &before))
		local = before;
	if (!gate_is_own(s->gate, &local))
		s->transparent->sent_to = local;
}

struct span
session_sni_detail(const struct session *s, struct span detail, char *buf)
{
	struct text t = text_in(buf, SNI_DETAIL_MAX);
	char addr[IP_ENDPOINT_TEXT_MAX + 1];

	if (s->transparent == NULL ||
	    s->transparent->sent_to.addr.family == IP_NONE)
		return detail;
	text_add(&t, detail);
	text_str(&t, detail.len > 0 ? "; sent to " : "sent to ");
	text_add(&t,
	    span_of(addr, ip_endpoint_format(&s->transparent->sent_to, addr)));
	return span_of(t.buf, t.len);
}

/* --- the hello -------------------------------------------------------------
 */

void
session_sni_route(struct session *s, const struct hello *h, struct span data)
{
	const struct endpoint target = {.host = h->name, .port = SNI_PORT};

	if (!h->has_name) {
		session_refuse_request(
		    s, OUTCOME_SNI_MISSING, span_of(NULL, 0));
		return;
	}
	if (!echoes_enter(s->gate->echoes, &s->transparent->echo, h->random)) {
		s->asked = span_of(target.host.text, target.host.len);
		s->port = target.port;
		session_refuse_request(s, OUTCOME_LOOP,
		    span_str("this TLS hello is on its way through the gateway "
			     "already: exempt the gateway's own connections "
			     "from the redirect"));
		return;
	}
	session_on_target(s, &target, data, 0);
}

/* Unlike a silent client of a proxy, which may be a port check, this one has
 * been redirected: it may wait for a service that speaks first. */
static void
on_hello_timeout(struct timer *t)
{
	session_refuse_request(
	    session_of_timer(t), OUTCOME_HELLO_TIMEOUT, span_of(NULL, 0));
}

static void
await_hello(struct session *s)
{
	uint64_t wait_ms = s->config->tunnel.hello_timeout_ms;

	if (!session_watch_client(s)) {
		session_close(s, false);
		return;
	}
	if (!timer_is_set(&s->timer))
		timer_set(s->gate->relay.loop, &s->timer,
		    s->accepted_ns + wait_ms * 1000000, on_hello_timeout);
}

void
session_on_sni(struct session *s)
{
	struct span all;

	while (session_read(s, &all) == INTAKE_BYTES)
		if (session_inspect(s, all))
			return;
	if (s->state == SESSION_HEAD)
		await_hello(s);
}

/* --- begin and end ---------------------------------------------------------
 */

void
session_sni_begin(struct session *s)
{
	s->transparent = calloc(1, sizeof(*s->transparent));
	if (s->transparent == NULL) {
		session_close(s, false);
		return;
	}
	note_destination(s);
	session_on_sni(s);
}

void
session_sni_end(struct session *s)
{
	if (s->transparent == NULL)
		return;
	echoes_leave(s->gate->echoes, &s->transparent->echo);
	free(s->transparent);
	s->transparent = NULL;
}
