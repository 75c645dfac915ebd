/* SPDX-License-Identifier: Apache-2.0
 *
 * A session up to the connection to its upstream; session_tunnel.c has the
 * rest. The callbacks stand in the order in which they happen. Each one is
 * thin: it notes what came, goes on to the next state or ends the session, and
 * touches nothing after that. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "session_internal.h"

static void session_dial(struct session *s, const struct addr_list *addrs);
static bool session_has_spares(const struct session *s);
static bool session_take_warm(struct session *s);
static void session_resolve(struct session *s, const struct endpoint *target);

struct session *
session_of_tunnel(struct tunnel *t)
{
	return (struct session *)(void *)((char *)t -
					  offsetof(struct session, tunnel));
}

static struct session *
session_of_client(struct watch *w)
{
	return session_of_tunnel(
	    (struct tunnel *)(void *)((char *)w -
				      offsetof(struct tunnel, client.watch)));
}

static struct session *
session_of_upstream(struct watch *w)
{
	return session_of_tunnel(
	    (struct tunnel *)(void *)((char *)w -
				      offsetof(struct tunnel, upstream.watch)));
}

struct session *
session_of_timer(struct timer *t)
{
	return (struct session *)(void *)((char *)t -
					  offsetof(struct session, timer));
}

void
session_enter(struct session *s, enum session_state next)
{
	assert(next > s->state); /* a session only moves forward */
	s->state = next;
}

/* --- the end ----------------------------------------------------------------
 */

static void
session_free(void *arg)
{
	struct session *s = arg;
	struct gate *gate = s->gate;

	config_free(s->config);
	free(s->name);
	free(s->sni);
	free(s->subject);
	free(s);
	gate->freed(gate->freed_arg);
}

void
session_close(struct session *s, bool reset)
{
	session_enter(s, SESSION_ENDED);
	lookup_cancel(&s->lookup);
	dial_cancel(&s->dial);
	session_auth_cancel(s);
	session_sni_end(s);
	timer_clear(s->gate->relay.loop, &s->timer);
	tunnel_close(&s->tunnel, reset);
	intake_free(&s->intake);
	intake_free(&s->heard);
	if (s->counted)
		quota_leave(s->gate->quota, &s->client.addr);
	quota_client_gone(s->gate->quota);
	*s->link = s->next;
	if (s->next != NULL)
		s->next->link = s->link;
	loop_free_later(s->gate->relay.loop, &s->dying, session_free, s);
}

/* A client that leaves without a byte, or behind a handshake and nothing else
 * (a port check), is not worth a line. */
static bool
has_spoken(const struct session *s)
{
	if (s->state == SESSION_PROXY_HEADER)
		return s->spoke;
	return s->state != SESSION_HEAD || s->intake != NULL ||
	       s->socks != SOCKS_NOT || session_tls_is_new(s);
}

void
session_end(struct session *s, enum outcome why, const char *detail)
{
	/* A refusal was told of when it was sent. */
	if (s->state != SESSION_LINGER && has_spoken(s))
		session_report_end(s, why, detail);
	/* A reset of one side is passed on to the other as what it is. */
	session_close(
	    s, why == OUTCOME_CLIENT_RESET || why == OUTCOME_UPSTREAM_RESET);
}

void
session_end_all(struct gate *gate, enum outcome why)
{
	while (gate->sessions != NULL)
		session_end(gate->sessions, why, NULL);
}

static void
session_failed(struct session *s, const struct tunnel_end *end)
{
	session_end(s,
	    end == &s->tunnel.client ? OUTCOME_CLIENT_RESET
				     : OUTCOME_UPSTREAM_RESET,
	    strerrordesc_np(errno));
}

/* --- reading from the client, before the relay --------------------------- */

static enum intake_result
session_read_failed(struct session *s, ssize_t n)
{
	if (n < 0 && errno == EAGAIN) {
		s->tunnel.client.readable = false;
		return INTAKE_WAIT;
	}
	if (n < 0 && s->tunnel.client.tls != NULL)
		session_tls_failed(s);
	else if (n < 0)
		session_failed(s, &s->tunnel.client);
	else
		session_end(s, OUTCOME_CLIENT_CLOSED, NULL);
	return INTAKE_OVER;
}

enum intake_result
session_read(struct session *s, struct span *all)
{
	struct tunnel_end *client = &s->tunnel.client;
	struct intake *in = s->intake;
	char *to = s->gate->relay.buffer;
	size_t room = RELAY_BUFFER;
	ssize_t n;

	if (!client->readable)
		return INTAKE_WAIT;
	if (in != NULL) {
		if (!intake_grow(in)) {
			session_end(s, OUTCOME_INTERNAL_ERROR, "out of memory");
			return INTAKE_OVER;
		}
		to = in->data + in->len;
		room = in->cap - in->len;
	}
	n = tunnel_end_recv(client, to, room);
	if (n <= 0)
		return session_read_failed(s, n);
	if ((size_t)n < room)
		client->readable = tunnel_end_holds_more(client);
	if (client->tls != NULL && !session_tls_on_bytes(s))
		return INTAKE_OVER;
	if (in != NULL)
		in->len += (size_t)n;
	*all = in != NULL ? intake_bytes(in) : span_of(to, (size_t)n);
	return INTAKE_BYTES;
}

bool
session_keep(struct session *s, struct span data)
{
	if (s->intake != NULL || intake_add(&s->intake, data))
		return true;
	session_end(s, OUTCOME_INTERNAL_ERROR, "out of memory");
	return false;
}

/* --- events of the client ----------------------------------------------------
 */

static void
session_on_client(struct watch *w, uint32_t events)
{
	struct session *s = session_of_client(w);

	if (s->state == SESSION_RELAY) {
		tunnel_on_event(&s->tunnel, &s->tunnel.client, events);
		return;
	}
	tunnel_note_event(&s->tunnel.client, events);
	switch (s->state) {
	case SESSION_PROXY_HEADER:
		session_on_proxy_header(s);
		break;
	case SESSION_HEAD:
		if (session_is_sni(s))
			session_on_sni(s);
		else if (!s->held)
			session_on_head(s);
		else if (events & (EPOLLERR | EPOLLHUP))
			session_end(s, OUTCOME_CLIENT_RESET, NULL);
		break;
	case SESSION_RESOLVING:
	case SESSION_DIALING:
	case SESSION_PARENT:
		/* A FIN alone may be a client that will not send but listens.
		 * With an error or both ways closed nobody is there. */
		if (events & (EPOLLERR | EPOLLHUP))
			session_end(s, OUTCOME_CLIENT_RESET, NULL);
		break;
	case SESSION_HELLO:
		session_on_hello(s);
		break;
	case SESSION_LINGER:
		session_on_linger(s);
		break;
	case SESSION_RELAY:
	case SESSION_ENDED:
		break;
	}
}

bool
session_watch_client(struct session *s)
{
	struct watch *w = &s->tunnel.client.watch;

	if (s->watched)
		return true;
	s->watched = loop_watch(s->gate->relay.loop, w, w->fd,
	    EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, session_on_client);
	return s->watched;
}

/* --- head -------------------------------------------------------------------
 */

static void
session_on_head_timeout(struct timer *t)
{
	struct session *s = session_of_timer(t);

	/* Nothing sent, nothing answered: a port check that stays on. */
	if (!has_spoken(s))
		session_close(s, false);
	else
		session_refuse_request(s, OUTCOME_HEADER_TIMEOUT,
		    session_tls_is_new(s)
			? span_str("the TLS handshake was not done in time")
			: span_of(NULL, 0));
}

static void
session_wait_for_head(struct session *s)
{
	uint64_t wait_ms = s->config->limits.header_timeout_ms;
	/* Time for which it was held is not the client's. */
	uint64_t since = s->phase_ns != 0 ? s->phase_ns : s->accepted_ns;

	if (!session_watch_client(s)) {
		session_close(s, false);
		return;
	}
	if (!timer_is_set(&s->timer))
		timer_set(s->gate->relay.loop, &s->timer,
		    since + wait_ms * 1000000, session_on_head_timeout);
}

/* The head is complete: what stands behind it waits for the tunnel. */
static bool
session_keep_early_bytes(struct session *s, struct span all, size_t head_len)
{
	if (s->intake != NULL) {
		intake_drop(&s->intake, head_len);
		return true;
	}
	return all.len == head_len ||
	       session_keep(s, span_of(all.ptr + head_len, all.len - head_len));
}

void
session_on_target(struct session *s, const struct endpoint *target,
    struct span all, size_t head_len)
{
	timer_clear(s->gate->relay.loop, &s->timer);
	if (session_admit(s, target) &&
	    session_keep_early_bytes(s, all, head_len))
		session_resolve(s, target);
}

void
session_on_request(struct session *s, const struct request *r, struct span all)
{
	/* The request may lie in the intake, which goes before its name is
	 * looked up. */
	struct endpoint target = r->target;

	if ((s->door->protocols & PROTOCOL_CONNECT) == 0)
		session_refuse_request(s, OUTCOME_METHOD_NOT_ALLOWED,
		    span_str("only SOCKS5 is spoken here"));
	else if (session_authorize(s, r, all))
		session_on_target(s, &target, all, r->head_len);
}

static void
session_on_bad_request(
    struct session *s, const struct request *r, struct span all)
{
	s->asked = request_slice_span(r->authority, all.ptr);
	endpoint_split(&s->asked, &s->port);
	s->is_head = r->is_head;
	session_refuse_request(s, r->why, span_str(r->detail));
}

void
session_on_head(struct session *s)
{
	struct request fresh, *r = &fresh;
	struct span all;

	request_init(&fresh, s->config->limits.header_bytes);
	while (session_read(s, &all) == INTAKE_BYTES) {
		if (session_is_socks5(s, all)) {
			if (session_on_socks5(s, all) == SOCKS_OVER)
				return;
			continue;
		}
		if (s->intake != NULL)
			r = &s->intake->request;
		switch (request_parse(r, all.ptr, all.len)) {
		case REQUEST_DONE:
			session_on_request(s, r, all);
			return;
		case REQUEST_BAD:
			session_on_bad_request(s, r, all);
			return;
		case REQUEST_MORE:
			if (s->intake != NULL)
				break;
			if (!session_keep(s, all))
				return;
			s->intake->request = fresh;
			break;
		}
	}
	if (s->state == SESSION_HEAD)
		session_wait_for_head(s);
}

/* --- name to address, address to connection ---------------------------------
 */

static void
session_on_resolved(void *arg, enum outcome why, const struct addr_list *addrs,
    const char *detail)
{
	struct session *s = arg;

	assert(s->state == SESSION_RESOLVING);
	s->lookup = NULL; /* a handle dies with its one callback */
	s->dns_ns = loop_now(s->gate->relay.loop) - s->phase_ns;
	histogram_add(&s->gate->metrics->dns_time, s->dns_ns);
	if (why == OUTCOME_OK)
		session_dial(s, addrs);
	else
		session_refuse_upstream(s, why, detail);
}

/* Looks a name up, and goes on when its addresses are there. */
static void
session_look_up(struct session *s, const struct hostname *name)
{
	const struct addr_list *addrs;
	enum outcome why;

	if (s->host != NULL && s->host->fixed != NULL && !s->via_parent) {
		session_dial(s, s->host->fixed);
		return;
	}
	if (resolver_cached(s->gate->resolver, name, &addrs)) {
		s->dns_ns = 0;
		session_dial(s, addrs);
		return;
	}
	why = lookup_start(
	    &s->lookup, s->gate->resolver, name, session_on_resolved, s);
	if (why != OUTCOME_OK)
		session_refuse_upstream(s, why, NULL);
}

/* The parent has the target's name looked up, and here only its own is. */
static void
session_go_to_parent(struct session *s)
{
	const struct config_parent *p = &s->config->upstream.parent;
	const struct addr_list one = {.count = 1, .addrs = {p->address.addr}};

	s->via_parent = true;
	if (p->name != NULL)
		session_look_up(s, p->name);
	else
		session_dial(s, &one);
}

static void
session_resolve(struct session *s, const struct endpoint *target)
{
	session_enter(s, SESSION_RESOLVING);
	s->phase_ns = loop_now(s->gate->relay.loop);
	if (!session_watch_client(s)) {
		session_refuse_upstream(
		    s, OUTCOME_INTERNAL_ERROR, strerrordesc_np(errno));
		return;
	}
	if (s->config->upstream.parent.on)
		session_go_to_parent(s);
	else if (!session_take_warm(s))
		session_look_up(s, &target->host);
}

bool
gate_is_own(const struct gate *gate, const struct ip_endpoint *e)
{
	for (size_t i = 0; i < gate->own_count; i++) {
		if (ip_endpoint_equal(&gate->own[i], e))
			return true;
	}
	return false;
}

static const char *
own_address(
    const struct gate *gate, const struct ip_endpoint *to, enum outcome *why)
{
	if (!gate_is_own(gate, to))
		return NULL;
	*why = OUTCOME_LOOP;
	return "address of this gateway";
}

static const char *
filter_address(const struct gate *gate, const struct config *c,
    const struct config_host *host, const struct ip_endpoint *to,
    enum outcome *why)
{
	const char *own = own_address(gate, to, why);
	struct ip_prefix_list also = {.count = 0};

	if (own != NULL)
		return own;
	if (host != NULL)
		also = (struct ip_prefix_list){
		    host->allow_addresses.items, host->allow_addresses.count};
	*why = OUTCOME_DENIED_RESOLVED_ADDRESS;
	return policy_address_forbidden(c->policy, &also, &to->addr);
}

const char *
gate_filter_address(void *arg, const struct rule *rule,
    const struct ip_endpoint *to, enum outcome *why)
{
	const struct gate *gate = arg;

	return filter_address(gate, gate->config,
	    config_host_find(gate->config, &rule->entry->host), to, why);
}

const struct addr_list *
gate_addresses(void *arg, const struct rule *rule)
{
	const struct gate *gate = arg;
	const struct config_host *host =
	    config_host_find(gate->config, &rule->entry->host);
	const struct addr_list *addrs;

	if (host != NULL && host->fixed != NULL)
		return host->fixed;
	return resolver_cached(gate->resolver, &rule->entry->host, &addrs)
		   ? addrs
		   : NULL;
}

static const char *
session_filter_address(
    void *arg, const struct ip_endpoint *to, enum outcome *why)
{
	const struct session *s = arg;

	/* The parent's address is the operator's choice, mostly a private one.
	 */
	if (s->via_parent)
		return own_address(s->gate, to, why);
	return filter_address(s->gate, s->config, s->host, to, why);
}

static void
session_on_upstream(struct watch *w, uint32_t events)
{
	struct session *s = session_of_upstream(w);

	if (s->state == SESSION_RELAY) {
		tunnel_on_event(&s->tunnel, &s->tunnel.upstream, events);
		return;
	}
	tunnel_note_event(&s->tunnel.upstream, events);
	if (s->state == SESSION_PARENT)
		session_on_parent(s);
	else if (events & EPOLLERR)
		session_end(s, OUTCOME_UPSTREAM_RESET, NULL);
}

static void
session_on_dialed(void *arg, const struct dial_result *res)
{
	struct session *s = arg;
	struct tunnel_end *up = &s->tunnel.upstream;

	assert(s->state == SESSION_DIALING);
	s->dial = NULL;
	s->upstream = res->peer;
	if (res->attempts > 0) { /* else every address was forbidden */
		s->connect_ns = loop_now(s->gate->relay.loop) - s->phase_ns;
		session_count_connect(s, res->why);
	}
	if (res->why != OUTCOME_OK) {
		session_refuse_upstream(s, res->why, res->detail);
		return;
	}
	loop_adopt(
	    s->gate->relay.loop, &up->watch, res->fd, session_on_upstream);
	tunnel_note_event(up, res->events);
	if (s->via_parent) {
		session_ask_parent(s);
		return;
	}
	if (session_has_spares(s))
		warm_fill(s->gate->warm, s->rule);
	session_establish(s);
}

/* Spares are found by the place of a rule in the policy in force: a session
 * that began under another one has nothing to look for there. */
static bool
session_has_spares(const struct session *s)
{
	return s->gate->warm != NULL && s->name == NULL &&
	       s->config == s->gate->config;
}

/* True: a spare connection has taken the place of lookup and dial. Its address
 * is judged again: the addresses that are this gateway's own may have changed.
 */
static bool
session_take_warm(struct session *s)
{
	struct gate *gate = s->gate;
	enum outcome why;
	int fd;

	if (!session_has_spares(s) ||
	    !warm_take(gate->warm, s->rule, &fd, &s->upstream))
		return false;
	if (session_filter_address(s, &s->upstream, &why) != NULL) {
		s->upstream = (struct ip_endpoint){.port = 0};
		(void)close(fd);
		return false;
	}
	session_enter(s, SESSION_DIALING);
	s->connect_ns = 0;
	s->warm = true;
	loop_adopt(gate->relay.loop, &s->tunnel.upstream.watch, fd,
	    session_on_upstream);
	session_establish(s);
	return true;
}

static void
session_dial(struct session *s, const struct addr_list *addrs)
{
	const struct config *c = s->config;
	const struct dial_options opt = {
	    .port = s->via_parent ? c->upstream.parent.address.port : s->port,
	    .timeout_ms = c->upstream.connect_timeout_ms,
	    .attempt_delay_ms = c->upstream.attempt_delay_ms,
	    .spare_attempts = &s->gate->spare_attempts,
	    .filter = session_filter_address,
	    .filter_arg = s};
	enum outcome why;

	session_enter(s, SESSION_DIALING);
	s->phase_ns = loop_now(s->gate->relay.loop);
	why = dial_start(
	    &s->dial, s->gate->relay.loop, addrs, &opt, session_on_dialed, s);
	if (why != OUTCOME_OK)
		session_refuse_upstream(s, why, NULL);
}

/* --- the beginning
 * ------------------------------------------------------------ */

void
session_begin(struct session *s)
{
	if (session_is_sni(s))
		session_sni_begin(s);
	else if (s->door->tls == NULL || session_tls_start(s))
		session_on_head(s);
}

void
session_accept(struct gate *gate, const struct config_listener *door, int fd,
    const struct ip_endpoint *peer)
{
	struct session *s;

	if (!quota_client_came(gate->quota)) {
		session_turn_away(gate, door, fd, peer);
		return;
	}
	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		quota_client_gone(gate->quota);
		(void)close(fd);
		return;
	}
	s->gate = gate;
	s->door = door;
	s->client = *peer;
	s->config = config_ref(gate->config);
	s->accepted_ns = loop_now(gate->relay.loop);
	s->dns_ns = ACCESS_ABSENT;
	s->connect_ns = ACCESS_ABSENT;
	s->tunnel.relay = &gate->relay;
	s->tunnel.client.watch.fd = fd;
	s->tunnel.upstream.watch.fd = -1;
	s->next = gate->sessions;
	s->link = &gate->sessions;
	if (s->next != NULL)
		s->next->link = &s->next;
	gate->sessions = s;
	/* The kernel hands connections over when bytes are there. */
	s->tunnel.client.readable = true;
	s->state = door->proxy_protocol ? SESSION_PROXY_HEADER : SESSION_HEAD;
	if (s->state == SESSION_PROXY_HEADER)
		session_on_proxy_header(s);
	else
		session_begin(s);
}
