/* SPDX-License-Identifier: Apache-2.0 */
#include "core/allowlist.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/allowlist_internal.h"

static const char cloudone_dir[] = "cloudone";
static const char sets_dir[] = "sets";

/* The files of one load. What text and names are owned stands in owned. */
struct source_list {
	struct list_source *items;
	size_t count, cap;
	char **owned;
	size_t owned_count, owned_cap;
	const char *dir; /* NULL: names are relative to allowlists/ */
	allowlist_error_fn error;
	void *arg;
	bool ok;
};

const char *
allowlist_keep(struct allowlist *a, struct span s)
{
	struct kept_text *k = malloc(sizeof(*k) + s.len + 1);

	if (k == NULL)
		return NULL;
	if (s.len > 0)
		memcpy(k->text, s.ptr, s.len);
	k->text[s.len] = '\0';
	k->next = a->kept;
	a->kept = k;
	return k->text;
}

void *
array_grow(void *items, size_t count, size_t *cap, size_t size)
{
	size_t want = *cap == 0 ? 16 : *cap * 2;
	void *grown;

	if (count < *cap)
		return items;
	grown = reallocarray(items, want, size);
	if (grown != NULL)
		*cap = want;
	return grown;
}

void
allowlist_free(struct allowlist *a)
{
	if (a == NULL)
		return;
	while (a->kept != NULL) {
		struct kept_text *next = a->kept->next;

		free(a->kept);
		a->kept = next;
	}
	free(a->entries);
	free(a->categories);
	free(a->regions);
	free(a->sets);
	free(a);
}

static void
sources_error(struct source_list *s, const char *file, const char *message)
{
	struct ini_place at = {.file = file, .error = s->error, .arg = s->arg};

	ini_error_at(&at, "%s", message);
	s->ok = false;
}

/* As sources_error, for a file that should be there. */
static void
sources_missing(struct source_list *s, const char *name, const char *message)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s%s%s", s->dir ? s->dir : "",
	    s->dir ? "/" : "", name);
	sources_error(s, path, message);
}

static bool
sources_add(struct source_list *s, const struct list_source *src)
{
	struct list_source *grown =
	    array_grow(s->items, s->count, &s->cap, sizeof(*s->items));

	if (grown == NULL) {
		sources_error(s, src->file.name, "out of memory");
		return false;
	}
	s->items = grown;
	grown[s->count] = *src;
	grown[s->count].order = s->count;
	s->count++;
	return true;
}

/* Takes text over, to be freed with the sources; NULL (and an error, unless
 * text was NULL) when out of memory. */
static char *
sources_own(struct source_list *s, char *text)
{
	char **grown;

	if (text == NULL)
		return NULL;
	grown = array_grow(
	    s->owned, s->owned_count, &s->owned_cap, sizeof(*s->owned));
	if (grown == NULL) {
		free(text);
		sources_error(s, "allowlists", "out of memory");
		return NULL;
	}
	s->owned = grown;
	s->owned[s->owned_count++] = text;
	return text;
}

static void
sources_free(struct source_list *s)
{
	for (size_t i = 0; i < s->owned_count; i++)
		free(s->owned[i]);
	free(s->owned);
	free(s->items);
}

/* "cloudone" / "us-1.ini": the label before .ini, empty when it is none. A
 * label becomes a word of the configuration, so it is one in lower case. */
static struct span
label_of(const char *base)
{
	struct span label = span_str(base);

	if (label.len <= 4 || memcmp(base + label.len - 4, ".ini", 4) != 0)
		return span_of(NULL, 0);
	label.len -= 4;
	for (size_t i = 0; i < label.len; i++) {
		char c = base[i];

		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-')
			return span_of(NULL, 0);
	}
	return label;
}

/* What the file FOLDER/BASE of a directory of lists is. */
static void
source_classify(struct list_source *src, bool set, const char *base)
{
	src->label = label_of(base);
	if (src->label.len == 0)
		src->kind = LIST_EXTRA;
	else if (set)
		src->kind = LIST_SET;
	else if (span_is(src->label, "categories"))
		src->kind = LIST_CATEGORIES;
	else
		src->kind = LIST_REGION;
}

/* A file in memory, judged by its name. */
static void
sources_add_memory(struct source_list *s, const struct allowlist_file *file)
{
	struct list_source src = {.file = *file, .kind = LIST_EXTRA};
	const char *slash = strchr(file->name, '/');

	if (slash != NULL) {
		struct span folder =
		    span_of(file->name, (size_t)(slash - file->name));

		if (span_is(folder, cloudone_dir) || span_is(folder, sets_dir))
			source_classify(
			    &src, span_is(folder, sets_dir), slash + 1);
	}
	(void)sources_add(s, &src);
}

static void
sources_add_path(struct source_list *s, struct list_source src, char *path)
{
	char *text;

	if (path == NULL) {
		sources_error(s, "allowlists", "out of memory");
		return;
	}
	text = ini_read_file(path, &src.file.len, s->error, s->arg);
	src.file.name = path;
	src.file.text = sources_own(s, text);
	if (src.file.text == NULL)
		s->ok = false;
	else
		(void)sources_add(s, &src);
}

/* One entry of DIR/cloudone or DIR/sets. Mounted volumes hold hidden entries
 * ("..data"), people leave notes and back-ups: only *.ini counts. */
static void
sources_add_entry(struct source_list *s, const char *folder, const char *base)
{
	struct list_source src = {.kind = LIST_EXTRA};
	size_t len = strlen(base);
	char *path = NULL;

	if (base[0] == '.' || len < 4 || strcmp(base + len - 4, ".ini") != 0)
		return;
	if (asprintf(&path, "%s/%s/%s", s->dir, folder, base) < 0)
		path = NULL;
	path = sources_own(s, path);
	if (path != NULL) {
		source_classify(&src, strcmp(folder, sets_dir) == 0,
		    strrchr(path, '/') + 1);
		if (src.kind == LIST_EXTRA) {
			sources_error(s, path,
			    "the name of a list has lower case letters, "
			    "digits and hyphens, as in us-1.ini");
			return;
		}
	}
	sources_add_path(s, src, path);
}

static void
sources_add_folder(struct source_list *s, const char *folder)
{
	struct dirent **found = NULL;
	char path[PATH_MAX];
	int n;

	(void)snprintf(path, sizeof(path), "%s/%s", s->dir, folder);
	n = scandir(path, &found, NULL, alphasort);
	if (n < 0 && !(errno == ENOENT && strcmp(folder, sets_dir) == 0)) {
		struct ini_place at = {
		    .file = path, .error = s->error, .arg = s->arg};

		ini_error_at(&at,
		    "cannot read: %s; gateway.allowlist_dir holds a folder "
		    "cloudone (categories.ini, global.ini, REGION.ini) and may "
		    "hold a folder sets",
		    strerror(errno));
		s->ok = false;
	}
	for (int i = 0; i < n; i++) {
		sources_add_entry(s, folder, found[i]->d_name);
		free(found[i]);
	}
	free(found);
}

static int
label_compare(struct span a, struct span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int c = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;

	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

/* Categories, regions by name, sets by name, operators' files as given. */
static int
source_compare(const void *x, const void *y)
{
	const struct list_source *a = x, *b = y;

	int c = (a->kind > b->kind) - (a->kind < b->kind);

	if (c == 0)
		c = label_compare(a->label, b->label);
	return c != 0 ? c : (a->order > b->order) - (a->order < b->order);
}

/* Whether what no gateway can do without is there, and nothing twice. */
static void
sources_check(struct source_list *s)
{
	size_t categories = 0, global = 0, regions = 0;

	for (size_t i = 0; i < s->count; i++) {
		const struct list_source *src = &s->items[i];

		if (src->kind == LIST_CATEGORIES)
			categories++;
		else if (src->kind == LIST_REGION &&
			 span_is(src->label, allowlist_global))
			global++;
		else if (src->kind == LIST_REGION)
			regions++;
		if (i > 0 && src->kind != LIST_EXTRA &&
		    src->kind == src[-1].kind &&
		    span_equal(src->label, src[-1].label))
			sources_error(s, src->file.name, "is here twice");
	}
	if (categories == 0)
		sources_missing(s, "cloudone/categories.ini",
		    "missing: it says what each category of endpoint is for");
	if (global == 0)
		sources_missing(s, "cloudone/global.ini",
		    "missing: it holds the endpoints that every region needs");
	if (regions == 0)
		sources_missing(
		    s, "cloudone", "no list of a region, such as us-1.ini");
}

static bool
is_global(const struct allowlist_entry *e)
{
	return strcmp(e->region, allowlist_global) == 0;
}

/* By host, what is global first, then as read. */
static int
entry_compare(const void *x, const void *y)
{
	const struct allowlist_entry *a =
	    *(const struct allowlist_entry *const *)x;
	const struct allowlist_entry *b =
	    *(const struct allowlist_entry *const *)y;
	int c = strcmp(a->host.text, b->host.text);

	if (c == 0)
		c = is_global(b) - is_global(a);
	return c != 0 ? c : (a > b) - (a < b);
}

/* Whether two entries for one host may stand beside each other: a region may
 * repeat what global.ini says, and a set may name what is listed elsewhere. */
static bool
entries_agree(const struct allowlist_entry *a, const struct allowlist_entry *b)
{
	if (a->file == b->file)
		return false;
	return b->origin == ORIGIN_SET ||
	       (is_global(a) && a->category == b->category);
}

static bool
entries_check_pair(struct source_list *s, const struct allowlist_entry *a,
    const struct allowlist_entry *b)
{
	struct ini_place at = {
	    .file = b->file, .line = b->line, .error = s->error, .arg = s->arg};

	if (entries_agree(a, b))
		return true;
	ini_error_at(&at, "%s is in %s:%u too ([%s]): a host is listed once",
	    b->host.text, a->file, a->line, a->category);
	s->ok = false;
	return false;
}

/* The shipped lists must not say two things about one host. */
static void
entries_check(struct source_list *s, const struct allowlist *a)
{
	const struct allowlist_entry **sorted =
	    reallocarray(NULL, a->entry_count + 1, sizeof(const void *));
	size_t n = 0;

	if (sorted == NULL) {
		sources_error(s, "allowlists", "out of memory");
		return;
	}
	for (size_t i = 0; i < a->entry_count; i++) {
		if (a->entries[i].origin != ORIGIN_EXTRA)
			sorted[n++] = &a->entries[i];
	}
	qsort(sorted, n, sizeof(const void *), entry_compare);
	for (size_t i = 1, first = 0; i < n; i++) {
		if (strcmp(sorted[first]->host.text, sorted[i]->host.text) != 0)
			first = i;
		else if (entries_check_pair(s, sorted[first], sorted[i]) &&
			 sorted[i - 1]->file == sorted[i]->file)
			(void)entries_check_pair(s, sorted[i - 1], sorted[i]);
	}
	free(sorted);
}

/* Fills regions and sets: the labels, which are sorted already. */
static bool
labels_fill(struct allowlist *a, const struct source_list *s)
{
	a->regions = calloc(s->count + 1, sizeof(*a->regions));
	a->sets = calloc(s->count + 1, sizeof(*a->sets));
	if (a->regions == NULL || a->sets == NULL)
		return false;
	for (size_t i = 0; i < s->count; i++) {
		const struct list_source *src = &s->items[i];
		const char *label;

		if ((src->kind != LIST_REGION && src->kind != LIST_SET) ||
		    span_is(src->label, allowlist_global))
			continue;
		label = allowlist_keep(a, src->label);
		if (label == NULL)
			return false;
		if (src->kind == LIST_REGION)
			a->regions[a->region_count++] = label;
		else
			a->sets[a->set_count++] = label;
	}
	return true;
}

/* Reads all sources, as far as errors allow; NULL when there was any. */
static struct allowlist *
sources_build(struct source_list *s)
{
	struct allowlist *a = calloc(1, sizeof(*a));

	if (s->count > 0)
		qsort(s->items, s->count, sizeof(*s->items), source_compare);
	sources_check(s);
	if (a == NULL || !labels_fill(a, s)) {
		sources_error(s, "allowlists", "out of memory");
		allowlist_free(a);
		return NULL;
	}
	for (size_t i = 0; i < s->count; i++) {
		const struct list_source *src = &s->items[i];

		/* Without categories, each section would be one more error. */
		if (src->kind == LIST_REGION && a->category_count == 0)
			continue;
		if (!(src->kind == LIST_CATEGORIES
			    ? category_read(a, src, s->error, s->arg)
			    : allowlist_read(a, src, s->error, s->arg)))
			s->ok = false;
	}
	if (s->ok)
		entries_check(s, a);
	if (!s->ok) {
		allowlist_free(a);
		return NULL;
	}
	return a;
}

struct allowlist *
allowlist_load(
    const struct allowlist_sources *src, allowlist_error_fn error, void *arg)
{
	struct source_list s = {
	    .dir = src->dir, .error = error, .arg = arg, .ok = true};
	struct allowlist *a;

	if (src->dir != NULL) {
		sources_add_folder(&s, cloudone_dir);
		sources_add_folder(&s, sets_dir);
	}
	for (size_t i = 0; src->dir == NULL && i < allowlist_builtin_count; i++)
		sources_add_memory(&s, &allowlist_builtin[i]);
	for (size_t i = 0; i < src->extra_count; i++) {
		struct list_source extra = {.kind = LIST_EXTRA};

		sources_add_path(
		    &s, extra, sources_own(&s, strdup(src->extra[i])));
	}
	a = sources_build(&s);
	sources_free(&s);
	return a;
}

struct allowlist *
allowlist_parse(const struct allowlist_file *files, size_t count,
    allowlist_error_fn error, void *arg)
{
	struct source_list s = {.error = error, .arg = arg, .ok = true};
	struct allowlist *a;

	for (size_t i = 0; i < count; i++)
		sources_add_memory(&s, &files[i]);
	a = sources_build(&s);
	sources_free(&s);
	return a;
}

const struct allowlist_entry *
allowlist_entries(const struct allowlist *a, size_t *count)
{
	*count = a->entry_count;
	return a->entries;
}

const struct allowlist_category *
allowlist_categories(const struct allowlist *a, size_t *count)
{
	*count = a->category_count;
	return a->categories;
}

const char *const *
allowlist_regions(const struct allowlist *a, size_t *count)
{
	*count = a->region_count;
	return a->regions;
}

const char *const *
allowlist_sets(const struct allowlist *a, size_t *count)
{
	*count = a->set_count;
	return a->sets;
}

const char *
allowlist_date(const struct allowlist *a)
{
	return a->date != NULL ? a->date : "unknown";
}
