/* SPDX-License-Identifier: Apache-2.0
 *
 * Feeds every file of the folders given to a fuzz target, once: corpora are
 * ordinary tests. An empty or missing folder fails. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int
replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	size_t len = 0, cap = 0, n;

	if (f == NULL) {
		perror(path);
		return -1;
	}
	do {
		if (len == cap) {
			cap = cap == 0 ? 4096 : cap * 2;
			data = realloc(data, cap);
			if (data == NULL)
				abort();
		}
		n = fread(data + len, 1, cap - len, f);
		len += n;
	} while (n > 0);
	(void)fclose(f);
	/* An exact copy, so that a sanitizer sees a read behind the end. */
	uint8_t *exact = malloc(len > 0 ? len : 1);
	if (exact == NULL)
		abort();
	memcpy(exact, data, len);
	free(data);
	(void)LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	return 0;
}

static int
replay_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	int files = 0;

	if (dir == NULL) {
		perror(path);
		return -1;
	}
	while ((e = readdir(dir)) != NULL) {
		char file[4096];

		if (e->d_name[0] == '.')
			continue;
		if (snprintf(file, sizeof(file), "%s/%s", path, e->d_name) >=
			(int)sizeof(file) ||
		    replay_file(file) != 0) {
			(void)closedir(dir);
			return -1;
		}
		files++;
	}
	(void)closedir(dir);
	return files;
}

int
main(int argc, char **argv)
{
	int total = 0;

	for (int i = 1; i < argc; i++) {
		int files = replay_folder(argv[i]);

		if (files <= 0) {
			(void)fprintf(stderr, "%s: no corpus\n", argv[i]);
			return 1;
		}
		total += files;
	}
	printf("%d inputs replayed\n", total);
	return 0;
}
