/* SPDX-License-Identifier: Apache-2.0
 *
 * One table: names, arguments, help and what they accept. */
#include "options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/allowlist.h"
#include "core/text.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum {
	OPT_HELP = 'h',
	OPT_VERSION = 'V',
	OPT_VERBOSE = 'v',
	OPT_OUTPUT = 'o',
	OPT_FIRST_LONG = 256,
};

/* Applies the argument (empty for flags); false when it is not accepted. */
typedef bool (*apply_fn)(struct check_options *o, const char *value);

struct option_row {
	const char *name;
	int letter;           /* 0: long only */
	const char *argument; /* NULL: a flag */
	const char *accepts;  /* for the error line */
	const char *help;
	apply_fn apply; /* NULL: handled by the parser itself */
};

/* Calls one() for each comma-separated part. */
static bool
for_each_part(struct check_options *o, const char *value,
    bool (*one)(struct check_options *o, struct span part))
{
	for (;;) {
		size_t len = strcspn(value, ",");

		if (len == 0 || !one(o, span_of(value, len)))
			return false;
		if (value[len] == '\0')
			return true;
		value += len + 1;
	}
}

static bool
region_one(struct check_options *o, struct span part)
{
	if (o->region_count == OPTIONS_REGIONS_MAX ||
	    part.len >= sizeof(o->regions[0]))
		return false;
	memcpy(o->regions[o->region_count], part.ptr, part.len);
	o->regions[o->region_count++][part.len] = '\0';
	return true;
}

static bool
apply_region(struct check_options *o, const char *value)
{
	return for_each_part(o, value, region_one);
}

static bool
feature_one(struct check_options *o, struct span part)
{
	unsigned bit =
	    span_is(part, "all") ? FEATURE_ALL : feature_from_name(part);

	o->features |= bit;
	return bit != 0;
}

static bool
apply_feature(struct check_options *o, const char *value)
{
	return for_each_part(o, value, feature_one);
}

/* "HOST", "HOST:PORT", "1.2.3.4:443", "[::1]:443". */
static bool
apply_host(struct check_options *o, const char *value)
{
	struct option_host host = {.at.port = 443};
	struct span s = span_str(value);
	struct ip_endpoint ip;
	const char *why;

	if (o->host_count == OPTIONS_HOSTS_MAX)
		return false;
	host.is_address = ipaddr_parse(&ip.addr, s);
	if (host.is_address)
		ip.port = 443;
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
	o->hosts[o->host_count++] = host;
	return true;
}

static bool
apply_proxy(struct check_options *o, const char *value)
{
	o->has_proxy =
	    proxy_url_parse(&o->proxy, span_str(value)) == PROXY_URL_OK;
	return o->has_proxy;
}

static bool
apply_resolver(struct check_options *o, const char *value)
{
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
apply_timeout(struct check_options *o, const char *value)
{
	return duration_in(&o->timeout_ns, value, 10000000, 600000000000);
}

static bool
apply_deadline(struct check_options *o, const char *value)
{
	return duration_in(&o->deadline_ns, value, 10000000, 3600000000000);
}

static bool
apply_format(struct check_options *o, const char *value)
{
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
apply_colour(struct check_options *o, const char *value)
{
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
apply_lang(struct check_options *o, const char *value)
{
	o->lang_given = true;
	return strlen(value) == 2 && lang_parse(&o->lang, span_str(value));
}

#define APPLY_FLAG(field)                                                      \
	static bool apply_##field(struct check_options *o, const char *value)  \
	{                                                                      \
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
	static bool apply_##field(struct check_options *o, const char *value)  \
	{                                                                      \
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

static const struct option_row rows[] = {
    {"region", 0, "R[,R…]", "region codes such as us-1, or all",
	"regions whose endpoints are checked; all = every region",
	apply_region},
    {"feature", 0, "F[,F…]",
	"admission, runtime, vulnerability-scan, artifact-scanner, "
	"telemetry, images or all",
	"only the endpoints of these features (admission is always on)",
	apply_feature},
    {"host", 0, "HOST[:PORT]", "a host name or address, with a port or not",
	"a further target; without --region, only these", apply_host},
    {"proxy", 0, "URL",
	"http://, https:// or socks5://[USER:PASSWORD@]HOST:PORT",
	"go through this proxy (else HTTPS_PROXY, ALL_PROXY and NO_PROXY "
	"decide)",
	apply_proxy},
    {"direct", 0, NULL, NULL, "use no proxy, whatever the variables say",
	apply_direct},
    {"compare", 0, NULL, NULL, "directly and through the proxy, side by side",
	apply_compare},
    {"resolver", 0, "ADDR[:PORT]", "an IP address, with a port or not",
	"ask this DNS server instead of those of /etc/resolv.conf",
	apply_resolver},
    {"ca-file", 0, "FILE", "a file of PEM certificates",
	"trust these roots instead of the system's", apply_ca_file},
    {"allowlist-dir", 0, "DIR", "a directory with cloudone/*.ini",
	"read the endpoint lists from here", apply_allowlist_dir},
    {"api-key-file", 0, "FILE", "a file that holds the API key",
	"try this key too (or variable C1_API_KEY)", apply_api_key_file},
    {"ipv4", 0, NULL, NULL, "IPv4 only", apply_ipv4},
    {"ipv6", 0, NULL, NULL, "IPv6 only", apply_ipv6},
    {"timeout", 0, "DURATION", "10ms to 10m, such as 5s",
	"how long each phase may take (5s)", apply_timeout},
    {"deadline", 0, "DURATION", "10ms to 1h, such as 20s",
	"how long the whole run may take (four times --timeout)",
	apply_deadline},
    {"deep", 0, NULL, NULL,
	"look deeper: an image layer's redirect, a large upload, repeated "
	"round trips",
	apply_deep},
    {"baseline", 0, "FILE", "a file to compare with and write",
	"say what changed since the last run", apply_baseline},
    {"chain-dir", 0, "DIR", "a directory that can be written",
	"save suspect certificate chains there (else in a new one in /tmp)",
	apply_chain_dir},
    {"format", 0, "FORMAT", "text, json, junit, html or prometheus",
	"text, json, junit, html or prometheus", apply_format},
    {"output", OPT_OUTPUT, "FILE", "a file to write",
	"write the report to FILE", apply_output},
    {"lang", 0, "LANG", "en or ja", "en or ja", apply_lang},
    {"color", 0, "WHEN", "auto, always or never", "auto, always or never",
	apply_colour},
    {"ascii", 0, NULL, NULL, "no characters beyond ASCII in symbols",
	apply_ascii},
    {"strict", 0, NULL, NULL, "warnings make exit code 3", apply_strict},
    {"verbose", OPT_VERBOSE, NULL, NULL, "show every address and certificate",
	apply_verbose},
    {"help", OPT_HELP, NULL, NULL, "show this help", NULL},
    {"version", OPT_VERSION, NULL, NULL, "show the version", NULL},
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

static void
write_help(struct options_message *message)
{
	struct text out = text_in(message->text, sizeof(message->text));
	char line[160];

	text_str(&out,
	    "Usage: sekisho-diag [check] --region R[,R…] [OPTION]…\n"
	    "Is every endpoint reachable from here, and if not, why?\n\n");
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct option_row *r = &rows[i];
		char left[48];

		(void)snprintf(left, sizeof(left), "%s%c%s --%s%s%s",
		    r->letter ? "-" : " ", r->letter ? r->letter : ' ',
		    r->letter ? "," : " ", r->name, r->argument ? "=" : "",
		    r->argument ? r->argument : "");
		(void)snprintf(
		    line, sizeof(line), "  %-28s %s\n", left, r->help);
		text_str(&out, line);
	}
	text_str(&out,
	    "\nExit codes: 0 ready, 1 blocked, 2 usage, 3 warnings with "
	    "--strict,\n4 credential refused, 5 cannot tell, 130 "
	    "interrupted.\n");
	(void)text_end(&out);
}

static void usage(struct options_message *message, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
usage(struct options_message *message, const char *fmt, ...)
{
	char line[512];
	struct text out = text_in(message->text, sizeof(message->text));
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(line, sizeof(line), fmt, ap) < 0)
		line[0] = '\0';
	va_end(ap);
	/* An argument may hold newlines; the message is one line. */
	text_str(&out, "sekisho-diag: ");
	text_line(&out, span_str(line));
	(void)text_end(&out);
}

static bool
check_together(const struct check_options *o, struct options_message *message)
{
	if (o->direct && (o->has_proxy || o->compare))
		usage(message, "--direct excludes --proxy and --compare");
	else if (o->region_count == 0 && o->host_count == 0)
		usage(message, "--region is missing: region codes such as "
			       "us-1, or all (or --host HOST[:PORT])");
	else
		return true;
	return false;
}

static void
fill_long(struct option *longs, char *shorts)
{
	*shorts++ = ':'; /* getopt then says which argument is missing */
	for (size_t i = 0; i < COUNT(rows); i++) {
		longs[i] = (struct option){
		    .name = rows[i].name,
		    .has_arg =
			rows[i].argument ? required_argument : no_argument,
		    .val = OPT_FIRST_LONG + (int)i,
		};
		if (rows[i].letter == 0)
			continue;
		*shorts++ = (char)rows[i].letter;
		if (rows[i].argument)
			*shorts++ = ':';
	}
	*shorts = '\0';
}

static const struct option_row *
row_of(int value)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (value == OPT_FIRST_LONG + (int)i ||
		    (rows[i].letter != 0 && value == rows[i].letter))
			return &rows[i];
	}
	return NULL;
}

static enum options_end
apply_row(struct check_options *o, const struct option_row *row,
    struct options_message *message)
{
	/* A password in a refused value must not be repeated. */
	bool secret = strcmp(row->name, "proxy") == 0;

	if (row->letter == OPT_HELP) {
		write_help(message);
		return OPTIONS_EXIT_OK;
	}
	if (row->letter == OPT_VERSION) {
		(void)snprintf(message->text, sizeof(message->text),
		    "sekisho-diag %s\n", SEKISHO_VERSION);
		return OPTIONS_EXIT_OK;
	}
	if (row->apply(o, row->argument ? optarg : ""))
		return OPTIONS_RUN;
	if (secret)
		usage(message, "--%s: not accepted; it takes %s", row->name,
		    row->accepts);
	else
		usage(message, "--%s %s: not accepted; it takes %s", row->name,
		    optarg, row->accepts);
	return OPTIONS_USAGE;
}

static enum options_end
bad_option(char **argv, int value, struct options_message *message)
{
	const struct option_row *row = row_of(optopt);

	if (value == ':' && row != NULL)
		usage(message, "--%s needs an argument: %s", row->name,
		    row->accepts);
	else if (row != NULL)
		usage(message, "--%s takes no argument", row->name);
	else if (optopt != 0)
		usage(message, "unknown option -%c: see --help", optopt);
	else
		usage(message, "unknown option %.*s: see --help",
		    (int)strcspn(argv[optind - 1], "="), argv[optind - 1]);
	return OPTIONS_USAGE;
}

enum options_end
check_options_parse(struct check_options *out, int argc, char **argv,
    struct options_message *message)
{
	struct option longs[COUNT(rows) + 1] = {{NULL, 0, NULL, 0}};
	char shorts[2 * COUNT(rows) + 2];
	enum options_end end;
	int value;

	*out = (struct check_options){
	    .timeout_ns = 5000000000, .lang = lang_from_environment()};
	message->text[0] = '\0';
	fill_long(longs, shorts);
	opterr = 0;
	optind = 0; /* glibc: begin anew */
	while ((value = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct option_row *row = row_of(value);

		if (value == '?' || value == ':' || row == NULL)
			return bad_option(argv, value, message);
		end = apply_row(out, row, message);
		if (end != OPTIONS_RUN)
			return end;
	}
	if (optind < argc) {
		usage(message, "unexpected argument %s: see --help",
		    argv[optind]);
		return OPTIONS_USAGE;
	}
	if (!check_together(out, message))
		return OPTIONS_USAGE;
	out->features =
	    out->features ? out->features | FEATURE_ADMISSION : FEATURE_ALL;
	if (!out->ipv4 && !out->ipv6)
		out->ipv4 = out->ipv6 = true;
	return OPTIONS_RUN;
}
