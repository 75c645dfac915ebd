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

static enum socks_step
on_greeting(struct session *s, struct span *all)
{
	char answer[SOCKS5_ANSWER_MAX];
	size_t len = 0;
	bool none = true;

	switch (socks5_greeting(*all, &len, &none)) {
	case SOCKS5_MORE:
		return session_keep(s, *all) ? SOCKS_MORE : SOCKS_OVER;
	case SOCKS5_BAD:
		session_refuse_request(s, OUTCOME_BAD_REQUEST,
		    span_str("malformed SOCKS5 greeting"));
		return SOCKS_OVER;
	case SOCKS5_DONE:
		break;
	}
	if (!none) {
		session_refuse_request(s, OUTCOME_BAD_REQUEST,
		    span_str("the client offers no SOCKS5 method without "
			     "authentication"));
		return SOCKS_OVER;
	}
	*all = drop(s, *all, len);
	len = socks5_choose(answer, SOCKS5_METHOD_NONE);
	if (send(s->tunnel.client.watch.fd, answer, len, MSG_NOSIGNAL) !=
	    (ssize_t)len) {
		session_end(s, OUTCOME_CLIENT_RESET, strerrordesc_np(errno));
		return SOCKS_OVER;
	}
	s->socks = SOCKS_REQUEST;
	return SOCKS_MORE;
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
	return on_request(s, all);
}
