/* SPDX-License-Identifier: Apache-2.0 */
#include "curl_loop.h"

#include <stdlib.h>
#include <sys/epoll.h>

#include "probe_io.h"

struct curl_sock {
	struct watch watch;
	struct curl_loop *owner;
	struct curl_sock *next;
};

/* Lets libcurl work; *c may be closed afterwards. */
static void
drive(struct curl_loop *c, curl_socket_t fd, int what)
{
	const CURLMsg *m;
	int n;

	(void)curl_multi_socket_action(c->multi, fd, what, &n);
	while ((m = curl_multi_info_read(c->multi, &n)) != NULL) {
		if (m->msg == CURLMSG_DONE) {
			c->finished(c->arg, m->data.result);
			return;
		}
	}
}

static void
on_socket(struct watch *w, uint32_t events)
{
	struct curl_sock *s = CONTAINER_OF(w, struct curl_sock, watch);
	int what = 0;

	if ((events & (EPOLLIN | EPOLLHUP)) != 0)
		what |= CURL_CSELECT_IN;
	if ((events & EPOLLOUT) != 0)
		what |= CURL_CSELECT_OUT;
	if ((events & EPOLLERR) != 0)
		what |= CURL_CSELECT_ERR;
	drive(s->owner, w->fd, what);
}

static void
on_curl_timer(struct timer *t)
{
	drive(CONTAINER_OF(t, struct curl_loop, timer), CURL_SOCKET_TIMEOUT, 0);
}

static int
want_timer(CURLM *multi, long ms, void *arg)
{
	struct curl_loop *c = arg;
	struct loop *loop = c->loop;

	(void)multi;
	if (ms < 0)
		timer_clear(loop, &c->timer);
	else {
		timer_clear(loop, &c->timer);
		timer_set(loop, &c->timer,
		    clock_now_ns() + (uint64_t)ms * 1000000U, on_curl_timer);
	}
	return 0;
}

static void
sock_remove(struct curl_loop *c, struct curl_sock *s)
{
	struct curl_sock **at = &c->socks;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	loop_unwatch(c->loop, &s->watch);
	free(s);
}

static int
want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct curl_loop *c = arg;
	struct curl_sock *s = known;
	uint32_t events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s != NULL)
			sock_remove(c, s);
		return 0;
	}
	if ((what & CURL_POLL_IN) != 0)
		events |= EPOLLIN;
	if ((what & CURL_POLL_OUT) != 0)
		events |= EPOLLOUT;
	if (s != NULL)
		return loop_rewatch(c->loop, &s->watch, events) ? 0 : -1;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -1;
	s->owner = c;
	if (!loop_watch(c->loop, &s->watch, fd, events, on_socket)) {
		free(s);
		return -1;
	}
	s->next = c->socks;
	c->socks = s;
	(void)curl_multi_assign(c->multi, fd, s);
	return 0;
}

bool
curl_loop_open(
    struct curl_loop *c, struct loop *loop, curl_loop_fn finished, void *arg)
{
	*c = (struct curl_loop){.loop = loop, .finished = finished, .arg = arg};
	c->multi = curl_multi_init();
	if (c->multi == NULL)
		return false;
	(void)curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	(void)curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	(void)curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	(void)curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	return true;
}

void
curl_loop_close(struct curl_loop *c)
{
	if (c->multi == NULL)
		return;
	(void)curl_multi_cleanup(c->multi);
	c->multi = NULL;
	/* libcurl has taken off all its sockets by now; a forgotten one would
	 * be a watch on freed memory. */
	while (c->socks != NULL)
		sock_remove(c, c->socks);
	timer_clear(c->loop, &c->timer);
}
