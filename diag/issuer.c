/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer.h"

#include <stddef.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Organisations of CAs that browsers trust. A name that is missing here costs
 * a "cannot tell", so the list holds those that sell to clouds and vendors. */
static const char *const public_orgs[] = {
    "Amazon",
    "Starfield Technologies, Inc.",
    "GoDaddy.com, Inc.",
    "DigiCert Inc",
    "DigiCert, Inc.",
    "Entrust, Inc.",
    "Entrust Corporation",
    "GlobalSign nv-sa",
    "Sectigo Limited",
    "COMODO CA Limited",
    "The USERTRUST Network",
    "Let's Encrypt",
    "Internet Security Research Group",
    "Google Trust Services",
    "Google Trust Services LLC",
    "Microsoft Corporation",
    "IdenTrust",
    "SSL Corporation",
    "SSL Corp",
    "Cybertrust Japan Co., Ltd.",
    "SECOM Trust Systems CO.,LTD.",
    "SECOM Trust Systems Co., Ltd.",
    "Buypass AS-983163327",
    "ZeroSSL",
    "Certainly",
    "GeoTrust Inc.",
    "thawte, Inc.",
    "Baltimore",
    "QuoVadis Limited",
    "Actalis S.p.A.",
    "Unizeto Technologies S.A.",
    "Asseco Data Systems S.A.",
    "SwissSign AG",
    "HARICA",
    "Trustwave Holdings, Inc.",
    "Network Solutions L.L.C.",
    "cPanel, Inc.",
    "Cloudflare, Inc.",
};

/* What inspection devices call themselves in the certificates they make. */
static const struct {
	const char *part; /* of an issuer's or subject's text, any case */
	const char *vendor;
} vendors[] = {
    {"zscaler", "Zscaler"},
    {"palo alto", "Palo Alto Networks"},
    {"paloalto", "Palo Alto Networks"},
    {"fortinet", "Fortinet"},
    {"fortigate", "Fortinet"},
    {"netskope", "Netskope"},
    {"goskope", "Netskope"},
    {"cisco umbrella", "Cisco Umbrella"},
    {"opendns", "Cisco Umbrella"},
    {"cisco", "Cisco"},
    {"sophos", "Sophos"},
    {"blue coat", "Symantec (Blue Coat)"},
    {"bluecoat", "Symantec (Blue Coat)"},
    {"symantec web security", "Symantec"},
    {"mcafee", "Skyhigh (McAfee)"},
    {"skyhigh", "Skyhigh (McAfee)"},
    {"check point", "Check Point"},
    {"checkpoint", "Check Point"},
    {"forcepoint", "Forcepoint"},
    {"websense", "Forcepoint"},
    {"barracuda", "Barracuda"},
    {"watchguard", "WatchGuard"},
    {"fireware", "WatchGuard"},
    {"sonicwall", "SonicWall"},
    {"iboss", "iboss"},
    {"menlo security", "Menlo Security"},
    {"cato networks", "Cato Networks"},
    {"cloudflare gateway", "Cloudflare Gateway"},
    {"gateway ca - cloudflare", "Cloudflare Gateway"},
    {"f5 ", "F5"},
    {"a10 ", "A10"},
    {"untangle", "Untangle"},
    {"smoothwall", "Smoothwall"},
    {"i-filter", "Digital Arts i-FILTER"},
    {"digital arts", "Digital Arts i-FILTER"},
    {"interscan", "Trend Micro InterScan"},
    {"trend micro web", "Trend Micro Web Security"},
    {"kaspersky", "Kaspersky"},
    {"eset ssl", "ESET"},
    {"avast", "Avast"},
    {"bitdefender", "Bitdefender"},
    {"squid", "Squid"},
    {"mitmproxy", "mitmproxy"},
    {"charles proxy", "Charles"},
    {"fiddler", "Fiddler"},
    {"burp", "Burp Suite"},
    {"portswigger", "Burp Suite"},
    {"istio", "Istio"},
    {"kubernetes ingress controller fake", "ingress-nginx default"},
};

static bool
is_public_org(const char *org)
{
	for (size_t i = 0; i < COUNT(public_orgs); i++) {
		if (span_is_nocase(span_str(org), public_orgs[i]))
			return true;
	}
	return false;
}

static bool
holds(const char *text, const char *part)
{
	size_t len = strlen(part);

	for (size_t left = strlen(text); left >= len; left--, text++) {
		if (span_is_nocase(span_of(text, len), part))
			return true;
	}
	return false;
}

enum issuer_class
issuer_classify(
    const struct cert_summary *chain, size_t count, unsigned stapled_scts)
{
	const struct cert_summary *leaf = chain;

	if (count == 0)
		return ISSUER_UNKNOWN;
	if (leaf->self_issued)
		return ISSUER_SELF;
	/* Cloudflare's public CA and its inspection product share a name's
	 * beginning; a device's name anywhere in the chain settles it. */
	if (!is_public_org(leaf->issuer_org) ||
	    issuer_vendor(chain, count) != NULL)
		return ISSUER_PRIVATE;
	return leaf->scts + stapled_scts > 0 ? ISSUER_PUBLIC : ISSUER_CLAIMED;
}

const char *
issuer_vendor(const struct cert_summary *chain, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t v = 0; v < COUNT(vendors); v++) {
			if (holds(chain[i].issuer, vendors[v].part))
				return vendors[v].vendor;
		}
	}
	return NULL;
}
