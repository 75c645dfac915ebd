/* SPDX-License-Identifier: Apache-2.0
 *
 * The system calls of a gateway that serves. Those on the data path are let
 * through whatever their arguments: the kernel then keeps the verdict in a bit
 * map and does not run the filter at all (Linux 5.11). */
#include <errno.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox.h"

/* In any way. By whom: sessions and tunnels, the loops, the log, files read
 * anew, memory and threads, the time, and what ends the process. */
static const char *const plain[] = {"accept", "accept4", "bind", "connect",
    "getpeername", "getsockname", "getsockopt", "listen", "pipe2", "read",
    "readv", "recvfrom", "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto",
    "setsockopt", "shutdown", "splice", "write", "writev",

    "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait",
    "eventfd2", "inotify_add_watch", "inotify_init1", "inotify_rm_watch",
    "poll", "ppoll", "timerfd_create", "timerfd_settime",

    "access", "close", "dup", "faccessat", "faccessat2", "fcntl", "fdatasync",
    "fstat", "fsync", "getcwd", "getdents64", "lseek", "lstat", "newfstatat",
    "open", "openat", "pread64", "pwrite64", "readlink", "readlinkat", "stat",
    "statx", "umask", "unlink", "unlinkat",

    "brk", "futex", "get_robust_list", "getrandom", "madvise", "mremap",
    "munmap", "rseq", "sched_getaffinity", "sched_yield", "set_robust_list",

    "clock_getres", "clock_gettime", "clock_nanosleep", "getegid", "geteuid",
    "getgid", "getpid", "getppid", "getrlimit", "getrusage", "gettid",
    "gettimeofday", "getuid", "nanosleep", "sysinfo", "time", "times", "uname",

    "exit", "exit_group", "restart_syscall", "rt_sigaction", "rt_sigprocmask",
    "rt_sigreturn", "sigaltstack"};

#if SANDBOX_SANITIZED
/* A leak check clones a process that stops all threads by ptrace(2); reports
 * look where memory is mapped, and print where they can. */
static const char *const more[] = {"clone", "getdents", "ioctl", "kill",
    "membarrier", "mincore", "prctl", "ptrace", "setrlimit", "tgkill", "wait4"};
static const char *const deadly[] = {"bpf"};
#elif defined(SEKISHO_SANDBOX_GCOV)
/* Counters are written to their folder at exit. */
static const char *const more[] = {"flock", "ftruncate", "mkdir"};
static const char *const deadly[] = {"bpf", "execve", "execveat", "ptrace"};
#else
static const char *const more[] = {"fadvise64"};
/* Other programs, others' memory, namespaces, and doors into the kernel. */
static const char *const deadly[] = {"add_key", "bpf", "chroot",
    "delete_module", "execve", "execveat", "finit_module", "fork", "fsmount",
    "fsopen", "init_module", "io_uring_setup", "kexec_file_load", "kexec_load",
    "keyctl", "memfd_create", "mount", "move_mount", "open_by_handle_at",
    "open_tree", "perf_event_open", "personality", "pidfd_getfd", "pivot_root",
    "process_vm_readv", "process_vm_writev", "ptrace", "request_key", "setns",
    "umount2", "unshare", "userfaultfd", "vfork"};
#endif

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* Names that this machine does not have are left out. */
static bool
add_all(scmp_filter_ctx ctx, uint32_t action, const char *const *names,
    size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int nr = seccomp_syscall_resolve_name(names[i]);

		if (nr >= 0 && seccomp_rule_add(ctx, action, nr, 0) != 0)
			return false;
	}
	return true;
}

static unsigned
count_known(const char *const *names, size_t count)
{
	unsigned n = 0;

	for (size_t i = 0; i < count; i++)
		n += seccomp_syscall_resolve_name(names[i]) >= 0;
	return n;
}

/* A call, as long as its argument has exactly these of the bits in mask. */
struct argument {
	int nr;
	unsigned index;
	scmp_datum_t mask, value;
};

#define NAMESPACES                                                             \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |         \
	    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define WHOLE (~(scmp_datum_t)0)
#define WORD  UINT32_MAX

static bool
add_arguments(scmp_filter_ctx ctx)
{
	const struct argument rules[] = {
		/* Memory is never made executable. */
		{SCMP_SYS(mmap), 2, PROT_EXEC, 0},
		{SCMP_SYS(mprotect), 2, PROT_EXEC, 0},
#if !SANDBOX_SANITIZED
		/* Threads, no processes; in no namespace of their own. */
		{SCMP_SYS(clone), 0, CLONE_THREAD | NAMESPACES, CLONE_THREAD},
		/* How much can be read, and whether it is a terminal. */
		{SCMP_SYS(ioctl), 1, WORD, FIONBIO},
		{SCMP_SYS(ioctl), 1, WORD, FIONREAD},
		{SCMP_SYS(ioctl), 1, WORD, TCGETS},
		{SCMP_SYS(prctl), 0, WORD, PR_SET_NAME},
		/* abort(3): itself alone. */
		{SCMP_SYS(tgkill), 0, WORD, (scmp_datum_t)getpid()},
#endif
		/* Limits are read, not set. */
		{SCMP_SYS(prlimit64), 2, WHOLE, 0},
		{SCMP_SYS(socketpair), 0, WORD, AF_UNIX},
	};

	for (size_t i = 0; i < COUNT(rules); i++) {
		const struct argument *r = &rules[i];

		if (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, r->nr, 1,
			SCMP_CMP(r->index, SCMP_CMP_MASKED_EQ, r->mask,
			    r->value)) != 0)
			return false;
	}
	return true;
}

enum {
	SOCKET_TYPE = 0xf, /* without SOCK_CLOEXEC and SOCK_NONBLOCK */
	ARGUMENT_CALLS = 9,
};

/* Streams and datagrams; and the kernel's list of addresses (getifaddrs(3)). */
static bool
add_sockets(scmp_filter_ctx ctx)
{
	static const int families[] = {AF_INET, AF_INET6, AF_UNIX};
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM};
	const struct scmp_arg_cmp netlink[] = {
	    SCMP_A0(SCMP_CMP_MASKED_EQ, WORD, AF_NETLINK),
	    SCMP_A2(SCMP_CMP_MASKED_EQ, WORD, 0)}; /* NETLINK_ROUTE */

	for (size_t i = 0; i < COUNT(families) * COUNT(types); i++) {
		const struct scmp_arg_cmp args[] = {
		    SCMP_A0(SCMP_CMP_MASKED_EQ, WORD,
			(scmp_datum_t)families[i / COUNT(types)]),
		    SCMP_A1(SCMP_CMP_MASKED_EQ, SOCKET_TYPE,
			(scmp_datum_t)types[i % COUNT(types)])};

		if (seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW,
			SCMP_SYS(socket), COUNT(args), args) != 0)
			return false;
	}
	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket),
		   COUNT(netlink), netlink) == 0;
}

/* clone3(2) hides its flags in memory, where no filter can look: the C library
 * takes clone(2) where it is not there. As it tries so for each thread, calls
 * that fail are not written to the audit log (SCMP_FLTATR_CTL_LOG); those that
 * end the process always are. */
static bool
add_rules(scmp_filter_ctx ctx)
{
	return add_all(ctx, SCMP_ACT_ALLOW, plain, COUNT(plain)) &&
	       add_all(ctx, SCMP_ACT_ALLOW, more, COUNT(more)) &&
	       add_all(ctx, SCMP_ACT_KILL_PROCESS, deadly, COUNT(deadly)) &&
	       add_arguments(ctx) && add_sockets(ctx) &&
	       seccomp_rule_add(
		   ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0;
}

bool
sandbox_restrict_calls(unsigned *calls, const char **why)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = -ENOMEM;

	if (ctx != NULL) {
		/* A tree finds a number in few steps. */
		(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
		(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
		(void)seccomp_attr_set(
		    ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
		rc = add_rules(ctx) ? seccomp_load(ctx) : -EINVAL;
		seccomp_release(ctx);
	}
	if (rc != 0) {
		*why = strerrordesc_np(-rc);
		return false;
	}
	*calls = count_known(plain, COUNT(plain)) +
		 count_known(more, COUNT(more)) + ARGUMENT_CALLS;
	return true;
}
