/* SPDX-License-Identifier: Apache-2.0 */
#include "helm.h"

#include <errno.h>
#include <stdlib.h>

#include "command_line.h"
#include "core/text.h"
#include "helm_lint.h"
#include "helm_values.h"
#include "page.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum {
	EXIT_TRAPS = 1,
	EXIT_USAGE = 2,
	ERROR_MAX = 512,
	TRAP_TEXT_MAX = 2048,
};

struct helm_options {
	const char *region, *user, *lint, *version, *service_cidr;
	enum helm_chart chart;
	bool has_proxy;
	struct proxy_url proxy;
	unsigned version_number;
	enum lang lang;
};

/* ---- options ---- */

static bool
apply_chart(void *target, const char *value)
{
	struct helm_options *o = target;

	if (strcmp(value, "cloudone") == 0)
		o->chart = CHART_CLOUDONE;
	else if (strcmp(value, "visionone") == 0)
		o->chart = CHART_VISIONONE;
	else
		return false;
	return true;
}

static bool
apply_proxy(void *target, const char *value)
{
	struct helm_options *o = target;

	o->has_proxy =
	    proxy_url_parse(&o->proxy, span_str(value)) == PROXY_URL_OK;
	return o->has_proxy;
}

/* It becomes part of a YAML file, a URL and a shell command. */
static bool
is_user(const char *value)
{
	return value[0] != '\0' &&
	       value[strspn(value, "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789._~-")] == '\0';
}

static bool
apply_user(void *target, const char *value)
{
	struct helm_options *o = target;

	o->user = value;
	return is_user(value);
}

static bool
apply_version(void *target, const char *value)
{
	struct helm_options *o = target;

	o->version = value;
	return helm_version(&o->version_number, span_str(value));
}

static bool
apply_cidr(void *target, const char *value)
{
	struct helm_options *o = target;
	struct ip_prefix prefix;

	o->service_cidr = value;
	return ip_prefix_parse(&prefix, span_str(value));
}

static bool
apply_lang(void *target, const char *value)
{
	struct helm_options *o = target;

	return strlen(value) == 2 && lang_parse(&o->lang, span_str(value));
}

static bool
apply_region(void *target, const char *value)
{
	struct helm_options *o = target;

	o->region = value;
	return value[0] != '\0' && strchr(value, ',') == NULL;
}

static bool
apply_lint(void *target, const char *value)
{
	struct helm_options *o = target;

	o->lint = value;
	return value[0] != '\0';
}

static const struct option_row rows[] = {
    {"region", "R", "one region code such as us-1", "the region of the account",
	apply_region, 0, false},
    {"proxy", "URL", "http:// or socks5://HOST:PORT",
	"the gateway, as the pods reach it", apply_proxy, 0, true},
    {"proxy-user", "USER", "letters, digits and . _ ~ -",
	"the user that the gateway asks for", apply_user, 0, false},
    {"chart", "CHART", "cloudone or visionone",
	"cloudone or visionone (cloudone; with --lint as the file looks)",
	apply_chart, 0, false},
    {"service-cidr", "CIDR", "a prefix such as 10.96.0.0/12",
	"the cluster's service addresses (10.96.0.0/12)", apply_cidr, 0, false},
    {"lint", "FILE", "a values file", "say what is wrong with this file",
	apply_lint, 0, false},
    {"chart-version", "VERSION", "a version such as 2.6.11",
	"with --lint: what this version of the chart cannot do", apply_version,
	0, false},
    {"lang", "LANG", "en or ja", "with --lint: en or ja", apply_lang, 0, false},
};

static bool
fits_together(struct helm_options *o, struct options_message *message)
{
	if (o->lint != NULL)
		return true;
	if (o->region == NULL)
		options_usage(
		    message, "--region is missing: a region code such as us-1");
	else if (!o->has_proxy)
		options_usage(message,
		    "--proxy is missing: the gateway's URL, "
		    "such as http://gateway.egress.svc:3128");
	else if (o->version != NULL)
		options_usage(message, "--chart-version goes with --lint");
	else if (o->proxy.kind == PROXY_HTTPS &&
		 (o->user != NULL || o->proxy.has_user))
		options_usage(message,
		    "--proxy: https:// with a user: the chart makes "
		    "http://USER:PASSWORD@https://HOST of it; it takes http:// "
		    "or socks5://");
	else if (o->proxy.has_user && !is_user(o->proxy.user))
		options_usage(message, "--proxy: not accepted; its user may "
				       "have letters, digits and . _ ~ -");
	else
		return true;
	return false;
}

static enum options_end
options_parse(struct helm_options *o, int argc, char **argv,
    struct options_message *message)
{
	const struct command_line line = {
	    .head =
		"Usage: sekisho-diag helm --region R --proxy URL [OPTION]…\n"
		"       sekisho-diag helm --lint FILE [OPTION]…\n"
		"The chart's values for the way through a proxy.\n\n",
	    .tail = "\nExit codes: 0 printed or clean, 1 traps found, 2 usage "
		    "or not YAML.\n",
	    .tables = {{rows, COUNT(rows), o}},
	    .table_count = 1,
	};
	enum options_end end = command_line_parse(&line, argc, argv, message);

	if (end == OPTIONS_RUN && !fits_together(o, message))
		end = OPTIONS_USAGE;
	return end;
}

/* ---- the overrides ---- */

static void
print_password_note(const char *user, const char *url)
{
	const char *host = strstr(url, "://") + 3;

	(void)printf(
	    "  # The password stands neither here nor in a command line. "
	    "Either\n"
	    "  # (letters, digits and . _ ~ - only; no line end in the file):\n"
	    "  #   helm upgrade --install trendmicro ... --set-file "
	    "proxy.password=FILE\n"
	    "  # or make the Secret yourself, with the password "
	    "percent-encoded in\n"
	    "  # allProxy alone, and set useExistingSecrets.outboundProxy: "
	    "true "
	    "here:\n"
	    "  #   kubectl create secret generic -n trendmicro-system \\\n"
	    "  #     trendmicro-container-security-outbound-proxy-credentials "
	    "\\\n"
	    "  #     --from-literal=username=%s --from-file=password=FILE \\\n"
	    "  #     --from-file=allProxy=FILE2\n"
	    "  #   (FILE2 holds %.*s://%s:ENCODED-PASSWORD@%s)\n",
	    user, (int)(host - 3 - url), url, user, host);
}

static void
print_proxy(const struct helm_options *o, const char *user)
{
	struct proxy_url bare = o->proxy;
	char url[PROXY_URL_TEXT_MAX];

	bare.has_user = false;
	(void)proxy_url_format(&bare, url);
	(void)printf("proxy:\n"
		     "  httpProxy: %s\n"
		     "  httpsProxy: %s\n"
		     "  # A string, never a list; \".cluster.local,\" is put "
		     "before it.\n"
		     "  # %s your service CIDR:\n"
		     "  # kubectl cluster-info dump | grep -m1 "
		     "service-cluster-ip-range\n"
		     "  noProxy: \".svc,%s\"\n",
	    url, url, o->service_cidr ? "It has" : "Put in",
	    o->service_cidr ? o->service_cidr : "10.96.0.0/12");
	if (user != NULL) {
		(void)printf("  username: \"%s\"\n", user);
		print_password_note(user, url);
	}
	(void)fputs(
	    "  excludeKubernetesServiceHost: true\n"
	    "  # Only if a firewall beyond the gateway re-signs TLS; the "
	    "gateway\n"
	    "  # itself never does:\n"
	    "  # selfSignedCertificates:\n"
	    "  # - name: corp-ca\n"
	    "  #   type: configMap\n"
	    "  #   configMapName: corp-ca\n"
	    "  #   key: corp-ca.crt\n",
	    stdout);
}

static int
print_overrides(const struct helm_options *o, struct helm_asked *asked)
{
	char url[HELM_URL_MAX];
	bool c1 = o->chart != CHART_VISIONONE;
	const char *user = o->user;

	asked->chart = o->chart;
	if (helm_endpoint(asked, o->region, url) == NULL) {
		(void)fprintf(stderr,
		    "sekisho-diag: --region %s: not accepted; %s\n", o->region,
		    c1 ? "it takes a region code such as us-1"
		       : "Vision One has us-1, in-1, jp-1, au-1 and sg-1; for "
			 "others take visionOne.endpoint from its console");
		return EXIT_USAGE;
	}
	if (user == NULL && o->proxy.has_user)
		user = o->proxy.user;
	(void)printf("# Overrides for trendmicro/%s-container-security-helm\n"
		     "%s:\n  endpoint: %s\n",
	    c1 ? "cloudone" : "visionone", helm_root(o->chart), url);
	(void)fputs(
	    c1 ? "  # The cluster's key: keep it in the Secret\n"
		 "  # trendmicro-container-security-auth, key api.key, with\n"
		 "  # useExistingSecrets.containerSecurityAuth: true.\n"
	       : "  # The bootstrap token: keep it in the Secret\n"
		 "  # trendmicro-container-security-bootstrap-token, key\n"
		 "  # bootstrap.token; it is valid for 24 hours.\n",
	    stdout);
	print_proxy(o, user);
	return 0;
}

/* ---- the lint ---- */

static void
print_trap(const struct page *p, const char *path, const struct trap *t)
{
	static const struct words mend = {{"Mend: ", "対処: "}};
	const struct trap_text *text = trap_text(t->id);
	char buf[TRAP_TEXT_MAX], place[ERROR_MAX];
	struct text out = text_in(buf, sizeof(buf));

	(void)snprintf(place, sizeof(place), "%s:%u:%u: %s\n", path, t->line,
	    t->column, text->id);
	(void)fputs(place, p->out);
	(void)template_fill(&out, text->why.in[p->lang], &t->facts);
	page_pad(p, 0, 4);
	page_wrap(p, 4, 4, text_end(&out));
	out = text_in(buf, sizeof(buf));
	text_str(&out, mend.in[p->lang]);
	(void)template_fill(&out, text->mend.in[p->lang], &t->facts);
	page_pad(p, 0, 4);
	page_wrap(p, 4, 6, text_end(&out));
}

static const char *
read_environment(void *arg, const char *name)
{
	(void)arg;
	return getenv(name);
}

static int
print_traps(const struct helm_options *o, const struct helm_traps *traps)
{
	static const struct check_options plain = {.colour = COLOUR_NEVER};
	struct report_style style =
	    report_style_for(stdout, &plain, read_environment, NULL);
	struct page page = page_on(stdout, &style, o->lang);

	for (size_t i = 0; i < traps->count; i++)
		print_trap(&page, o->lint, &traps->items[i]);
	if (traps->count == 0)
		(void)printf(o->lang == LANG_JA ? "%s: 問題は見つかりません。\n"
						: "%s: no trap found\n",
		    o->lint);
	return traps->count == 0 ? 0 : EXIT_TRAPS;
}

static int
lint(const struct helm_options *o, const struct helm_asked *asked)
{
	char error[ERROR_MAX], url[HELM_URL_MAX];
	struct values *values;
	struct helm_traps *traps;
	struct helm_asked any = {.catalog = asked->catalog};
	int code = EXIT_USAGE;

	if (o->region != NULL && helm_endpoint(&any, o->region, url) == NULL) {
		(void)fprintf(stderr,
		    "sekisho-diag: --region %s: not accepted; it takes a "
		    "region code such as us-1\n",
		    o->region);
		return EXIT_USAGE;
	}
	values = values_load(o->lint, error, sizeof(error));
	if (values == NULL) {
		(void)fprintf(stderr, "sekisho-diag: %s\n", error);
		return EXIT_USAGE;
	}
	traps = helm_lint(values, asked);
	if (traps != NULL)
		code = print_traps(o, traps);
	else
		(void)fputs("sekisho-diag: out of memory\n", stderr);
	free(traps);
	values_free(values);
	return code;
}

/* ---- the command ---- */

static void
on_list_error(void *arg, const char *text)
{
	(void)arg;
	(void)fprintf(stderr, "sekisho-diag: %s\n", text);
}

static int
run(const struct helm_options *o)
{
	struct allowlist_sources sources = {.dir = NULL};
	struct allowlist *catalog =
	    allowlist_load(&sources, on_list_error, NULL);
	struct helm_asked asked = {
	    .region = o->region,
	    .chart = o->chart,
	    .proxy = o->has_proxy ? &o->proxy : NULL,
	    .version = o->version_number,
	    .service_cidr = o->service_cidr ? o->service_cidr : "10.96.0.0/12",
	    .catalog = catalog,
	};
	int code;

	if (catalog == NULL)
		return EXIT_USAGE;
	(void)snprintf(asked.version_text, sizeof(asked.version_text), "%s",
	    o->version ? o->version : "");
	code = o->lint != NULL ? lint(o, &asked) : print_overrides(o, &asked);
	allowlist_free(catalog);
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return code;
	(void)fprintf(stderr, "sekisho-diag: standard output: %s\n",
	    strerrordesc_np(errno));
	return EXIT_USAGE;
}

int
helm_main(int argc, char **argv)
{
	struct helm_options o = {.lang = lang_from_environment()};
	struct options_message message;
	enum options_end end = options_parse(&o, argc, argv, &message);

	return end == OPTIONS_RUN ? run(&o) : options_finish(end, &message);
}
