/* SPDX-License-Identifier: Apache-2.0 */
#include "healthcheck.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/answer.h"
#include "core/ipaddr.h"

enum {
	ANSWER_BYTES_MAX = 2048, /* the admin's own is of 200 */
	QUOTED_MAX = 120,        /* of an answer */
};

/* One question and its answer. */
struct check {
	char address[IP_ENDPOINT_TEXT_MAX + 1];
	char answer[ANSWER_BYTES_MAX];
	size_t length;
	int64_t deadline_ms;
	int fd;
	char *line;
};

static void say(struct check *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
say(struct check *c, const char *format, ...)
{
	int n = snprintf(
	    c->line, HEALTHCHECK_LINE_MAX, "http://%s/readyz: ", c->address);
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(
	    c->line + n, HEALTHCHECK_LINE_MAX - (size_t)n, format, ap);
	va_end(ap);
	for (char *p = c->line; *p != '\0'; p++) {
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	}
}

static int64_t
now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What the admin listens on may be no address to connect to. */
static struct ip_endpoint
reachable(const struct ip_endpoint *listening)
{
	static const uint8_t wildcard[16] = {0};
	struct ip_endpoint to = *listening;

	if (memcmp(to.addr.bytes, wildcard, sizeof(wildcard)) != 0)
		return to;
	if (to.addr.family == IP_V4) {
		to.addr.bytes[0] = 127;
		to.addr.bytes[3] = 1;
	} else {
		to.addr.bytes[15] = 1;
	}
	return to;
}

/* False after the deadline, with errno ETIMEDOUT, or after another error. */
static bool
wait_until(const struct check *c, short events)
{
	for (;;) {
		struct pollfd p = {.fd = c->fd, .events = events};
		int64_t left = c->deadline_ms - now_ms();
		int n = poll(&p, 1, left > 0 ? (int)left : 0);

		if (n > 0)
			return true;
		if (n == 0)
			errno = ETIMEDOUT;
		if (n == 0 || errno != EINTR)
			return false;
	}
}

static bool
check_connect(struct check *c, const struct ip_endpoint *to)
{
	struct sockaddr_storage sa;
	socklen_t length = ip_endpoint_to_sockaddr(to, &sa);
	int error = 0;
	socklen_t error_length = sizeof(error);

	c->fd =
	    socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return false;
	if (connect(c->fd, (struct sockaddr *)&sa, length) == 0)
		return true;
	if (errno != EINPROGRESS || !wait_until(c, POLLOUT))
		return false;
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &error_length) != 0)
		return false;
	errno = error;
	return error == 0;
}

static bool
check_send(const struct check *c)
{
	char request[IP_ENDPOINT_TEXT_MAX + 80];
	int length = snprintf(request, sizeof(request),
	    "GET /readyz HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
	    c->address);

	/* A new connection's buffer takes so little at once. */
	return send(c->fd, request, (size_t)length, MSG_NOSIGNAL) == length;
}

/* Everything up to the end, or as much as has room. */
static bool
check_receive(struct check *c)
{
	while (c->length < sizeof(c->answer)) {
		ssize_t n = recv(c->fd, c->answer + c->length,
		    sizeof(c->answer) - c->length, 0);

		if (n == 0)
			return true;
		if (n > 0)
			c->length += (size_t)n;
		else if (errno != EINTR &&
			 (errno != EAGAIN || !wait_until(c, POLLIN)))
			return false;
	}
	return true;
}

static bool
check_judge(struct check *c)
{
	struct answer a;
	struct span text = span_of(c->answer, c->length);
	const char *body;
	int length = 0;

	if (answer_parse(&a, text) != ANSWER_DONE) {
		say(c, "no HTTP answer: another program listens there; see "
		       "admin.address");
		return false;
	}
	body = c->answer + a.head_len;
	while (a.head_len + (size_t)length < c->length && length < QUOTED_MAX &&
	       body[length] != '\n' && body[length] != '\0')
		length++;
	say(c, "%u %.*s", a.status, length, body);
	return a.status == 200;
}

bool
healthcheck(const struct config_admin *admin, unsigned limit_ms, char *line)
{
	struct check c = {.fd = -1, .line = line};
	struct ip_endpoint to = reachable(&admin->address);
	bool healthy = false;

	if (!admin->on) {
		(void)snprintf(line, HEALTHCHECK_LINE_MAX,
		    "admin.address is off: there is nobody to ask");
		return false;
	}
	(void)ip_endpoint_format(&to, c.address);
	c.deadline_ms = now_ms() + limit_ms;
	if (check_connect(&c, &to) && check_send(&c) && check_receive(&c))
		healthy = check_judge(&c);
	else
		say(&c,
		    "%s; is the gateway running, and is this its "
		    "admin.address?",
		    strerrordesc_np(errno));
	if (c.fd >= 0)
		(void)close(c.fd);
	return healthy;
}
