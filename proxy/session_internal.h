/* SPDX-License-Identifier: Apache-2.0
 *
 * The session's inside, shared by the files it is made of: session.c (up to the
 * connection), session_tls.c (TLS to the client), session_tunnel.c (from the
 * 200 on), session_refuse.c (whom it
 * does not serve, and how it says so) and session_report.c (what it leaves in
 * log and metrics). */
#ifndef SEKISHO_SESSION_INTERNAL_H
#define SEKISHO_SESSION_INTERNAL_H

#include "auth.h"
#include "core/endpoint.h"
#include "core/hello.h"
#include "core/response.h"
#include "echoes.h"
#include "intake.h"
#include "net/dialer.h"
#include "session.h"

enum session_state {
	SESSION_PROXY_HEADER, /* awaits: whose connection it is */
	SESSION_HEAD,         /* awaits: a whole request head */
	SESSION_RESOLVING,    /* awaits: lookup */
	SESSION_DIALING,      /* awaits: dial */
	SESSION_PARENT,       /* awaits: the parent proxy's answer */
	SESSION_HELLO,        /* awaits: a whole ClientHello; 200 is out */
	SESSION_RELAY,  /* awaits: bytes either way; tunnel has the word */
	SESSION_LINGER, /* awaits: the client's end; the refusal is out */
	SESSION_ENDED,  /* awaits: the end of the loop's turn */
};

/* How far a client that speaks SOCKS5 (RFC 1928) has come. */
enum socks_state {
	SOCKS_NOT,      /* it speaks HTTP, or has not spoken */
	SOCKS_GREETING, /* its methods */
	SOCKS_LOGIN,    /* its user and password (RFC 1929) */
	SOCKS_REQUEST,  /* its request, or that was answered */
};

struct session {
	struct gate *gate;                  /* borrowed */
	const struct config_listener *door; /* of config */
	struct session *next, **link;       /* in gate->sessions */
	struct tunnel tunnel; /* holds both sockets from the start */
	struct timer timer;   /* of the state in hand */
	struct deferred dying;
	struct lookup *lookup;           /* SESSION_RESOLVING */
	struct dial *dial;               /* SESSION_DIALING */
	struct intake *intake;           /* client bytes that wait; else NULL */
	struct auth_check *check;        /* SESSION_HEAD: of its credentials */
	struct transparent *transparent; /* at an sni listener; else NULL */
	/* Who it is: by good credentials, of door's realm, which judging them
	 * goes by; and by its certificate. */
	const char *user;
	char *subject;
	struct config *config; /* the one it began with; held */
	/* Of config's policy; set once admitted, but for a target that
	 * gateway.mode = report lets through. */
	const struct rule *rule;
	enum outcome reported; /* as what it would have been refused; or ok */
	const struct config_host *host; /* of config: the target's own, or NULL
					 */
	struct intake *heard;  /* SESSION_PARENT: what of the answer was read */
	struct hostname *name; /* unless rule has it: the target's */
	struct hostname *sni;  /* when it is not the target's name */
	struct ip_endpoint client, upstream;
	struct span asked; /* the target as sent; valid only while refusing */
	/* Loop times. phase: when the state in hand began. */
	uint64_t accepted_ns, phase_ns, established_ns, linger_until_ns;
	uint64_t dns_ns, connect_ns; /* durations; ACCESS_ABSENT: not done */
	size_t hello_need; /* bytes before the hello is looked at again */
	uint16_t port;
	enum session_state state;
	enum socks_state socks;
	uint8_t socks_reply; /* a REP that says more than the outcome; or 0 */
	bool held;           /* SESSION_HEAD: is not read on for now */
	bool penalised;      /* ... since its credentials were wrong */
	bool via_parent;     /* the upstream is the parent proxy */
	bool spoke;          /* SESSION_PROXY_HEADER: bytes have come */
	bool vouched;        /* client is of a PROXY header we believe */
	bool is_head;        /* its answer has no body */
	bool watched;        /* the client's socket is in the loop */
	bool counted;        /* holds a place in limits */
	bool same_sni;       /* the hello named the target */
	bool warm;           /* a spare connection served it */
	bool kept_alive;     /* both sockets have keep-alive on */
};

/* session_proxy_header.c */
/* Reads the PROXY header; behind it, session_begin(). */
void session_on_proxy_header(struct session *s);

/* session.c */
/* The client has the word: nothing of it was read so far. */
void session_begin(struct session *s);
struct session *session_of_tunnel(struct tunnel *t);
struct session *session_of_timer(struct timer *t);
void session_enter(struct session *s, enum session_state next);
/* Registers the client's socket, once. False: the kernel refuses (errno). */
bool session_watch_client(struct session *s) MUST_CHECK;
/* Reports the end and closes. s may not be touched after it. */
void session_end(struct session *s, enum outcome why, const char *detail);
/* Closes without a report; reset: by RST instead of FIN. */
void session_close(struct session *s, bool reset);

enum intake_result {
	INTAKE_BYTES, /* *all is set */
	INTAKE_WAIT,  /* nothing there yet */
	INTAKE_OVER,  /* the session has ended; s may not be touched */
};
/* Reads once from the client. Without an intake, into the worker's buffer, so
 * that bytes that are dealt with at once are never kept. *all is every byte
 * that waits. */
enum intake_result session_read(struct session *s, struct span *all) MUST_CHECK;
/* Keeps bytes that lie in the worker's buffer; those of an intake are kept
 * already. False: out of memory, and the session has ended. */
bool session_keep(struct session *s, struct span data) MUST_CHECK;

/* Goes on with a head that was held. */
void session_on_head(struct session *s);
/* A request whose head is whole, at the head of all. */
void session_on_request(
    struct session *s, const struct request *r, struct span all);
/* The client has named its target in head_len bytes at the head of all. */
void session_on_target(struct session *s, const struct endpoint *target,
    struct span all, size_t head_len);

/* session_tls.c */
/* What a session of a TLS listener begins with. False: it has ended. */
bool session_tls_start(struct session *s) MUST_CHECK;
/* Bytes have come in through TLS. False: the session has ended. */
bool session_tls_on_bytes(struct session *s) MUST_CHECK;
/* A read has failed with errno, in the handshake or later: tells the client and
 * the log why. The session is over, or lingers. */
void session_tls_failed(struct session *s);
/* Whether the client is amid the handshake. */
bool session_tls_is_new(const struct session *s);
/* What a client that cannot be answered in TLS yet is told in clear: an alert,
 * or nothing when it would not be understood. Its TLS ends here. Returns the
 * length; out has RESPONSE_MAX bytes. */
size_t session_tls_answer(struct session *s, enum outcome why, char *out);

/* session_auth.c */
/* Whether the client of a request may go on: there is no auth, or it has shown
 * good credentials. False: refused, or held until they are judged. */
bool session_authorize(
    struct session *s, const struct request *r, struct span all) MUST_CHECK;
enum login {
	LOGIN_GOOD,
	LOGIN_WAIT, /* held; rest is kept */
	LOGIN_OVER, /* refused */
};
/* The same for a SOCKS5 client's user and password, with rest behind them. */
enum login session_login(struct session *s, struct span user,
    struct span password, struct span rest) MUST_CHECK;
/* Ends what the session waits for here. */
void session_auth_cancel(struct session *s);

/* session_socks5.c */
/* Whether all, the first bytes of a client, are SOCKS5's to judge. */
bool session_is_socks5(const struct session *s, struct span all);
enum socks_step {
	SOCKS_MORE, /* bytes are missing */
	SOCKS_OVER, /* the session has gone on, or has ended */
};
enum socks_step session_on_socks5(
    struct session *s, struct span all) MUST_CHECK;
/* A login that was held is good. */
void session_socks5_go_on(struct session *s);
/* What a SOCKS5 client is sent for this outcome. Returns the length; out has
 * RESPONSE_MAX bytes. */
size_t session_socks5_answer(
    const struct session *s, enum outcome why, char *out);

/* session_sni.c */
enum {
	SNI_DETAIL_MAX = RESPONSE_DETAIL_MAX + IP_ENDPOINT_TEXT_MAX + 16,
};
/* Whether the listener takes redirected TLS, and nothing else. */
bool session_is_sni(const struct session *s);
void session_sni_begin(struct session *s);
/* Goes on with a hello that is awaited. */
void session_on_sni(struct session *s);
/* The hello h is whole; data is all bytes so far. */
void session_sni_route(
    struct session *s, const struct hello *h, struct span data);
/* detail with where the connection was bound for, if that was elsewhere; in
 * buf, which has SNI_DETAIL_MAX bytes, or detail itself. */
struct span session_sni_detail(
    const struct session *s, struct span detail, char *buf);
/* Gives back what it has of its own. */
void session_sni_end(struct session *s);

/* session_parent.c */
/* The connection to the parent is there: asks it for the target. */
void session_ask_parent(struct session *s);
/* Events of the parent's socket. */
void session_on_parent(struct session *s);
/* Refuses a client since the parent cannot be reached (why, detail). */
void session_refuse_for_parent(
    struct session *s, enum outcome why, const char *detail);

/* session_tunnel.c */
/* The upstream is connected: answers 200, where one is awaited, and goes on. */
void session_establish(struct session *s);
void session_on_hello(struct session *s);
/* Looks for the hello in data, all bytes so far, and keeps them while it is not
 * whole. True: it was dealt with, or the session is over. */
bool session_inspect(struct session *s, struct span data);

/* session_refuse.c */
/* Judges client, load and name in this order. False: it has been refused. */
bool session_admit(struct session *s, const struct endpoint *target) MUST_CHECK;
/* Whether the client's address, or that of the load balancer that vouches for
 * it, is among those of its listener. */
bool session_is_welcome(const struct session *s);
/* Answers with a refusal in the client's own terms, reports it and lingers; in
 * SESSION_PROXY_HEADER, nothing is answered. An empty detail becomes the
 * outcome's sentence. */
void session_refuse(struct session *s, enum outcome why, struct span detail,
    struct span advice);
/* The same for a head that is no request; strangers are told only that they are
 * strangers. */
void session_refuse_request(
    struct session *s, enum outcome why, struct span detail);
/* The same for a name or an address that cannot be reached. */
void session_refuse_upstream(
    struct session *s, enum outcome why, const char *detail);
/* The answer is out: gives up the upstream side and waits for the client's end,
 * so that the answer is not lost to a reset (RFC 9112 section 9.6). */
void session_linger(struct session *s);
void session_on_linger(struct session *s);
/* Refuses a client for whom there is no place at all, without a session. */
void session_turn_away(struct gate *gate, const struct config_listener *door,
    int fd, const struct ip_endpoint *peer);

/* session_report.c */
/* The name that was asked for, once admitted. */
const struct hostname *session_target(const struct session *s);
bool session_is_target(const struct session *s, const struct hostname *name);
void session_note_sni(struct session *s, const struct hostname *name);
void session_count_connect(struct session *s, enum outcome why);
void session_count_setup(struct session *s);
/* With log.level = debug, a line of outcome "ok" for the tunnel that opens. */
void session_report_begin(struct session *s);
/* Log and metrics of an end after which no refusal was sent. */
void session_report_end(
    struct session *s, enum outcome why, const char *detail);
/* Metrics and denied table of a target that gateway.mode = report lets through,
 * though it is why; its log line will say so too. */
void session_note_let_through(struct session *s, enum outcome why);
/* Log, metrics and denied table of a refusal. */
void session_report_refusal(
    struct session *s, enum outcome why, struct span detail);

#endif
