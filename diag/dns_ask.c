/* SPDX-License-Identifier: Apache-2.0
 *
 * Each server has a connected UDP socket of its own, so that an ICMP error is
 * that server's (udp(7)) and strangers' packets never arrive. */
#include "dns_ask.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns_wire.h"

enum {
	TCP_MESSAGE_MAX = 2 + 65535,
	MS = 1000000, /* nanoseconds */
};

static const uint64_t try_least_ns = 200ULL * MS, try_most_ns = 1000ULL * MS,
		      further_most_ns = 1000ULL * MS;

enum stage {
	STAGE_MAIN,
	STAGE_PLAIN, /* without EDNS */
	STAGE_CD,    /* with checking disabled */
};

/* What is known of a server. */
struct server {
	struct watch watch;
	struct dns_ask *ask;
	struct ip_endpoint at;
	bool failed;
	enum dns_status status; /* why, when failed */
	bool noise;             /* it sent what is no answer to us */
	int err;
	uint8_t rcode;
};

struct dns_ask {
	struct loop *loop;
	struct dns_query *into;
	struct dns_question question;
	struct server servers[RESOLVERS_MAX];
	size_t server_count, at; /* at: whose turn it is */
	enum stage stage;
	bool explain;
	uint64_t deadline_ns, started_ns, try_ns;
	struct timer timer;
	struct watch tcp;
	uint8_t *tcp_buf; /* the question, then the answer */
	size_t tcp_len, tcp_sent, tcp_got;
	struct deferred later;
	dns_ask_done_fn done;
	void *arg;
};

static void send_next(struct dns_ask *a);
static void on_timer(struct timer *t);
static void tcp_begin(struct dns_ask *a);

static void
ask_release(void *arg)
{
	struct dns_ask *a = arg;

	free(a->tcp_buf);
	free(a);
}

static void
ask_close(struct dns_ask *a)
{
	timer_clear(a->loop, &a->timer);
	loop_undefer(&a->later);
	watch_close(a->loop, &a->tcp);
	for (size_t i = 0; i < a->server_count; i++)
		watch_close(a->loop, &a->servers[i].watch);
	loop_free_later(a->loop, &a->later, ask_release, a);
}

static void
ask_end(struct dns_ask *a)
{
	dns_ask_done_fn done = a->done;
	void *arg = a->arg;

	if (a->into->time_ns == 0)
		a->into->time_ns = clock_now_ns() - a->started_ns;
	ask_close(a);
	done(arg);
}

void
dns_ask_cancel(struct dns_ask **a)
{
	if (*a == NULL)
		return;
	if ((*a)->into->time_ns == 0)
		(*a)->into->time_ns = clock_now_ns() - (*a)->started_ns;
	ask_close(*a);
	*a = NULL;
}

/* Begins one of the further questions, to the server that answered last. */
static void
ask_further(struct dns_ask *a, enum stage stage, size_t server)
{
	a->stage = stage;
	a->question.id = (uint16_t)(a->question.id + 1);
	a->question.edns = stage != STAGE_PLAIN;
	a->question.checking_disabled = stage == STAGE_CD;
	for (size_t i = 0; i < a->server_count; i++)
		a->servers[i].failed = i != server;
	a->at = server;
	a->into->time_ns = clock_now_ns() - a->started_ns;
	if (a->deadline_ns > clock_now_ns() + further_most_ns)
		a->deadline_ns = clock_now_ns() + further_most_ns;
	send_next(a);
}

/* The failure that says most, when all servers have failed. */
static const struct server *
telling_server(const struct dns_ask *a)
{
	static const enum dns_status order[] = {DNS_REFUSED, DNS_SERVFAIL,
	    DNS_OTHER_RCODE, DNS_TCP_BLOCKED, DNS_MALFORMED, DNS_TIMEOUT,
	    DNS_DOWN};

	for (size_t o = 0; o < sizeof(order) / sizeof(order[0]); o++) {
		for (size_t i = 0; i < a->server_count; i++) {
			if (a->servers[i].status == order[o])
				return &a->servers[i];
		}
	}
	return &a->servers[0];
}

/* No server is left. */
static void
all_failed(struct dns_ask *a)
{
	const struct server *s;

	if (a->stage != STAGE_MAIN) {
		ask_end(a);
		return;
	}
	s = telling_server(a);
	a->into->status = s->status;
	a->into->server = s->at;
	a->into->err = s->err;
	a->into->rcode = s->rcode;
	if (a->explain && s->status == DNS_MALFORMED)
		ask_further(a, STAGE_PLAIN, (size_t)(s - a->servers));
	else if (a->explain && s->status == DNS_SERVFAIL)
		ask_further(a, STAGE_CD, (size_t)(s - a->servers));
	else
		ask_end(a);
}

static void
server_failed(struct dns_ask *a, struct server *s, enum dns_status why, int err)
{
	s->failed = true;
	if (a->stage == STAGE_MAIN) {
		s->status = why;
		s->err = err;
	}
	watch_close(a->loop, &a->tcp);
	send_next(a);
}

static void
take_answer(
    struct dns_ask *a, const struct server *s, const struct dns_reply *reply)
{
	struct dns_query *q = a->into;

	q->server = s->at;
	q->rcode = reply->rcode;
	q->err = 0;
	q->over_tcp = a->tcp.fd >= 0;
	q->authoritative = reply->authoritative;
	memcpy(q->answers, reply->answers, sizeof(q->answers));
	q->answer_count = reply->answer_count;
	memcpy(q->chain, reply->chain, sizeof(q->chain));
	q->chain_count = reply->chain_count;
	q->plain_works = !a->question.edns;
	q->status = reply->rcode == 3          ? DNS_NXDOMAIN
		    : reply->answer_count == 0 ? DNS_NODATA
					       : DNS_ANSWER;
}

static void
keep_ede(struct dns_query *q, const struct dns_reply *reply)
{
	if (!reply->has_ede)
		return;
	q->has_ede = true;
	q->ede_code = reply->ede_code;
	memcpy(q->ede_text, reply->ede_text, sizeof(q->ede_text));
}

/* An answer to the main question, or to the one without EDNS. */
static void
on_main_reply(
    struct dns_ask *a, struct server *s, const struct dns_reply *reply)
{
	keep_ede(a->into, reply);
	s->rcode = reply->rcode;
	switch (reply->rcode) {
	case 0:
	case 3:
		take_answer(a, s, reply);
		ask_end(a);
		return;
	case 1: /* FORMERR: a server from before EDNS (RFC 6891 section 7) */
		if (a->question.edns) {
			a->question.edns = false;
			watch_close(a->loop, &a->tcp);
			send_next(a);
			return;
		}
		break;
	case 2:
		server_failed(a, s, DNS_SERVFAIL, 0);
		return;
	case 5:
		server_failed(a, s, DNS_REFUSED, 0);
		return;
	default:
		break;
	}
	server_failed(a, s, DNS_OTHER_RCODE, 0);
}

static void
on_reply(struct dns_ask *a, struct server *s, const struct dns_reply *reply)
{
	bool good = reply->rcode == 0 || reply->rcode == 3;

	switch (a->stage) {
	case STAGE_MAIN:
		on_main_reply(a, s, reply);
		return;
	case STAGE_PLAIN:
		a->into->plain_works = good;
		break;
	case STAGE_CD:
		a->into->cd_works = reply->rcode == 0;
		break;
	}
	ask_end(a);
}

/* Judges a packet. True when the ask may be gone or has moved on. */
static bool
on_packet(struct dns_ask *a, struct server *s, const uint8_t *msg, size_t len)
{
	struct dns_reply reply;

	switch (dns_wire_read(&reply, msg, len, &a->question)) {
	case DNS_WIRE_FOREIGN:
		s->noise = true;
		return false;
	case DNS_WIRE_BROKEN:
		server_failed(a, s, DNS_MALFORMED, 0);
		return true;
	case DNS_WIRE_ANSWER:
		break;
	}
	if (reply.truncated && a->tcp.fd < 0) {
		a->into->truncated = true;
		a->at = (size_t)(s - a->servers);
		tcp_begin(a);
		return true;
	}
	on_reply(a, s, &reply);
	return true;
}

static void
on_udp(struct watch *w, uint32_t events)
{
	struct server *s =
	    (struct server *)(void *)((char *)w -
				      offsetof(struct server, watch));
	struct dns_ask *a = s->ask;
	uint8_t msg[4096];

	(void)events;
	/* A flood is read a few packets at a time, others have their turn. */
	for (unsigned i = 0; i < 8; i++) {
		ssize_t n = recv(w->fd, msg, sizeof(msg), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			if (!s->failed)
				server_failed(a, s, DNS_DOWN, errno);
			return;
		}
		/* The answer comes by TCP now, or was a refusal. */
		if (a->tcp.fd >= 0 || s->failed)
			continue;
		if (on_packet(a, s, msg, (size_t)n))
			return;
	}
}

/* --- TCP (RFC 7766) ------------------------------------------------------- */

static struct dns_ask *
ask_of_tcp(struct watch *w)
{
	return (struct dns_ask *)(void *)((char *)w -
					  offsetof(struct dns_ask, tcp));
}

static void
tcp_failed(struct dns_ask *a, int err)
{
	server_failed(a, &a->servers[a->at], DNS_TCP_BLOCKED, err);
}

/* Sends what is left; false when it failed and a may be gone. */
static bool
tcp_write(struct dns_ask *a)
{
	ssize_t n;

	if (a->tcp_sent == a->tcp_len)
		return true;
	n = send(a->tcp.fd, a->tcp_buf + a->tcp_sent, a->tcp_len - a->tcp_sent,
	    MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		tcp_failed(a, errno);
		return false;
	}
	if (n > 0)
		a->tcp_sent += (size_t)n;
	if (a->tcp_sent == a->tcp_len &&
	    !loop_rewatch(a->loop, &a->tcp, EPOLLIN)) {
		tcp_failed(a, errno);
		return false;
	}
	return true;
}

static void
tcp_read(struct dns_ask *a)
{
	size_t want = 2;
	ssize_t n;

	if (a->tcp_got >= 2)
		want += (size_t)a->tcp_buf[0] << 8 | a->tcp_buf[1];
	n = recv(a->tcp.fd, a->tcp_buf + a->tcp_got, want - a->tcp_got, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		tcp_failed(a, n < 0 ? errno : 0);
		return;
	}
	a->tcp_got += (size_t)n;
	if (a->tcp_got < 2)
		return;
	want = 2 + ((size_t)a->tcp_buf[0] << 8 | a->tcp_buf[1]);
	if (a->tcp_got < want || want == 2) {
		if (want == 2)
			server_failed(a, &a->servers[a->at], DNS_MALFORMED, 0);
		return;
	}
	if (!on_packet(a, &a->servers[a->at], a->tcp_buf + 2, want - 2))
		server_failed(a, &a->servers[a->at], DNS_MALFORMED, 0);
}

static void
on_tcp(struct watch *w, uint32_t events)
{
	struct dns_ask *a = ask_of_tcp(w);

	if ((events & EPOLLOUT) != 0 && !tcp_write(a))
		return;
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
		tcp_read(a);
}

static void
tcp_begin(struct dns_ask *a)
{
	struct server *s = &a->servers[a->at];
	struct sockaddr_storage sa;
	socklen_t sa_len = ip_endpoint_to_sockaddr(&s->at, &sa);
	uint64_t until = clock_now_ns() + a->try_ns;
	int fd;

	if (a->tcp_buf == NULL)
		a->tcp_buf = malloc(TCP_MESSAGE_MAX);
	fd =
	    socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (a->tcp_buf == NULL || fd < 0 ||
	    !loop_watch(a->loop, &a->tcp, fd, EPOLLIN | EPOLLOUT, on_tcp)) {
		int err = errno;

		if (fd >= 0)
			(void)close(fd);
		tcp_failed(a, err);
		return;
	}
	a->tcp_len = dns_wire_query(a->tcp_buf + 2, &a->question);
	a->tcp_buf[0] = (uint8_t)(a->tcp_len >> 8);
	a->tcp_buf[1] = (uint8_t)a->tcp_len;
	a->tcp_len += 2;
	a->tcp_sent = a->tcp_got = 0;
	a->into->tries++;
	timer_set(a->loop, &a->timer,
	    a->server_count > 1 && until < a->deadline_ns ? until
							  : a->deadline_ns,
	    on_timer);
	if (connect(fd, (struct sockaddr *)&sa, sa_len) != 0 &&
	    errno != EINPROGRESS)
		tcp_failed(a, errno);
}

/* --- turns ---------------------------------------------------------------- */

static void
deadline_passed(struct dns_ask *a)
{
	if (a->stage != STAGE_MAIN) {
		ask_end(a);
		return;
	}
	for (size_t i = 0; i < a->server_count; i++) {
		struct server *s = &a->servers[i];

		if (s->failed)
			continue;
		s->status = s->noise ? DNS_MALFORMED : DNS_TIMEOUT;
		if (a->tcp.fd >= 0 && i == a->at)
			s->status = DNS_TCP_BLOCKED;
	}
	a->into->status = telling_server(a)->status;
	a->into->server = telling_server(a)->at;
	a->into->err = telling_server(a)->err;
	a->into->rcode = telling_server(a)->rcode;
	ask_end(a);
}

static void
on_timer(struct timer *t)
{
	struct dns_ask *a =
	    (struct dns_ask *)(void *)((char *)t -
				       offsetof(struct dns_ask, timer));
	struct server *s = &a->servers[a->at];

	if (loop_now(a->loop) >= a->deadline_ns) {
		deadline_passed(a);
		return;
	}
	if (a->tcp.fd >= 0) {
		tcp_failed(a, ETIMEDOUT);
		return;
	}
	if (s->noise && !s->failed) {
		server_failed(a, s, DNS_MALFORMED, 0);
		return;
	}
	a->at = (a->at + 1) % a->server_count;
	send_next(a);
}

static bool
udp_open(struct dns_ask *a, struct server *s)
{
	struct sockaddr_storage sa;
	socklen_t len = ip_endpoint_to_sockaddr(&s->at, &sa);
	int fd;

	if (s->watch.fd >= 0)
		return true;
	fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	if (connect(fd, (struct sockaddr *)&sa, len) != 0 ||
	    !loop_watch(a->loop, &s->watch, fd, EPOLLIN, on_udp)) {
		int err = errno;

		(void)close(fd);
		errno = err;
		return false;
	}
	return true;
}

static bool
udp_send(struct dns_ask *a, struct server *s)
{
	uint8_t buf[DNS_QUERY_MAX];
	size_t len = dns_wire_query(buf, &a->question);

	a->into->server = s->at;
	if (!udp_open(a, s))
		return false;
	a->into->tries++;
	return send(s->watch.fd, buf, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* Sends to the next server that has not failed, beginning with a->at. */
static void
send_next(struct dns_ask *a)
{
	for (size_t i = 0; i < a->server_count; i++) {
		size_t at = (a->at + i) % a->server_count;
		struct server *s = &a->servers[at];
		uint64_t until = clock_now_ns() + a->try_ns;

		if (s->failed)
			continue;
		a->at = at;
		if (!udp_send(a, s)) {
			s->failed = true;
			s->status = DNS_DOWN;
			s->err = errno;
			continue;
		}
		timer_set(a->loop, &a->timer,
		    until < a->deadline_ns ? until : a->deadline_ns, on_timer);
		return;
	}
	all_failed(a);
}

static void
ask_begin(void *arg)
{
	struct dns_ask *a = arg;

	send_next(a);
}

static void
set_pace(struct dns_ask *a)
{
	uint64_t left =
	    a->deadline_ns > a->started_ns ? a->deadline_ns - a->started_ns : 0;

	a->try_ns = left / (2 * a->server_count + 1);
	if (a->try_ns < try_least_ns)
		a->try_ns = try_least_ns;
	if (a->try_ns > try_most_ns)
		a->try_ns = try_most_ns;
}

bool
dns_ask_start(struct dns_ask **out, struct loop *loop,
    const struct dns_ask_what *what, struct dns_query *into,
    dns_ask_done_fn done, void *arg)
{
	uint8_t buf[DNS_QUERY_MAX];
	struct dns_ask *a;

	if (what->server_count == 0 || strlen(what->name) > HOSTNAME_MAX)
		return false;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return false;
	a->loop = loop;
	a->into = into;
	memcpy(a->question.name, what->name, strlen(what->name) + 1);
	a->question.type = what->type;
	a->question.edns = true;
	if (getrandom(&a->question.id, sizeof(a->question.id), 0) !=
		sizeof(a->question.id) ||
	    dns_wire_query(buf, &a->question) == 0) {
		free(a);
		return false;
	}
	a->tcp.fd = -1;
	a->server_count = what->server_count < RESOLVERS_MAX
			      ? what->server_count
			      : RESOLVERS_MAX;
	for (size_t i = 0; i < a->server_count; i++) {
		a->servers[i].watch.fd = -1;
		a->servers[i].ask = a;
		a->servers[i].at = what->servers[i];
	}
	a->explain = what->explain;
	a->deadline_ns = what->deadline_ns;
	a->started_ns = clock_now_ns();
	a->done = done;
	a->arg = arg;
	set_pace(a);
	/* All that can fail at once does so in the next turn. */
	loop_defer(loop, &a->later, ask_begin, a);
	*out = a;
	return true;
}
