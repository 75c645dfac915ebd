/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening sockets that somebody else has opened and passed on. systemd does
 * so by environment variables (sd_listen_fds(3)). Each is checked, belongs to a
 * listener of the configuration or to the admin port, and is then taken by it
 * instead of opening one. */
#ifndef SEKISHO_INHERITED_H
#define SEKISHO_INHERITED_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "core/ipaddr.h"
#include "core/span.h"

enum {
	/* systemd.socket(5), FileDescriptorName=. */
	INHERITED_NAME_MAX = 255,
	INHERITED_PATH_MAX = 107, /* sun_path of unix(7), without its NUL */
};

/* Whose a socket is, besides the places of listeners. */
#define INHERITED_ADMIN  (SIZE_MAX - 1)
#define INHERITED_NOBODY SIZE_MAX

/* The name of the admin port's socket. */
#define INHERITED_ADMIN_NAME "admin"

struct inherited_socket {
	int fd;     /* -1: taken */
	int number; /* as it came, for messages */
	char name[INHERITED_NAME_MAX + 1];
	struct ip_endpoint at;             /* unset for a Unix socket */
	char path[INHERITED_PATH_MAX + 1]; /* of a Unix socket, else empty */
	/* The name alone says whose it is, whatever the address. Else the
	 * address does; the name only where any free port was asked for. */
	bool by_name;
	bool ours; /* a Unix socket's file is removed at the end */
};

/* All zero: none. */
struct inherited {
	struct inherited_socket *items;
	size_t count;
};

/* Takes what LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES announce to this
 * process, and unsets them. False after a log line that names the descriptor
 * that is no listening TCP or Unix stream socket. */
bool inherited_from_environment(struct inherited *in) MUST_CHECK;

/* Takes fd over, also when it fails: after a log line that says what is wrong
 * with it. like has number, name, by_name and ours. */
bool inherited_add(struct inherited *in, int fd,
    const struct inherited_socket *like) MUST_CHECK;

/* The place of the listener whose socket it is, or one of the two above. */
size_t inherited_owner(
    const struct inherited_socket *s, const struct config *config);

/* The descriptor of the admin port, which the caller takes over; -1: none. */
int inherited_take_admin(struct inherited *in, const struct config *config);

/* False after a line for each socket by_name that nobody has taken: somebody
 * believes that this process serves there. */
bool inherited_is_used_up(const struct inherited *in) MUST_CHECK;

/* "127.0.0.1:3128" or "unix:/path"; buf has INHERITED_PATH_MAX + 6 bytes. */
const char *inherited_address(const struct inherited_socket *s, char *buf);

/* Closes what nobody has taken. */
void inherited_fini(struct inherited *in);

#endif
