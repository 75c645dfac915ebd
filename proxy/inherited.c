/* SPDX-License-Identifier: Apache-2.0 */
#include "inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/log.h"

enum {
	FIRST_FD = 3, /* SD_LISTEN_FDS_START of sd_listen_fds(3) */
	FDS_MAX = 4096,
};

/* --- one socket --------------------------------------------------------------
 */

static bool
get_int(int fd, int option, int *value)
{
	socklen_t len = sizeof(*value);

	return getsockopt(fd, SOL_SOCKET, option, value, &len) == 0;
}

/* NULL when it is one to accept clients from, else what it is. */
static const char *
wrong_kind(int fd)
{
	int type, domain, protocol, listens;

	if (!get_int(fd, SO_TYPE, &type) || !get_int(fd, SO_DOMAIN, &domain) ||
	    !get_int(fd, SO_PROTOCOL, &protocol))
		return "it is no open socket";
	if (type != SOCK_STREAM)
		return "it is no stream socket (ListenStream=)";
	if (domain != AF_UNIX && protocol != IPPROTO_TCP)
		return "it is neither a TCP nor a Unix socket";
	if (!get_int(fd, SO_ACCEPTCONN, &listens) || listens == 0)
		return "it does not listen (Accept=no)";
	return NULL;
}

/* The path of an abstract socket begins with NUL: none that is configured. */
static bool
read_path(
    struct inherited_socket *s, const struct sockaddr_un *sun, socklen_t len)
{
	size_t room = len - offsetof(struct sockaddr_un, sun_path);
	size_t n = strnlen(sun->sun_path, room);

	if (len <= offsetof(struct sockaddr_un, sun_path) || n == 0 ||
	    n > INHERITED_PATH_MAX)
		return false;
	memcpy(s->path, sun->sun_path, n);
	s->path[n] = '\0';
	return true;
}

static bool
read_address(struct inherited_socket *s)
{
	union {
		struct sockaddr any;
		struct sockaddr_un un;
		struct sockaddr_storage room;
	} sa = {.any = {.sa_family = AF_UNSPEC}};
	socklen_t len = sizeof(sa);

	if (getsockname(s->fd, &sa.any, &len) != 0)
		return false;
	if (sa.any.sa_family == AF_UNIX)
		return read_path(s, &sa.un, len);
	return ip_endpoint_from_sockaddr(&s->at, &sa.any);
}

/* systemd passes sockets that block, and survive exec. */
static bool
set_flags(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
	       fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

static bool
refuse(const struct inherited_socket *s, const char *why)
{
	log_error("inherited_socket", "fd=%d name=\"%s\" reason=\"%s\"",
	    s->number, s->name, why);
	if (s->fd >= 0)
		(void)close(s->fd);
	return false;
}

bool
inherited_add(struct inherited *in, int fd, const struct inherited_socket *like)
{
	struct inherited_socket s = *like, *grown;
	const char *wrong = wrong_kind(fd);

	s.fd = fd;
	if (wrong != NULL)
		return refuse(&s, wrong);
	if (!read_address(&s))
		return refuse(&s, "it has no address that can be configured");
	if (!set_flags(fd))
		return refuse(&s, strerror(errno));
	grown = reallocarray(in->items, in->count + 1, sizeof(*grown));
	if (grown == NULL)
		return refuse(&s, "out of memory");
	in->items = grown;
	in->items[in->count++] = s;
	return true;
}

/* --- systemd -----------------------------------------------------------------
 */

/* A number of the environment, and nothing else. */
static bool
read_number(const char *text, long max, long *out)
{
	char *end;
	long n;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	n = strtol(text, &end, 10);
	if (errno != 0 || *end != '\0' || n > max)
		return false;
	*out = n;
	return true;
}

/* Cuts the next of the names between colons; "" when there are no more. */
static void
next_name(const char **rest, char *name)
{
	size_t len = strcspn(*rest, ":");
	size_t n = len < INHERITED_NAME_MAX ? len : INHERITED_NAME_MAX;

	memcpy(name, *rest, n);
	name[n] = '\0';
	*rest += len;
	if (**rest == ':')
		(*rest)++;
}

static bool
add_announced(struct inherited *in, long count, const char *names)
{
	bool ok = true;

	for (int i = 0; i < (int)count; i++) {
		struct inherited_socket like = {
		    .number = FIRST_FD + i, .by_name = true};

		next_name(&names, like.name);
		ok = inherited_add(in, like.number, &like) && ok;
	}
	return ok;
}

bool
inherited_from_environment(struct inherited *in)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	long number, count;
	bool ok = true;

	/* Of another process: none of our business. */
	if (read_number(pid, INT32_MAX, &number) && number == getpid()) {
		ok = read_number(fds, FDS_MAX, &count);
		if (ok)
			ok = add_announced(
			    in, count, names != NULL ? names : "");
		else
			log_error("inherited_socket",
			    "variable=LISTEN_FDS reason=\"expected a number "
			    "up to %d\"",
			    FDS_MAX);
	}
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	return ok;
}

/* --- whose they are ----------------------------------------------------------
 */

static bool
is_at(const struct inherited_socket *s, const struct config_listener *l)
{
	if (l->unix_path != NULL)
		return strcmp(s->path, l->unix_path) == 0;
	if (s->path[0] != '\0')
		return false;
	if (l->address.port != 0)
		return ip_endpoint_equal(&s->at, &l->address);
	return ipaddr_equal(&s->at.addr, &l->address.addr) &&
	       strcmp(s->name, l->name) == 0;
}

static bool
is_admin(const struct inherited_socket *s, const struct config_admin *admin)
{
	if (!admin->on || s->path[0] != '\0')
		return false;
	if (s->by_name && strcmp(s->name, INHERITED_ADMIN_NAME) == 0)
		return true;
	if (admin->address.port != 0)
		return ip_endpoint_equal(&s->at, &admin->address);
	return ipaddr_equal(&s->at.addr, &admin->address.addr) &&
	       strcmp(s->name, INHERITED_ADMIN_NAME) == 0;
}

size_t
inherited_owner(const struct inherited_socket *s, const struct config *config)
{
	for (size_t i = 0; s->by_name && i < config->listener_count; i++) {
		if (strcmp(s->name, config->listeners[i].name) == 0)
			return i;
	}
	for (size_t i = 0; i < config->listener_count; i++) {
		if (is_at(s, &config->listeners[i]))
			return i;
	}
	return is_admin(s, &config->admin) ? INHERITED_ADMIN : INHERITED_NOBODY;
}

int
inherited_take_admin(struct inherited *in, const struct config *config)
{
	for (size_t i = 0; i < in->count; i++) {
		struct inherited_socket *s = &in->items[i];
		int fd = s->fd;

		if (fd < 0 || inherited_owner(s, config) != INHERITED_ADMIN)
			continue;
		s->fd = -1;
		return fd;
	}
	return -1;
}

const char *
inherited_address(const struct inherited_socket *s, char *buf)
{
	if (s->path[0] != '\0')
		(void)snprintf(buf, INHERITED_PATH_MAX + 6, "unix:%s", s->path);
	else
		(void)ip_endpoint_format(&s->at, buf);
	return buf;
}

bool
inherited_is_used_up(const struct inherited *in)
{
	char address[INHERITED_PATH_MAX + 6];
	bool ok = true;

	for (size_t i = 0; i < in->count; i++) {
		const struct inherited_socket *s = &in->items[i];

		if (s->fd < 0 || !s->by_name)
			continue;
		ok = false;
		log_error("inherited_socket",
		    "fd=%d name=\"%s\" address=\"%s\" reason=\"it belongs to "
		    "no listener\" do=\"give it a listener's name, or admin "
		    "(FileDescriptorName=), or a listener its address\"",
		    s->number, s->name, inherited_address(s, address));
	}
	return ok;
}

void
inherited_fini(struct inherited *in)
{
	for (size_t i = 0; i < in->count; i++) {
		if (in->items[i].fd >= 0)
			(void)close(in->items[i].fd);
	}
	free(in->items);
	*in = (struct inherited){.items = NULL};
}
