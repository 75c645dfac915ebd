/* SPDX-License-Identifier: Apache-2.0
 *
 * How many CPUs this process may use: what the scheduler would give it
 * (sched_getaffinity(2)), bounded by the CPU time that its control group may
 * take (cgroups(7); containers are limited so), rounded up. */
#ifndef SEKISHO_CPUS_H
#define SEKISHO_CPUS_H

/* At least 1. */
unsigned cpus_usable(void);

/* Whole CPUs' worth of time that the process's control groups allow, or 0 when
 * none limits it. proc is a file as /proc/self/cgroup, root the folder where
 * cgroup file systems are mounted; both versions of cgroups, every group up to
 * the root. */
unsigned cpus_quota(const char *proc, const char *root);

#endif
