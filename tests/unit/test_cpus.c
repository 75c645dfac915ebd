/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cpus.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum {
	FILES_MAX = 4,
	PATH_ROOM = 256,
};

struct cgroup_file {
	const char *path, *text; /* below the mount */
};

struct quota_case {
	const char *proc; /* text of /proc/self/cgroup */
	struct cgroup_file files[FILES_MAX];
	unsigned cpus;
};

static void
write_file(const char *root, const char *path, const char *text)
{
	char full[PATH_ROOM];
	FILE *f;

	(void)snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *p = full + strlen(root) + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		(void)mkdir(full, 0700);
		*p = '/';
	}
	f = fopen(full, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* Takes away what write_file has made. */
static void
remove_file(const char *root, const char *path)
{
	char full[PATH_ROOM];

	(void)snprintf(full, sizeof(full), "%s/%s", root, path);
	while (strlen(full) > strlen(root)) {
		(void)remove(full);
		*strrchr(full, '/') = '\0';
	}
}

static void
check_quota(const struct quota_case *c)
{
	char root[] = "/tmp/sekisho-cpus-XXXXXX", proc[PATH_ROOM];

	assert_non_null(mkdtemp(root));
	(void)snprintf(proc, sizeof(proc), "%s/proc", root);
	write_file(root, "proc", c->proc);
	for (size_t i = 0; i < FILES_MAX && c->files[i].path != NULL; i++)
		write_file(root, c->files[i].path, c->files[i].text);
	assert_int_equal(cpus_quota(proc, root), c->cpus);
	for (size_t i = 0; i < FILES_MAX && c->files[i].path != NULL; i++)
		remove_file(root, c->files[i].path);
	remove_file(root, "proc");
	assert_int_equal(remove(root), 0);
}

static void
quotas_are_read_and_rounded_up(void **state)
{
	static const struct quota_case cases[] = {
	    {"", {{NULL, NULL}}, 0},
	    {"0::/\n", {{NULL, NULL}}, 0},
	    {"0::/\n", {{"cpu.max", "max 100000\n"}}, 0},
	    {"0::/\n", {{"cpu.max", "100000 100000\n"}}, 1},
	    {"0::/\n", {{"cpu.max", "150000 100000\n"}}, 2},
	    {"0::/\n", {{"cpu.max", "1000 100000\n"}}, 1},
	    {"0::/\n", {{"cpu.max", "800000 100000\n"}}, 8},
	    {"0::/\n", {{"cpu.max", "100000\n"}}, 0},
	    {"0::/\n", {{"cpu.max", "100000 0\n"}}, 0},
	    {"0::/\n", {{"cpu.max", "99999999999999999999 1\n"}}, 0},
	    /* The tightest group of those above decides. */
	    {"0::/a/b\n",
		{{"cpu.max", "900000 100000\n"},
		    {"a/cpu.max", "300000 100000\n"},
		    {"a/b/cpu.max", "max 100000\n"}},
		3},
	    /* A path of the host that is not mounted here. */
	    {"0::/../../pod\n", {{"cpu.max", "200000 100000\n"}}, 2},
	    {"0::/kubepods/x\n", {{"cpu.max", "200000 100000\n"}}, 2},
	    /* Version 1. */
	    {"4:memory:/a\n3:cpu,cpuacct:/a\n",
		{{"cpu,cpuacct/a/cpu.cfs_quota_us", "250000\n"},
		    {"cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"}},
		3},
	    {"3:cpu,cpuacct:/a\n",
		{{"cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n"},
		    {"cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"}},
		0},
	    {"3:cpuset:/a\n",
		{{"cpuset/a/cpu.cfs_quota_us", "250000\n"},
		    {"cpuset/a/cpu.cfs_period_us", "100000\n"}},
		0},
	    {"nonsense\n1:2\n:::\n0::a\n", {{"cpu.max", "100000 100000\n"}}, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		check_quota(&cases[i]);
	assert_int_equal(cpus_quota("/nowhere/cgroup", "/nowhere"), 0);
}

/* Bound to one CPU, one is usable, however many there are. */
static void
affinity_bounds_the_count(void **state)
{
	cpu_set_t all, one;
	size_t first = 0;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	assert_in_range(cpus_usable(), 1, CPU_COUNT(&all));
	while (!CPU_ISSET(first, &all))
		first++;
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(cpus_usable(), 1);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(quotas_are_read_and_rounded_up),
	    cmocka_unit_test(affinity_bounds_the_count),
	};

	return cmocka_run_group_tests_name("cpus", tests, NULL, NULL);
}
