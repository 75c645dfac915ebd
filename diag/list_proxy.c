/* SPDX-License-Identifier: Apache-2.0
 *
 * For proxies, and for those who ask one. */
#include "list_form.h"

/* squid.conf: dstdomain without a dot in front is one exact name. */
void
list_squid(FILE *out, const struct list *l)
{
	list_comment(out, l, "# ");
	(void)fputs("# squid.conf: include this file before the line "
		    "\"http_access deny all\".\n\n",
	    out);
	for (size_t i = 0; i < l->count; i++)
		(void)fprintf(out, "acl container_security dstdomain %s\n",
		    l->rules[i].entry->host.text);
	(void)fprintf(out,
	    "acl container_security_port port %d\n"
	    "acl container_security_connect method CONNECT\n\n"
	    "http_access allow container_security_connect "
	    "container_security_port container_security\n",
	    LIST_PORT);
}

/* The word of FindProxyForURL's answer (MDN, "Proxy Auto-Configuration
 * file"). */
static const char *
pac_word(enum proxy_kind kind)
{
	switch (kind) {
	case PROXY_HTTPS:
		return "HTTPS";
	case PROXY_SOCKS5:
		return "SOCKS5";
	case PROXY_DIRECT:
	case PROXY_HTTP:
		break;
	}
	return "PROXY";
}

void
list_pac(FILE *out, const struct list *l)
{
	bool bracketed = strchr(l->proxy->host, ':') != NULL;

	list_comment(out, l, "// ");
	(void)fputs(
	    "// Listed hosts go to the gateway, all others directly.\n", out);
	if (l->proxy->has_user)
		(void)fputs("// A PAC file holds no credentials: the client "
			    "asks for them.\n",
		    out);
	(void)fprintf(out, "var gateway = \"%s %s%s%s:%u\";\nvar hosts = {\n",
	    pac_word(l->proxy->kind), bracketed ? "[" : "", l->proxy->host,
	    bracketed ? "]" : "", l->proxy->port);
	for (size_t i = 0; i < l->count; i++)
		(void)fprintf(out, "  \"%s\": true%s\n",
		    l->rules[i].entry->host.text, i + 1 < l->count ? "," : "");
	(void)fprintf(out,
	    "};\n\n"
	    "function FindProxyForURL(url, host) {\n"
	    "  var name = host.toLowerCase().replace(/\\.$/, \"\");\n"
	    "  var tls = /^(https|wss):\\/\\/[^\\/:]+(:%d)?(\\/|$)/i;\n"
	    "  if (hosts.hasOwnProperty(name) && tls.test(url)) return "
	    "gateway;\n"
	    "  return \"DIRECT\";\n"
	    "}\n",
	    LIST_PORT);
}
