/* SPDX-License-Identifier: Apache-2.0
 *
 * Who asks: credentials are judged behind the client's address and before the
 * policy, so that strangers cannot probe the list. While they are hashed, and
 * while a client waits for its refusal, the session is held: nothing more of
 * its head is read. */
#include <assert.h>
#include <string.h>

#include "session_internal.h"

enum {
	/* More than a full queue of slow hashes takes. */
	VERDICT_MS = 15000,
};

void
session_auth_cancel(struct session *s)
{
	auth_cancel(&s->check);
	if (s->penalised)
		penalty_end(auth_penalties(s->gate->auth), &s->client.addr);
	s->penalised = false;
}

static void
hold(struct session *s, uint64_t until_ns, timer_fn fn)
{
	s->held = true;
	timer_set(s->gate->relay.loop, &s->timer, until_ns, fn);
}

/* What was asked for stands in the head that was kept. */
static void
refuse_held(struct session *s, enum outcome why, const char *detail)
{
	s->held = false;
	session_auth_cancel(s);
	if (s->intake != NULL && s->socks == SOCKS_NOT) {
		s->asked = request_slice_span(
		    s->intake->request.authority, s->intake->data);
		endpoint_split(&s->asked, &s->port);
	}
	session_refuse_request(
	    s, why, detail != NULL ? span_str(detail) : span_of(NULL, 0));
}

static void
on_penalty_over(struct timer *t)
{
	refuse_held(session_of_timer(t), OUTCOME_AUTH_FAILED, NULL);
}

static void
on_no_verdict(struct timer *t)
{
	refuse_held(session_of_timer(t), OUTCOME_LIMIT_REACHED,
	    "the check of the credentials took too long");
}

static void
on_judged(void *arg, const struct htpasswd_user *user)
{
	struct session *s = arg;
	uint64_t now = loop_now(s->gate->relay.loop);

	assert(s->state == SESSION_HEAD && s->held);
	s->check = NULL; /* a handle dies with its one callback */
	if (user == NULL) {
		s->penalised = true;
		hold(s,
		    now + penalty_begin(auth_penalties(s->gate->auth),
			      &s->client.addr, now),
		    on_penalty_over);
		return;
	}
	s->user = user->name;
	s->held = false;
	s->phase_ns = now;
	timer_clear(s->gate->relay.loop, &s->timer);
	if (s->socks != SOCKS_NOT) {
		session_socks5_go_on(s);
	} else {
		struct request r = s->intake->request;

		session_on_request(s, &r, intake_bytes(s->intake));
	}
}

/* Judges c. LOGIN_WAIT: the session is not held yet. */
static enum login
check(struct session *s, const struct credentials *c)
{
	const struct htpasswd_user *user;
	const struct auth_request r = {.realm = s->door->realm,
	    .credentials = c,
	    .client = s->client.addr,
	    .loop = s->gate->relay.loop,
	    .fn = on_judged,
	    .arg = s};

	switch (auth_start_check(&s->check, &user, s->gate->auth, &r)) {
	case AUTH_GOOD:
		s->user = user->name;
		return LOGIN_GOOD;
	case AUTH_LATER:
		return LOGIN_WAIT;
	case AUTH_BUSY:
		break;
	}
	session_refuse_request(s, OUTCOME_RATE_LIMITED,
	    span_str("too many credentials of this client, or in all, wait "
		     "for their check"));
	return LOGIN_OVER;
}

/* data, read so far and not dealt with, is kept; the client is not read until
 * the verdict is there. False: it has ended. */
static bool
await_verdict(struct session *s, struct span data)
{
	if (data.len > 0 && !session_keep(s, data))
		return false;
	if (!session_watch_client(s)) {
		session_close(s, false);
		return false;
	}
	hold(s, loop_now(s->gate->relay.loop) + VERDICT_MS * UINT64_C(1000000),
	    on_no_verdict);
	return true;
}

static void
refuse_request(struct session *s, const struct request *r, struct span all,
    enum outcome why, const char *detail)
{
	s->asked = request_slice_span(r->authority, all.ptr);
	endpoint_split(&s->asked, &s->port);
	session_refuse_request(
	    s, why, detail != NULL ? span_str(detail) : span_of(NULL, 0));
}

/* What was read from the client lies in memory of ours: the worker's buffer, or
 * the intake's. */
static void
wipe(struct session *s, struct span secret)
{
	char *from =
	    s->intake != NULL ? s->intake->data : s->gate->relay.buffer;

	explicit_bzero(from + (secret.ptr - from), secret.len);
}

bool
session_authorize(struct session *s, const struct request *r, struct span all)
{
	struct credentials c;
	const char *detail = NULL;
	enum login login;
	bool sent = r->authorization.len > 0;

	if (s->door->auth == AUTH_NONE || s->user != NULL)
		return true;
	if (!session_is_welcome(s) || !sent) {
		refuse_request(s, r, all, OUTCOME_AUTH_REQUIRED, NULL);
		return false;
	}
	if (!basic_parse(
		&c, request_slice_span(r->authorization, all.ptr), &detail)) {
		refuse_request(s, r, all, OUTCOME_AUTH_FAILED, detail);
		return false;
	}
	wipe(s, request_slice_span(r->authorization, all.ptr));
	login = check(s, &c);
	credentials_wipe(&c);
	if (login == LOGIN_WAIT && await_verdict(s, all))
		s->intake->request = *r;
	return login == LOGIN_GOOD;
}

enum login
session_login(
    struct session *s, struct span user, struct span password, struct span rest)
{
	struct credentials c;
	const char *detail = NULL;
	enum login login;

	if (!session_is_welcome(s) ||
	    !credentials_set(&c, user, password, &detail)) {
		session_refuse_request(s, OUTCOME_AUTH_FAILED,
		    detail != NULL ? span_str(detail) : span_of(NULL, 0));
		return LOGIN_OVER;
	}
	wipe(s, password);
	login = check(s, &c);
	credentials_wipe(&c);
	if (login != LOGIN_WAIT)
		return login;
	if (s->intake != NULL) {
		/* The login goes; what stands behind it stays. */
		intake_drop(&s->intake, s->intake->len - rest.len);
		rest.len = 0;
	}
	return await_verdict(s, rest) ? LOGIN_WAIT : LOGIN_OVER;
}
