/* SPDX-License-Identifier: Apache-2.0 */
#include "tar_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

enum {
	BLOCK = 512,
};

/* The header block; numbers are octal text. */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12];
	char checksum[8], type, link[100], magic[6], version[2];
	char user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};

_Static_assert(sizeof(struct header) == BLOCK, "a header is one block");

struct tar_file {
	gzFile gz;
	bool failed;
};

struct tar_file *
tar_file_open(const char *path)
{
	struct tar_file *t = calloc(1, sizeof(*t));
	int fd;

	if (t == NULL)
		return NULL;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	t->gz = fd >= 0 ? gzdopen(fd, "wb9") : NULL;
	if (t->gz != NULL)
		return t;
	if (fd >= 0)
		(void)close(fd);
	free(t);
	return NULL;
}

static void
write_all(struct tar_file *t, const void *data, size_t len)
{
	if (len > 0 && gzfwrite(data, 1, len, t->gz) != len)
		t->failed = true;
}

static void
octal(char *field, size_t size, uint64_t n)
{
	field[--size] = '\0';
	while (size > 0) {
		field[--size] = (char)('0' + (n & 7));
		n >>= 3;
	}
}

/* The sum of all bytes, where its own field counts as blanks. */
static void
seal(struct header *h)
{
	const unsigned char *bytes = (const unsigned char *)h;
	unsigned sum = 0;

	memset(h->checksum, ' ', sizeof(h->checksum));
	for (size_t i = 0; i < BLOCK; i++)
		sum += bytes[i];
	octal(h->checksum, sizeof(h->checksum) - 1, sum);
}

bool
tar_file_add(
    struct tar_file *t, const char *name, struct span data, int64_t unix_s)
{
	static const char zeros[BLOCK];
	struct header h = {
	    .type = '0', .magic = "ustar", .version = {'0', '0'}};

	(void)snprintf(h.name, sizeof(h.name), "%s", name);
	octal(h.mode, sizeof(h.mode), 0644);
	octal(h.uid, sizeof(h.uid), 0);
	octal(h.gid, sizeof(h.gid), 0);
	octal(h.size, sizeof(h.size), data.len);
	octal(h.mtime, sizeof(h.mtime), unix_s > 0 ? (uint64_t)unix_s : 0);
	octal(h.major, sizeof(h.major), 0);
	octal(h.minor, sizeof(h.minor), 0);
	seal(&h);
	write_all(t, &h, BLOCK);
	write_all(t, data.ptr, data.len);
	write_all(t, zeros, (BLOCK - data.len % BLOCK) % BLOCK);
	return !t->failed;
}

bool
tar_file_close(struct tar_file *t)
{
	static const char end[2 * BLOCK];
	bool ok;

	if (t == NULL)
		return false;
	write_all(t, end, sizeof(end));
	ok = gzclose(t->gz) == Z_OK && !t->failed;
	free(t);
	return ok;
}
