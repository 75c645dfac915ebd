/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct metrics_process {
	int stat_fd;        /* of /proc/self/stat */
	DIR *fds;           /* /proc/self/fd */
	uint64_t boot_time; /* seconds since 1970 */
};

/* The line "btime N" of /proc/stat (proc(5)). */
static uint64_t
read_boot_time(void)
{
	FILE *f = fopen("/proc/stat", "re");
	char *line = NULL;
	size_t cap = 0;
	uint64_t n = 0;

	if (f == NULL)
		return 0;
	while (getline(&line, &cap, f) > 0) {
		if (strncmp(line, "btime ", 6) == 0)
			n = strtoull(line + 6, NULL, 10);
	}
	free(line);
	(void)fclose(f);
	return n;
}

struct metrics_process *
metrics_process_open(void)
{
	struct metrics_process *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->stat_fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	p->fds = opendir("/proc/self/fd");
	if (p->stat_fd < 0 || p->fds == NULL) {
		metrics_process_close(p);
		return NULL;
	}
	p->boot_time = read_boot_time();
	return p;
}

void
metrics_process_close(struct metrics_process *p)
{
	if (p == NULL)
		return;
	if (p->stat_fd >= 0)
		(void)close(p->stat_fd);
	if (p->fds != NULL)
		(void)closedir(p->fds);
	free(p);
}

static uint64_t
count_fds(DIR *fds)
{
	struct stat st;
	uint64_t n = 0;
	const struct dirent *entry;

	/* Linux 6.2 and later say the number at once. */
	if (fstat(dirfd(fds), &st) == 0 && st.st_size > 0)
		return (uint64_t)st.st_size;
	rewinddir(fds);
	while ((entry = readdir(fds)) != NULL)
		n += entry->d_name[0] != '.';
	return n;
}

/* Reads the numbers that stand at the places first to last (proc(5) counts from
 * 1; the third is the first one behind the name) of a stat line. */
static bool
read_fields(const char *stat, uint64_t *out, unsigned first, unsigned last)
{
	/* The name is in brackets and may hold anything, brackets too. */
	const char *at = strrchr(stat, ')');
	unsigned place = 2;

	if (at == NULL)
		return false;
	while (place < last) {
		char *end;

		at = strchr(at, ' ');
		if (at == NULL)
			return false;
		at++;
		place++;
		if (place < first)
			continue;
		out[place - first] = strtoull(at, &end, 10);
		if (end == at)
			return false;
	}
	return true;
}

bool
metrics_process_read(
    struct metrics_process *p, struct metrics_process_values *out)
{
	enum {
		FIRST = 14,
		UTIME = 14,
		STIME = 15,
		THREADS = 20,
		START = 22,
		VSIZE = 23,
		RSS = 24
	};
	uint64_t field[RSS - FIRST + 1];
	double ticks = (double)sysconf(_SC_CLK_TCK);
	struct rlimit fds;
	char stat[1024];
	ssize_t n = pread(p->stat_fd, stat, sizeof(stat) - 1, 0);

	if (n <= 0 || getrlimit(RLIMIT_NOFILE, &fds) != 0)
		return false;
	stat[n] = '\0';
	if (!read_fields(stat, field, FIRST, RSS))
		return false;
	*out = (struct metrics_process_values){
	    .cpu_seconds =
		(double)(field[UTIME - FIRST] + field[STIME - FIRST]) / ticks,
	    .start_time =
		(double)p->boot_time + (double)field[START - FIRST] / ticks,
	    .resident_bytes =
		field[RSS - FIRST] * (uint64_t)sysconf(_SC_PAGESIZE),
	    .virtual_bytes = field[VSIZE - FIRST],
	    .threads = field[THREADS - FIRST],
	    .open_fds = count_fds(p->fds),
	    .max_fds = fds.rlim_cur,
	};
	return true;
}
