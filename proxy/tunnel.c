/* SPDX-License-Identifier: Apache-2.0
 *
 * Both directions are the same code over two ends of one struct. An end's bytes
 * are moved until it has none, or the other end takes no more, or others had to
 * wait long enough.
 *
 * Small reads go through the buffer by recv and send, which takes the fewest
 * system calls. A large one says that more of its kind will come: that end is
 * then moved by splice(2). What the other end does not take waits in a pipe, so
 * that neither memory nor a descriptor is held while nothing waits. When no
 * pipe is to be had, the rest is kept in a piece of memory of just that size,
 * and nothing more is read until it is gone. */
#include "tunnel.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BULK_AT = 64 * 1024, /* a read of this size is followed by more */
	SPLICE_MAX = 1024 * 1024,
	MAX_TURNS = 16,         /* moves of one end before others are served */
	BULK_UNTIL = 16 * 1024, /* smaller moves than this are copied again */
	/* When no pipe is left, no more than this is read at a time, as memory
	 * must keep what a slow reader does not take. */
	READ_WITHOUT_PIPE = 16 * 1024,
	/* The same for what goes to TLS, which no pipe can feed: some records
	 * at a time. */
	READ_FOR_TLS = 64 * 1024,
};

struct stash {
	size_t len, sent;
	char data[];
};

/* What a step of moving bytes came to. */
enum step {
	STEP_MOVED,   /* go on */
	STEP_BLOCKED, /* no bytes, or the other end takes no more */
	STEP_OVER,    /* the tunnel has ended; touch it no more */
};

static struct tunnel_end *
other_end(struct tunnel *t, const struct tunnel_end *e)
{
	return e == &t->client ? &t->upstream : &t->client;
}

static bool
is_tls(const struct tunnel *t)
{
	return t->client.tls != NULL || t->upstream.tls != NULL;
}

static bool
has_pending(const struct tunnel_end *e)
{
	return e->stash != NULL || e->parting ||
	       (e->pipe != NULL && e->pipe->filled > 0);
}

static void
discard_pending(struct tunnel *t, struct tunnel_end *e)
{
	pipe_give_back(&t->relay->pipes, &e->pipe);
	free(e->stash);
	e->stash = NULL;
}

int
tunnel_end_shutdown(struct tunnel_end *e)
{
	if (e->tls != NULL && tls_stream_shutdown(e->tls) != 0)
		return -1;
	return shutdown(e->watch.fd, SHUT_WR);
}

/* A peer that has been sent all there was is told so. */
static void
end_tls(struct tunnel_end *e, bool whole)
{
	if (e->tls == NULL)
		return;
	if (whole)
		(void)tls_stream_shutdown(e->tls); /* as far as it goes */
	tls_stream_free(e->tls);
	e->tls = NULL;
}

static void
end_release(struct tunnel *t, struct tunnel_end *e, bool reset)
{
	discard_pending(t, e);
	if (reset && e->watch.fd >= 0) {
		const struct linger now = {.l_onoff = 1, .l_linger = 0};

		(void)setsockopt(
		    e->watch.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	}
	watch_close(t->relay->loop, &e->watch);
}

void
tunnel_close(struct tunnel *t, bool reset)
{
	t->over = true;
	loop_undefer(&t->again);
	if (is_tls(t)) {
		end_tls(&t->client, !reset && !has_pending(&t->upstream));
		end_tls(&t->upstream, !reset && !has_pending(&t->client));
	}
	end_release(t, &t->client, reset);
	end_release(t, &t->upstream, reset);
}

static bool
is_reset(enum outcome why)
{
	return why == OUTCOME_CLIENT_RESET || why == OUTCOME_UPSTREAM_RESET;
}

static enum step
finish(struct tunnel *t, enum outcome why, int error_number)
{
	if (t->failure != OUTCOME_OK) { /* what came first names the end */
		why = t->failure;
		error_number = t->failure_errno;
	}
	/* A reset of one side is passed on to the other as what it is. */
	tunnel_close(t, is_reset(why));
	t->ended(t, why, error_number, t->tls_fault);
	return STEP_OVER;
}

/* A side that closes for good after its FIN answers what still comes with a
 * reset: that is how most TLS clients leave, and is its end, not a failure. */
static bool
is_gone(const struct tunnel_end *e)
{
	return e->ended || e->hup;
}

static enum outcome
outcome_of_end(const struct tunnel *t, const struct tunnel_end *e)
{
	if (e == &t->client)
		return is_gone(e) ? OUTCOME_CLIENT_CLOSED
				  : OUTCOME_CLIENT_RESET;
	return is_gone(e) ? OUTCOME_UPSTREAM_CLOSED : OUTCOME_UPSTREAM_RESET;
}

static enum step
end_failed(struct tunnel *t, const struct tunnel_end *e, int error_number)
{
	return finish(t, outcome_of_end(t, e), is_gone(e) ? 0 : error_number);
}

/* Every byte of e has been read. */
static void
note_end(struct tunnel *t, struct tunnel_end *e)
{
	e->ended = true;
	if (!other_end(t, e)->ended)
		t->half_closed(t);
}

static void serve_again(void *arg);

/* The other end takes no more of e's bytes. Its own last words may still be in
 * its socket, or wait for a slow reader: the tunnel ends behind them. Till then
 * e is read on, since a close with bytes unread would reset it. */
static enum step
take_no_more(struct tunnel *t, struct tunnel_end *e, int error_number)
{
	struct tunnel_end *to = other_end(t, e);

	if (to->shut || t->failure != OUTCOME_OK ||
	    (error_number != EPIPE && error_number != ECONNRESET &&
		error_number != ENOTCONN))
		return end_failed(t, to, error_number);
	t->failure = outcome_of_end(t, to);
	t->failure_errno = is_gone(to) ? 0 : error_number;
	discard_pending(t, e);
	e->unheard = true;
	e->bulk = false;
	to->readable = true;
	loop_defer(t->relay->loop, &t->again, serve_again, t);
	return STEP_BLOCKED;
}

/* --- keeping what the other end does not take ------------------------------
 */

static bool
keep_in_stash(struct tunnel_end *e, struct span rest)
{
	struct stash *s = malloc(sizeof(*s) + rest.len);

	if (s == NULL)
		return false;
	s->len = rest.len;
	s->sent = 0;
	memcpy(s->data, rest.ptr, rest.len);
	e->stash = s;
	return true;
}

static bool
keep(struct tunnel *t, struct tunnel_end *e, struct span rest)
{
	ssize_t n;

	if (other_end(t, e)->tls != NULL)
		return keep_in_stash(e, rest);
	if (e->pipe == NULL)
		e->pipe = pipe_borrow(&t->relay->pipes);
	if (e->pipe == NULL || e->pipe->capacity < rest.len)
		return keep_in_stash(e, rest);
	n = write(e->pipe->wr, rest.ptr, rest.len);
	e->pipe->filled = n > 0 ? (size_t)n : 0;
	if (e->pipe->filled == rest.len)
		return true;
	/* Its pages were less than promised: the rest must go out after what is
	 * in it, so all of it goes to the stash, and the pipe away. */
	pipe_give_back(&t->relay->pipes, &e->pipe);
	return keep_in_stash(e, rest);
}

/* --- out: to the other end -------------------------------------------------
 */

static enum step
send_failed(struct tunnel *t, struct tunnel_end *e)
{
	return errno == EAGAIN ? STEP_BLOCKED : take_no_more(t, e, errno);
}

static enum step
drain_stash(struct tunnel *t, struct tunnel_end *e, struct tunnel_end *to)
{
	struct stash *s = e->stash;

	while (s->sent < s->len) {
		ssize_t n = tunnel_end_send(
		    to, span_of(s->data + s->sent, s->len - s->sent), 0);

		if (n < 0)
			return send_failed(t, e);
		s->sent += (size_t)n;
	}
	free(s);
	e->stash = NULL;
	return STEP_MOVED;
}

static enum step
drain_pipe(struct tunnel *t, struct tunnel_end *e, struct tunnel_end *to)
{
	while (e->pipe->filled > 0) {
		ssize_t n = splice(e->pipe->rd, NULL, to->watch.fd, NULL,
		    e->pipe->filled, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

		if (n < 0)
			return send_failed(t, e);
		e->pipe->filled -= (size_t)n;
	}
	pipe_give_back(&t->relay->pipes, &e->pipe);
	return STEP_MOVED;
}

static enum step
drain(struct tunnel *t, struct tunnel_end *e)
{
	struct tunnel_end *to = other_end(t, e);
	enum step step = STEP_MOVED;

	if (e->stash != NULL)
		step = drain_stash(t, e, to);
	if (step == STEP_MOVED && e->pipe != NULL)
		step = drain_pipe(t, e, to);
	return step;
}

/* --- in: from an end --------------------------------------------------------
 */

static void
count_bytes(struct tunnel *t, struct tunnel_end *e, size_t n)
{
	uint64_t now = loop_now(t->relay->loop);

	e->bytes += n;
	counter_add(
	    e == &t->client ? t->relay->bytes_up : t->relay->bytes_down, n);
	t->last_ns = now;
	if (e == &t->upstream && t->first_down_ns == 0)
		t->first_down_ns = now;
}

/* A FIN in the clear may be anybody's: it is the end only of what tells its
 * true end itself. */
static enum step
tls_failed(struct tunnel *t, struct tunnel_end *e, int error_number)
{
	if (error_number == TLS_STREAM_CUT || error_number == EPROTO)
		t->tls_fault = tls_stream_fault(e->tls);
	if (error_number == TLS_STREAM_CUT && t->lax) {
		note_end(t, e);
		return STEP_MOVED;
	}
	return finish(t,
	    e == &t->client ? OUTCOME_CLIENT_RESET : OUTCOME_UPSTREAM_RESET,
	    error_number);
}

static enum step
read_failed(struct tunnel *t, struct tunnel_end *e)
{
	if (errno == EAGAIN) {
		e->readable = false;
		return STEP_BLOCKED;
	}
	return e->tls != NULL ? tls_failed(t, e, errno)
			      : end_failed(t, e, errno);
}

/* The first flight needs no TCP_NODELAY, as nothing unacknowledged is before
 * it; from the second on, small writes must not wait for an acknowledgement
 * (RFC 9293 section 3.7.4). Short tunnels never get there. */
void
tunnel_make_prompt(struct tunnel *t)
{
	const int on = 1;

	if (t->prompt)
		return;
	t->prompt = true;
	(void)setsockopt(
	    t->upstream.watch.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static enum step
pass_on(struct tunnel *t, struct tunnel_end *e, struct span data)
{
	struct tunnel_end *to = other_end(t, e);
	ssize_t n;

	if (e == &t->client)
		tunnel_make_prompt(t);
	n = tunnel_end_send(to, data, 0);
	if (n < 0) {
		if (errno != EAGAIN)
			return take_no_more(t, e, errno);
		n = 0;
	}
	if ((size_t)n == data.len)
		return STEP_MOVED;
	if (!keep(t, e, span_of(data.ptr + (size_t)n, data.len - (size_t)n)))
		return finish(t, OUTCOME_INTERNAL_ERROR, ENOMEM);
	return STEP_BLOCKED;
}

static ssize_t
room_to_read(const struct tunnel *t)
{
	if (is_tls(t))
		return READ_FOR_TLS;
	return pipe_can_borrow(&t->relay->pipes) ? RELAY_BUFFER
						 : READ_WITHOUT_PIPE;
}

static enum step
copy_once(struct tunnel *t, struct tunnel_end *e)
{
	char *buffer = t->relay->buffer;
	ssize_t room = room_to_read(t);
	ssize_t n = tunnel_end_recv(e, buffer, (size_t)room);

	if (n < 0)
		return read_failed(t, e);
	if (n == 0) {
		note_end(t, e);
		return STEP_MOVED;
	}
	if (n < room) {
		/* A short read has emptied the socket (epoll(7)). An error
		 * that was announced is still to be read; when a FIN was, the
		 * bytes up to it have been read, and the read that would
		 * return 0 need not be made. */
		e->readable =
		    e->tls != NULL ? tls_stream_is_over(e->tls) : e->error;
		if (e->hup && !e->error && e->tls == NULL)
			note_end(t, e);
	}
	if (e->unheard)
		return STEP_MOVED;
	e->bulk = n >= BULK_AT && !is_tls(t);
	count_bytes(t, e, (size_t)n);
	return pass_on(t, e, span_of(buffer, (size_t)n));
}

static enum step
splice_once(struct tunnel *t, struct tunnel_end *e)
{
	ssize_t n = splice(e->watch.fd, NULL, e->pipe->wr, NULL, SPLICE_MAX,
	    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n <= 0)
		pipe_give_back(&t->relay->pipes, &e->pipe);
	if (n < 0)
		return read_failed(t, e);
	if (n == 0) {
		note_end(t, e);
		return STEP_MOVED;
	}
	e->pipe->filled = (size_t)n;
	e->bulk = n >= BULK_UNTIL;
	count_bytes(t, e, (size_t)n);
	return STEP_MOVED;
}

/* Every byte read here has been passed on: tell the other end that no more will
 * follow; when that was so the other way already, the tunnel is over. The side
 * that ended first gives the outcome its name. */
static enum step
pass_end_on(struct tunnel *t, struct tunnel_end *e)
{
	struct tunnel_end *to = other_end(t, e);

	e->parting =
	    !e->unheard && to->tls != NULL && tls_stream_shutdown(to->tls) != 0;
	if (e->parting)
		return STEP_BLOCKED; /* until the other end takes more */
	e->shut = true;
	if (to->shut || (is_reset(t->failure) && !e->unheard))
		return finish(t,
		    to == &t->client ? OUTCOME_CLIENT_CLOSED
				     : OUTCOME_UPSTREAM_CLOSED,
		    0);
	if (e->unheard)
		return STEP_BLOCKED;
	t->last_ns = loop_now(t->relay->loop);
	/* ENOTCONN: a reset has come, and was not read yet. */
	if (tunnel_end_shutdown(to) != 0)
		return take_no_more(
		    t, e, errno == ENOTCONN ? ECONNRESET : errno);
	return STEP_BLOCKED;
}

static enum step
move_once(struct tunnel *t, struct tunnel_end *e)
{
	enum step step = drain(t, e);

	if (step != STEP_MOVED)
		return step;
	if (e->ended)
		return e->shut ? STEP_BLOCKED : pass_end_on(t, e);
	if (!e->readable)
		return STEP_BLOCKED;
	if (e->bulk)
		e->pipe = pipe_borrow(&t->relay->pipes);
	return e->pipe != NULL ? splice_once(t, e) : copy_once(t, e);
}

/* Moves e's bytes as far as they go. False: the tunnel has ended. */
static bool
pump(struct tunnel *t, struct tunnel_end *e)
{
	for (int turn = 0; turn < MAX_TURNS; turn++) {
		switch (move_once(t, e)) {
		case STEP_MOVED:
			break;
		case STEP_BLOCKED:
			return true;
		case STEP_OVER:
			return false;
		}
	}
	loop_defer(t->relay->loop, &t->again, serve_again, t);
	return true;
}

static void
serve_again(void *arg)
{
	tunnel_start(arg);
}

void
tunnel_start(struct tunnel *t)
{
	if (pump(t, &t->client))
		(void)pump(t, &t->upstream);
}

/* The kernel says that nothing will follow what is in the socket: a FIN, or an
 * error, which the next read returns. */
#define END_EVENTS (EPOLLRDHUP | EPOLLHUP | EPOLLERR)

void
tunnel_note_event(struct tunnel_end *end, uint32_t events)
{
	if ((events & (EPOLLIN | END_EVENTS)) ||
	    (end->tls != NULL && tls_stream_wants_write(end->tls)))
		end->readable = true;
	/* A reset is announced as an end, too: only one without it is a FIN. */
	if (events & EPOLLERR)
		end->error = true;
	else if (events & (EPOLLRDHUP | EPOLLHUP))
		end->hup = true;
}

void
tunnel_on_event(struct tunnel *t, struct tunnel_end *end, uint32_t events)
{
	struct tunnel_end *from = other_end(t, end);

	assert(!t->over);
	tunnel_note_event(end, events);
	if ((events & (EPOLLIN | END_EVENTS)) && !pump(t, end))
		return;
	if ((events & EPOLLOUT) && has_pending(from))
		(void)pump(t, from);
}

void
tunnel_init(struct tunnel *t, struct relay *relay, tunnel_ended_fn ended,
    tunnel_half_closed_fn half_closed)
{
	t->relay = relay;
	t->ended = ended;
	t->half_closed = half_closed;
	t->last_ns = loop_now(relay->loop);
}

bool
tunnel_send_up(struct tunnel *t, struct span data)
{
	ssize_t n = tunnel_end_send(&t->upstream, data, 0);

	t->client.bytes += data.len;
	counter_add(t->relay->bytes_up, data.len);
	/* A failure shows again, as an end, when the tunnel starts. */
	if (n < 0)
		n = 0;
	if ((size_t)n == data.len)
		return true;
	return keep(
	    t, &t->client, span_of(data.ptr + (size_t)n, data.len - (size_t)n));
}

bool
tunnel_is_half_closed(const struct tunnel *t)
{
	return t->client.ended || t->upstream.ended;
}
