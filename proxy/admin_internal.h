/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the admin listener: admin.c listens and judges requests,
 * admin_pages.c answers those that are fine. */
#ifndef SEKISHO_ADMIN_INTERNAL_H
#define SEKISHO_ADMIN_INTERNAL_H

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "admin.h"
#include "status_page.h"

struct admin {
	struct admin_sources src;
	struct metrics_process *process;
	struct evhttp *http;
	struct evconnlistener *listener;   /* http's once it is bound there */
	struct evhttp_bound_socket *bound; /* NULL: listener is our own */
	struct admin_reserve *reserve;
	struct ip_endpoint address;
	uint64_t start_unix_ns;
	char page_policy[STATUS_PAGE_POLICY_MAX];
};

struct admin_page {
	const char *path;
	/* Answers a GET or HEAD. */
	void (*serve)(struct admin *a, struct evhttp_request *req);
};
extern const struct admin_page admin_pages[];
extern const size_t admin_page_count;

/* Adds a field to the answer. */
void admin_header(
    struct evhttp_request *req, const char *name, const char *value);

/* Sends the answer with the fields that every one has; body may be NULL.
 * Without a Content-Security-Policy so far, it gets one that forbids
 * everything. */
void admin_reply(struct admin *a, struct evhttp_request *req, int status,
    const char *reason, struct evbuffer *body);

/* The same with a line of text. */
void admin_reply_text(struct admin *a, struct evhttp_request *req, int status,
    const char *reason, const char *text);

#endif
