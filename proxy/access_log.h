/* SPDX-License-Identifier: Apache-2.0
 *
 * The access log (design A4): workers render lines into rings of their own, one
 * writer thread takes them to the file. Nothing on the data path ever waits for
 * a disk: a line that finds the ring full is dropped and counted. */
#ifndef SEKISHO_ACCESS_LOG_H
#define SEKISHO_ACCESS_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "core/endpoint.h"
#include "core/ipaddr.h"
#include "core/outcome.h"
#include "core/policy.h"
#include "core/span.h"

struct access_log;  /* the writer; owned by main */
struct access_ring; /* one per worker; owned by the log */

/* What one line says. Absent: empty span, IP_NONE, ACCESS_ABSENT. */
#define ACCESS_ABSENT UINT64_MAX
struct access_record {
	uint64_t unix_ns; /* the end */
	bool tunnel;      /* event: "tunnel" or else "refused" */
	enum outcome why;
	unsigned status; /* 0: absent */
	struct ip_endpoint client;
	struct span user;
	struct span listener;
	const char *protocol; /* "connect" … */
	struct span host;
	unsigned port;           /* 0: absent */
	const struct rule *rule; /* gives region, category, rule; or NULL */
	struct span sni;
	struct ip_endpoint upstream;
	struct span parent;
	uint64_t dns_ns, connect_ns, first_byte_ns, duration_ns;
	uint64_t bytes_up, bytes_down;
	struct span detail;
};

/* Opens the log: path, "stdout" or "off". rings is the number of workers. NULL
 * after a message when the file cannot be opened. The writer thread starts with
 * access_log_start(), after any change of user. */
struct access_log *access_log_new(
    const char *path, enum config_log_format format, unsigned rings) MUST_CHECK;
bool access_log_start(struct access_log *log) MUST_CHECK;

/* Writes what is left, stops the thread, closes the file. NULL is fine. No ring
 * may be in use any more. */
void access_log_free(struct access_log *log);

/* The ring of worker i; NULL when the log is off. */
struct access_ring *access_log_ring(struct access_log *log, unsigned i);

/* Appends one line; never blocks. Only the ring's own worker calls it. NULL
 * ring is fine. */
void access_log_write(struct access_ring *ring, const struct access_record *r);

/* Asks the writer to open the file anew (USR1, after rotation). Any thread. */
void access_log_reopen(struct access_log *log);

/* Lines lost because a ring was full or the file took no more. Any thread. */
uint64_t access_log_dropped(const struct access_log *log);

/* Renders one line with its newline into buf; returns its length, 0 when it
 * does not fit. (For tests; access_log_write uses it.) */
size_t access_log_render(char *buf, size_t cap, enum config_log_format format,
    const struct access_record *r);

#endif
