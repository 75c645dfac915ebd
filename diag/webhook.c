/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "checkup.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum {
	EXIT_NOT_FINE = 1,
	EXIT_INTERRUPTED = 130,
	WEBHOOK_PORT = 8443,
	ROOTS_MAX = 3, /* named in a report */
	PRINT_BYTES = 8,
};

/* What the chart calls its service. */
static const char usual_name[] =
    "trendmicro-admission-controller.trendmicro-system.svc";

struct webhook_options {
	struct check_options check;
	struct webhook_ask ask;
};

static bool
apply_server_name(void *target, const char *value)
{
	struct webhook_options *o = target;
	struct hostname name;

	o->ask.server_name = value;
	return hostname_parse(&name, span_str(value)) == HOSTNAME_NAME;
}

static const struct option_row rows[] = {
    {"server-name", "NAME", "a host name",
	"the name that the API server asks for: SERVICE.NAMESPACE.svc",
	apply_server_name, 0, false},
};

/* "HOST", "HOST:PORT", an address alone or with a port. */
static bool
apply_host(void *target, const char *value)
{
	struct check_options *o = target;
	struct option_host *h = &o->hosts[0];

	if (o->host_count > 0 || !option_host_parse(h, value, WEBHOOK_PORT))
		return false;
	o->host_count = 1;
	return true;
}

static enum options_end
parse(struct webhook_options *o, int argc, char **argv,
    struct options_message *message)
{
	const struct command_line line = {
	    .head = "Usage: sekisho-diag webhook HOST[:PORT] [OPTION]…\n"
		    "Does the admission webhook answer, with a certificate "
		    "that the API server takes?\n\n",
	    .tail = "\nThe port is 8443 when none is given; --ca-file is the "
		    "decoded caBundle.\nExit codes: 0 it does, 1 it does not, "
		    "2 usage, 130 interrupted.\n",
	    .tables = {{rows, COUNT(rows), o},
		check_options_table(&o->check, OPTIONS_NET),
		check_options_table(&o->check, OPTIONS_REPORT),
		check_options_table(&o->check, OPTIONS_LANG)},
	    .table_count = 4,
	    .operand = apply_host,
	    .operand_target = &o->check,
	    .operand_accepts = "one host name or address, with a port or not",
	};
	enum options_end end;

	check_options_init(&o->check);
	o->check.direct = true;
	o->check.webhook = &o->ask;
	end = command_line_parse(&line, argc, argv, message);
	if (end != OPTIONS_RUN)
		return end;
	if (o->check.host_count == 0) {
		options_usage(message,
		    "HOST is missing: the webhook's host name or address, "
		    "with a port or not");
		return OPTIONS_USAGE;
	}
	if (o->ask.server_name == NULL)
		o->ask.server_name = o->check.hosts[0].is_address
					 ? usual_name
					 : o->check.hosts[0].at.host.text;
	return check_options_settle(&o->check, message) ? OPTIONS_RUN
							: OPTIONS_USAGE;
}

/* "SHA-256 0123456789abcdef…", as reports begin fingerprints. */
static void
add_print(struct text *out, const X509 *cert)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	char hex[3];

	if (X509_digest(cert, EVP_sha256(), digest, &len) != 1)
		return;
	text_str(out, out->len > 0 ? ", SHA-256 " : "SHA-256 ");
	for (unsigned i = 0; i < PRINT_BYTES && i < len; i++) {
		(void)snprintf(hex, sizeof(hex), "%02x", digest[i]);
		text_str(out, hex);
	}
	text_str(out, "…");
}

/* False after a message: a bundle that holds nothing compares with nothing. */
static bool
read_bundle(struct webhook_options *o)
{
	const char *path = o->check.ca_file;
	struct text out = text_in(o->ask.roots, sizeof(o->ask.roots));
	BIO *in = path != NULL ? BIO_new_file(path, "re") : NULL;
	unsigned count = 0;
	X509 *cert;

	if (path == NULL)
		return true;
	o->ask.compare = true;
	while (in != NULL &&
	       (cert = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
		if (count++ < ROOTS_MAX)
			add_print(&out, cert);
		X509_free(cert);
	}
	BIO_free(in);
	ERR_clear_error();
	(void)text_end(&out);
	if (count == 0)
		(void)fprintf(stderr,
		    "sekisho-diag: --ca-file %s: no certificate in PEM can be "
		    "read there (is it still base64 of PEM?)\n",
		    path);
	return count > 0;
}

static int
webhook(struct webhook_options *o)
{
	struct report_style style = checkup_style(&o->check);
	struct checkup *c;
	int code;

	if (!read_bundle(o))
		return EXIT_USAGE;
	c = checkup_new(&o->check);
	if (c == NULL)
		return checkup_complain(EXIT_CANNOT_TELL, "out of memory");
	code = checkup_prepare(c);
	if (code == 0)
		code = checkup_run(c, &style);
	if (code == 0)
		code = checkup_diagnose(c);
	if (code == 0)
		code = checkup_report(c, &style);
	checkup_free(c);
	return code;
}

int
webhook_main(int argc, char **argv)
{
	struct webhook_options *o = calloc(1, sizeof(*o));
	struct options_message message;
	enum options_end end;
	int code;

	if (o == NULL)
		return checkup_complain(EXIT_CANNOT_TELL, "out of memory");
	end = parse(o, argc, argv, &message);
	if (end != OPTIONS_RUN) {
		code = options_finish(end, &message);
	} else {
		code = webhook(o);
		/* Fine or not: what cannot be told is not fine. */
		if (code != 0 && code != EXIT_USAGE && code != EXIT_INTERRUPTED)
			code = EXIT_NOT_FINE;
	}
	free(o);
	return code;
}
