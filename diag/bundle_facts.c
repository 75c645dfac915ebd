/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle_facts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <openssl/crypto.h>

#include "core/ipaddr.h"

enum {
	FILE_LINES_MAX = 2000, /* of a file that is copied */
};

static void
copy_file(FILE *out, const char *path)
{
	FILE *in = fopen(path, "re");
	char line[1024];

	(void)fprintf(out, "# %s\n", path);
	if (in == NULL) {
		(void)fprintf(out, "# %s\n", strerrordesc_np(errno));
		return;
	}
	for (unsigned i = 0;
	     i < FILE_LINES_MAX && fgets(line, sizeof(line), in) != NULL; i++)
		(void)fputs(line, out);
	(void)fclose(in);
}

void
bundle_versions(FILE *out)
{
	struct utsname u;

	(void)fprintf(out, "sekisho-diag %s\n%s\n", SEKISHO_VERSION,
	    OpenSSL_version(OPENSSL_VERSION));
	if (uname(&u) == 0)
		(void)fprintf(out, "%s %s %s %s\n", u.sysname, u.release,
		    u.version, u.machine);
	copy_file(out, "/etc/os-release");
}

void
bundle_resolver(FILE *out)
{
	copy_file(out, "/etc/resolv.conf");
	copy_file(out, "/etc/nsswitch.conf");
}

/* What stands before the last "@" is user and password, with a scheme or not,
 * and whatever the password holds. */
static void
proxy_variable(FILE *out, const char *name)
{
	const char *value = getenv(name);
	const char *at = value != NULL ? strrchr(value, '@') : NULL;
	const char *scheme = value != NULL ? strstr(value, "://") : NULL;

	if (value == NULL)
		(void)fprintf(out, "# %s is not set\n", name);
	else if (at == NULL)
		(void)fprintf(out, "%s=%s\n", name, value);
	else if (scheme != NULL && scheme < at)
		(void)fprintf(out, "%s=%.*s://***:***%s\n", name,
		    (int)(scheme - value), value, at);
	else
		(void)fprintf(out, "%s=***:***%s\n", name, at);
}

void
bundle_proxy(FILE *out)
{
	static const char *const names[] = {"HTTPS_PROXY", "https_proxy",
	    "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY",
	    "no_proxy"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		proxy_variable(out, names[i]);
	(void)fprintf(out, "# PROXY_USER is %s\n",
	    getenv("PROXY_USER") ? "set" : "not set");
	(void)fprintf(out, "# PROXY_PASS is %s\n",
	    getenv("PROXY_PASS") ? "set" : "not set");
}

/* /proc/net/route: addresses are hexadecimal numbers in the byte order of the
 * machine (proc(5)). */
static void
routes4(FILE *out)
{
	FILE *in = fopen("/proc/net/route", "re");
	char line[256], name[32], to[INET_ADDRSTRLEN], by[INET_ADDRSTRLEN];
	unsigned destination, gateway, mask, flags, metric;

	while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
		struct in_addr d, g;

		/* NOLINTNEXTLINE(cert-err34-c): the kernel wrote them */
		if (sscanf(line, "%31s %x %x %x %*d %*d %u %x", name,
			&destination, &gateway, &flags, &metric, &mask) != 6)
			continue;
		d.s_addr = destination;
		g.s_addr = gateway;
		(void)fprintf(out, "%s/%d via %s dev %s metric %u\n",
		    inet_ntop(AF_INET, &d, to, sizeof(to)),
		    __builtin_popcount(mask),
		    inet_ntop(AF_INET, &g, by, sizeof(by)), name, metric);
	}
	if (in != NULL)
		(void)fclose(in);
}

static const char *
ipv6_of(const char *hex, char *buf, socklen_t size)
{
	struct in6_addr a;

	for (size_t i = 0; i < sizeof(a.s6_addr); i++) {
		char byte[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

		a.s6_addr[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	return inet_ntop(AF_INET6, &a, buf, size);
}

static void
routes6(FILE *out)
{
	FILE *in = fopen("/proc/net/ipv6_route", "re");
	char line[512], to[33], by[33], name[32];
	char a[INET6_ADDRSTRLEN], b[INET6_ADDRSTRLEN];
	unsigned bits;

	while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
		/* NOLINTNEXTLINE(cert-err34-c): the kernel wrote them */
		if (sscanf(line, "%32s %x %*s %*x %32s %*x %*x %*x %*x %31s",
			to, &bits, by, name) != 4 ||
		    strlen(to) != 32 || strlen(by) != 32)
			continue;
		(void)fprintf(out, "%s/%u via %s dev %s\n",
		    ipv6_of(to, a, sizeof(a)), bits, ipv6_of(by, b, sizeof(b)),
		    name);
	}
	if (in != NULL)
		(void)fclose(in);
}

void
bundle_routes(FILE *out)
{
	routes4(out);
	routes6(out);
}

void
bundle_addresses(FILE *out)
{
	struct ifaddrs *all, *i;
	struct ip_endpoint at;
	char buf[IPADDR_TEXT_MAX + 1];

	if (getifaddrs(&all) != 0) {
		(void)fprintf(out, "# %s\n", strerrordesc_np(errno));
		return;
	}
	for (i = all; i != NULL; i = i->ifa_next) {
		if (i->ifa_addr == NULL ||
		    !ip_endpoint_from_sockaddr(&at, i->ifa_addr))
			continue;
		(void)ipaddr_format(&at.addr, buf);
		(void)fprintf(out, "%s %s\n", i->ifa_name, buf);
	}
	freeifaddrs(all);
}
