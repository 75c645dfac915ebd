/* SPDX-License-Identifier: Apache-2.0 */
#include "cpus.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CPUS_MAX = 1 << 16, /* far above what any kernel is built for */
};

/* Of sched_getaffinity(2), whose mask must be as large as the kernel's. */
static unsigned
cpus_by_affinity(void)
{
	for (unsigned room = 1024; room <= CPUS_MAX; room *= 4) {
		size_t size = CPU_ALLOC_SIZE(room);
		cpu_set_t *set = CPU_ALLOC(room);
		int count = 0;
		bool retry = false;

		if (set == NULL)
			return 1;
		if (sched_getaffinity(0, size, set) == 0)
			count = CPU_COUNT_S(size, set);
		else
			retry = errno == EINVAL;
		CPU_FREE(set);
		if (!retry)
			return count > 0 ? (unsigned)count : 1;
	}
	return 1;
}

/* Reads the first line of DIR/NAME. */
static bool
line_read(const char *dir, const char *name, char *line, int size)
{
	char path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f;
	bool ok;

	if (len < 0 || (size_t)len >= sizeof(path))
		return false;
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	ok = fgets(line, size, f) != NULL;
	(void)fclose(f);
	return ok;
}

/* quota and period in microseconds; 0: no limit can be read. */
static unsigned
quota_round_up(const char *quota, const char *period)
{
	char *end;
	long long q, p;

	errno = 0;
	q = strtoll(quota, &end, 10);
	if (errno != 0 || end == quota || q <= 0)
		return 0; /* "max", or -1 in version 1 */
	p = strtoll(period, &end, 10);
	if (errno != 0 || end == period || p <= 0)
		return 0;
	q = q / p + (q % p != 0);
	return q > CPUS_MAX ? CPUS_MAX : (unsigned)q;
}

static unsigned
quota_of_v2(const char *dir)
{
	char line[64];
	const char *blank;

	if (!line_read(dir, "cpu.max", line, sizeof(line)))
		return 0;
	blank = strchr(line, ' ');
	return blank != NULL ? quota_round_up(line, blank) : 0;
}

static unsigned
quota_of_v1(const char *dir)
{
	char quota[64], period[64];

	if (!line_read(dir, "cpu.cfs_quota_us", quota, sizeof(quota)) ||
	    !line_read(dir, "cpu.cfs_period_us", period, sizeof(period)))
		return 0;
	return quota_round_up(quota, period);
}

static unsigned
smaller_limit(unsigned a, unsigned b)
{
	if (a == 0 || b == 0)
		return a + b;
	return a < b ? a : b;
}

/* The smallest quota of group, which begins with a slash, and of those above
 * it. Within a container the path may be one of the host, which is not mounted
 * here; then the mount's own root is the group. */
static unsigned
quota_of_groups(
    const char *mount, const char *group, unsigned (*quota_of)(const char *))
{
	char dir[PATH_MAX];
	int len = snprintf(dir, sizeof(dir), "%s%s", mount, group);
	size_t root = strlen(mount);
	unsigned quota = 0;

	if (len < 0 || (size_t)len >= sizeof(dir) ||
	    strstr(group, "/..") != NULL)
		return quota_of(mount);
	for (;;) {
		char *slash;

		quota = smaller_limit(quota, quota_of(dir));
		slash = strrchr(dir, '/');
		if (slash == NULL || (size_t)(slash - dir) < root)
			return quota;
		*slash = '\0';
	}
}

/* Whether the comma separated list of controllers has "cpu". */
static bool
has_cpu(const char *controllers)
{
	const char *p = controllers;

	while (*p != '\0') {
		size_t len = strcspn(p, ",");

		if (len == 3 && strncmp(p, "cpu", len) == 0)
			return true;
		p += len + (p[len] == ',');
	}
	return false;
}

/* One line of /proc/self/cgroup: "ID:CONTROLLERS:/GROUP". */
static unsigned
quota_of_line(char *line, const char *root)
{
	char mount[PATH_MAX];
	char *controllers, *group;
	int len;

	line[strcspn(line, "\n")] = '\0';
	controllers = strchr(line, ':');
	if (controllers == NULL)
		return 0;
	*controllers++ = '\0';
	group = strchr(controllers, ':');
	if (group == NULL)
		return 0;
	*group++ = '\0';
	if (group[0] != '/')
		return 0;
	if (controllers[0] == '\0')
		return quota_of_groups(root, group, quota_of_v2);
	if (!has_cpu(controllers))
		return 0;
	len = snprintf(mount, sizeof(mount), "%s/%s", root, controllers);
	if (len < 0 || (size_t)len >= sizeof(mount))
		return 0;
	return quota_of_groups(mount, group, quota_of_v1);
}

unsigned
cpus_quota(const char *proc, const char *root)
{
	FILE *f = fopen(proc, "re");
	char line[PATH_MAX];
	unsigned quota = 0;

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		quota = smaller_limit(quota, quota_of_line(line, root));
	(void)fclose(f);
	return quota;
}

unsigned
cpus_usable(void)
{
	return smaller_limit(cpus_by_affinity(),
	    cpus_quota("/proc/self/cgroup", "/sys/fs/cgroup"));
}
