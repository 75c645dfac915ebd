/* SPDX-License-Identifier: Apache-2.0
 *
 * What cannot be done any more. Each attempt in a child, as there is no way
 * back. Built without sanitizers, from the sources: theirs is another list. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/log.h"
#include "sandbox.h"

/* A folder like a mounted ConfigMap, and one that is nobody's business. */
struct folders {
	char top[32], mounted[64], version[80], file[80], other[64], secret[80];
	char logs[64], log[80], doors[64], door[80];
};

static struct folders at;

static void
put(char *buf, size_t cap, const char *folder, const char *name)
{
	(void)snprintf(buf, cap, "%s/%s", folder, name);
}

static void
write_file(const char *path)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs("text\n", f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int
make_folders(void **state)
{
	char path[128];

	(void)state;
	(void)snprintf(at.top, sizeof(at.top), "/tmp/sekisho-box-XXXXXX");
	assert_non_null(mkdtemp(at.top));
	put(at.mounted, sizeof(at.mounted), at.top, "mounted");
	put(at.version, sizeof(at.version), at.mounted, "..v1");
	put(at.file, sizeof(at.file), at.mounted, "file");
	put(at.other, sizeof(at.other), at.top, "other");
	put(at.secret, sizeof(at.secret), at.other, "secret");
	put(at.logs, sizeof(at.logs), at.top, "logs");
	put(at.log, sizeof(at.log), at.logs, "log");
	put(at.doors, sizeof(at.doors), at.top, "doors");
	put(at.door, sizeof(at.door), at.doors, "door");
	assert_int_equal(mkdir(at.mounted, 0700), 0);
	assert_int_equal(mkdir(at.version, 0700), 0);
	assert_int_equal(mkdir(at.other, 0700), 0);
	assert_int_equal(mkdir(at.logs, 0700), 0);
	assert_int_equal(mkdir(at.doors, 0700), 0);
	put(path, sizeof(path), at.version, "file");
	write_file(path);
	write_file(at.secret);
	put(path, sizeof(path), at.mounted, "..data");
	assert_int_equal(symlink("..v1", path), 0);
	assert_int_equal(symlink("..data/file", at.file), 0);
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int
remove_folders(void **state)
{
	(void)state;
	return nftw(at.top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void
enter(struct sandbox *sb)
{
	if (!sandbox_allow(sb, at.file, SANDBOX_READ) ||
	    !sandbox_allow(sb, at.log, SANDBOX_WRITE) ||
	    !sandbox_allow(sb, at.door, SANDBOX_SOCKET))
		_exit(200);
	sandbox_enter(sb);
}

static struct sandbox box; /* of the child */

/* What a child in the sandbox comes to: what fn gives, an errno or 0, or 1000
 * and the signal that ended it. */
static int
inside(int (*fn)(void))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		enter(&box);
		_exit(fn());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

enum {
	KILLED = 1000 + SIGSYS
};

/* errno of a call that fails. */
static int
why(long rc)
{
	return rc < 0 ? errno : 0;
}

/* --- what ends it
 * ------------------------------------------------------------- */

static int
call_exec(void)
{
	static char name[] = "true";
	char *const argv[] = {name, NULL};

	return why(execv("/bin/true", argv));
}

static int
call_execveat(void)
{
	return why(syscall(SYS_execveat, 0, "", NULL, NULL, 0));
}

static int
call_fork(void)
{
	return why(syscall(SYS_fork));
}

static int
call_ptrace(void)
{
	return why(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int
call_process_vm(void)
{
	return why(
	    syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
}

static int
call_unshare(void)
{
	return why(unshare(CLONE_NEWUSER));
}

static int
call_setns(void)
{
	return why(setns(0, CLONE_NEWNET));
}

static int
call_bpf(void)
{
	return why(syscall(SYS_bpf, 0, NULL, 0));
}

static int
call_io_uring(void)
{
	return why(syscall(SYS_io_uring_setup, 1, NULL));
}

static int
call_memfd(void)
{
	return why(memfd_create("x", 0));
}

static void
test_what_only_an_intruder_does_ends_it(void **state)
{
	(void)state;
	assert_int_equal(inside(call_exec), KILLED);
	assert_int_equal(inside(call_execveat), KILLED);
	assert_int_equal(inside(call_fork), KILLED);
	assert_int_equal(inside(call_ptrace), KILLED);
	assert_int_equal(inside(call_process_vm), KILLED);
	assert_int_equal(inside(call_unshare), KILLED);
	assert_int_equal(inside(call_setns), KILLED);
	assert_int_equal(inside(call_bpf), KILLED);
	assert_int_equal(inside(call_io_uring), KILLED);
	assert_int_equal(inside(call_memfd), KILLED);
}

/* --- what fails
 * --------------------------------------------------------------- */

static int
call_clone_process(void)
{
	return why(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}

static int
call_clone_userns(void)
{
	return why(
	    syscall(SYS_clone, CLONE_NEWUSER | CLONE_THREAD, 0, 0, 0, 0));
}

static int
call_clone3(void)
{
	return why(syscall(SYS_clone3, NULL, 0));
}

static int
call_raw_socket(void)
{
	return why(socket(AF_INET, SOCK_RAW, 1));
}

static int
call_packet_socket(void)
{
	return why(socket(AF_PACKET, SOCK_DGRAM, 0));
}

static int
call_setuid(void)
{
	return why(setuid(0));
}

static int
call_kill(void)
{
	return why(kill(getppid(), 0));
}

static int
call_tgkill(void)
{
	return why(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int
call_executable_memory(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

static int
call_make_executable(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? 201
			       : why(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int
call_terminal_input(void)
{
	char c = 'x';

	return why(ioctl(0, TIOCSTI, &c));
}

static int
call_set_limit(void)
{
	struct rlimit64 {
		uint64_t soft, hard;
	} lim = {1, 1};

	return why(syscall(SYS_prlimit64, 0, 7, &lim, NULL));
}

static int
call_dumpable(void)
{
	return why(prctl(PR_SET_DUMPABLE, 1));
}

static int
call_symlink(void)
{
	return why(symlink("a", at.door));
}

static int
call_chmod(void)
{
	return why(chmod(at.secret, 0777));
}

static void
test_calls_that_serving_does_not_take_fail(void **state)
{
	(void)state;
	assert_int_equal(inside(call_clone_process), EPERM);
	assert_int_equal(inside(call_clone_userns), EPERM);
	assert_int_equal(inside(call_clone3), ENOSYS);
	assert_int_equal(inside(call_raw_socket), EPERM);
	assert_int_equal(inside(call_packet_socket), EPERM);
	assert_int_equal(inside(call_setuid), EPERM);
	assert_int_equal(inside(call_kill), EPERM);
	assert_int_equal(inside(call_tgkill), EPERM);
	assert_int_equal(inside(call_executable_memory), EPERM);
	assert_int_equal(inside(call_make_executable), EPERM);
	assert_int_equal(inside(call_terminal_input), EPERM);
	assert_int_equal(inside(call_set_limit), EPERM);
	assert_int_equal(inside(call_dumpable), EPERM);
	assert_int_equal(inside(call_symlink), EPERM);
	assert_int_equal(inside(call_chmod), EPERM);
}

/* --- files
 * -------------------------------------------------------------------- */

static int
try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	return fd < 0 ? errno : close(fd);
}

static int
open_passwd(void)
{
	return try_open("/etc/passwd", O_RDONLY);
}

static int
open_secret(void)
{
	return try_open(at.secret, O_RDONLY);
}

static int
open_proc(void)
{
	return try_open("/proc/self/environ", O_RDONLY);
}

static int
list_root(void)
{
	return try_open("/", O_RDONLY | O_DIRECTORY);
}

static int
write_config(void)
{
	return try_open(at.file, O_WRONLY);
}

static int
make_beside_config(void)
{
	char path[128];

	put(path, sizeof(path), at.mounted, "new");
	return try_open(path, O_WRONLY | O_CREAT);
}

static int
remove_config(void)
{
	return why(unlink(at.file));
}

static int
write_secret(void)
{
	return try_open(at.secret, O_WRONLY);
}

static void
test_other_files_cannot_be_opened(void **state)
{
	(void)state;
	assert_int_equal(inside(open_passwd), EACCES);
	assert_int_equal(inside(open_secret), EACCES);
	assert_int_equal(inside(open_proc), EACCES);
	assert_int_equal(inside(list_root), EACCES);
	assert_int_equal(inside(write_config), EACCES);
	assert_int_equal(inside(make_beside_config), EACCES);
	assert_int_equal(inside(remove_config), EACCES);
	assert_int_equal(inside(write_secret), EACCES);
}

/* --- what goes on
 * ------------------------------------------------------------- */

static int
read_config(void)
{
	return try_open(at.file, O_RDONLY);
}

/* As the parent swaps the link, after the sandbox has been closed. */
static int
read_swapped(void)
{
	for (int i = 0; i < 2000; i++) {
		char path[128];

		put(path, sizeof(path), at.version, "file");
		if (access(path, F_OK) != 0)
			return try_open(at.file, O_RDONLY);
		(void)poll(NULL, 0, 10);
	}
	return 202;
}

static int
write_log(void)
{
	return try_open(at.log, O_WRONLY | O_CREAT | O_APPEND);
}

static int
bind_door(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(sun.sun_path, at.door, strlen(at.door) + 1);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) != 0)
		return errno;
	return why(unlink(at.door));
}

static void *
nothing(void *arg)
{
	return arg;
}

static int
run_thread(void)
{
	pthread_t thread;
	int rc = pthread_create(&thread, NULL, nothing, NULL);

	return rc != 0 ? rc : pthread_join(thread, NULL);
}

static void
test_serving_goes_on(void **state)
{
	(void)state;
	assert_int_equal(inside(read_config), 0);
	assert_int_equal(inside(write_log), 0);
	assert_int_equal(inside(bind_door), 0);
	assert_int_equal(inside(run_thread), 0);
	/* abort(3) is how a failed assertion ends. */
	assert_int_equal(inside((int (*)(void))abort), 1000 + SIGABRT);
}

static void
swap_version(void)
{
	char link[128], new[128], old[128], next[128];

	put(next, sizeof(next), at.mounted, "..v2");
	assert_int_equal(mkdir(next, 0700), 0);
	put(new, sizeof(new), next, "file");
	write_file(new);
	put(new, sizeof(new), at.mounted, "..new");
	assert_int_equal(symlink("..v2", new), 0);
	put(link, sizeof(link), at.mounted, "..data");
	assert_int_equal(rename(new, link), 0);
	put(old, sizeof(old), at.version, "file");
	assert_int_equal(unlink(old), 0);
}

static void
test_swapped_link_is_followed(void **state)
{
	int ready[2], status;
	char c;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct sandbox sb = {.places = NULL};

		enter(&sb);
		(void)!write(ready[1], "", 1);
		_exit(read_swapped());
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	swap_version();
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(close(ready[0]) | close(ready[1]), 0);
}

static int
look_what_is_covered(void)
{
	char beside[128];

	put(beside, sizeof(beside), at.mounted, "not-there-yet");
	return sandbox_covers(&box, at.file, SANDBOX_READ) &&
		       sandbox_covers(&box, beside, SANDBOX_READ) &&
		       !sandbox_covers(&box, at.file, SANDBOX_WRITE) &&
		       !sandbox_covers(&box, at.secret, SANDBOX_READ) &&
		       !sandbox_covers(&box, "/etc/passwd", SANDBOX_READ) &&
		       sandbox_covers(&box, at.log, SANDBOX_WRITE) &&
		       sandbox_covers(&box, at.door, SANDBOX_SOCKET) &&
		       !sandbox_covers(&box, at.secret, SANDBOX_SOCKET)
		   ? 0
		   : 203;
}

static void
test_covered_is_what_can_be_opened(void **state)
{
	(void)state;
	assert_int_equal(inside(look_what_is_covered), 0);
}

/* --- threads and capabilities
 * ------------------------------------------------- */

static int pipe_fds[2];

static void *
wait_and_try(void *arg)
{
	char c;
	int *result = arg;

	if (read(pipe_fds[0], &c, 1) == 1)
		*result = why(setuid(0));
	return NULL;
}

/* The filter is on threads, too, that were there before. */
static void
test_threads_of_before_are_filtered(void **state)
{
	int status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct sandbox sb = {.places = NULL};
		pthread_t thread;
		int result = 204;

		if (pthread_create(&thread, NULL, wait_and_try, &result) != 0)
			_exit(205);
		enter(&sb);
		if (write(pipe_fds[1], "", 1) != 1 ||
		    pthread_join(thread, NULL) != 0)
			_exit(206);
		_exit(result);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EPERM);
}

/* /proc/self/status, opened before. */
static FILE *status_file;

static int
read_status(void)
{
	static const char *const expected[] = {"CapInh:\t0000000000000000\n",
	    "CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n",
	    "CapAmb:\t0000000000000000\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n"};
	char line[256];
	size_t found = 0;

	while (fgets(line, sizeof(line), status_file) != NULL) {
		for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]);
		     i++)
			found += strcmp(line, expected[i]) == 0;
	}
	return found == sizeof(expected) / sizeof(expected[0]) ? 0 : 207;
}

static void
test_no_capability_is_left(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		struct sandbox sb = {.places = NULL};

		status_file = fopen("/proc/self/status", "re");
		if (status_file == NULL)
			_exit(208);
		enter(&sb);
		_exit(read_status());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_only_an_intruder_does_ends_it),
	    cmocka_unit_test(test_calls_that_serving_does_not_take_fail),
	    cmocka_unit_test(test_other_files_cannot_be_opened),
	    cmocka_unit_test(test_serving_goes_on),
	    cmocka_unit_test(test_covered_is_what_can_be_opened),
	    cmocka_unit_test(test_threads_of_before_are_filtered),
	    cmocka_unit_test(test_no_capability_is_left),
	    cmocka_unit_test(test_swapped_link_is_followed),
	};

	/* One line a child otherwise. */
	log_set_level(LOG_WARN);
	return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
