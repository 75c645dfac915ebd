/* SPDX-License-Identifier: Apache-2.0 */
#include "notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"

enum {
	MESSAGE_MAX = 512,
	WAIT_S = 2, /* for a manager that does not read */
};

/* An absolute path, or @ and an abstract name (unix(7)). */
static socklen_t
read_address(struct sockaddr_un *sun, const char *text)
{
	size_t len = strlen(text);

	*sun = (struct sockaddr_un){.sun_family = AF_UNIX};
	if ((text[0] != '/' && text[0] != '@') || len < 2 ||
	    len >= sizeof(sun->sun_path)) {
		errno = EINVAL;
		return 0;
	}
	memcpy(sun->sun_path, text, len);
	if (text[0] == '@')
		sun->sun_path[0] = '\0';
	else
		len++; /* its NUL too */
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

/* Connected once and for all: a sandbox may keep us from new partners. */
static int
connect_to(const char *text)
{
	const struct timeval wait = {.tv_sec = WAIT_S};
	struct sockaddr_un sun;
	socklen_t len = read_address(&sun, text);
	int fd, saved;

	if (len == 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == 0 &&
	    connect(fd, (const struct sockaddr *)&sun, len) == 0)
		return fd;
	saved = errno;
	(void)close(fd);
	errno = saved;
	return -1;
}

/* WATCHDOG_PID, when it is there, names whom it is for. */
static uint64_t
read_watchdog(void)
{
	const char *pid = getenv("WATCHDOG_PID");
	const char *usec = getenv("WATCHDOG_USEC");

	if (usec == NULL ||
	    (pid != NULL && strtoimax(pid, NULL, 10) != (intmax_t)getpid()))
		return 0;
	return strtoull(usec, NULL, 10);
}

void
notify_open(struct notify *n)
{
	const char *address = getenv("NOTIFY_SOCKET");

	*n = (struct notify){.fd = -1};
	if (address != NULL) {
		n->fd = connect_to(address);
		if (n->fd < 0)
			log_warn("notify_failed",
			    "variable=NOTIFY_SOCKET address=\"%s\" "
			    "reason=\"%s\"",
			    address, strerror(errno));
		else
			n->watchdog_us = read_watchdog();
	}
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}

void
notify_close(struct notify *n)
{
	if (n->fd >= 0)
		(void)close(n->fd);
	n->fd = -1;
}

void
notify_send(const struct notify *n, const char *state, const char *key,
    const char *text)
{
	char message[MESSAGE_MAX];
	int len;

	if (n->fd < 0)
		return;
	len = snprintf(message, sizeof(message), "%s\n%s%s", state, key, text);
	if (len < 0)
		return;
	if (len >= MESSAGE_MAX)
		len = MESSAGE_MAX - 1;
	if (send(n->fd, message, (size_t)len, MSG_NOSIGNAL) < 0)
		log_warn("notify_failed", "state=\"%.*s\" reason=\"%s\"",
		    (int)strcspn(state, "\n"), state, strerror(errno));
}

void
notify_reloading(const struct notify *n)
{
	char usec[32];
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)snprintf(usec, sizeof(usec), "%jd",
	    (intmax_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	notify_send(n, "RELOADING=1", "MONOTONIC_USEC=", usec);
}
