/* SPDX-License-Identifier: Apache-2.0
 *
 * Types whose values are addresses and lists of them. */
#include <string.h>

#include "config_table.h"

enum {
	DNS_PORT = 53,
	UNIX_PATH_MAX = 107, /* sun_path of unix(7), without its NUL */
	UNIX_PREFIX_LEN = sizeof("unix:") - 1,
};

static bool
prefix_parse(const struct config_key *key, struct span text, void *field,
    struct config_memory *m)
{
	struct config_prefixes *list = field;
	struct ip_prefix *grown;
	struct ip_prefix prefix;

	(void)key;
	if (!ip_prefix_parse(&prefix, text))
		return false;
	grown = config_memory_grow(
	    m, list->items, list->count, sizeof(*list->items));
	if (grown != NULL) {
		grown[list->count++] = prefix;
		list->items = grown;
	}
	return true;
}

/* One address is written without a length, as people do. */
static bool
prefix_format(
    const struct config_key *key, const void *field, size_t i, struct text *out)
{
	const struct config_prefixes *list = field;
	const struct ip_prefix *p;
	char buf[IP_PREFIX_TEXT_MAX + 1];
	size_t len;

	(void)key;
	if (i >= list->count)
		return false;
	p = &list->items[i];
	if (p->bits == (p->addr.family == IP_V4 ? 32 : 128))
		len = ipaddr_format(&p->addr, buf);
	else
		len = ip_prefix_format(p, buf);
	text_add(out, span_of(buf, len));
	return true;
}

static void
prefix_expect(const struct config_key *key, struct text *out)
{
	if (key->word != NULL) {
		text_str(out, key->word);
		text_str(out, ", or ");
	}
	text_str(out, "addresses and prefixes such as 10.0.0.0/8, fd00::/8 "
		      "(no bits set behind the length)");
}

const struct config_type config_prefix_list = {
    .list = true,
    .parse = prefix_parse,
    .format = prefix_format,
    .expect = prefix_expect,
};

/* Addresses, without a port */

static bool
address_parse(const struct config_key *key, struct span text, void *field,
    struct config_memory *m)
{
	struct config_addresses *list = field;
	struct ipaddr *grown;
	struct ipaddr address;

	(void)key;
	if (!ipaddr_parse(&address, text))
		return false;
	grown = config_memory_grow(
	    m, list->items, list->count, sizeof(*list->items));
	if (grown != NULL) {
		grown[list->count++] = address;
		list->items = grown;
	}
	return true;
}

static bool
address_format(
    const struct config_key *key, const void *field, size_t i, struct text *out)
{
	const struct config_addresses *list = field;
	char buf[IPADDR_TEXT_MAX + 1];

	(void)key;
	if (i >= list->count)
		return false;
	text_add(out, span_of(buf, ipaddr_format(&list->items[i], buf)));
	return true;
}

static void
address_expect(const struct config_key *key, struct text *out)
{
	text_str(out, key->word);
	text_str(out, ", or addresses such as 10.1.2.3, fd00::1");
}

const struct config_type config_address_list = {
    .list = true,
    .parse = address_parse,
    .format = address_format,
    .expect = address_expect,
};

/* ADDR[:PORT] of a DNS server */

static bool
server_read(struct span text, struct ip_endpoint *out)
{
	struct span bare = text;

	if (ip_endpoint_parse(out, text))
		return out->port != 0;
	if (text.len > 2 && text.ptr[0] == '[' &&
	    text.ptr[text.len - 1] == ']') {
		bare = span_of(text.ptr + 1, text.len - 2);
		if (memchr(bare.ptr, ':', bare.len) == NULL)
			return false;
	}
	out->port = DNS_PORT;
	return ipaddr_parse(&out->addr, bare);
}

static bool
server_parse(const struct config_key *key, struct span text, void *field,
    struct config_memory *m)
{
	struct config_endpoints *list = field;
	struct ip_endpoint *grown;
	struct ip_endpoint server;

	(void)key;
	if (!server_read(text, &server))
		return false;
	grown = config_memory_grow(
	    m, list->items, list->count, sizeof(*list->items));
	if (grown != NULL) {
		grown[list->count++] = server;
		list->items = grown;
	}
	return true;
}

static void
endpoint_write(const struct ip_endpoint *e, struct text *out)
{
	char buf[IP_ENDPOINT_TEXT_MAX + 1];

	text_add(out, span_of(buf, ip_endpoint_format(e, buf)));
}

static bool
server_format(
    const struct config_key *key, const void *field, size_t i, struct text *out)
{
	const struct config_endpoints *list = field;

	(void)key;
	if (i >= list->count)
		return false;
	endpoint_write(&list->items[i], out);
	return true;
}

static void
server_expect(const struct config_key *key, struct text *out)
{
	text_str(out, key->word);
	text_str(out, ", or ADDR[:PORT] such as 10.0.0.53, [fd00::53]:5353");
}

const struct config_type config_servers = {
    .list = true,
    .parse = server_parse,
    .format = server_format,
    .expect = server_expect,
};

static bool
admin_parse(const struct config_key *key, struct span text, void *field,
    struct config_memory *m)
{
	struct config_admin *admin = field;
	struct config_admin value = {.on = !span_is(text, key->word)};

	(void)m;
	if (value.on && !ip_endpoint_parse(&value.address, text))
		return false;
	*admin = value;
	return true;
}

static bool
admin_format(
    const struct config_key *key, const void *field, size_t i, struct text *out)
{
	const struct config_admin *admin = field;

	(void)key;
	if (i > 0 || !admin->on)
		return false;
	endpoint_write(&admin->address, out);
	return true;
}

static void
admin_expect(const struct config_key *key, struct text *out)
{
	text_str(out, key->word);
	text_str(out, ", ADDR:PORT or [ADDR]:PORT");
}

const struct config_type config_admin_address = {
    .parse = admin_parse,
    .format = admin_format,
    .expect = admin_expect,
};

static bool
unix_path_is_fine(struct span path)
{
	return config_text_is_plain(path) && path.ptr[0] == '/' &&
	       path.len <= UNIX_PATH_MAX;
}

static bool
socket_parse(const struct config_key *key, struct span text, void *field,
    struct config_memory *m)
{
	char **path = field;

	if (span_is(text, key->word)) {
		*path = NULL;
		return true;
	}
	if (!unix_path_is_fine(text))
		return false;
	*path = config_memory_text(m, text);
	return true;
}

static bool
socket_format(
    const struct config_key *key, const void *field, size_t i, struct text *out)
{
	char *const *path = field;

	(void)key;
	if (i > 0 || *path == NULL)
		return false;
	text_str(out, *path);
	return true;
}

static void
socket_expect(const struct config_key *key, struct text *out)
{
	text_str(out, key->word);
	text_str(out, ", or an absolute path of at most 107 bytes");
}

const struct config_type config_socket = {
    .parse = socket_parse,
    .format = socket_format,
    .expect = socket_expect,
};

/* The field is the listener itself, of which one of two members is set. */
static bool
listen_parse(const struct config_key *key, struct span text, void *field,
    struct config_memory *m)
{
	struct config_listener *l = field;
	struct span path;

	(void)key;
	if (text.len <= UNIX_PREFIX_LEN ||
	    memcmp(text.ptr, "unix:", UNIX_PREFIX_LEN) != 0)
		return ip_endpoint_parse(&l->address, text);
	path = span_of(text.ptr + UNIX_PREFIX_LEN, text.len - UNIX_PREFIX_LEN);
	if (!unix_path_is_fine(path))
		return false;
	l->unix_path = config_memory_text(m, path);
	return true;
}

static bool
listen_format(
    const struct config_key *key, const void *field, size_t i, struct text *out)
{
	const struct config_listener *l = field;

	(void)key;
	if (l->unix_path != NULL) {
		text_str(out, "unix:");
		text_str(out, l->unix_path);
	} else {
		endpoint_write(&l->address, out);
	}
	return i == 0;
}

static void
listen_expect(const struct config_key *key, struct text *out)
{
	(void)key;
	text_str(out, "ADDR:PORT, [ADDR]:PORT or unix:/path (107 bytes)");
}

const struct config_type config_listen_address = {
    .parse = listen_parse,
    .format = listen_format,
    .expect = listen_expect,
};
