/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy_run.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	NOT_STARTED = 127,
};

/* Ends the process at the system calls that make a socket. Numbers of another
 * architecture than the one compiled for do not occur: the program is ours. */
static bool
forbid_sockets(void)
{
	struct sock_filter code[] = {
	    BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 2, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socketpair, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog filter = {
	    .len = sizeof(code) / sizeof(code[0]),
	    .filter = code,
	};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

static void
become_proxy(const struct run *r, int out, int err)
{
	char *argv[RUN_ARGS_MAX + 2] = {NULL};

	argv[0] = strdup(SEKISHO_PROXY);
	for (size_t i = 0; i < RUN_ARGS_MAX && r->args[i] != NULL; i++)
		argv[i + 1] = strdup(r->args[i]);
	if (dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0 ||
	    (r->no_sockets && !forbid_sockets()))
		_exit(NOT_STARTED);
	(void)execv(SEKISHO_PROXY, argv);
	_exit(NOT_STARTED);
}

static void
require(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		abort();
	}
}

static void
read_back(int fd, char *buf, size_t size)
{
	ssize_t n = pread(fd, buf, size, 0);

	require(n >= 0 && (size_t)n < size, "output of sekisho-proxy");
	buf[n] = '\0';
}

void
run_proxy(struct run *r)
{
	int caught = memfd_create("out", MFD_CLOEXEC);
	int err = memfd_create("err", MFD_CLOEXEC);
	int out = r->out_path != NULL ? open(r->out_path, O_WRONLY | O_CLOEXEC)
				      : caught;
	int status;
	pid_t child;

	require(caught >= 0 && err >= 0 && out >= 0, "memfd_create");
	child = fork();
	require(child >= 0, "fork");
	if (child == 0)
		become_proxy(r, out, err);
	require(waitpid(child, &status, 0) == child, "waitpid");
	r->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	require(r->exit_code != NOT_STARTED, SEKISHO_PROXY);
	read_back(caught, r->out, sizeof(r->out));
	read_back(err, r->err, sizeof(r->err));
	(void)close(caught);
	(void)close(err);
	if (out != caught)
		(void)close(out);
}
