/* SPDX-License-Identifier: Apache-2.0 */
#include "doors.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "listener.h"

static int *
door_fd(struct doors *d, unsigned worker, size_t listener)
{
	return &d->fds[worker * d->config->listener_count + listener];
}

/* The address as the configuration has it. */
static void
door_name(const struct config_listener *l, char *buf, size_t cap)
{
	char addr[IP_ENDPOINT_TEXT_MAX + 1];

	if (l->unix_path != NULL) {
		(void)snprintf(buf, cap, "unix:%s", l->unix_path);
		return;
	}
	(void)ip_endpoint_format(&l->address, addr);
	(void)snprintf(buf, cap, "%s", addr);
}

static bool
report_failure(const struct config_listener *l, int error)
{
	char name[256];
	const char *what = "";

	door_name(l, name, sizeof(name));
	if (error == EADDRINUSE)
		what = "; another program listens there: stop it, or choose "
		       "another address";
	else if (error == EADDRNOTAVAIL)
		what = "; this host has no such address";
	else if (error == EEXIST)
		what = "; a file that is no socket is there: choose another "
		       "path";
	else if (l->unix_path != NULL)
		what = "; its folder must exist and this user may write there";
	else if (error == EACCES)
		what = "; ports below 1024 need root or CAP_NET_BIND_SERVICE";
	log_error("listen_failed", "listener=%s address=%s reason=\"%s%s\"",
	    l->name, name, strerror(error), what);
	return false;
}

/* The first worker's socket chooses the port where 0 was asked for. The others
 * bind the same address; a Unix socket is one for all. */
static bool
open_listener(struct doors *d, size_t i)
{
	const struct config_listener *l = &d->config->listeners[i];
	struct ip_endpoint again;
	int *first = door_fd(d, 0, i);

	*first = listener_open(l, NULL, &d->bound[i]);
	if (*first < 0)
		return report_failure(l, errno);
	d->ours[i] = true;
	for (unsigned w = 1; w < d->workers; w++) {
		int *fd = door_fd(d, w, i);

		*fd = l->unix_path != NULL
			  ? fcntl(*first, F_DUPFD_CLOEXEC, 3)
			  : listener_open(l, &d->bound[i], &again);
		if (*fd < 0)
			return report_failure(l, errno);
	}
	return true;
}

/* --- own addresses -----------------------------------------------------------
 */

static bool
add_own(struct doors *d, const struct ip_endpoint *e)
{
	struct ip_endpoint *own =
	    realloc(d->own, (d->own_count + 1) * sizeof(*own));

	if (own == NULL)
		return false;
	d->own = own;
	own[d->own_count++] = *e;
	return true;
}

static bool
is_wildcard(const struct ipaddr *a)
{
	static const struct ipaddr zero;

	return memcmp(a->bytes, zero.bytes, sizeof(zero.bytes)) == 0;
}

/* Every address of this host, with the port of a listener bound to all. */
static bool
add_interfaces(struct doors *d, uint16_t port)
{
	struct ifaddrs *all;
	bool ok = true;

	if (getifaddrs(&all) != 0)
		return false;
	for (const struct ifaddrs *i = all; i != NULL && ok; i = i->ifa_next) {
		struct ip_endpoint e;

		if (i->ifa_addr == NULL ||
		    !ip_endpoint_from_sockaddr(&e, i->ifa_addr))
			continue;
		e.port = port;
		ok = add_own(d, &e);
	}
	freeifaddrs(all);
	return ok;
}

static bool
find_own(struct doors *d)
{
	for (size_t i = 0; i < d->config->listener_count; i++) {
		const struct ip_endpoint *e = &d->bound[i];

		if (e->addr.family == IP_NONE)
			continue;
		if (is_wildcard(&e->addr) ? !add_interfaces(d, e->port)
					  : !add_own(d, e)) {
			log_error(
			    "listen_failed", "reason=\"%s\"", strerror(errno));
			return false;
		}
	}
	return true;
}

/* --- the interface
 * ------------------------------------------------------------ */

static bool
doors_init(struct doors *d, const struct config *config, unsigned workers)
{
	size_t count = config->listener_count;

	*d = (struct doors){.config = config, .workers = workers};
	d->fds = calloc(count * workers, sizeof(*d->fds));
	d->bound = calloc(count, sizeof(*d->bound));
	d->ours = calloc(count, sizeof(*d->ours));
	d->kept = calloc(count, sizeof(*d->kept));
	for (size_t i = 0; d->fds != NULL && i < count * workers; i++)
		d->fds[i] = -1;
	for (size_t i = 0; d->kept != NULL && i < count; i++)
		d->kept[i] = DOOR_NEW;
	if (d->fds != NULL && d->bound != NULL && d->ours != NULL &&
	    d->kept != NULL)
		return true;
	log_error("listen_failed", "reason=\"out of memory\"");
	return false;
}

bool
doors_open(struct doors *d, const struct config *config, unsigned workers)
{
	if (!doors_init(d, config, workers))
		return false;
	for (size_t i = 0; i < config->listener_count; i++) {
		if (!open_listener(d, i))
			return false;
	}
	return find_own(d);
}

/* --- another configuration ---------------------------------------------------
 */

static bool
same_place(const struct config_listener *a, const struct config_listener *b)
{
	if (a->unix_path != NULL || b->unix_path != NULL)
		return a->unix_path != NULL && b->unix_path != NULL &&
		       strcmp(a->unix_path, b->unix_path) == 0;
	/* Of two that take any free port, names tell which is which. */
	return ip_endpoint_equal(&a->address, &b->address) &&
	       (a->address.port != 0 || strcmp(a->name, b->name) == 0);
}

static size_t
find_kept(const struct doors *before, const struct config_listener *l)
{
	for (size_t i = 0; i < before->config->listener_count; i++) {
		if (same_place(&before->config->listeners[i], l))
			return i;
	}
	return DOOR_NEW;
}

bool
doors_reopen(
    struct doors *next, const struct doors *before, const struct config *config)
{
	if (!doors_init(next, config, before->workers))
		return false;
	for (size_t i = 0; i < config->listener_count; i++) {
		size_t kept = find_kept(before, &config->listeners[i]);

		next->kept[i] = kept;
		if (kept != DOOR_NEW)
			next->bound[i] = before->bound[kept];
		else if (!open_listener(next, i))
			return false;
	}
	return find_own(next);
}

void
doors_replace(struct doors *before, const struct doors *next)
{
	for (size_t i = 0; i < next->config->listener_count; i++) {
		size_t kept = next->kept[i];

		if (kept == DOOR_NEW)
			continue;
		next->ours[i] = before->ours[kept];
		before->ours[kept] = false;
	}
	doors_close(before);
}

/* --- to the workers, and the end ---------------------------------------------
 */

const int *
doors_of_worker(struct doors *d, unsigned worker)
{
	return door_fd(d, worker, 0);
}

void
doors_taken(struct doors *d, unsigned worker)
{
	for (size_t i = 0; i < d->config->listener_count; i++)
		*door_fd(d, worker, i) = -1;
}

void
doors_print(const struct doors *d, FILE *out)
{
	for (size_t i = 0; i < d->config->listener_count; i++) {
		const struct config_listener *l = &d->config->listeners[i];
		char addr[IP_ENDPOINT_TEXT_MAX + 1];

		if (i > 0)
			(void)fputc(',', out);
		if (l->unix_path != NULL) {
			(void)fprintf(out, "unix:%s", l->unix_path);
		} else {
			(void)ip_endpoint_format(&d->bound[i], addr);
			(void)fputs(addr, out);
		}
	}
}

void
doors_close(struct doors *d)
{
	size_t count;

	if (d->config == NULL)
		return; /* never opened */
	count = d->config->listener_count;
	for (size_t i = 0; d->fds != NULL && i < count * d->workers; i++) {
		if (d->fds[i] >= 0)
			(void)close(d->fds[i]);
	}
	/* What lies at the path of a listener that failed is another's; and
	 * while this gateway drained, its successor may have come to listen. */
	for (size_t i = 0; d->ours != NULL && i < count; i++) {
		if (d->ours[i] && d->config->listeners[i].unix_path != NULL)
			(void)listener_clear_path(
			    d->config->listeners[i].unix_path);
	}
	free(d->fds);
	free(d->bound);
	free(d->ours);
	free(d->kept);
	free(d->own);
	*d = (struct doors){.config = NULL};
}
