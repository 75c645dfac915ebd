/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bundle_facts.h"
#include "checkup.h"
#include "http_get.h"
#include "mask.h"
#include "tar_file.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum {
	ADMIN_TIMEOUT_MS = 2000,
	ADMIN_BYTES_MAX = 8 * 1024 * 1024,
};

static const char usual_admin[] = "http://127.0.0.1:3129";

struct bundle {
	struct check_options check;
	const char *path, *admin;
	struct mask mask;
	struct tar_file *tar;
	int64_t now;
	bool failed;
};

/* ---- options ---- */

static bool
apply_output(void *target, const char *value)
{
	((struct bundle *)target)->path = value;
	return value[0] != '\0';
}

/* The pages take no user; one in the URL would be printed with it. */
static bool
apply_admin(void *target, const char *value)
{
	((struct bundle *)target)->admin = value;
	return strncmp(value, "http://", 7) == 0 && value[7] != '\0' &&
	       strchr(value, '@') == NULL;
}

static bool
apply_mask(void *target, const char *value)
{
	(void)value;
	return ((struct bundle *)target)->mask.addresses = true;
}

static const struct option_row rows[] = {
    {"output", "FILE", "a file to write", "write the archive to FILE (tar.gz)",
	apply_output, 'o', false},
    {"gateway-admin", "URL", "http://HOST:PORT",
	"the gateway's own pages (http://127.0.0.1:3129)", apply_admin, 0,
	false},
    {"mask-addresses", NULL, NULL,
	"replace internal addresses, each always by the same one", apply_mask,
	0, false},
};

static enum options_end
parse(struct bundle *b, int argc, char **argv, struct options_message *message)
{
	struct check_options *o = &b->check;
	const struct command_line line = {
	    .head = "Usage: sekisho-diag bundle --output FILE.tar.gz --region "
		    "R[,R…] [OPTION]…\nWhat a support case needs, in one file, "
		    "without secrets.\n\n",
	    .tail = "\nExit codes: 0 written (whatever the check found), 2 "
		    "usage, 5 not written, 130 interrupted.\n",
	    .tables = {{rows, COUNT(rows), b},
		check_options_table(o, OPTIONS_WHAT),
		check_options_table(o, OPTIONS_WAY),
		check_options_table(o, OPTIONS_NET),
		check_options_table(o, OPTIONS_LANG)},
	    .table_count = 5,
	};
	enum options_end end;

	check_options_init(o);
	b->admin = usual_admin;
	end = command_line_parse(&line, argc, argv, message);
	if (end != OPTIONS_RUN)
		return end;
	if (b->path == NULL) {
		options_usage(message,
		    "--output is missing: a file to write, such as "
		    "case.tar.gz");
		return OPTIONS_USAGE;
	}
	return check_options_settle(o, message) ? OPTIONS_RUN : OPTIONS_USAGE;
}

/* ---- members ---- */

static void
add(struct bundle *b, const char *name, struct span raw)
{
	char *masked = NULL;
	size_t len = 0;
	char path[TAR_NAME_MAX + 1];
	FILE *out = open_memstream(&masked, &len);

	if (out == NULL) {
		b->failed = true;
		return;
	}
	mask_write(out, &b->mask, raw);
	if (fclose(out) != 0)
		b->failed = true;
	(void)snprintf(path, sizeof(path), "sekisho-bundle/%s", name);
	if (!b->failed &&
	    !tar_file_add(b->tar, path, span_of(masked, len), b->now))
		b->failed = true;
	if (!b->failed)
		(void)printf("  %s (%zu bytes)\n", path, len);
	free(masked);
}

/* What a function writes becomes a member. */
static void
add_written(struct bundle *b, const char *name, void (*write)(FILE *out))
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL) {
		b->failed = true;
		return;
	}
	write(out);
	if (fclose(out) != 0)
		b->failed = true;
	else
		add(b, name, span_of(text, len));
	free(text);
}

static void
add_report(struct bundle *b, const struct checkup *c, const char *name,
    enum report_format format)
{
	struct report_input in = {
	    .run = checkup_result(c),
	    .diagnosis = checkup_diagnosis(c),
	    .style = {.verbose = true},
	};
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL || !report_for(format)(out, &in))
		b->failed = true;
	if (out != NULL && fclose(out) == 0 && !b->failed)
		add(b, name, span_of(text, len));
	free(text);
}

/* A gateway that is not there is no failure; its place is told. */
static void
add_page(struct bundle *b, const char *name, const char *path)
{
	char url[512];
	struct http_got got;
	struct http_get get = {.url = url,
	    .timeout_ms = ADMIN_TIMEOUT_MS,
	    .most = ADMIN_BYTES_MAX};

	(void)snprintf(url, sizeof(url), "%s%s", b->admin, path);
	if (!http_get(&got, &get))
		(void)printf("  (no %s: %s: %s)\n", name, url, got.why);
	else if (got.status != 200 || got.body == NULL)
		(void)printf("  (no %s: %s: HTTP %d)\n", name, url, got.status);
	else
		add(b, name, span_of(got.body, got.len));
	free(got.body);
}

static void
add_all(struct bundle *b, const struct checkup *c)
{
	add_report(b, c, "report.txt", REPORT_TEXT);
	add_report(b, c, "report.json", REPORT_JSON);
	add_written(b, "versions.txt", bundle_versions);
	add_written(b, "resolver.txt", bundle_resolver);
	add_written(b, "proxy.txt", bundle_proxy);
	add_written(b, "routes.txt", bundle_routes);
	add_written(b, "addresses.txt", bundle_addresses);
	add_page(b, "gateway-status.json", "/api/status");
	add_page(b, "gateway-denied.json", "/api/denied");
}

/* ---- the command ---- */

static int
write_archive(struct bundle *b, const struct checkup *c)
{
	b->now = (int64_t)time(NULL);
	b->tar = tar_file_open(b->path);
	if (b->tar == NULL) {
		(void)fprintf(stderr, "sekisho-diag: %s: cannot write: %s\n",
		    b->path, strerrordesc_np(errno));
		return EXIT_CANNOT_TELL;
	}
	(void)printf("%s:\n", b->path);
	add_all(b, c);
	b->failed |= !tar_file_close(b->tar);
	if (b->failed) {
		(void)fprintf(
		    stderr, "sekisho-diag: %s: not written whole\n", b->path);
		return EXIT_CANNOT_TELL;
	}
	(void)printf("Passwords in URLs are masked; %s.\n"
		     "Look inside before you send it: tar -xzOf %s | less\n",
	    b->mask.addresses ? "so are internal addresses"
			      : "internal addresses are in it "
				"(--mask-addresses)",
	    b->path);
	return 0;
}

static int
bundle(struct bundle *b)
{
	struct report_style style = checkup_style(&b->check);
	struct checkup *c = checkup_new(&b->check);
	int code;

	if (c == NULL)
		return checkup_complain(EXIT_CANNOT_TELL, "out of memory");
	code = checkup_prepare(c);
	if (code == 0)
		code = checkup_run(c, &style);
	if (code == 0)
		code = checkup_diagnose(c);
	if (code == 0)
		code = write_archive(b, c);
	if (code == 0 && checkup_diagnosis(c)->verdict == VERDICT_INTERRUPTED)
		code = checkup_diagnosis(c)->exit_code;
	checkup_free(c);
	return code;
}

int
bundle_main(int argc, char **argv)
{
	struct bundle *b = calloc(1, sizeof(*b));
	struct options_message message;
	enum options_end end;
	int code;

	if (b == NULL)
		return checkup_complain(EXIT_CANNOT_TELL, "out of memory");
	/* A key has no part in it: `auth` is for that. */
	(void)unsetenv("C1_API_KEY");
	end = parse(b, argc, argv, &message);
	code = end == OPTIONS_RUN ? bundle(b) : options_finish(end, &message);
	free(b);
	return code;
}
