/* SPDX-License-Identifier: Apache-2.0
 *
 * What a SOCKS5 client says (RFC 1928), and what it is answered. Pure. */
#ifndef SEKISHO_CORE_SOCKS5_H
#define SEKISHO_CORE_SOCKS5_H

#include <stdbool.h>
#include <stddef.h>

#include "core/endpoint.h"
#include "core/outcome.h"
#include "core/span.h"

enum {
	SOCKS5_VERSION = 5,
	SOCKS5_ANSWER_MAX = 10, /* bytes of any answer of ours */
};

enum socks5_result {
	SOCKS5_MORE, /* every byte so far is fine, and some are missing */
	SOCKS5_DONE,
	SOCKS5_BAD,
};

/* Methods of RFC 1928 section 3. */
enum socks5_method {
	SOCKS5_METHOD_NONE = 0x00,
	SOCKS5_METHOD_PASSWORD = 0x02, /* RFC 1929 */
	SOCKS5_METHOD_REFUSED = 0xFF,
};

/* Reads the version and the methods on offer. DONE: *len is the message's
 * length, and *offered whether method is among them. BAD: not version 5, or no
 * method at all. */
enum socks5_result socks5_greeting(struct span data, enum socks5_method method,
    size_t *len, bool *offered) MUST_CHECK;

/* Reads a user and a password (RFC 1929 section 2). DONE: they lie in data, and
 * *len is the message's length. BAD: another version, or an empty user, which
 * the RFC rules out. A password may be empty: some clients send none. */
enum socks5_result socks5_login(struct span data, size_t *len,
    struct span *user, struct span *password) MUST_CHECK;

/* What a login is answered. Returns the length; out has SOCKS5_ANSWER_MAX
 * bytes. */
size_t socks5_login_answer(char *out, bool good);

struct socks5_request {
	struct endpoint target; /* DONE */
	size_t len;             /* DONE: of the message */
	enum outcome why;       /* BAD */
	unsigned reply;         /* BAD: the REP field that says so */
	const char *detail;     /* BAD: static text, ASCII */
	struct span asked;      /* BAD: a name in data that was asked for */
};

/* Reads a request (section 4). Only CONNECT with a domain name is DONE; a
 * literal address is refused as policy, like an address in a CONNECT. */
enum socks5_result socks5_request(
    struct socks5_request *out, struct span data) MUST_CHECK;

/* The method we choose. Returns the answer's length; out has
 * SOCKS5_ANSWER_MAX bytes. */
size_t socks5_choose(char *out, enum socks5_method method);

/* The reply to a request, with an address of zeros: there is nothing that a
 * client could do with ours. The same for out. */
size_t socks5_reply(char *out, unsigned reply);

/* The REP field that comes nearest to an outcome; 0 for OUTCOME_OK. */
unsigned socks5_reply_of(enum outcome why);

#endif
