/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "privileges.h"

enum {
	LINKS_MAX = 8, /* in a row, at the end of a path */
};

/* --- which places ------------------------------------------------------------
 */

static bool
add_place(struct sandbox *sb, const char *path, unsigned uses)
{
	struct sandbox_place *grown;
	struct stat st;
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return true;
	grown = reallocarray(sb->places, sb->count + 1, sizeof(*grown));
	if (grown == NULL || fstat(fd, &st) != 0) {
		(void)close(fd);
		return grown != NULL;
	}
	sb->places = grown;
	sb->places[sb->count++] = (struct sandbox_place){.fd = fd,
	    .dev = st.st_dev,
	    .ino = st.st_ino,
	    .folder = S_ISDIR(st.st_mode),
	    .uses = uses};
	return true;
}

/* The folder of path, as text. */
static void
folder_of(const char *path, char *folder)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		(void)snprintf(folder, PATH_MAX, ".");
	else if (slash == path)
		(void)snprintf(folder, PATH_MAX, "/");
	else
		(void)snprintf(
		    folder, PATH_MAX, "%.*s", (int)(slash - path), path);
}

/* Folders that hold everybody's files: the top ones of the Filesystem Hierarchy
 * Standard. */
static bool
is_common(const char *folder)
{
	static const char *const common[] = {"", "dev", "etc", "home", "proc",
	    "root", "run", "sys", "tmp", "usr", "var"};
	char real[PATH_MAX];

	if (realpath(folder, real) == NULL)
		return true;
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
		if (strcmp(real + 1, common[i]) == 0)
			return true;
	}
	return strncmp(real, "/proc/", 6) == 0;
}

static bool
add_folder_of(struct sandbox *sb, const char *path, unsigned uses)
{
	char folder[PATH_MAX];

	folder_of(path, folder);
	return is_common(folder) || add_place(sb, folder, uses);
}

/* Where the link at path leads to, one step. */
static bool
follow(const char *path, char *target)
{
	char folder[PATH_MAX], link[PATH_MAX];
	ssize_t len = readlink(path, link, sizeof(link) - 1);
	int n;

	if (len <= 0)
		return false;
	link[len] = '\0';
	if (link[0] == '/') {
		n = snprintf(target, PATH_MAX, "%s", link);
	} else {
		folder_of(path, folder);
		n = snprintf(target, PATH_MAX, "%s/%s", folder, link);
	}
	return n > 0 && n < PATH_MAX;
}

/* The folders of a file, and of what it leads to link by link. A folder of
 * files needs none above it, unless it is such a link. */
static bool
add_folders(struct sandbox *sb, const char *path, unsigned uses)
{
	char at[PATH_MAX], next[PATH_MAX], real[PATH_MAX];
	struct stat st;
	bool is_folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);

	(void)snprintf(at, sizeof(at), "%s", path);
	for (int i = 0; i < LINKS_MAX && follow(at, next); i++) {
		if (!add_folder_of(sb, at, uses))
			return false;
		memcpy(at, next, sizeof(at));
	}
	if (is_folder)
		return true;
	return add_folder_of(sb, at, uses) &&
	       (realpath(path, real) == NULL || add_folder_of(sb, real, uses));
}

bool
sandbox_allow(struct sandbox *sb, const char *path, enum sandbox_use use)
{
	/* Of a socket, the folder is all that binding and removing take. */
	if (use == SANDBOX_SOCKET) {
		char folder[PATH_MAX];

		folder_of(path, folder);
		return add_place(sb, folder, use);
	}
	return add_place(sb, path, use) && add_folders(sb, path, use);
}

/* --- what is covered ---------------------------------------------------------
 */

static bool
is_place(const struct sandbox *sb, const char *path, unsigned use)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return false;
	for (size_t i = 0; i < sb->count; i++) {
		const struct sandbox_place *p = &sb->places[i];

		if (p->dev == st.st_dev && p->ino == st.st_ino &&
		    (p->uses & use) != 0)
			return true;
	}
	return false;
}

bool
sandbox_covers(const struct sandbox *sb, const char *path, enum sandbox_use use)
{
	char real[PATH_MAX], folder[PATH_MAX];

	if (!sb->restricts_files)
		return true;
	/* What is not there yet: its folder decides. */
	if (realpath(path, real) == NULL) {
		folder_of(path, folder);
		if (realpath(folder, real) == NULL)
			return true; /* and another error tells */
	}
	while (!is_place(sb, real, use)) {
		if (strcmp(real, "/") == 0)
			return false;
		folder_of(real, folder);
		memcpy(real, folder, sizeof(real));
	}
	return true;
}

/* --- enter -------------------------------------------------------------------
 */

static void
close_places(struct sandbox *sb)
{
	for (size_t i = 0; i < sb->count; i++) {
		if (sb->places[i].fd >= 0)
			(void)close(sb->places[i].fd);
		sb->places[i].fd = -1;
	}
}

void
sandbox_enter(struct sandbox *sb)
{
	const char *no_calls = "", *no_files = "";
	char calls_text[32], files_text[32];
	unsigned calls = 0;
	int abi = 0;
	bool privs = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
	bool caps = privileges_drop_capabilities();
	bool files = sandbox_restrict_files(sb, &abi, &no_files);
	/* Last, as the others' system calls are not let through any more. */
	bool filter = sandbox_restrict_calls(&calls, &no_calls);
	bool all = privs && caps && files && filter;

	sb->restricts_files = files;
	close_places(sb);
	(void)snprintf(
	    calls_text, sizeof(calls_text), "on(%u syscalls)", calls);
	(void)snprintf(files_text, sizeof(files_text), "on(abi %d)", abi);
	log_write(all ? LOG_INFO : LOG_WARN, "sandbox",
	    "no_new_privs=%s capabilities=%s seccomp=\"%s%s\" "
	    "landlock=\"%s%s\"",
	    privs ? "on" : "off", caps ? "dropped" : "kept",
	    filter ? calls_text : "off: ", no_calls,
	    files ? files_text : "off: ", no_files);
}

void
sandbox_fini(struct sandbox *sb)
{
	close_places(sb);
	free(sb->places);
	*sb = (struct sandbox){.places = NULL};
}
