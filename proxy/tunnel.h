/* SPDX-License-Identifier: Apache-2.0
 *
 * The relay between two connected sockets. Bytes go through the worker's one
 * buffer; a direction that moves a lot goes on with splice(2) through a
 * borrowed pipe. An idle tunnel owns no buffer. Back-pressure is the kernel's:
 * a side is not read while the other does not take. Each side's FIN is passed
 * on by itself, a reset is passed on as a reset.
 *
 * An end may speak TLS (tls_stream.h): its bytes then go through OpenSSL and
 * never by splice, its close_notify is its FIN. A TLS stream that ends without
 * one has been cut: it ends the tunnel as a reset, unless the owner knows that
 * what it carries has an end of its own (lax).
 *
 * When one side is gone, what it said before still goes to the other one; what
 * waits for it is thrown away.
 *
 * A tunnel is embedded in its session, which is told of the end once, by the
 * ended callback, which may come inside tunnel_start() and tunnel_on_event();
 * after it no event comes. */
#ifndef SEKISHO_TUNNEL_H
#define SEKISHO_TUNNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/outcome.h"
#include "core/span.h"
#include "metrics.h"
#include "net/loop.h"
#include "pipes.h"
#include "tls_stream.h"

enum {
	RELAY_BUFFER = 256 * 1024
};

/* What all tunnels of a worker share. */
struct relay {
	struct loop *loop;
	struct pipe_pool pipes;
	char *buffer; /* RELAY_BUFFER bytes, free between events */
	counter *bytes_up, *bytes_down; /* of all tunnels, as they pass */
};

struct tunnel;

/* Bytes that found no pipe to wait in. */
struct stash;

/* One end, and what was read from it and waits for the other end. */
struct tunnel_end {
	struct watch watch;
	struct tls_stream *tls; /* owned; NULL: plain */
	struct pipe_pair *pipe;
	struct stash *stash; /* goes out before the pipe's bytes */
	uint64_t bytes;      /* read here and passed on */
	bool readable; /* may hold bytes or an end that we have not read */
	bool hup;      /* the peer's FIN has arrived */
	bool error;    /* the socket has an error, which a read will tell */
	bool ended;    /* end of file was read */
	bool shut;     /* ... and passed on to the other end */
	bool parting;  /* ... but not all of the close_notify has gone out */
	bool bulk;     /* goes by splice */
	bool unheard;  /* the other end takes no more: thrown away */
};

/* tls_fault: what went wrong with a TLS end, or NULL. */
typedef void (*tunnel_ended_fn)(struct tunnel *t, enum outcome why,
    int error_number, const char *tls_fault);
/* Once, when the first side has ended; it may not close the tunnel. */
typedef void (*tunnel_half_closed_fn)(struct tunnel *t);

struct tunnel {
	struct relay *relay;
	struct tunnel_end client, upstream;
	tunnel_ended_fn ended;
	tunnel_half_closed_fn half_closed;
	/* How it will end, since one side takes no more; OUTCOME_OK: open. */
	enum outcome failure;
	int failure_errno;
	const char *tls_fault;
	struct deferred again;  /* one side had its turn, and there is more */
	uint64_t last_ns;       /* loop time of the last byte either way */
	uint64_t first_down_ns; /* of the first byte from upstream; 0: none */
	bool prompt;            /* upstream has TCP_NODELAY */
	bool lax; /* a TLS stream that was cut is a FIN, and no reset */
	bool over;
};

/* recv(2), send(2) and shutdown(2) of an end, in the clear. MSG_MORE is kept
 * from TLS. After fewer bytes than len, or EAGAIN, what is sent next to a TLS
 * end must be the rest. */
static inline ssize_t
tunnel_end_recv(struct tunnel_end *e, void *buf, size_t len)
{
	if (e->tls != NULL)
		return tls_stream_recv(e->tls, buf, len);
	return recv(e->watch.fd, buf, len, 0);
}

static inline ssize_t
tunnel_end_send(struct tunnel_end *e, struct span data, int flags)
{
	if (e->tls != NULL)
		return tls_stream_send(e->tls, data.ptr, data.len);
	return send(e->watch.fd, data.ptr, data.len, MSG_NOSIGNAL | flags);
}

/* Of TLS with its close_notify first. */
int tunnel_end_shutdown(struct tunnel_end *e) MUST_CHECK;

/* After a read of fewer bytes than there was room for: whether there may be
 * more all the same, as an end or an error was announced that will not be
 * announced again. */
static inline bool
tunnel_end_holds_more(const struct tunnel_end *e)
{
	if (e->tls != NULL)
		return tls_stream_is_over(e->tls);
	return e->hup || e->error;
}

/* The watches of both ends deliver already, to functions of the owner, who
 * hands events on by tunnel_on_event(). Ends keep their flags (readable, hup,
 * error).
 */
void tunnel_init(struct tunnel *t, struct relay *relay, tunnel_ended_fn ended,
    tunnel_half_closed_fn half_closed);

/* Bytes that the owner has read from the client: they are the first to go up.
 * False when there is no memory to keep what the socket does not take. */
bool tunnel_send_up(struct tunnel *t, struct span data) MUST_CHECK;

/* Small writes to the upstream no longer wait for an acknowledgement of those
 * before them (TCP_NODELAY). It happens by itself with the client's second
 * flight; an owner that has a conversation of its own with the upstream wants
 * it sooner. */
void tunnel_make_prompt(struct tunnel *t);

/* Moves what there is to move, both ways: to be called once after the start and
 * then for every event. end is &t->client or &t->upstream. */
void tunnel_start(struct tunnel *t);
void tunnel_on_event(struct tunnel *t, struct tunnel_end *end, uint32_t events);

/* Notes an event without acting on it, while the owner still has the word. */
void tunnel_note_event(struct tunnel_end *end, uint32_t events);

/* Whether one side has sent its FIN. */
bool tunnel_is_half_closed(const struct tunnel *t);

/* Closes both ends and gives everything back; the ended callback is not called.
 * reset: the peers get a RST instead of a FIN (RFC 9293 section 3.5.3). */
void tunnel_close(struct tunnel *t, bool reset);

#endif
