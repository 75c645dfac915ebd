/* SPDX-License-Identifier: Apache-2.0
 *
 * What the process may still do once everything is open: a shell around the
 * whole program, for the day on which a parser has a hole. Three layers, each
 * as far as the kernel has it:
 *
 * - no capability is left, in any set, and none can come back;
 * - seccomp(2): system calls beside those that serving takes fail with EPERM,
 *   which a library that only tries something survives; those that nobody but
 *   an intruder makes (another program, other processes' memory, namespaces)
 *   end the process, as no honest code path is lost by that, and as the attempt
 *   then is seen;
 * - landlock(7): files can be opened in these folders alone; signals and
 *   abstract sockets do not leave the process.
 *
 * Sanitizer builds get more: they stop each other's threads by ptrace(2) and
 * read their own symbols, and must live to tell. */
#ifndef SEKISHO_SANDBOX_H
#define SEKISHO_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/span.h"

/* Bits: what a path is for. */
enum sandbox_use {
	SANDBOX_READ = 1,   /* a file to read, or a folder of files */
	SANDBOX_WRITE = 2,  /* a file to make, to append to and to read back */
	SANDBOX_SOCKET = 4, /* a Unix socket to bind, and to remove */
};

/* One file or folder that stays open to us. */
struct sandbox_place {
	int fd; /* O_PATH; -1 once the sandbox is entered */
	dev_t dev;
	ino_t ino;
	bool folder;
	unsigned uses;
};

/* All zero: nothing is open, and the sandbox is not entered. */
struct sandbox {
	struct sandbox_place *places;
	size_t count;
	bool restricts_files; /* landlock(7) is in force */
};

/* Leaves path open for one use: the file itself, and, so that it can be
 * replaced (by an editor, by Kubernetes' swap of a link above it), the folders
 * that hold it and what its links lead to; but never a folder that holds the
 * whole system's files (/, /etc, /tmp and such). What is not there is left out.
 * False when out of memory. */
bool sandbox_allow(
    struct sandbox *sb, const char *path, enum sandbox_use use) MUST_CHECK;

/* From now on, for this thread and those that it starts; all other threads get
 * the seccomp filter too. What the kernel does not have is left out. Says what
 * is in force in one log line. */
void sandbox_enter(struct sandbox *sb);

/* Whether path can be used so, as far as the sandbox is concerned. */
bool sandbox_covers(
    const struct sandbox *sb, const char *path, enum sandbox_use use);

void sandbox_fini(struct sandbox *sb);

/* --- the layers, for sandbox_enter() ----------------------------------------
 */

/* True with the version of the kernel's interface, or false with the reason. */
bool sandbox_restrict_files(
    const struct sandbox *sb, int *abi, const char **why) MUST_CHECK;

/* True with the number of system calls that are let through, or false with the
 * reason. */
bool sandbox_restrict_calls(unsigned *calls, const char **why) MUST_CHECK;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANDBOX_SANITIZED 1
#endif
#endif
#ifndef SANDBOX_SANITIZED
#define SANDBOX_SANITIZED 0
#endif

#endif
