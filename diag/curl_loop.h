/* SPDX-License-Identifier: Apache-2.0
 *
 * One transfer of libcurl's multi interface on our event loop
 * (libcurl-multi(3), curl_multi_socket_action(3)). */
#ifndef SEKISHO_DIAG_CURL_LOOP_H
#define SEKISHO_DIAG_CURL_LOOP_H

#include <stdbool.h>

#include <curl/curl.h>

#include "core/span.h"
#include "net/loop.h"

/* From within the loop; curl_loop_close() may be called from it. */
typedef void (*curl_loop_fn)(void *arg, CURLcode code);

struct curl_sock;

struct curl_loop {
	CURLM *multi; /* for curl_multi_add_handle() and its opposite */
	struct loop *loop;
	struct curl_sock *socks;
	struct timer timer;
	curl_loop_fn finished;
	void *arg;
};

/* Makes the multi handle; finished is told of each transfer's end. *c stays
 * where it is until it is closed. False: out of memory; *c is closed then. */
bool curl_loop_open(struct curl_loop *c, struct loop *loop,
    curl_loop_fn finished, void *arg) MUST_CHECK;

/* Ends it, after its easy handles were removed and cleaned up. A zeroed or
 * closed one is fine. */
void curl_loop_close(struct curl_loop *c);

#endif
