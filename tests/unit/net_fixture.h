/* SPDX-License-Identifier: Apache-2.0
 *
 * Real sockets for tests. A fault ends the test. */
#ifndef SEKISHO_TESTS_NET_FIXTURE_H
#define SEKISHO_TESTS_NET_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "core/ipaddr.h"
#include "net/resolver.h"

/* How many descriptors this process has open. */
int fixture_open_fds(void);

struct ipaddr fixture_addr(const char *text);

/* The addresses as text: "2001:db8::1 192.0.2.1". out has ADDR_LIST_MAX *
 * (IPADDR_TEXT_MAX + 1) bytes. */
void fixture_addresses(const struct addr_list *l, char *out);

/* A TCP socket bound to *port of an address, or to any port when *port is 0;
 * *port says which. The port is reserved, but refuses. -1: cannot be bound. */
int fixture_bound(const char *text, uint16_t *port);

/* The same, listening. */
int fixture_listening(const char *text, uint16_t *port);

/* The same, but silent: its accept queue is full, so that it answers no SYN any
 * more. fds: the listener and the two clients that fill it. */
void fixture_silent(const char *text, uint16_t *port, int fds[3]);

void fixture_close(const int *fds, size_t count);

#endif
