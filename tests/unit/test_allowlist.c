/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/allowlist.h"
#include "guard.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum {
	TEXT_MAX = 8192,
};

/* Errors of a run, one a line. */
struct errors {
	char text[16384];
	size_t len;
	unsigned count;
};

static void
on_error(void *arg, const char *text)
{
	struct errors *e = arg;
	int n =
	    snprintf(e->text + e->len, sizeof(e->text) - e->len, "%s\n", text);

	assert_true(n > 0 && (size_t)n < sizeof(e->text) - e->len);
	e->len += (size_t)n;
	e->count++;
}

/* What nobody may have to say about lists that are right. */
static void
on_no_error(void *arg, const char *text)
{
	(void)arg;
	fail_msg("%s", text);
}

static void
feature_names_and_bits_agree(void **state)
{
	static const char *const names[] = {"admission", "runtime",
	    "vulnerability-scan", "artifact-scanner", "telemetry", "images"};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_int_equal(
		    feature_from_name(span_str(names[i])), 1U << i);
		assert_string_equal(feature_name(1U << i), names[i]);
	}
	assert_int_equal(1U << COUNT(names), FEATURE_ALL + 1);
	assert_int_equal(feature_from_name(span_str("Runtime")), 0);
	assert_int_equal(feature_from_name(span_str("")), 0);
	assert_int_equal(feature_from_name(span_of(NULL, 0)), 0);
	assert_string_equal(feature_name(0), "unknown");
	assert_string_equal(feature_name(FEATURE_ALL), "unknown");
}

/* A small catalog to break: [0] categories, [1] global, [2] us-1, [3] jp-1,
 * [4] set, [5] operator's. */
static const struct allowlist_file small[] = {
    {"cloudone/categories.ini",
	"[api]\ntitle_en = T\ntitle_ja = T\nfeatures = admission\n"
	"consequence_en = C\nconsequence_ja = C\nprobe = json-api\n"
	"[file]\ntitle_en = T\ntitle_ja = T\n"
	"features = runtime, artifact-scanner\nfeatures = images\n"
	"consequence_en = C\nconsequence_ja = C\n"
	"probe = json-file /a/b.json\n",
	0},
    {"cloudone/global.ini",
	"[list]\nsource = s\npublished = 2024-02-29\n\n[file]\n"
	"host = global.example.com\n",
	0},
    {"cloudone/us-1.ini",
	"[list]\nsource = s\npublished = 2024-01\nobserved = 2025-01-01\n"
	"[api]\nhost = us.example.com\nhost = us2.example.com\n",
	0},
    {"cloudone/jp-1.ini",
	"[list]\nsource = s\nobserved = 2024-01-31\n\n[api]\n"
	"host = jp.example.com\n",
	0},
    {"sets/more.ini",
	"[list]\nsource = s\nobserved = 2026-01-01\n\n[any thing]\n"
	"host = set.example.net\n[api]\nhost = us.example.com\n",
	0},
    {"/etc/extra.ini",
	"[mine]\nhost = a.example.org\nhost = B.Example.ORG.:8443\n"
	"host = *.example.org\nhost = *.c.example.org:99 ; why\n"
	"[empty]\n[mine]\nhost = us.example.com\nhost = us.example.com\n",
	0},
};

/* Parses small with the text of one file replaced (or the file left out when
 * text is NULL), from guard-page memory. */
static struct allowlist *
parse_with(size_t which, const char *text, struct errors *errors)
{
	struct guard pages[COUNT(small)];
	struct allowlist_file files[COUNT(small)];
	struct allowlist *a;
	size_t n = 0;

	*errors = (struct errors){.len = 0};
	for (size_t i = 0; i < COUNT(small); i++) {
		const char *t = i == which ? text : small[i].text;

		if (t == NULL)
			continue;
		pages[n] = guard_copy(t, strlen(t));
		files[n] = (struct allowlist_file){.name = small[i].name,
		    .text = (const char *)pages[n].data,
		    .len = pages[n].len};
		n++;
	}
	a = allowlist_parse(files, n, on_error, errors);
	for (size_t i = 0; i < n; i++)
		guard_free(&pages[i]);
	assert_int_equal(a == NULL, errors->count > 0);
	return a;
}

static void
assert_entry(const struct allowlist_entry *e, const char *want)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "%s%s:%u %s %s %s:%u",
	    e->suffix ? "*." : "", e->host.text, e->port, e->region,
	    e->category, e->file, e->line);
	assert_string_equal(text, want);
}

static void
entries_say_where_they_come_from(void **state)
{
	static const char *const want[] = {
	    "global.example.com:443 global file cloudone/global.ini:6",
	    "jp.example.com:443 jp-1 api cloudone/jp-1.ini:6",
	    "us.example.com:443 us-1 api cloudone/us-1.ini:6",
	    "us2.example.com:443 us-1 api cloudone/us-1.ini:7",
	    "set.example.net:443 - any thing sets/more.ini:6",
	    "us.example.com:443 - api sets/more.ini:8",
	    "a.example.org:443 - mine /etc/extra.ini:2",
	    "b.example.org:8443 - mine /etc/extra.ini:3",
	    "*.example.org:443 - mine /etc/extra.ini:4",
	    "*.c.example.org:99 - mine /etc/extra.ini:5",
	    "us.example.com:443 - mine /etc/extra.ini:8",
	    "us.example.com:443 - mine /etc/extra.ini:9",
	};
	struct errors errors;
	struct allowlist *a = parse_with(0, small[0].text, &errors);
	size_t count;
	const struct allowlist_entry *e;
	const struct allowlist_category *c;

	(void)state;
	if (a == NULL)
		fail_msg("%s", errors.text);
	e = allowlist_entries(a, &count);
	assert_int_equal(count, COUNT(want));
	for (size_t i = 0; i < count; i++)
		assert_entry(&e[i], want[i]);
	assert_null(e[4].about);
	assert_string_equal(e[5].about->name, "api");
	assert_null(e[6].about);
	assert_int_equal(e[6].origin, ORIGIN_EXTRA);
	c = allowlist_categories(a, &count);
	assert_int_equal(count, 2);
	assert_int_equal(c[1].features,
	    FEATURE_RUNTIME | FEATURE_ARTIFACT_SCANNER | FEATURE_IMAGES);
	assert_int_equal(c[1].probe, PROBE_JSON_FILE);
	assert_string_equal(c[1].probe_path, "/a/b.json");
	/* The newest published list; sets do not count. */
	assert_string_equal(allowlist_date(a), "2024-02-29");
	assert_string_equal(e[0].source, "s");
	assert_string_equal(e[0].date, "2024-02-29");
	assert_string_equal(e[2].date, "2024-01");
	assert_string_equal(e[4].date, "2026-01-01");
	assert_null(e[6].source);
	assert_null(e[6].date);
	allowlist_free(a);
}

/* A line (or a few) put into a file, and the error that it must give. */
struct breakage {
	const char *line, *error;
};

#define PUBLISHED_HEAD                                                         \
	"[list]\nsource = s\npublished = 2024-01-01\n[api]\n"                  \
	"host = good.example.com\n"

static const struct breakage bad_published[] = {
    {"host = *.example.com", ":6: \"*.example.com\": published lists hold"},
    {"host = *", ":6: \"*\": published lists hold exact names"},
    {"host = us.example.com:443", "is not a host name"},
    {"host = https://us.example.com", "is a URL: write the host name alone"},
    {"host = us.example.com/x", "is not a host name"},
    {"host = 192.0.2.1", "is an address: lists hold names"},
    {"host = 0x7f.1", "is an address"},
    {"host = ::1", "is an address"},
    {"host = [::1]", "is an address"},
    {"host = US.example.com", ":6: write us.example.com: lower case"},
    {"host = us.example.com.", ":6: write us.example.com: lower case"},
    {"host = us", "\"us\" is one label"},
    {"host =", "\"\" is not a host name"},
    {"host = a.com, b.com", "write one host = line for each"},
    {"host = b\xc3\xbc\x63her.example", "other scripts as xn--"},
    {"host = a_b.example.com", "is not a host name"},
    {"hosts = us.example.com", ":6: unknown key hosts: a section holds"},
    {"title = x", ":6: unknown key title"},
    {"[apis]\nhost = x.example.com",
	":6: unknown category [apis] (did you mean [api]?)"},
    {"[zebra]\nhost = x.example.com",
	":6: unknown category [zebra]: categories.ini has none"},
    {"[file]\nhost = x.example.com\n[api]\nhost = y.example.com",
	":8: [api] is here twice: it has a host on line 5"},
    {"[file]", ":6: [file] holds no host"},
    {"[list]\nsource = t", ":7: source is here twice"},
    {"[list]\npublished = 2024-01-02", ":7: published is here twice"},
    {"[list]\nsorce = t", ":7: unknown key sorce (did you mean source?)"},
    {"[list]\nxyz = t", ":7: unknown key xyz: [list] has source"},
    {"[list]\nobserved = yesterday", ":7: observed = yesterday is no date"},
    {"[list]\nobserved = 2024-13", "is no date: YYYY-MM-DD or YYYY-MM"},
    {"[list]\nobserved = 2024-00-01", "is no date"},
    {"[list]\nobserved = 2024-01-32", "is no date"},
    {"[list]\nobserved = 2024-01-00", "is no date"},
    {"[list]\nobserved = 24-01-01", "is no date"},
    {"[list]\nobserved = 2024/01/01", "is no date"},
    {"[list]\nobserved = 2024-01-1", "is no date"},
    {"[list]\nobserved =", "is no date"},
    {"host = good.example.com", ":6: good.example.com is in "
				"cloudone/us-1.ini:5 too ([api])"},
    {"host = jp.example.com", ":6: jp.example.com is in "
			      "cloudone/jp-1.ini:6 too ([api])"},
    {"host = global.example.com", ":6: global.example.com is in "
				  "cloudone/global.ini:6 too ([file])"},
};

static void
a_published_list_that_is_wrong_is_refused(void **state)
{
	struct errors errors;
	char text[TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(bad_published); i++) {
		const struct breakage *b = &bad_published[i];

		(void)snprintf(
		    text, sizeof(text), PUBLISHED_HEAD "%s\n", b->line);
		assert_null(parse_with(2, text, &errors));
		if (strstr(errors.text, b->error) == NULL)
			fail_msg("%s: %s", b->line, errors.text);
		if (strncmp(errors.text, "cloudone/us-1.ini:", 18) != 0)
			fail_msg("%s: %s", b->line, errors.text);
	}
}

/* The same rules hold for sets, but for the names of sections. */
static void
a_set_that_is_wrong_is_refused(void **state)
{
	static const struct breakage bad[] = {
	    {"[list]\nsource = s\nobserved = 2024-01\n[a]\nhost = *.b.com\n",
		"sets/more.ini:5: \"*.b.com\": published lists hold"},
	    {"[list]\nsource = s\nobserved = 2024-01\n[a]\nhost = b.com:1\n",
		"sets/more.ini:5: "},
	    {"[list]\nobserved = 2024-01\n[a]\nhost = b.com\n",
		"sets/more.ini: [list] has no source"},
	    {"[list]\nsource = s\n[a]\nhost = b.com\n",
		"sets/more.ini: [list] has no date"},
	    {"[list]\nsource = s\nobserved = 2024-01\n[a]\n",
		"sets/more.ini:4: [a] holds no host"},
	    {"[list]\nsource = s\nobserved = 2024-01\n",
		"sets/more.ini: holds no host"},
	    {"[list]\nsource = s\nobserved = 2024-01\n[a]\nhost = b.com\n"
	     "host = b.com\n",
		"sets/more.ini:6: b.com is in sets/more.ini:5 too"},
	    {"[list]\nsource =\nobserved = 2024-01\n[a]\nhost = b.com\n",
		"sets/more.ini:2: source has no value"},
	    {"host = b.com\n", "sets/more.ini:1: host stands before the first"},
	    {"", "sets/more.ini: [list] has no source"},
	};
	struct errors errors;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_null(parse_with(4, bad[i].line, &errors));
		if (strstr(errors.text, bad[i].error) == NULL)
			fail_msg("%s: %s", bad[i].line, errors.text);
	}
}

static void
an_operators_file_that_is_wrong_is_refused(void **state)
{
	static const struct breakage bad[] = {
	    {"host = *", "* would open every name"},
	    {"host = *:443", "* would open every name"},
	    {"host = *.com", "*.com would open a whole top-level domain"},
	    {"host = *.com.", "*.com would open a whole top-level domain"},
	    {"host = *.", "is not a host name"},
	    {"host = *.*.example.com", "a * stands only at the front"},
	    {"host = a.*.example.com", "a * stands only at the front"},
	    {"host = *a.example.com", "a * stands only at the front"},
	    {"host = **.example.com", "a * stands only at the front"},
	    {"host = *.10.0.0.1", "is an address: lists hold names"},
	    {"host = 10.0.0.1", "\"10.0.0.1\" is an address"},
	    {"host = 10.0.0.1:443", "\"10.0.0.1\" is an address"},
	    {"host = 127.1", "is an address"},
	    {"host = [::1]:443", "is not a host name"},
	    {"host = fe80::1", "is an address"},
	    {"host = a.example.com:0", "\"0\" is not a port: 1 to 65535"},
	    {"host = a.example.com:65536", "is not a port"},
	    {"host = a.example.com:0443", "is not a port"},
	    {"host = a.example.com:", "\"\" is not a port"},
	    {"host = a.example.com:https", "is not a port"},
	    {"host = :443", "is not a host name"},
	    {"host = https://a.example.com", "is a URL"},
	    {"host = https://a.example.com:443/x", "is a URL"},
	    {"host = a.example.com/x", "is not a host name"},
	    {"host = a b", "is not a host name"},
	    {"host =", "is not a host name"},
	    {"name = a.example.com", "unknown key name"},
	    {"host: a.example.com", "is not understood"},
	    {"  host = a.example.com", "begins with a blank"},
	    {"[list]\nsouce = x", ":4: unknown key souce (did you mean source"},
	    {"[list]\npublished = x", ":4: published = x is no date"},
	};
	struct errors errors;
	char text[TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		(void)snprintf(text, sizeof(text),
		    "[mine]\nhost = a.example.org\n%s\n", bad[i].line);
		assert_null(parse_with(5, text, &errors));
		assert_int_equal(errors.count, 1);
		if (strncmp(errors.text, "/etc/extra.ini:", 15) != 0 ||
		    strstr(errors.text, bad[i].error) == NULL)
			fail_msg("%s: %s", bad[i].line, errors.text);
	}
	/* Everything optional left out. */
	allowlist_free(parse_with(5, "", &errors));
	assert_int_equal(errors.count, 0);
	allowlist_free(parse_with(5, "[list]\nsource = me\n[]x", &errors));
	assert_int_equal(errors.count, 1);
}

static void
categories_that_are_wrong_are_refused(void **state)
{
	static const char head[] =
	    "[file]\ntitle_en = T\ntitle_ja = T\nfeatures = images\n"
	    "consequence_en = C\nconsequence_ja = C\nprobe = s3\n"
	    "[api]\ntitle_en = T\ntitle_ja = T\nconsequence_en = C\n";
	static const struct breakage bad[] = {
	    {"probe = tls\nfeatures = images\n",
		".ini:8: [api] has no consequence_ja"},
	    {"probe = tls\nconsequence_ja = C\n",
		".ini:8: [api] has no features"},
	    {"features = images\nconsequence_ja = C\n",
		".ini:8: [api] has no probe"},
	    {"title_en = again\n", ".ini:12: title_en is here twice"},
	    {"title_jp = x\n",
		".ini:12: unknown key title_jp (did you mean title_ja?)"},
	    {"nonsense = x\n", ".ini:12: unknown key nonsense: a category"},
	    {"consequence_ja =\n", ".ini:12: consequence_ja has no value"},
	    {"features = runtme\n",
		"unknown feature \"runtme\" (did you mean runtime?)"},
	    {"features = images,\n", "unknown feature \"\": admission,"},
	    {"features = all\n", "unknown feature \"all\""},
	    {"probe = http\n", ".ini:12: probe = http: json-api, s3"},
	    {"probe = json-file\n", "probe = json-file: json-api"},
	    {"probe = json-file x\n", "probe = json-file x: json-api"},
	    {"probe = json-file /a b\n", "probe = json-file /a b: json-api"},
	    {"probe = tls\nprobe = tls\n", ".ini:13: probe is here twice"},
	    {"[file]\n", ".ini:12: [file] is here twice"},
	    {"[list]\nsource = x\n", ".ini:12: [list] says where hosts"},
	};
	struct errors errors;
	char text[TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		(void)snprintf(text, sizeof(text), "%s%s", head, bad[i].line);
		assert_null(parse_with(0, text, &errors));
		if (strstr(errors.text, bad[i].error) == NULL)
			fail_msg("%s: %s", bad[i].line, errors.text);
	}
	assert_null(parse_with(0, "title_en = T\n", &errors));
	assert_non_null(
	    strstr(errors.text, "title_en stands before the first [category]"));
	/* One error, not one more for each section of the lists. */
	assert_null(parse_with(0, "; nothing\n", &errors));
	assert_string_equal(
	    errors.text, "cloudone/categories.ini: holds no [category]\n");
}

static void
a_catalog_without_its_main_files_is_refused(void **state)
{
	static const char *const want[] = {
	    "cloudone/categories.ini: missing: it says what",
	    "cloudone/global.ini: missing: it holds the endpoints"};
	struct errors errors;
	const struct allowlist_file no_region[] = {
	    {small[0].name, small[0].text, strlen(small[0].text)},
	    {small[1].name, small[1].text, strlen(small[1].text)},
	    {small[1].name, small[1].text, strlen(small[1].text)},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(want); i++) {
		assert_null(parse_with(i, NULL, &errors));
		assert_int_equal(errors.count, 1);
		assert_non_null(strstr(errors.text, want[i]));
	}
	errors = (struct errors){.len = 0};
	assert_null(allowlist_parse(no_region, 2, on_error, &errors));
	assert_string_equal(
	    errors.text, "cloudone: no list of a region, such as us-1.ini\n");
	errors = (struct errors){.len = 0};
	assert_null(allowlist_parse(no_region, 3, on_error, &errors));
	assert_non_null(
	    strstr(errors.text, "cloudone/global.ini: is here twice\n"));
	errors = (struct errors){.len = 0};
	assert_null(allowlist_parse(NULL, 0, on_error, &errors));
	assert_int_equal(errors.count, 3);
	allowlist_free(NULL);
}

static void
a_region_may_repeat_what_is_global(void **state)
{
	struct errors errors;
	struct allowlist *a = parse_with(2,
	    "[list]\nsource = s\npublished = 2024-01-01\n"
	    "[file]\nhost = global.example.com\n",
	    &errors);

	(void)state;
	if (a == NULL)
		fail_msg("%s", errors.text);
	allowlist_free(a);
	assert_null(parse_with(2,
	    "[list]\nsource = s\npublished = 2024-01-01\n"
	    "[file]\nhost = global.example.com\nhost = global.example.com\n",
	    &errors));
	assert_string_equal(errors.text,
	    "cloudone/us-1.ini:6: global.example.com is in "
	    "cloudone/us-1.ini:5 too ([file]): a host is listed once\n");
}

static void
every_error_of_every_file_is_told(void **state)
{
	struct errors errors;

	(void)state;
	assert_null(parse_with(5,
	    "host = x.example.com\n[a]\nhost = 1.2.3.4\nhots = b\n"
	    "host = *\n[b\nhost = c.example.com\n",
	    &errors));
	assert_int_equal(errors.count, 5);
	assert_non_null(strstr(errors.text, "/etc/extra.ini:1: "));
	assert_non_null(strstr(errors.text, "/etc/extra.ini:3: "));
	assert_non_null(strstr(errors.text, "/etc/extra.ini:4: "));
	assert_non_null(strstr(errors.text, "/etc/extra.ini:5: "));
	assert_non_null(strstr(errors.text, "/etc/extra.ini:6: "));
}

/* Cut anywhere, a list is a catalog or an error, and never more than it was. */
static void
every_split_of_a_list_is_judged_safely(void **state)
{
	struct errors errors;
	char text[TEXT_MAX];

	(void)state;
	for (size_t which = 0; which < COUNT(small); which++) {
		for (size_t len = 0; len < strlen(small[which].text); len++) {
			struct allowlist *a;
			size_t count = 0;

			memcpy(text, small[which].text, len);
			text[len] = '\0';
			a = parse_with(which, text, &errors);
			if (a != NULL)
				(void)allowlist_entries(a, &count);
			assert_true(count <= 12);
			allowlist_free(a);
		}
	}
}

/* A folder of lists on disk, as gateway.allowlist_dir names one. */
struct folder {
	char path[64];
};

static void
folder_write(const struct folder *f, const char *name, const char *text)
{
	char path[256];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/%s", f->path, name);
	out = fopen(path, "w");
	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

static void
folder_remove(const struct folder *f, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s%s%s", f->path,
	    name[0] != '\0' ? "/" : "", name);
	if (remove(path) != 0 && errno != ENOENT)
		fail_msg("%s: %s", path, strerror(errno));
}

static int
folder_make(void **state)
{
	struct folder *f = calloc(1, sizeof(*f));
	char path[256];

	assert_non_null(f);
	(void)snprintf(
	    f->path, sizeof(f->path), "/tmp/sekisho-test-allowlist.XXXXXX");
	assert_non_null(mkdtemp(f->path));
	(void)snprintf(path, sizeof(path), "%s/cloudone", f->path);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/sets", f->path);
	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < 5; i++)
		folder_write(f, small[i].name, small[i].text);
	folder_write(f, "extra.conf", small[5].text);
	*state = f;
	return 0;
}

static int
folder_drop(void **state)
{
	static const char *const names[] = {"cloudone/US_1.ini",
	    "cloudone/notes.txt", "cloudone/.hidden.ini", "extra.conf"};
	struct folder *f = *state;

	for (size_t i = 0; i < COUNT(names); i++)
		folder_remove(f, names[i]);
	for (size_t i = 0; i < 5; i++)
		folder_remove(f, small[i].name);
	folder_remove(f, "cloudone");
	folder_remove(f, "sets");
	folder_remove(f, "");
	free(f);
	return 0;
}

static void
a_folder_replaces_the_built_in_lists(void **state)
{
	struct folder *f = *state;
	char extra[256], want[512];
	const char *extras[] = {extra, extra};
	struct allowlist_sources src = {
	    .dir = f->path, .extra = extras, .extra_count = 2};
	const struct allowlist_entry *e;
	struct allowlist *a;
	size_t count;

	(void)snprintf(extra, sizeof(extra), "%s/extra.conf", f->path);
	folder_write(f, "cloudone/notes.txt", "not a list");
	folder_write(f, "cloudone/.hidden.ini", "not a list");
	a = allowlist_load(&src, on_no_error, NULL);
	assert_non_null(a);
	e = allowlist_entries(a, &count);
	assert_int_equal(count, 6 + 2 * 6);
	(void)snprintf(want, sizeof(want),
	    "global.example.com:443 global file %s/cloudone/global.ini:6",
	    f->path);
	assert_entry(&e[0], want);
	(void)snprintf(want, sizeof(want),
	    "us.example.com:443 - mine %s/extra.conf:9", f->path);
	assert_entry(&e[count - 1], want);
	(void)allowlist_regions(a, &count);
	assert_int_equal(count, 2);
	allowlist_free(a);

	/* No sets is fine. */
	folder_remove(f, small[4].name);
	folder_remove(f, "sets");
	src.extra_count = 0;
	a = allowlist_load(&src, on_no_error, NULL);
	assert_non_null(a);
	(void)allowlist_sets(a, &count);
	assert_int_equal(count, 0);
	allowlist_free(a);
}

static void
a_folder_that_is_wrong_says_which_file(void **state)
{
	struct folder *f = *state;
	struct allowlist_sources src = {.dir = f->path};
	const char *extras[] = {"/nonexistent/list.ini"};
	struct errors errors = {.len = 0};
	char want[256];

	folder_write(f, "cloudone/US_1.ini", "");
	folder_remove(f, "cloudone/global.ini");
	folder_write(f, "cloudone/us-1.ini", "x\n");
	src.extra = extras;
	src.extra_count = 1;
	assert_null(allowlist_load(&src, on_error, &errors));
	(void)snprintf(want, sizeof(want),
	    "%s/cloudone/US_1.ini: the name of a list has lower case", f->path);
	assert_non_null(strstr(errors.text, want));
	(void)snprintf(
	    want, sizeof(want), "%s/cloudone/global.ini: missing", f->path);
	assert_non_null(strstr(errors.text, want));
	(void)snprintf(want, sizeof(want),
	    "%s/cloudone/us-1.ini:1: \"x\" is not understood", f->path);
	assert_non_null(strstr(errors.text, want));
	assert_non_null(strstr(
	    errors.text, "/nonexistent/list.ini: cannot read: No such file"));

	errors = (struct errors){.len = 0};
	src.dir = "/nonexistent";
	src.extra_count = 0;
	assert_null(allowlist_load(&src, on_error, &errors));
	assert_non_null(strstr(errors.text,
	    "/nonexistent/cloudone: cannot read: No such file or directory; "
	    "gateway.allowlist_dir holds a folder cloudone"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(feature_names_and_bits_agree),
	    cmocka_unit_test(entries_say_where_they_come_from),
	    cmocka_unit_test(a_published_list_that_is_wrong_is_refused),
	    cmocka_unit_test(a_set_that_is_wrong_is_refused),
	    cmocka_unit_test(an_operators_file_that_is_wrong_is_refused),
	    cmocka_unit_test(categories_that_are_wrong_are_refused),
	    cmocka_unit_test(a_catalog_without_its_main_files_is_refused),
	    cmocka_unit_test(a_region_may_repeat_what_is_global),
	    cmocka_unit_test(every_error_of_every_file_is_told),
	    cmocka_unit_test(every_split_of_a_list_is_judged_safely),
	    cmocka_unit_test_setup_teardown(
		a_folder_replaces_the_built_in_lists, folder_make, folder_drop),
	    cmocka_unit_test_setup_teardown(
		a_folder_that_is_wrong_says_which_file, folder_make,
		folder_drop),
	};

	return cmocka_run_group_tests_name("allowlist", tests, NULL, NULL);
}
