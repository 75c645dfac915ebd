/* SPDX-License-Identifier: Apache-2.0
 *
 * A peer for tests of clients: a listener on 127.0.0.1 whose connections are
 * served by plain blocking code, each in a thread of its own. */
#ifndef SEKISHO_TESTS_PEER_H
#define SEKISHO_TESTS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer;

/* Serves one connection; the peer closes fd afterwards. Reads end after 10 s at
 * the latest. number counts connections from 0. */
typedef void (*peer_fn)(int fd, unsigned number, void *arg);

struct peer *peer_new(peer_fn serve, void *arg);
void peer_free(struct peer *p); /* waits for the threads */
uint16_t peer_port(const struct peer *p);
unsigned peer_connections(struct peer *p);

/* For serving. Writes everything, or as much as the client takes. */
void peer_write(int fd, const void *bytes, size_t len);
void peer_say(int fd, const char *text);
/* Reads until text was seen; false when the client went away before. */
bool peer_read_until(int fd, const char *text);
/* Reads exactly len bytes. */
bool peer_read(int fd, void *buf, size_t len);
/* Reads at least one byte. */
bool peer_read_some(int fd);
/* Makes close(2) send a reset. */
void peer_reset(int fd);
/* Waits until the client goes away. */
void peer_wait(int fd);

#endif
