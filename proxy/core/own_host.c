/* SPDX-License-Identifier: Apache-2.0 */
#include "core/own_host.h"

#include "core/ipaddr.h"

/* "name:80" without port and final dot. */
static struct span
host_name(const char *host)
{
	struct span s = span_of(host, strcspn(host, ":"));

	if (s.len > 0 && host[s.len - 1] == '.')
		s.len--;
	return s;
}

/* "[::1]:80" */
static bool
is_bracketed_address(const char *host)
{
	const char *end = strchr(host, ']');
	struct ipaddr addr;

	return host[0] == '[' && end != NULL &&
	       (end[1] == '\0' || end[1] == ':') &&
	       ipaddr_parse(&addr, span_of(host + 1, (size_t)(end - host) - 1));
}

bool
own_host_is(const char *host, const char *const *names, size_t count)
{
	struct span name = host_name(host);
	struct ipaddr addr;

	if (ipaddr_parse(&addr, name) || is_bracketed_address(host) ||
	    span_is_nocase(name, "localhost"))
		return true;
	for (size_t i = 0; i < count; i++) {
		if (span_is_nocase(name, names[i]))
			return true;
	}
	return false;
}
