/* SPDX-License-Identifier: Apache-2.0
 *
 * One table: names, arguments, help and what they accept. */
#include "options.h"

#include "core/allowlist.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool
region_one(void *target, struct span part)
{
	struct check_options *o = target;

	if (o->region_count == OPTIONS_REGIONS_MAX ||
	    part.len >= sizeof(o->regions[0]))
		return false;
	memcpy(o->regions[o->region_count], part.ptr, part.len);
	o->regions[o->region_count++][part.len] = '\0';
	return true;
}

static bool
apply_region(void *target, const char *value)
{
	return option_parts(target, value, region_one);
}

static bool
feature_one(void *target, struct span part)
{
	unsigned *features = target;
	unsigned bit =
	    span_is(part, "all") ? FEATURE_ALL : feature_from_name(part);

	*features |= bit;
	return bit != 0;
}

bool
features_parse(unsigned *out, const char *value)
{
	return option_parts(out, value, feature_one);
}

static bool
apply_feature(void *target, const char *value)
{
	struct check_options *o = target;

	return features_parse(&o->features, value);
}

bool
option_host_parse(struct option_host *out, const char *value, uint16_t port)
{
	struct option_host host = {.at.port = port};
	struct span s = span_str(value);
	struct ip_endpoint ip;
	const char *why;

	host.is_address = ipaddr_parse(&ip.addr, s);
	if (host.is_address)
		ip.port = port;
	else
		host.is_address = ip_endpoint_parse(&ip, s) && ip.port != 0;
	if (host.is_address) {
		host.at.host.len =
		    (uint8_t)ipaddr_format(&ip.addr, host.at.host.text);
		host.at.port = ip.port;
	} else if (strchr(value, ':') == NULL) {
		if (hostname_parse(&host.at.host, s) != HOSTNAME_NAME)
			return false;
	} else if (endpoint_parse(&host.at, s, &why) != OUTCOME_OK) {
		return false;
	}
	*out = host;
	return true;
}

static bool
apply_host(void *target, const char *value)
{
	struct check_options *o = target;

	if (o->host_count == OPTIONS_HOSTS_MAX ||
	    !option_host_parse(&o->hosts[o->host_count], value, 443))
		return false;
	o->host_count++;
	return true;
}

static bool
apply_proxy(void *target, const char *value)
{
	struct check_options *o = target;

	o->has_proxy =
	    proxy_url_parse(&o->proxy, span_str(value)) == PROXY_URL_OK;
	return o->has_proxy;
}

static bool
apply_resolver(void *target, const char *value)
{
	struct check_options *o = target;
	struct ip_endpoint *server = &o->resolvers[o->resolver_count];

	if (o->resolver_count == OPTIONS_RESOLVERS_MAX)
		return false;
	if (ipaddr_parse(&server->addr, span_str(value)))
		server->port = 53;
	else if (!ip_endpoint_parse(server, span_str(value)) ||
		 server->port == 0)
		return false;
	o->resolver_count++;
	return true;
}

bool
duration_parse(uint64_t *out_ns, struct span text)
{
	static const struct {
		const char *unit;
		uint64_t ns;
	} units[] = {{"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000},
	    {"h", 3600000000000}};
	uint64_t n = 0;
	size_t i = 0;

	while (
	    i < text.len && i < 9 && text.ptr[i] >= '0' && text.ptr[i] <= '9')
		n = n * 10 + (uint64_t)(text.ptr[i++] - '0');
	if (i == 0)
		return false;
	text = span_of(text.ptr + i, text.len - i);
	for (i = 0; i < COUNT(units); i++) {
		if (span_is(text, units[i].unit)) {
			if (n > UINT64_MAX / units[i].ns)
				return false;
			*out_ns = n * units[i].ns;
			return true;
		}
	}
	return false;
}

static bool
duration_in(uint64_t *out, const char *value, uint64_t least, uint64_t most)
{
	uint64_t ns;

	if (!duration_parse(&ns, span_str(value)) || ns < least || ns > most)
		return false;
	*out = ns;
	return true;
}

static bool
apply_timeout(void *target, const char *value)
{
	struct check_options *o = target;

	return duration_in(&o->timeout_ns, value, 10000000, 600000000000);
}

static bool
apply_deadline(void *target, const char *value)
{
	struct check_options *o = target;

	return duration_in(&o->deadline_ns, value, 10000000, 3600000000000);
}

static bool
apply_format(void *target, const char *value)
{
	struct check_options *o = target;

	for (unsigned f = 0; f < REPORT_FORMAT_COUNT; f++) {
		if (strcmp(value, report_format_str((enum report_format)f)) ==
		    0) {
			o->format = (enum report_format)f;
			return true;
		}
	}
	return false;
}

static bool
apply_colour(void *target, const char *value)
{
	struct check_options *o = target;

	if (strcmp(value, "auto") == 0)
		o->colour = COLOUR_AUTO;
	else if (strcmp(value, "always") == 0)
		o->colour = COLOUR_ALWAYS;
	else if (strcmp(value, "never") == 0)
		o->colour = COLOUR_NEVER;
	else
		return false;
	return true;
}

static bool
apply_lang(void *target, const char *value)
{
	struct check_options *o = target;

	o->lang_given = true;
	return strlen(value) == 2 && lang_parse(&o->lang, span_str(value));
}

#define APPLY_FLAG(field)                                                      \
	static bool apply_##field(void *target, const char *value)             \
	{                                                                      \
		struct check_options *o = target;                              \
                                                                               \
		(void)value;                                                   \
		return o->field = true;                                        \
	}
APPLY_FLAG(direct)
APPLY_FLAG(compare)
APPLY_FLAG(deep)
APPLY_FLAG(strict)
APPLY_FLAG(verbose)
APPLY_FLAG(ascii)
APPLY_FLAG(ipv4)
APPLY_FLAG(ipv6)
#undef APPLY_FLAG

#define APPLY_TEXT(field)                                                      \
	static bool apply_##field(void *target, const char *value)             \
	{                                                                      \
		struct check_options *o = target;                              \
                                                                               \
		o->field = value;                                              \
		return value[0] != '\0';                                       \
	}
APPLY_TEXT(allowlist_dir)
APPLY_TEXT(ca_file)
APPLY_TEXT(api_key_file)
APPLY_TEXT(output)
APPLY_TEXT(baseline)
APPLY_TEXT(chain_dir)
#undef APPLY_TEXT

/* What is checked. */
static const struct option_row what_rows[] = {
    {"region", "R[,R…]", "region codes such as us-1, or all",
	"regions whose endpoints are checked; all = every region", apply_region,
	0, false},
    {"feature", "F[,F…]",
	"admission, runtime, vulnerability-scan, artifact-scanner, "
	"telemetry, images or all",
	"only the endpoints of these features (admission is always on)",
	apply_feature, 0, false},
    {"host", "HOST[:PORT]", "a host name or address, with a port or not",
	"a further target; without --region, only these", apply_host, 0, false},
    {"compare", NULL, NULL, "directly and through the proxy, side by side",
	apply_compare, 0, false},
    {"deep", NULL, NULL,
	"look deeper: an image layer's redirect, a large upload, repeated "
	"round trips",
	apply_deep, 0, false},
};

/* Which way. */
static const struct option_row way_rows[] = {
    {"proxy", "URL", "http://, https:// or socks5://[USER:PASSWORD@]HOST:PORT",
	"go through this proxy (else HTTPS_PROXY, ALL_PROXY and NO_PROXY "
	"decide)",
	apply_proxy, 0, true},
    {"direct", NULL, NULL, "use no proxy, whatever the variables say",
	apply_direct, 0, false},
    {"allowlist-dir", "DIR", "a directory with cloudone/*.ini",
	"read the endpoint lists from here", apply_allowlist_dir, 0, false},
};

/* How, and how long. */
static const struct option_row net_rows[] = {
    {"resolver", "ADDR[:PORT]", "an IP address, with a port or not",
	"ask this DNS server instead of those of /etc/resolv.conf",
	apply_resolver, 0, false},
    {"ca-file", "FILE", "a file of PEM certificates",
	"trust these roots instead of the system's", apply_ca_file, 0, false},
    {"ipv4", NULL, NULL, "IPv4 only", apply_ipv4, 0, false},
    {"ipv6", NULL, NULL, "IPv6 only", apply_ipv6, 0, false},
    {"timeout", "DURATION", "10ms to 10m, such as 5s",
	"how long each phase may take (5s)", apply_timeout, 0, false},
    {"deadline", "DURATION", "10ms to 1h, such as 20s",
	"how long the whole run may take (four times --timeout)",
	apply_deadline, 0, false},
};

/* With what. */
static const struct option_row key_rows[] = {
    {"api-key-file", "FILE", "a file that holds the API key",
	"try this key too (or variable C1_API_KEY)", apply_api_key_file, 0,
	false},
};

/* What becomes of it. */
static const struct option_row report_rows[] = {
    {"chain-dir", "DIR", "a directory that can be written",
	"save suspect certificate chains there (else in a new one in /tmp)",
	apply_chain_dir, 0, false},
    {"format", "FORMAT", "text, json, junit, html or prometheus",
	"text, json, junit, html or prometheus", apply_format, 0, false},
    {"output", "FILE", "a file to write", "write the report to FILE",
	apply_output, 'o', false},
    {"color", "WHEN", "auto, always or never", "auto, always or never",
	apply_colour, 0, false},
    {"ascii", NULL, NULL, "no characters beyond ASCII in symbols", apply_ascii,
	0, false},
    {"verbose", NULL, NULL, "show every address and certificate", apply_verbose,
	'v', false},
};

/* For whom. */
static const struct option_row lang_rows[] = {
    {"lang", "LANG", "en or ja", "en or ja", apply_lang, 0, false},
};

/* Of the command check alone. */
static const struct option_row check_rows[] = {
    {"baseline", "FILE", "a file to compare with and write",
	"say what changed since the last run", apply_baseline, 0, false},
    {"strict", NULL, NULL, "warnings make exit code 3", apply_strict, 0, false},
};

const char *
report_format_str(enum report_format format)
{
	switch (format) {
	case REPORT_TEXT:
		return "text";
	case REPORT_JSON:
		return "json";
	case REPORT_JUNIT:
		return "junit";
	case REPORT_HTML:
		return "html";
	case REPORT_PROMETHEUS:
		return "prometheus";
	case REPORT_FORMAT_COUNT:
		break;
	}
	return "text";
}

void
check_options_init(struct check_options *o)
{
	*o = (struct check_options){
	    .timeout_ns = 5000000000, .lang = lang_from_environment()};
}

struct option_table
check_options_table(struct check_options *o, enum options_part part)
{
	static const struct option_table tables[] = {
	    [OPTIONS_WHAT] = {what_rows, COUNT(what_rows), NULL},
	    [OPTIONS_WAY] = {way_rows, COUNT(way_rows), NULL},
	    [OPTIONS_NET] = {net_rows, COUNT(net_rows), NULL},
	    [OPTIONS_KEY] = {key_rows, COUNT(key_rows), NULL},
	    [OPTIONS_REPORT] = {report_rows, COUNT(report_rows), NULL},
	    [OPTIONS_LANG] = {lang_rows, COUNT(lang_rows), NULL},
	};
	struct option_table table = tables[part];

	table.target = o;
	return table;
}

bool
check_options_settle(struct check_options *o, struct options_message *message)
{
	if (o->direct && (o->has_proxy || o->compare)) {
		options_usage(
		    message, "--direct excludes --proxy and --compare");
		return false;
	}
	if (o->region_count == 0 && o->host_count == 0) {
		options_usage(message,
		    "--region is missing: region codes such as us-1, or all "
		    "(or --host HOST[:PORT])");
		return false;
	}
	o->features =
	    o->features ? o->features | FEATURE_ADMISSION : FEATURE_ALL;
	if (!o->ipv4 && !o->ipv6)
		o->ipv4 = o->ipv6 = true;
	return true;
}

enum options_end
check_options_parse(struct check_options *out, int argc, char **argv,
    struct options_message *message)
{
	const struct command_line line = {
	    .head =
		"Usage: sekisho-diag [check] --region R[,R…] [OPTION]…\n"
		"Is every endpoint reachable from here, and if not, why?\n\n",
	    .tail = "\nExit codes: 0 ready, 1 blocked, 2 usage, 3 warnings "
		    "with --strict,\n4 credential refused, 5 cannot tell, 130 "
		    "interrupted.\n",
	    .tables = {check_options_table(out, OPTIONS_WHAT),
		check_options_table(out, OPTIONS_WAY),
		check_options_table(out, OPTIONS_NET),
		check_options_table(out, OPTIONS_KEY),
		{check_rows, COUNT(check_rows), out},
		check_options_table(out, OPTIONS_REPORT),
		check_options_table(out, OPTIONS_LANG)},
	    .table_count = 7,
	};
	enum options_end end;

	check_options_init(out);
	end = command_line_parse(&line, argc, argv, message);
	if (end == OPTIONS_RUN && !check_options_settle(out, message))
		end = OPTIONS_USAGE;
	return end;
}
