/* SPDX-License-Identifier: Apache-2.0
 *
 * Connects to the first address that answers: Happy Eyeballs version 2 (RFC
 * 8305 section 5). The next attempt starts when the last one fails or after a
 * delay; each address is shown to the owner's filter right before its
 * connect(2), and the address shown is the address dialled; one deadline bounds
 * the whole. */
#ifndef SEKISHO_NET_DIALER_H
#define SEKISHO_NET_DIALER_H

#include <stdint.h>

#include "core/ipaddr.h"
#include "core/outcome.h"
#include "net/loop.h"
#include "net/resolver.h"

struct dial; /* one pending connect; owned by whoever started it */

/* Judges an address right before connect(2): NULL if it may be dialled, else
 * why not (static text), with *why set to denied_resolved_address or loop. */
typedef const char *(*dial_filter_fn)(
    void *arg, const struct ip_endpoint *to, enum outcome *why);

struct dial_options {
	uint16_t port;             /* at every address; host byte order */
	uint32_t timeout_ms;       /* whole dial, all addresses */
	uint32_t attempt_delay_ms; /* RFC 8305 section 5: 250 ms */
	/* Borrowed, or NULL: how many attempts more may be under way at once,
	 * of all dials that share it; a dial's first one is not counted. With
	 * none left, a dial waits for it or for the one under way. */
	unsigned *spare_attempts;
	dial_filter_fn filter; /* NULL: everything may be dialled */
	void *filter_arg;
};

struct dial_result {
	enum outcome why; /* ok; else the one outcome that says most about the
			   * attempts: a refusal by a peer over a timeout, any
			   * of these over denied_resolved_address, which comes
			   * only when no address was left to dial */
	int fd;           /* with ok: connected, non-blocking, close-on-exec,
			   * with the kernel's defaults else; now the owner's,
			   * and registered in the loop for EPOLLIN | EPOLLOUT |
			   * EPOLLRDHUP | EPOLLET:
			   * loop_adopt() it, or close(2) it. Else -1 */
	uint32_t events;  /* with ok: those that came with the connection */
	struct ip_endpoint
	    peer;           /* with ok: connected to; else the address of the
			     * attempt that decided, if any (IP_NONE) */
	unsigned attempts;  /* connect(2) calls */
	const char *detail; /* static text, or NULL: why an address was
			     * forbidden, or errno's text */
};

typedef void (*dial_done_fn)(void *arg, const struct dial_result *res);

/* Starts to connect to addrs (at least one; copied, like opt), in that order.
 * Sets *out and promises exactly one later call of done, never before this
 * function has returned; or returns why not (internal_error), and done is never
 * called. When all addresses are forbidden, that too comes by done. */
enum outcome dial_start(struct dial **out, struct loop *loop,
    const struct addr_list *addrs, const struct dial_options *opt,
    dial_done_fn done, void *arg) MUST_CHECK;

/* Closes all attempts and sets *d to NULL; done will not be called. NULL in *d
 * is fine. */
void dial_cancel(struct dial **d);

#endif
