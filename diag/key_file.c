/* SPDX-License-Identifier: Apache-2.0 */
#include "key_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "key_secret.h"

enum {
	FILE_MAX = 65536, /* of a Secret in JSON */
};

/* Where one line says why not. */
struct failure {
	const char *path;
	char *text;
	size_t size;
};

static bool fail(const struct failure *f, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static bool
fail(const struct failure *f, const char *fmt, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(why, sizeof(why), fmt, ap) < 0)
		why[0] = '\0';
	va_end(ap);
	if (key_is_likely(f->path))
		(void)snprintf(f->text, f->size,
		    "--api-key-file: %s (it takes the name of a file; the word "
		    "given may be a key, and is not shown)",
		    why);
	else
		(void)snprintf(
		    f->text, f->size, "--api-key-file %s: %s", f->path, why);
	return false;
}

/* Reads at most size bytes; false with errno. */
static bool
read_some(int fd, char *buf, size_t size, size_t *got)
{
	*got = 0;
	while (*got < size) {
		ssize_t n = read(fd, buf + *got, size - *got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		if (n == 0)
			break;
		*got += (size_t)n;
	}
	return true;
}

/* YAML is not read, but known when it is seen. */
static bool
is_yaml_secret(const char *text, size_t len)
{
	return memmem(text, len, "kind: Secret", 12) != NULL;
}

static bool
take(struct api_key *key, struct key_lint *lint, struct span text,
    const struct failure *f)
{
	char entry[KEY_ENTRY_MAX], why[256];
	size_t len = text.len;

	if (key_secret_is_json(text)) {
		if (!key_secret_read(key, entry, &len, text, why, sizeof(why)))
			return fail(f, "%s", why);
		(void)snprintf(lint->source, sizeof(lint->source),
		    "%.160s (%.80s)", f->path, entry);
	} else if (is_yaml_secret(text.ptr, text.len)) {
		return fail(f, "a Secret in YAML: write it with kubectl get "
			       "secret NAME -o json");
	} else {
		if (len >= KEY_MAX)
			return fail(
			    f, "%zu bytes or more: no key is that long", len);
		memcpy(key->text, text.ptr, len);
		key->text[len] = '\0';
		(void)snprintf(
		    lint->source, sizeof(lint->source), "%.255s", f->path);
	}
	key_lint(lint, span_of(key->text, len));
	return true;
}

static bool
read_file(struct api_key *key, struct key_lint *lint, const struct failure *f)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC);
	char *text = malloc(FILE_MAX);
	size_t got = 0;
	bool ok;

	if (fd < 0 || text == NULL || !read_some(fd, text, FILE_MAX, &got))
		ok = fail(f, "cannot read: %s", strerrordesc_np(errno));
	else
		ok = take(key, lint, span_of(text, got), f);
	if (text != NULL)
		explicit_bzero(text, FILE_MAX);
	free(text);
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

/* Entries of a mounted Secret stand beside ..data and ..TIME, which are
 * Kubernetes' own. */
static int
is_entry(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static bool
read_directory(
    struct api_key *key, struct key_lint *lint, const struct failure *f)
{
	struct dirent **entries = NULL;
	int count = scandir(f->path, &entries, is_entry, alphasort);
	const char *name = count == 1 ? entries[0]->d_name : NULL;
	char path[PATH_MAX];
	struct failure of_file = *f;
	bool ok;

	for (int i = 0; i < count; i++) {
		if (strcmp(entries[i]->d_name, "api.key") == 0)
			name = entries[i]->d_name;
	}
	of_file.path = path;
	if (count < 0)
		ok = fail(f, "cannot read: %s", strerrordesc_np(errno));
	else if (name == NULL)
		ok = fail(f, "this directory has no file api.key, and not "
			     "just one other");
	else if (snprintf(path, sizeof(path), "%s/%s", f->path, name) >=
		 (int)sizeof(path))
		ok = fail(f, "the path is too long");
	else
		ok = read_file(key, lint, &of_file);
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
	return ok;
}

bool
key_file_read(struct api_key *key, struct key_lint *lint, const char *path,
    char *error, size_t len)
{
	const struct failure f = {path, error, len};
	struct stat st;

	error[0] = '\0';
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return read_directory(key, lint, &f);
	return read_file(key, lint, &f);
}
