/* SPDX-License-Identifier: Apache-2.0
 *
 * Tells the service manager how things stand (sd_notify(3)): a datagram to the
 * socket that NOTIFY_SOCKET names. Without one, every call does nothing. */
#ifndef SEKISHO_NOTIFY_H
#define SEKISHO_NOTIFY_H

#include <stdint.h>

struct notify {
	int fd;               /* connected; -1: nobody wants to know */
	uint64_t watchdog_us; /* a sign of life is due so often; 0: none */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and unsets them. An
 * address that cannot be used is a warning, no more. */
void notify_open(struct notify *n);
void notify_close(struct notify *n);

/* Sends "READY=1" and the like; several lines may be in one state. The last
 * two parts are joined: a line such as "STATUS=" and its text, or "" twice. */
void notify_send(const struct notify *n, const char *state, const char *key,
    const char *text);

/* RELOADING=1 with the time, which Type=notify-reload wants; READY=1 ends it.
 */
void notify_reloading(const struct notify *n);

#endif
