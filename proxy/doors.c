/* SPDX-License-Identifier: Apache-2.0 */
#include "doors.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/log.h"
#include "listener.h"

/* NULL when out of memory; fd is then closed. */
static struct door *
add_door(struct doors *d, size_t listener, unsigned worker, int fd)
{
	struct door *grown = reallocarray(d->all, d->count + 1, sizeof(*grown));
	struct door *door;

	if (grown == NULL) {
		(void)close(fd);
		return NULL;
	}
	d->all = grown;
	door = &d->all[d->count++];
	*door = (struct door){.listener = listener, .worker = worker, .fd = fd};
	return door;
}

/* Place n, whose socket the worker shares. */
static bool
copy_door(struct doors *d, size_t n, unsigned worker)
{
	int fd = fcntl(d->all[n].fd, F_DUPFD_CLOEXEC, 3);
	struct door *door;

	if (fd < 0)
		return false;
	door = add_door(d, d->all[n].listener, worker, fd);
	if (door == NULL)
		return false;
	d->all[n].shared = true;
	door->bound = d->all[n].bound;
	door->shared = true;
	door->copy = true;
	return true;
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
		what = "; ports below 1024 need root or CAP_NET_BIND_SERVICE, "
		       "which only a start can have: restart";
	log_error("listen_failed", "listener=%s address=%s reason=\"%s%s\"",
	    l->name, name, strerror(error), what);
	return false;
}

/* Of the worker that is first, or of one that binds the same address again. */
static bool
open_door(struct doors *d, size_t i, unsigned worker,
    const struct ip_endpoint *again, struct ip_endpoint *bound)
{
	int fd = listener_open(&d->config->listeners[i], again, bound);
	struct door *door;

	if (fd < 0)
		return false;
	door = add_door(d, i, worker, fd);
	if (door == NULL)
		return false;
	door->bound = *bound;
	return true;
}

/* The first worker's socket chooses the port where 0 was asked for. The others
 * bind the same address; a Unix socket is one for all. shared: the address
 * overlaps with one of our own, so the first one does not insist on being
 * alone there. */
static bool
open_listener(struct doors *d, size_t i, bool shared)
{
	const struct config_listener *l = &d->config->listeners[i];
	size_t first = d->count;
	struct ip_endpoint bound, again;

	if (!open_door(d, i, 0, shared ? &l->address : NULL, &bound))
		return report_failure(l, errno);
	d->ours[i] = l->unix_path != NULL;
	for (unsigned w = 1; w < d->workers; w++) {
		if (l->unix_path != NULL ? !copy_door(d, first, w)
					 : !open_door(d, i, w, &bound, &again))
			return report_failure(l, errno);
	}
	return true;
}

/* --- inherited sockets -------------------------------------------------------
 */

static void
say_inherited(const struct config_listener *l, const struct inherited_socket *s)
{
	char address[INHERITED_PATH_MAX + 6];

	log_info("inherited", "listener=%s address=%s fd=%d", l->name,
	    inherited_address(s, address), s->number);
}

/* Each to one worker in turn. */
static bool
take_sockets(struct doors *d, size_t i, struct inherited *in)
{
	unsigned worker = 0;

	for (size_t n = 0; n < in->count; n++) {
		struct inherited_socket *s = &in->items[n];
		struct door *door;
		int fd = s->fd;

		if (fd < 0 || inherited_owner(s, d->config) != i)
			continue;
		say_inherited(&d->config->listeners[i], s);
		listener_adopt(fd, &s->at);
		s->fd = -1;
		door = add_door(d, i, worker++ % d->workers, fd);
		if (door == NULL)
			return false;
		door->bound = s->at;
		d->ours[i] = d->ours[i] || s->ours;
	}
	return true;
}

/* The workers that have got none share those that are there. */
static bool
share_sockets(struct doors *d, size_t first)
{
	size_t got = d->count - first;

	for (size_t w = got; got > 0 && w < d->workers; w++) {
		if (!copy_door(d, first + w % got, (unsigned)w))
			return false;
	}
	return true;
}

/* *none: there is nothing to inherit. */
static bool
inherit_listener(struct doors *d, size_t i, struct inherited *in, bool *none)
{
	size_t first = d->count;

	if (!take_sockets(d, i, in) || !share_sockets(d, first)) {
		log_error("listen_failed", "listener=%s reason=\"%s\"",
		    d->config->listeners[i].name, strerror(errno));
		return false;
	}
	*none = d->count == first;
	return true;
}

/* --- own addresses -----------------------------------------------------------
 */

/* Once, however many sockets have it. */
static bool
add_own(struct doors *d, const struct ip_endpoint *e)
{
	struct ip_endpoint *own;

	for (size_t i = 0; i < d->own_count; i++) {
		if (ip_endpoint_equal(&d->own[i], e))
			return true;
	}
	own = reallocarray(d->own, d->own_count + 1, sizeof(*own));
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

/* The first socket at an address: the others have the same. */
static bool
is_further(const struct doors *d, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (d->all[i].listener == d->all[n].listener &&
		    ip_endpoint_equal(&d->all[i].bound, &d->all[n].bound))
			return true;
	}
	return false;
}

static bool
find_own(struct doors *d)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct ip_endpoint *e = &d->all[i].bound;

		if (e->addr.family == IP_NONE || is_further(d, i))
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
	d->ours = calloc(count, sizeof(*d->ours));
	d->kept = calloc(count, sizeof(*d->kept));
	for (size_t i = 0; d->kept != NULL && i < count; i++)
		d->kept[i] = DOOR_NEW;
	if (d->ours != NULL && d->kept != NULL)
		return true;
	log_error("listen_failed", "reason=\"out of memory\"");
	return false;
}

bool
doors_open(struct doors *d, const struct config *config, unsigned workers,
    struct inherited *in)
{
	if (!doors_init(d, config, workers))
		return false;
	for (size_t i = 0; i < config->listener_count; i++) {
		bool none = true;

		if (in != NULL && !inherit_listener(d, i, in, &none))
			return false;
		if (none && !open_listener(d, i, false))
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

/* The workers have these sockets already. */
static bool
keep_listener(
    struct doors *next, size_t i, const struct doors *before, size_t kept)
{
	for (size_t n = 0; n < before->count; n++) {
		struct door *door;

		if (before->all[n].listener != kept)
			continue;
		door = add_door(next, i, 0, -1);
		if (door == NULL)
			return report_failure(
			    &next->config->listeners[i], errno);
		*door = before->all[n];
		door->listener = i;
		door->taken = true;
	}
	return true;
}

/* From 127.0.0.1:3128 to 0.0.0.0:3128: both are open for a moment. */
static bool
overlaps(const struct doors *before, const struct config_listener *l)
{
	for (size_t i = 0; i < before->count; i++) {
		const struct ip_endpoint *b = &before->all[i].bound;

		if (l->unix_path == NULL && b->addr.family != IP_NONE &&
		    b->port == l->address.port &&
		    (is_wildcard(&b->addr) || is_wildcard(&l->address.addr)))
			return true;
	}
	return false;
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
		if (kept != DOOR_NEW
			? !keep_listener(next, i, before, kept)
			: !open_listener(
			      next, i, overlaps(before, &config->listeners[i])))
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

const struct door *
doors_next(const struct doors *d, unsigned worker, size_t *i)
{
	while (*i < d->count) {
		const struct door *door = &d->all[(*i)++];

		if (door->worker == worker && !door->taken)
			return door;
	}
	return NULL;
}

void
doors_taken(struct doors *d, unsigned worker)
{
	for (size_t i = 0; i < d->count; i++) {
		if (d->all[i].worker == worker)
			d->all[i].taken = true;
	}
}

static void
print_door(const struct doors *d, const struct door *door, FILE *out)
{
	const char *path = d->config->listeners[door->listener].unix_path;
	char addr[IP_ENDPOINT_TEXT_MAX + 1];

	if (door->bound.addr.family == IP_NONE) {
		(void)fprintf(out, "unix:%s", path != NULL ? path : "");
		return;
	}
	(void)ip_endpoint_format(&door->bound, addr);
	(void)fputs(addr, out);
}

void
doors_print(const struct doors *d, FILE *out)
{
	for (size_t i = 0; i < d->count; i++) {
		if (is_further(d, i))
			continue;
		if (i > 0)
			(void)fputc(',', out);
		print_door(d, &d->all[i], out);
	}
}

/* What lies at the path of a listener that failed is another's; and while this
 * gateway drained, its successor may have come to listen. */
static void
remove_files(const struct doors *d)
{
	for (size_t i = 0; i < d->config->listener_count; i++) {
		const char *path = d->config->listeners[i].unix_path;

		if (d->ours[i] && path != NULL)
			(void)listener_clear_path(path, SOCK_STREAM);
	}
}

void
doors_close(struct doors *d)
{
	if (d->config == NULL)
		return; /* never opened */
	for (size_t i = 0; i < d->count; i++) {
		if (!d->all[i].taken)
			(void)close(d->all[i].fd);
	}
	if (d->ours != NULL)
		remove_files(d);
	free(d->all);
	free(d->ours);
	free(d->kept);
	free(d->own);
	*d = (struct doors){.config = NULL};
}
