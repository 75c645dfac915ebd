/* SPDX-License-Identifier: Apache-2.0
 *
 * c-ares 1.18 answers inside ares_query() at times (a name it will not ask, no
 * socket to be had), and from within ares_process_fd() and ares_destroy().
 * on_attempt() therefore only reads the answer and puts the query on the list
 * of settled ones; settle() works that list off when c-ares is not on the
 * stack: at the end of the event that led to it, or in the next turn. So no
 * question is ever put to c-ares from inside one of its callbacks either.
 *
 * EDNS is on, with the payload that never fragments (1232 bytes, RFC 9715): the
 * answers of cloud services with their chains and many addresses are often
 * larger than 512 bytes, and each would cost a TCP connection. c-ares takes
 * EDNS back when a server answers FORMERR.
 *
 * Source ports: c-ares closes a server's socket when no question is out, so
 * that the next one has a new port from the kernel (RFC 5452 section 9.2).
 * Changes of resolv.conf are seen by a new client, that is at a restart. */
#include "net/dns_client.h"

#include <arpa/nameser.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <ares.h>

#include "net/node.h"

enum {
	NS_PER_MS = 1000000,
	SUSPECT_MS = 30000, /* a silent server is not asked first for so long */
	EDNS_PAYLOAD = 1232,
	DNS_PORT = 53,
	SOCKETS = 2, /* c-ares has at most one of UDP and one of TCP */
};

struct server;

struct server_socket {
	struct watch watch; /* first: an event's watch is its socket */
	struct server *server;
};

struct server {
	struct dns_client *client; /* borrowed */
	ares_channel channel;
	struct server_socket sockets[SOCKETS];
	struct timer timer; /* c-ares' next timeout */
	unsigned out;       /* tries under way */
	uint64_t suspect_until_ns;
};

struct dns_client {
	struct loop *loop; /* borrowed */
	loop_fn on_settled;
	void *arg;
	unsigned attempts;
	size_t server_count;
	bool in_event; /* settle() comes at its end */
	bool closing;
	struct dns_query *settled;
	struct deferred settle_later;
	struct server servers[DNS_SERVERS_MAX];
};

/* --- tries ---------------------------------------------------------------- */

/* An error that a server answered says more than silence does. */
static void
note_failure(struct dns_query *q, enum dns_status status, const char *detail)
{
	if (status == DNS_SILENT && q->answer.status == DNS_FAILED)
		return;
	q->answer.status = status;
	q->answer.detail = detail;
}

/* The one place where c-ares' status becomes ours; its static text is the
 * detail of what is rare. */
static void
note_ares_status(struct dns_query *q, int status)
{
	struct server *s = &q->client->servers[q->server];

	switch (status) {
	case ARES_ETIMEOUT:
		s->suspect_until_ns = loop_now(q->client->loop) +
				      (uint64_t)SUSPECT_MS * NS_PER_MS;
		note_failure(q, DNS_SILENT, NULL);
		return;
	case ARES_ENOTFOUND: /* a name that is never asked: RFC 7686 */
		q->answer.status = DNS_NO_NAME;
		return;
	case ARES_ECONNREFUSED: /* also: a TCP connection that broke */
		s->suspect_until_ns = loop_now(q->client->loop) +
				      (uint64_t)SUSPECT_MS * NS_PER_MS;
		note_failure(
		    q, DNS_FAILED, "DNS server refused the connection");
		return;
	default:
		note_failure(q, DNS_FAILED, ares_strerror(status));
		return;
	}
}

static void
note_packet(struct dns_query *q, const uint8_t *packet, size_t len)
{
	struct dns_answer answer;

	q->client->servers[q->server].suspect_until_ns = 0;
	dns_answer_read(&answer, packet, len, q->name, q->family);
	if (answer.status != DNS_FAILED) {
		q->answer = answer;
		return;
	}
	note_failure(q, DNS_FAILED, answer.detail);
	/* Of two queries that meet a server without EDNS, c-ares repeats one
	 * and hands us the FORMERR of the other; by now it knows. */
	if (answer.rcode == DNS_RCODE_FORMERR && !q->formerr) {
		q->formerr = true;
		q->tries_left++;
		return;
	}
	q->refused |= 1U << q->server;
}

static void settle(void *arg);

static void
on_attempt(
    void *arg, int status, int timeouts, unsigned char *packet, int packet_len)
{
	struct dns_query *q = arg;
	struct dns_client *c = q->client;

	(void)timeouts;
	if (c->closing)
		return; /* ares_destroy() calls everybody back */
	c->servers[q->server].out--;
	if (packet == NULL)
		note_ares_status(q, status);
	else
		note_packet(q, packet, (size_t)packet_len);
	q->next_settled = c->settled;
	c->settled = q;
	if (!c->in_event)
		loop_defer(c->loop, &c->settle_later, settle, c);
}

static void server_arm(struct server *s);

static void
query_send(struct dns_query *q)
{
	struct server *s = &q->client->servers[q->server];

	q->tries_left--;
	s->out++;
	ares_query(s->channel, q->name->text, ns_c_in,
	    q->family == IP_V4 ? ns_t_a : ns_t_aaaa, on_attempt, q);
	server_arm(s);
}

/* The next server in turn that has not answered with an error. */
static bool
query_next_server(struct dns_query *q)
{
	size_t n = q->client->server_count;

	for (size_t i = 1; i <= n; i++) {
		unsigned next = (unsigned)((q->server + i) % n);

		if ((q->refused & 1U << next) == 0) {
			q->server = next;
			return true;
		}
	}
	return false;
}

static void
settle(void *arg)
{
	struct dns_client *c = arg;
	struct dns_query *q;

	c->in_event = true; /* what settles in here is worked off here */
	while ((q = c->settled) != NULL) {
		bool failed = q->answer.status == DNS_FAILED ||
			      q->answer.status == DNS_SILENT;

		c->settled = q->next_settled;
		if (failed && q->tries_left > 0 && query_next_server(q))
			query_send(q);
		else
			q->done(q);
	}
	c->in_event = false;
	c->on_settled(c->arg);
}

void
dns_query_start(struct dns_query *q, struct dns_client *c,
    const struct hostname *name, enum ip_family family, dns_query_fn done)
{
	uint64_t now = loop_now(c->loop);

	q->answer.status = DNS_SILENT;
	q->answer.detail = NULL;
	q->answer.list.count = 0;
	q->client = c;
	q->name = name;
	q->family = family;
	q->done = done;
	q->refused = 0;
	q->formerr = false;
	q->tries_left = c->attempts * (unsigned)c->server_count;
	q->server = 0;
	for (unsigned i = 0; i < c->server_count; i++) {
		if (c->servers[i].suspect_until_ns <= now) {
			q->server = i;
			break;
		}
	}
	query_send(q);
}

/* --- c-ares on the loop --------------------------------------------------- */

/* Runs c-ares for one server, then what came of it. Touches nothing after: the
 * client may be gone. */
static void
server_process(struct server *s, ares_socket_t readable, ares_socket_t writable)
{
	s->client->in_event = true;
	ares_process_fd(s->channel, readable, writable);
	server_arm(s);
	settle(s->client);
}

static void
on_socket(struct watch *w, uint32_t events)
{
	const uint32_t bad = EPOLLERR | EPOLLHUP;
	struct server *s = ((struct server_socket *)(void *)w)->server;
	bool readable = (events & (bad | EPOLLIN)) != 0;
	bool writable = (events & (bad | EPOLLOUT)) != 0;

	server_process(s, readable ? w->fd : ARES_SOCKET_BAD,
	    writable ? w->fd : ARES_SOCKET_BAD);
}

static void
on_timer(struct timer *t)
{
	server_process(owner_of(t, struct server, timer), ARES_SOCKET_BAD,
	    ARES_SOCKET_BAD);
}

/* All tries have the same time, so a timer that is set is never too late. A
 * millisecond is added since ares_timeout() cuts fractions off. */
static void
server_arm(struct server *s)
{
	struct loop *loop = s->client->loop;
	struct timeval left, *tv;

	if (s->out == 0) {
		timer_clear(loop, &s->timer);
		return;
	}
	if (timer_is_set(&s->timer))
		return;
	tv = ares_timeout(s->channel, NULL, &left);
	if (tv == NULL)
		return; /* settled inside ares_query() */
	timer_set(loop, &s->timer,
	    loop_now(loop) + ((uint64_t)tv->tv_sec * 1000 +
				 (uint64_t)tv->tv_usec / 1000 + 1) *
				 NS_PER_MS,
	    on_timer);
}

/* c-ares tells what it waits for; nothing any more right before it closes. */
static void
on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct server *s = arg;
	struct server_socket *k = NULL, *unused = NULL;
	uint32_t events = (readable ? (uint32_t)EPOLLIN : 0U) |
			  (writable ? (uint32_t)EPOLLOUT : 0U);

	for (int i = 0; i < SOCKETS; i++) {
		if (s->sockets[i].watch.fd == fd)
			k = &s->sockets[i];
		else if (s->sockets[i].watch.fd < 0)
			unused = &s->sockets[i];
	}
	if (events == 0) {
		if (k != NULL)
			loop_unwatch(s->client->loop, &k->watch);
		return;
	}
	/* A descriptor that the kernel will not watch is as a silent server:
	 * c-ares' timeout ends the try. */
	if (k != NULL) {
		(void)!loop_rewatch(s->client->loop, &k->watch, events);
		return;
	}
	assert(unused != NULL);
	(void)!loop_watch(
	    s->client->loop, &unused->watch, fd, events, on_socket);
}

/* --- servers -------------------------------------------------------------- */

static bool
channel_open(struct server *s, const struct ip_endpoint *at, int timeout_ms)
{
	static char no_file[] = "/dev/null";
	struct ares_options opt = {
	    .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES |
		     ARES_FLAG_NOCHECKRESP | ARES_FLAG_EDNS,
	    .timeout = timeout_ms,
	    .tries = 1,
	    .ednspsz = EDNS_PAYLOAD,
	    .sock_state_cb = on_socket_state,
	    .sock_state_cb_data = s,
	    .resolvconf_path = no_file,
	};
	struct ares_addr_port_node node = {
	    .udp_port = at->port != 0 ? at->port : DNS_PORT,
	    .tcp_port = at->port != 0 ? at->port : DNS_PORT,
	};

	if (at->addr.family == IP_V4) {
		node.family = AF_INET;
		memcpy(
		    &node.addr.addr4, at->addr.bytes, sizeof(node.addr.addr4));
	} else {
		node.family = AF_INET6;
		memcpy(
		    &node.addr.addr6, at->addr.bytes, sizeof(node.addr.addr6));
	}
	if (ares_init_options(&s->channel, &opt,
		ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
		    ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_STATE_CB |
		    ARES_OPT_DOMAINS | ARES_OPT_RESOLVCONF) != ARES_SUCCESS) {
		s->channel = NULL;
		return false;
	}
	return ares_set_servers_ports(s->channel, &node) == ARES_SUCCESS;
}

/* The servers of resolv.conf(5), which c-ares reads. */
static size_t
system_servers(struct ip_endpoint *out)
{
	struct ares_addr_port_node *list = NULL, *n;
	ares_channel channel;
	size_t count = 0;

	if (ares_init(&channel) != ARES_SUCCESS)
		return 0;
	if (ares_get_servers_ports(channel, &list) == ARES_SUCCESS) {
		for (n = list; n != NULL && count < DNS_SERVERS_MAX;
		     n = n->next) {
			struct ip_endpoint *e = &out[count++];
			bool v4 = n->family == AF_INET;

			*e = (struct ip_endpoint){
			    .addr.family = v4 ? IP_V4 : IP_V6,
			    .port = (uint16_t)n->udp_port};
			memcpy(e->addr.bytes, &n->addr, v4 ? 4 : 16);
		}
		ares_free_data(list);
	}
	ares_destroy(channel);
	return count;
}

struct dns_client *
dns_client_new(struct loop *loop, const struct dns_client_options *opt)
{
	struct dns_client *c = calloc(1, sizeof(*c));
	struct ip_endpoint found[DNS_SERVERS_MAX];
	const struct ip_endpoint *servers = opt->servers;
	size_t count = opt->server_count;

	if (c == NULL)
		return NULL;
	c->loop = loop;
	c->on_settled = opt->settled;
	c->arg = opt->arg;
	c->attempts = opt->attempts > 0 ? opt->attempts : 1;
	if (count == 0) {
		servers = found;
		count = system_servers(found);
	}
	for (size_t i = 0; i < count && i < DNS_SERVERS_MAX; i++) {
		struct server *s = &c->servers[c->server_count++];

		s->client = c;
		for (int k = 0; k < SOCKETS; k++) {
			s->sockets[k].server = s;
			s->sockets[k].watch.fd = -1;
		}
		if (!channel_open(s, &servers[i], (int)opt->timeout_ms)) {
			dns_client_free(c);
			return NULL;
		}
	}
	if (c->server_count > 0)
		return c;
	dns_client_free(c);
	return NULL;
}

void
dns_client_free(struct dns_client *c)
{
	if (c == NULL)
		return;
	c->closing = true;
	loop_undefer(&c->settle_later);
	for (size_t i = 0; i < c->server_count; i++) {
		timer_clear(c->loop, &c->servers[i].timer);
		if (c->servers[i].channel != NULL)
			ares_destroy(c->servers[i].channel);
	}
	free(c);
}
