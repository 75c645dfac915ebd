/* SPDX-License-Identifier: Apache-2.0
 *
 * The second front door: SOCKS5 up to the target. What comes then is the same
 * session. */
#include <errno.h>
#include <sys/socket.h>

#include "core/socks5.h"
#include "session_internal.h"

bool
session_is_socks5(const struct session *s, struct span all)
{
	return s->socks != SOCKS_NOT ||
	       (all.len > 0 && all.ptr[0] == SOCKS5_VERSION &&
		   (s->door->protocols & PROTOCOL_SOCKS5) != 0);
}

size_t
session_socks5_answer(const struct session *s, enum outcome why, char *out)
{
	if (s->socks == SOCKS_GREETING)
		return socks5_choose(out, SOCKS5_METHOD_REFUSED);
	if (s->socks == SOCKS_LOGIN)
		return socks5_login_answer(out, false);
	return socks5_reply(
	    out, s->socks_reply != 0 ? s->socks_reply : socks5_reply_of(why));
}

/* What has been dealt with goes; the rest of the bytes. */
static struct span
drop(struct session *s, struct span all, size_t len)
{
	if (s->intake == NULL)
		return span_of(all.ptr + len, all.len - len);
	intake_drop(&s->intake, len);
	return intake_bytes(s->intake);
}

/* Sends an answer after which the client has the word again. False: it is gone,
 * and so is the session. */
static bool
answer(struct session *s, const char *data, size_t len)
{
	if (tunnel_end_send(&s->tunnel.client, span_of(data, len), 0) ==
	    (ssize_t)len)
		return true;
	session_end(s, OUTCOME_CLIENT_RESET, strerrordesc_np(errno));
	return false;
}

static enum socks_step
refuse_methods(struct session *s, enum socks5_method method)
{
	if (method == SOCKS5_METHOD_PASSWORD)
		session_refuse_request(s, OUTCOME_AUTH_REQUIRED,
		    span_str("the client offers no SOCKS5 login with user and "
			     "password"));
	else
		session_refuse_request(s, OUTCOME_BAD_REQUEST,
		    span_str("the client offers no SOCKS5 method without "
			     "authentication"));
	return SOCKS_OVER;
}

static enum socks_step
on_greeting(struct session *s, struct span *all)
{
	enum socks5_method method = s->door->auth == AUTH_NONE
					? SOCKS5_METHOD_NONE
					: SOCKS5_METHOD_PASSWORD;
	char chosen[SOCKS5_ANSWER_MAX];
	size_t len = 0;
	bool offered = true;

	switch (socks5_greeting(*all, method, &len, &offered)) {
	case SOCKS5_MORE:
		return session_keep(s, *all) ? SOCKS_MORE : SOCKS_OVER;
	case SOCKS5_BAD:
		session_refuse_request(s, OUTCOME_BAD_REQUEST,
		    span_str("malformed SOCKS5 greeting"));
		return SOCKS_OVER;
	case SOCKS5_DONE:
		break;
	}
	if (!offered)
		return refuse_methods(s, method);
	*all = drop(s, *all, len);
	if (!answer(s, chosen, socks5_choose(chosen, method)))
		return SOCKS_OVER;
	s->socks = method == SOCKS5_METHOD_NONE ? SOCKS_REQUEST : SOCKS_LOGIN;
	return SOCKS_MORE;
}

/* False: the session has ended. */
static bool
welcome(struct session *s)
{
	char good[SOCKS5_ANSWER_MAX];

	s->socks = SOCKS_REQUEST;
	return answer(s, good, socks5_login_answer(good, true));
}

static enum socks_step
on_login(struct session *s, struct span *all)
{
	struct span user, password, rest;
	size_t len = 0;
	enum login login;

	switch (socks5_login(*all, &len, &user, &password)) {
	case SOCKS5_MORE:
		return session_keep(s, *all) ? SOCKS_MORE : SOCKS_OVER;
	case SOCKS5_BAD:
		session_refuse_request(s, OUTCOME_BAD_REQUEST,
		    span_str("malformed SOCKS5 login (RFC 1929)"));
		return SOCKS_OVER;
	case SOCKS5_DONE:
		break;
	}
	rest = span_of(all->ptr + len, all->len - len);
	login = session_login(s, user, password, rest);
	if (login != LOGIN_GOOD)
		return SOCKS_OVER;
	*all = drop(s, *all, len);
	return welcome(s) ? SOCKS_MORE : SOCKS_OVER;
}

void
session_socks5_go_on(struct session *s)
{
	if (!welcome(s))
		return;
	if (s->intake == NULL ||
	    session_on_socks5(s, intake_bytes(s->intake)) == SOCKS_MORE)
		session_on_head(s);
}

static enum socks_step
on_request(struct session *s, struct span all)
{
	struct socks5_request r;

	switch (socks5_request(&r, all)) {
	case SOCKS5_MORE:
		return session_keep(s, all) ? SOCKS_MORE : SOCKS_OVER;
	case SOCKS5_BAD:
		s->asked = r.asked;
		s->socks_reply = (uint8_t)r.reply;
		session_refuse_request(s, r.why, span_str(r.detail));
		return SOCKS_OVER;
	case SOCKS5_DONE:
		break;
	}
	session_on_target(s, &r.target, all, r.len);
	return SOCKS_OVER;
}

enum socks_step
session_on_socks5(struct session *s, struct span all)
{
	if (s->socks == SOCKS_NOT)
		s->socks = SOCKS_GREETING;
	if (s->socks == SOCKS_GREETING) {
		if (on_greeting(s, &all) == SOCKS_OVER)
			return SOCKS_OVER;
		if (s->socks == SOCKS_GREETING || all.len == 0)
			return SOCKS_MORE;
	}
	if (s->socks == SOCKS_LOGIN) {
		if (on_login(s, &all) == SOCKS_OVER)
			return SOCKS_OVER;
		if (s->socks == SOCKS_LOGIN || all.len == 0)
			return SOCKS_MORE;
	}
	return on_request(s, all);
}
