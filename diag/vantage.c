/* SPDX-License-Identifier: Apache-2.0 */
#include "vantage.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "probe_text.h"

enum {
	LINE_BYTES = 1024,
	LINES_MAX = 256,
	NDOTS_MAX = 15, /* resolv.conf(5) */
};

/* The first line of a small file, trimmed; "" when it cannot be read. */
static void
read_word(char *out, size_t size, const char *path)
{
	char line[LINE_BYTES] = "";
	FILE *f = fopen(path, "re");

	out[0] = '\0';
	if (f == NULL)
		return;
	if (fgets(line, sizeof(line), f) != NULL)
		copy_text(out, size, text_trim(span_str(line)));
	(void)fclose(f);
}

static void
read_user(struct vantage *out)
{
	const struct passwd *pw = getpwuid(geteuid());

	if (pw != NULL)
		copy_text(out->user, sizeof(out->user), span_str(pw->pw_name));
	else
		(void)snprintf(out->user, sizeof(out->user), "uid %u",
		    (unsigned)geteuid());
}

static void
read_machine(struct vantage *out)
{
	struct utsname u;
	ssize_t n;

	if (gethostname(out->host, sizeof(out->host)) != 0)
		out->host[0] = '\0';
	out->host[sizeof(out->host) - 1] = '\0';
	if (uname(&u) == 0)
		(void)snprintf(out->kernel, sizeof(out->kernel), "%.12s %.48s",
		    u.sysname, u.release);
	n = readlink("/proc/self/ns/net", out->netns, sizeof(out->netns) - 1);
	out->netns[n > 0 ? n : 0] = '\0';
}

static void
read_pod(struct vantage *out)
{
	static const char space[] =
	    "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
	const char *name = getenv("HOSTNAME");
	char product[64];

	out->in_pod = getenv("KUBERNETES_SERVICE_HOST") != NULL;
	read_word(product, sizeof(product), "/sys/class/dmi/id/product_name");
	out->in_gke =
	    out->in_pod && strcmp(product, "Google Compute Engine") == 0;
	if (!out->in_pod)
		return;
	copy_text(out->pod, sizeof(out->pod),
	    span_str(name != NULL ? name : out->host));
	read_word(out->pod_namespace, sizeof(out->pod_namespace), space);
}

static void
read_clock(struct vantage *out)
{
	static const char path[] =
	    "/sys/devices/system/clocksource/clocksource0/current_clocksource";
	struct timex t = {.modes = 0};
	char source[32];
	int state = adjtimex(&t);

	read_word(source, sizeof(source), path);
	(void)snprintf(out->clock_source, sizeof(out->clock_source), "%s%s%s",
	    source, source[0] ? ", " : "",
	    state < 0             ? "synchronisation unknown"
	    : state == TIME_ERROR ? "not synchronised"
				  : "synchronised");
}

/* --- where packets leave -------------------------------------------------- */

/* A UDP socket's connect(2) asks for the route and sends nothing. */
static bool
source_towards(struct ip_endpoint *out, const char *address)
{
	struct ip_endpoint to = {.port = 443};
	struct sockaddr_storage sa;
	socklen_t len;
	bool known = false;
	int fd;

	if (!ipaddr_parse(&to.addr, span_str(address)))
		return false;
	len = ip_endpoint_to_sockaddr(&to, &sa);
	fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	if (connect(fd, (struct sockaddr *)&sa, len) == 0) {
		len = sizeof(sa);
		known = getsockname(fd, (struct sockaddr *)&sa, &len) == 0 &&
			ip_endpoint_from_sockaddr(out, (struct sockaddr *)&sa);
	}
	(void)close(fd);
	return known;
}

static void
read_interface(struct vantage *out, const struct ipaddr *addr)
{
	struct ifaddrs *all, *i;
	char path[64], mtu[16];

	if (getifaddrs(&all) != 0)
		return;
	for (i = all; i != NULL; i = i->ifa_next) {
		struct ip_endpoint at;

		if (i->ifa_addr != NULL &&
		    ip_endpoint_from_sockaddr(&at, i->ifa_addr) &&
		    ipaddr_equal(&at.addr, addr))
			break;
	}
	if (i != NULL)
		copy_text(out->interface, sizeof(out->interface),
		    span_str(i->ifa_name));
	freeifaddrs(all);
	if (out->interface[0] == '\0')
		return;
	(void)snprintf(
	    path, sizeof(path), "/sys/class/net/%s/mtu", out->interface);
	read_word(mtu, sizeof(mtu), path);
	out->interface_mtu = (uint32_t)strtoul(mtu, NULL, 10);
}

static void
read_source(struct vantage *out)
{
	struct ip_endpoint from;

	/* Documentation addresses (RFC 5737, RFC 3849) take the default
	 * route, which is what is asked for. */
	if (!source_towards(&from, "203.0.113.1") &&
	    !source_towards(&from, "2001:db8::1"))
		return;
	(void)ipaddr_format(&from.addr, out->source_addr);
	read_interface(out, &from.addr);
}

/* --- resolv.conf(5) ------------------------------------------------------- */

static void
add_resolver(struct vantage *out, struct span word)
{
	struct ip_endpoint at = {.port = 53};
	const char *zone =
	    word.len > 0 ? memchr(word.ptr, '%', word.len) : NULL;

	/* A zone (fe80::1%eth0) says which link; such servers are rare and
	 * cannot be written in our addresses. */
	if (zone != NULL || out->resolver_count == RESOLVERS_MAX ||
	    !ipaddr_parse(&at.addr, word))
		return;
	out->resolvers[out->resolver_count++] = at;
}

static struct span
take_word(struct span *rest)
{
	struct span word;

	*rest = text_trim(*rest);
	word = *rest;
	word.len = 0;
	while (word.len < rest->len && rest->ptr[word.len] != ' ' &&
	       rest->ptr[word.len] != '\t')
		word.len++;
	*rest = span_of(rest->ptr + word.len, rest->len - word.len);
	return word;
}

static void
read_options(struct vantage *out, struct span rest)
{
	static const char ndots[] = "ndots:";

	for (;;) {
		struct span word = take_word(&rest);
		char digits[8];

		if (word.len == 0)
			return;
		if (word.len < sizeof(ndots) ||
		    memcmp(word.ptr, ndots, sizeof(ndots) - 1) != 0)
			continue;
		copy_text(digits, sizeof(digits),
		    span_of(word.ptr + sizeof(ndots) - 1,
			word.len - (sizeof(ndots) - 1)));
		out->ndots = (unsigned)strtoul(digits, NULL, 10);
		if (out->ndots > NDOTS_MAX)
			out->ndots = NDOTS_MAX;
	}
}

static void
read_resolv_line(struct vantage *out, const char *line)
{
	struct span rest = text_trim(span_str(line));
	struct span word = take_word(&rest);

	rest = text_trim(rest);
	if (span_is(word, "nameserver"))
		add_resolver(out, take_word(&rest));
	else if (span_is(word, "search") || span_is(word, "domain"))
		copy_text(out->search, sizeof(out->search), rest);
	else if (span_is(word, "options"))
		read_options(out, rest);
}

static void
read_resolvers(struct vantage *out, const struct check_options *options)
{
	static const char path[] = "/etc/resolv.conf";
	char line[LINE_BYTES];
	FILE *f = fopen(path, "re");

	out->ndots = 1;
	for (unsigned i = 0;
	     f != NULL && i < LINES_MAX && fgets(line, sizeof(line), f) != NULL;
	     i++)
		read_resolv_line(out, line);
	if (f != NULL)
		(void)fclose(f);
	copy_text(
	    out->resolver_source, sizeof(out->resolver_source), span_str(path));
	if (options->resolver_count > 0) {
		memcpy(out->resolvers, options->resolvers,
		    options->resolver_count * sizeof(out->resolvers[0]));
		out->resolver_count = options->resolver_count;
		copy_text(out->resolver_source, sizeof(out->resolver_source),
		    span_str("--resolver"));
	} else if (out->resolver_count == 0) {
		/* As the C library does. */
		add_resolver(out, span_str("127.0.0.1"));
	}
}

void
vantage_read(struct vantage *out, const struct check_options *options)
{
	read_user(out);
	read_machine(out);
	read_pod(out);
	read_clock(out);
	read_source(out);
	read_resolvers(out, options);
}
