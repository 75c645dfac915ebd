/* SPDX-License-Identifier: Apache-2.0
 *
 * From the gateway before, and to the one after. */
#include <unistd.h>

#include "core/log.h"
#include "handover.h"
#include "serve_internal.h"

/* --- from the one before -----------------------------------------------------
 */

bool
serve_handover_take(struct server *s)
{
	const char *path = s->config->gateway.handover;

	if (path == NULL)
		return true;
	switch (handover_take(path, &s->inherited, &s->path_fd, &s->before)) {
	case HANDOVER_FAILED:
		return false;
	case HANDOVER_TAKEN:
		log_info("handover_taken", "path=\"%s\" sockets=%zu", path,
		    s->inherited.count);
		return true;
	case HANDOVER_NOBODY:
		s->path_is_new = true;
		return true;
	}
	return false;
}

bool
serve_handover_ready(struct server *s)
{
	int before = s->before;

	s->before = -1;
	if (before >= 0 && !handover_confirm(before))
		return false;
	s->path_is_new = true; /* there is nobody else */
	return true;
}

/* --- to the one after --------------------------------------------------------
 */

static bool
each_socket(void *arg, bool (*add)(void *list, const struct handover_socket *s),
    void *list)
{
	const struct server *s = arg;
	struct handover_socket admin = {.role = HANDOVER_ADMIN};

	/* Which doors there will be is not sure. */
	if (s->reload.waiting > 0)
		return false;
	for (size_t i = 0; i < s->doors.count; i++) {
		const struct door *d = &s->doors.all[i];
		const struct handover_socket door = {.fd = d->fd,
		    .role = HANDOVER_DOOR,
		    .ours = s->doors.ours[d->listener],
		    .name = s->config->listeners[d->listener].name};

		if (!d->copy && !add(list, &door))
			return false;
	}
	if (s->admin == NULL)
		return true;
	admin.fd = admin_listener(s->admin);
	return add(list, &admin);
}

/* What has been accepted is served to its end; a request that is still on its
 * way is no new one. */
static void
on_taken(void *arg)
{
	struct server *s = arg;
	uint32_t ms = s->config->shutdown.drain_ms;

	log_info("handed_over", "for_ms=%u", ms);
	if (!s->draining)
		serve_notify_stopping(s);
	s->draining = true;
	if (s->admin != NULL)
		admin_leave(s->admin);
	for (unsigned i = 0; i < s->worker_count; i++)
		worker_leave(s->workers[i], ms);
}

static void
on_kept(void *arg)
{
	reload_if_asked(arg);
}

bool
serve_handover_offer(struct server *s)
{
	const struct handover_owner owner = {
	    .each = each_socket, .taken = on_taken, .kept = on_kept, .arg = s};
	int fd = s->path_fd;

	if (fd < 0)
		return true;
	s->path_fd = -1;
	s->handover = handover_new(s->base, fd, &owner);
	if (s->handover != NULL)
		return true;
	log_error("start_failed", "reason=\"out of memory\"");
	return false;
}

void
serve_handover_fini(struct server *s)
{
	const char *path = s->first->gateway.handover;

	/* Who fails before it serves leaves the path to the one that does. */
	handover_free(s->handover, s->path_is_new ? path : NULL);
	if (s->path_fd >= 0) {
		if (s->path_is_new)
			(void)unlink(path);
		(void)close(s->path_fd);
	}
	if (s->before >= 0)
		(void)close(s->before);
}
