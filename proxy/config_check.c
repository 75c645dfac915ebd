/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks of keys against each other, once each of them is right by itself. */
#include <stdio.h>
#include <string.h>

#include "config_table.h"
#include "core/ipaddr.h"

/* One key of the configuration, for messages. */
struct place {
	char key[CONFIG_KEY_TEXT_MAX + 1];
	const struct config_record *at; /* NULL: its default holds */
};

static struct place
place_of(const struct config *c, const char *section, const char *name,
    const struct config_named *named)
{
	const struct config_key *key =
	    config_key_find(span_str(section), span_str(name));
	struct place p = {.at = config_slot_of(key, c, named)->first};

	(void)config_key_text(key, named, p.key);
	return p;
}

/* The more blameworthy of two keys: one that somebody set. */
static const struct place *
set_one(const struct place *a, const struct place *b)
{
	return a->at != NULL ? a : b;
}

static void
check_ttl(const struct config *c, struct config_report *r)
{
	struct place min = place_of(c, "dns", "min_ttl", NULL);
	struct place max = place_of(c, "dns", "max_ttl", NULL);
	const struct place *blame = set_one(&min, &max);

	if (c->dns.min_ttl_s > c->dns.max_ttl_s)
		config_report_key(r, blame->at, blame->key,
		    "dns.min_ttl (%us) is more than dns.max_ttl (%us)",
		    c->dns.min_ttl_s, c->dns.max_ttl_s);
}

static bool
prefix_covers(const struct ip_prefix *outer, const struct ip_prefix *inner)
{
	return outer->bits <= inner->bits &&
	       outer->addr.family == inner->addr.family &&
	       ip_prefix_contains(outer, &inner->addr);
}

static bool
denies_all_of(const struct config *c, enum ip_family family)
{
	const struct config_prefixes *deny = &c->upstream.deny_addresses;

	for (size_t i = 0; i < deny->count; i++) {
		if (deny->items[i].addr.family == family &&
		    deny->items[i].bits == 0)
			return true;
	}
	return false;
}

static void
check_deny_leaves_some(const struct config *c, struct config_report *r)
{
	struct place deny = place_of(c, "upstream", "deny_addresses", NULL);
	bool v4 = c->upstream.family != FAMILY_IPV6 && !denies_all_of(c, IP_V4);
	bool v6 = c->upstream.family != FAMILY_IPV4 && !denies_all_of(c, IP_V6);

	if (!v4 && !v6)
		config_report_key(r, deny.at, deny.key,
		    "with upstream.family no address is left to dial");
}

/* allow: the key that has the prefixes a. */
static void
check_allow_against_deny(const struct config *c, const struct place *allow,
    const struct config_prefixes *a, struct config_report *r)
{
	const struct config_prefixes *d = &c->upstream.deny_addresses;
	char inner[IP_PREFIX_TEXT_MAX + 1], outer[IP_PREFIX_TEXT_MAX + 1];

	for (size_t i = 0; i < a->count; i++) {
		for (size_t j = 0; j < d->count; j++) {
			if (!prefix_covers(&d->items[j], &a->items[i]))
				continue;
			(void)ip_prefix_format(&a->items[i], inner);
			(void)ip_prefix_format(&d->items[j], outer);
			config_report_key(r, allow->at, allow->key,
			    "%s lies in %s of upstream.deny_addresses, which "
			    "wins",
			    inner, outer);
			break;
		}
	}
}

static void
check_addresses(const struct config *c, const struct place *at,
    const struct config_addresses *list, struct config_report *r)
{
	bool some = false;

	if (list->count > ADDR_LIST_MAX)
		config_report_key(r, at->at, at->key, "more than %d addresses",
		    ADDR_LIST_MAX);
	for (size_t i = 0; i < list->count; i++)
		some = some || config_host_uses(c, &list->items[i]);
	if (list->count > 0 && !some)
		config_report_key(r, at->at, at->key,
		    "with upstream.family no address is left to dial");
}

static void
check_host(const struct config *c, const struct config_host *h,
    struct config_report *r)
{
	static const char with_parent[] =
	    "does not go with upstream.parent, which resolves the names";
	struct place fixed = place_of(c, "host", "addresses", &h->named);
	struct place allow = place_of(c, "host", "allow_addresses", &h->named);

	if (c->upstream.parent.on && h->addresses.count > 0)
		config_report_key(r, fixed.at, fixed.key, with_parent);
	if (c->upstream.parent.on && h->allow_addresses.count > 0)
		config_report_key(r, allow.at, allow.key, with_parent);
	check_addresses(c, &fixed, &h->addresses, r);
	check_allow_against_deny(c, &allow, &h->allow_addresses, r);
}

static void
check_parent(const struct config *c, struct config_report *r)
{
	struct place warm = place_of(c, "upstream", "warm", NULL);
	struct place file =
	    place_of(c, "upstream", "parent_password_file", NULL);
	struct place ca = place_of(c, "upstream", "parent_ca_file", NULL);
	const struct config_parent *p = &c->upstream.parent;

	if (c->upstream.parent_password_file != NULL) {
		if (!p->on || p->user == NULL)
			config_report_key(r, file.at, file.key,
			    "upstream.parent has no user to go with it");
		else if (p->password != NULL)
			config_report_key(r, file.at, file.key,
			    "upstream.parent has a password already");
	}
	if (c->upstream.parent_ca_file != NULL && !(p->on && p->tls))
		config_report_key(r, ca.at, ca.key,
		    "is not used without upstream.parent = https://...");
	if (p->on && c->upstream.warm > 0)
		config_report_key(r, warm.at, warm.key,
		    "does not go with upstream.parent: a parent's "
		    "connections cannot be kept ready");
}

static bool
is_wildcard(const struct ipaddr *a)
{
	static const uint8_t zero[sizeof(a->bytes)] = {0};

	return memcmp(a->bytes, zero, sizeof(zero)) == 0;
}

/* Whether a takes every connection to b: [::] is for IPv4 too. */
static bool
takes_all_of(const struct ipaddr *a, const struct ipaddr *b)
{
	return is_wildcard(a) && (a->family == IP_V6 || b->family == IP_V4);
}

/* Whether one socket would take the other's connections. Port 0 is a free one
 * of the kernel's choice. */
static bool
addresses_clash(const struct ip_endpoint *a, const struct ip_endpoint *b)
{
	return a->port != 0 && a->port == b->port &&
	       (ipaddr_equal(&a->addr, &b->addr) ||
		   takes_all_of(&a->addr, &b->addr) ||
		   takes_all_of(&b->addr, &a->addr));
}

static bool
listeners_clash(
    const struct config_listener *a, const struct config_listener *b)
{
	if (a->unix_path != NULL && b->unix_path != NULL)
		return strcmp(a->unix_path, b->unix_path) == 0;
	return a->unix_path == NULL && b->unix_path == NULL &&
	       addresses_clash(&a->address, &b->address);
}

/* Of redirected TLS nothing can be asked, and nothing else be told apart. */
static void
check_sni(const struct config *c, const struct config_listener *l,
    struct config_report *r)
{
	struct place protocols =
	    place_of(c, "listener", "protocols", &l->named);
	struct place auth = place_of(c, "listener", "auth", &l->named);
	struct place tls =
	    place_of(c, "listener", "tls_certificate", &l->named);

	if ((l->protocols & PROTOCOL_SNI) == 0)
		return;
	if (l->protocols != PROTOCOL_SNI)
		config_report_key(r, protocols.at, protocols.key,
		    "sni stands alone: give the others a listener of their "
		    "own");
	if (l->auth != AUTH_NONE)
		config_report_key(r, auth.at, auth.key,
		    "does not go with protocols = sni: a client that knows of "
		    "no proxy has no credentials for it");
	if (l->tls_certificate != NULL)
		config_report_key(r, tls.at, tls.key,
		    "does not go with protocols = sni: its clients speak TLS "
		    "to the server they name, and show no certificate here");
}

static void
check_auth(const struct config *c, const struct config_listener *l,
    struct config_report *r)
{
	struct place auth = place_of(c, "listener", "auth", &l->named);
	struct place credentials =
	    place_of(c, "listener", "credentials", &l->named);

	if (l->auth == AUTH_BASIC && l->credentials == NULL)
		config_report_key(r, auth.at, auth.key,
		    "basic needs a htpasswd file: set credentials");
	if (l->auth == AUTH_NONE && l->credentials != NULL)
		config_report_key(r, credentials.at, credentials.key,
		    "is not used without auth = basic");
}

static void
check_tls(const struct config *c, const struct config_listener *l,
    struct config_report *r)
{
	struct place key = place_of(c, "listener", "tls_key", &l->named);
	struct place ca = place_of(c, "listener", "tls_client_ca", &l->named);

	if (l->tls_certificate != NULL)
		return;
	if (l->tls_key != NULL)
		config_report_key(
		    r, key.at, key.key, "is not used without tls_certificate");
	if (l->tls_client_ca != NULL)
		config_report_key(
		    r, ca.at, ca.key, "is not used without tls_certificate");
}

static void
check_listener(const struct config *c, size_t i, struct config_report *r)
{
	const struct config_listener *l = &c->listeners[i];
	struct place address = place_of(c, "listener", "address", &l->named);
	struct place clients = place_of(c, "listener", "clients", &l->named);
	struct place admin = place_of(c, "admin", "address", NULL);
	const struct place *blame = set_one(&admin, &address);

	if (l->unix_path != NULL && clients.at != NULL)
		config_report_key(r, clients.at, clients.key,
		    "peers of a unix: listener have no address; use the "
		    "permissions of its directory");
	for (size_t n = 0; n < i; n++) {
		if (!listeners_clash(l, &c->listeners[n]))
			continue;
		config_report_key(r, address.at, address.key,
		    "clashes with the address of listener %s",
		    c->listeners[n].name);
		return;
	}
	if (c->admin.on && l->unix_path == NULL &&
	    addresses_clash(&l->address, &c->admin.address))
		config_report_key(r, blame->at, blame->key,
		    "admin.address clashes with the address of listener %s",
		    l->name);
}

void
config_check(const struct config *c, struct config_report *r)
{
	struct place allow = place_of(c, "upstream", "allow_addresses", NULL);

	check_ttl(c, r);
	check_deny_leaves_some(c, r);
	check_allow_against_deny(c, &allow, &c->upstream.allow_addresses, r);
	check_parent(c, r);
	for (size_t i = 0; i < c->listener_count; i++) {
		check_listener(c, i, r);
		check_auth(c, &c->listeners[i], r);
		check_sni(c, &c->listeners[i], r);
		check_tls(c, &c->listeners[i], r);
	}
	for (size_t i = 0; i < c->host_count; i++)
		check_host(c, &c->hosts[i], r);
}
