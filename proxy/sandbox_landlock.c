/* SPDX-License-Identifier: Apache-2.0
 *
 * landlock(7) by bare system calls: the C library has no wrappers, and
 * Debian 12's header stops at version 2 of the interface, of which the kernel
 * may have more. Rights that an older kernel does not know are left out. */
#include <errno.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox.h"

/* The rights of files by version (landlock.h of Linux 6.15). */
#define FS_ALL_ABI1  ((UINT64_C(1) << 13) - 1)
#define FS_REFER     (UINT64_C(1) << 13) /* from 2 */
#define FS_TRUNCATE  (UINT64_C(1) << 14) /* from 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* from 5 */

/* To processes outside (from 6). */
#define SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL               (UINT64_C(1) << 1)

/* struct landlock_ruleset_attr of version 6; its tail is zero for older ones,
 * which they accept (landlock_create_ruleset(2)). Ports are left alone: a
 * reload may bind others, and whom to connect to is the policy's matter. */
struct ruleset {
	uint64_t handled_fs, handled_net, scoped;
};

static int
create_ruleset(const struct ruleset *r, size_t size, uint32_t flags)
{
	return (int)syscall(SYS_landlock_create_ruleset, r, size, flags);
}

static uint64_t
rights_of_kernel(int abi)
{
	uint64_t all = FS_ALL_ABI1;

	if (abi >= 2)
		all |= FS_REFER;
	if (abi >= 3)
		all |= FS_TRUNCATE;
	if (abi >= 5)
		all |= FS_IOCTL_DEV;
	return all;
}

static uint64_t
rights_of_place(const struct sandbox_place *p)
{
	uint64_t rights = 0;

	if ((p->uses & SANDBOX_READ) != 0)
		rights |=
		    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
	if ((p->uses & SANDBOX_WRITE) != 0)
		rights |= LANDLOCK_ACCESS_FS_READ_FILE |
			  LANDLOCK_ACCESS_FS_WRITE_FILE |
			  LANDLOCK_ACCESS_FS_MAKE_REG;
	if ((p->uses & SANDBOX_SOCKET) != 0)
		rights |= LANDLOCK_ACCESS_FS_MAKE_SOCK |
			  LANDLOCK_ACCESS_FS_REMOVE_FILE;
	if (!p->folder)
		rights &= LANDLOCK_ACCESS_FS_READ_FILE |
			  LANDLOCK_ACCESS_FS_WRITE_FILE;
	return rights;
}

/* A pipe has no place in a file system (EBADFD), and needs no rule. */
static bool
add_rules(int ruleset, const struct sandbox *sb)
{
	for (size_t i = 0; i < sb->count; i++) {
		const struct landlock_path_beneath_attr beneath = {
		    .allowed_access = rights_of_place(&sb->places[i]),
		    .parent_fd = sb->places[i].fd};

		if (syscall(SYS_landlock_add_rule, ruleset,
			LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0 &&
		    errno != EBADFD)
			return false;
	}
	return true;
}

bool
sandbox_restrict_files(const struct sandbox *sb, int *abi, const char **why)
{
	int version = create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset r = {.handled_fs = 0};
	int ruleset;
	bool ok;

	if (version < 0) {
		*why = errno == ENOSYS || errno == EOPNOTSUPP
			   ? "this kernel has none"
			   : strerrordesc_np(errno);
		return false;
	}
	r.handled_fs = rights_of_kernel(version);
	if (version >= 6)
		r.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
	ruleset = create_ruleset(&r, sizeof(r), 0);
	ok = ruleset >= 0 && add_rules(ruleset, sb) &&
	     syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
	*abi = version;
	if (!ok)
		*why = strerrordesc_np(errno);
	if (ruleset >= 0)
		(void)close(ruleset);
	return ok;
}
