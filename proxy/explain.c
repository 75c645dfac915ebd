/* SPDX-License-Identifier: Apache-2.0 */
#include "explain.h"

#include <stdlib.h>
#include <string.h>

#include "core/endpoint.h"
#include "core/hostname.h"
#include "core/outcome.h"

/* Written so that a target cannot play tricks with a terminal. */
static void
print_plain(const char *text, FILE *out)
{
	for (const char *p = text; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		(void)fputc(c < 0x20 || c >= 0x7f ? '?' : c, out);
	}
}

/* "HOST" gets the port that a client would mean; a bare IPv6 address and
 * everything with a port stay as they are. NULL when out of memory. */
static char *
target_with_port(const char *target)
{
	size_t len = strlen(target);
	const char *colon = strchr(target, ':');
	bool bracketed = len > 1 && target[0] == '[' && target[len - 1] == ']';
	char *text = NULL;
	int n;

	if (colon == NULL || bracketed)
		n = asprintf(&text, "%s:%d", target, EXPLAIN_PORT);
	else
		n = asprintf(&text, "%s", target);
	return n < 0 ? NULL : text;
}

/* Reads the target as a CONNECT's would be, but for the bare IPv6 address. */
static enum outcome
target_parse(struct endpoint *e, const char *text, const char **why)
{
	struct hostname unused;

	if (hostname_parse(&unused, span_str(text)) == HOSTNAME_ADDRESS) {
		*why = outcome_sentence(OUTCOME_DENIED_ADDRESS_LITERAL);
		return OUTCOME_DENIED_ADDRESS_LITERAL;
	}
	return endpoint_parse(e, span_str(text), why);
}

static void
print_features(unsigned features, FILE *out)
{
	const char *separator = "";

	for (unsigned bit = 1; bit <= FEATURE_ALL; bit <<= 1) {
		if ((features & bit) == 0)
			continue;
		(void)fprintf(out, "%s%s", separator, feature_name(bit));
		separator = ", ";
	}
}

/* Where a setting comes from: "tunnel.sni", "host NAME.sni". */
static void
print_setting(const struct config_host *own, const char *key, FILE *out)
{
	if (own != NULL)
		(void)fprintf(out, "host %s.%s", own->name.text, key);
	else
		(void)fprintf(out, "tunnel.%s", key);
}

static void
print_sni(const struct config *c, const struct config_host *own,
    const struct hostname *host, FILE *out)
{
	enum config_sni sni = c->tunnel.sni;

	if (own != NULL && own->sni == SNI_AS_TUNNEL)
		own = NULL;
	if (own != NULL)
		sni = own->sni;
	switch (sni) {
	case SNI_AS_TUNNEL:
	case SNI_VERIFY:
		(void)fprintf(out,
		    "then: the client's TLS hello must name %s (", host->text);
		print_setting(own, "sni", out);
		(void)fputs(" = verify)\n", out);
		return;
	case SNI_REQUIRE_TLS:
		(void)fputs("then: the client's first bytes must be a TLS "
			    "hello (",
		    out);
		print_setting(own, "sni", out);
		(void)fputs(" = require-tls)\n", out);
		return;
	case SNI_OFF:
		(void)fputs("then: any bytes pass (", out);
		print_setting(own, "sni", out);
		(void)fputs(" = off)\n", out);
		return;
	}
}

/* An address that will be refused says so. */
static void
print_address(const struct config *c, const struct policy *p,
    const struct config_host *own, const struct ipaddr *a, FILE *out)
{
	const struct ip_prefix_list also = {
	    own->allow_addresses.items, own->allow_addresses.count};
	const char *why = policy_address_forbidden(p, &also, a);
	char text[IPADDR_TEXT_MAX + 1];

	(void)ipaddr_format(a, text);
	(void)fputs(text, out);
	if (why != NULL)
		(void)fprintf(out, " (never dialled: %s)", why);
	else if (!config_host_uses(c, a))
		(void)fputs(" (never dialled: upstream.family)", out);
}

/* What [host NAME] says beside sni. */
static void
print_own(const struct config *c, const struct policy *p,
    const struct config_host *own, FILE *out)
{
	char text[IP_PREFIX_TEXT_MAX + 1];

	for (size_t i = 0; i < own->addresses.count; i++) {
		(void)fputs(i == 0 ? "at: " : ", ", out);
		print_address(c, p, own, &own->addresses.items[i], out);
	}
	if (own->addresses.count > 0)
		(void)fprintf(out,
		    ", and not where DNS says (host %s.addresses)\n",
		    own->name.text);
	for (size_t i = 0; i < own->allow_addresses.count; i++) {
		(void)ip_prefix_format(&own->allow_addresses.items[i], text);
		(void)fprintf(
		    out, "%s%s", i == 0 ? "may lie in: " : ", ", text);
	}
	if (own->allow_addresses.count > 0)
		(void)fprintf(
		    out, " (host %s.allow_addresses)\n", own->name.text);
	if (own->idle_timeout_ms != 0)
		(void)fprintf(out,
		    "ends: after %gs without a byte (host %s.idle_timeout)\n",
		    own->idle_timeout_ms / 1000.0, own->name.text);
}

static void
print_entry(const struct allowlist_entry *entry, FILE *out)
{
	(void)fprintf(out, "%s:%u: %s%s:%u, region %s, category %s",
	    entry->file, entry->line, entry->suffix ? "*." : "",
	    entry->host.text, entry->port, entry->region, entry->category);
	if (entry->set != NULL)
		(void)fprintf(out, ", set %s", entry->set);
	(void)fputc('\n', out);
}

static void
print_allowed(const struct config *c, const struct policy *p,
    const struct policy_decision *d, const struct endpoint *e, FILE *out)
{
	const struct allowlist_entry *entry = d->rule->entry;
	const struct config_host *own = config_host_find(c, &e->host);

	(void)fprintf(out, "allowed: %s:%u\nrule: ", e->host.text, e->port);
	print_entry(entry, out);
	if (entry->about != NULL) {
		(void)fprintf(out, "for: %s (", entry->about->title_en);
		print_features(entry->about->features, out);
		(void)fprintf(
		    out, ")\nwithout it: %s\n", entry->about->consequence_en);
	}
	if (own != NULL)
		print_own(c, p, own, out);
	print_sni(c, own, &e->host, out);
}

static void
print_denied(const struct config *c, const struct policy *p,
    const struct policy_decision *d, const struct endpoint *e, FILE *out)
{
	char detail[POLICY_DETAIL_MAX], advice[POLICY_ADVICE_MAX];
	size_t len = policy_advice(p, d, e, advice);

	(void)policy_detail(p, d, e, detail);
	(void)fprintf(out, "denied: %s:%u\noutcome: %s (status %u)\n",
	    e->host.text, e->port, outcome_token(d->why),
	    outcome_status(d->why));
	(void)fprintf(out, "reason: %s\n", detail);
	if (d->entry != NULL) {
		(void)fputs("nearest: ", out);
		print_entry(d->entry, out);
	}
	(void)fwrite(advice, 1, len, out);
	if (len > 0 && advice[len - 1] != '\n')
		(void)fputc('\n', out);
	if (c->gateway.mode == MODE_REPORT)
		(void)fputs("but: it is let through, logged and counted "
			    "(gateway.mode = report)\n",
		    out);
}

static void
print_malformed(
    const char *target, enum outcome why, const char *detail, FILE *out)
{
	(void)fputs("denied: ", out);
	print_plain(target, out);
	(void)fprintf(out, "\noutcome: %s (status %u)\nreason: %s\n",
	    outcome_token(why), outcome_status(why), detail);
	if (why == OUTCOME_DENIED_ADDRESS_LITERAL)
		(void)fputs("Clients must CONNECT to the host's name, so that "
			    "the name can be judged.\n",
		    out);
	else
		(void)fputs("Give a host's name alone, or HOST:PORT: no "
			    "scheme, user, path or blank.\n",
		    out);
}

bool
explain(const struct config *c, const struct policy *p, const char *target,
    FILE *out)
{
	char *text = target_with_port(target);
	const char *detail = "out of memory";
	struct endpoint e = {.port = 0};
	struct policy_decision d = {.why = OUTCOME_INTERNAL_ERROR};

	if (text != NULL)
		d.why = target_parse(&e, text, &detail);
	free(text);
	if (d.why != OUTCOME_OK) {
		print_malformed(target, d.why, detail, out);
		return false;
	}
	d = policy_decide(p, &e);
	if (d.why == OUTCOME_OK)
		print_allowed(c, p, &d, &e, out);
	else
		print_denied(c, p, &d, &e, out);
	return d.why == OUTCOME_OK;
}
