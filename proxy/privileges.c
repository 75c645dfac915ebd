/* SPDX-License-Identifier: Apache-2.0 */
#include "privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/log.h"

/* Container runtimes set the hard limit near 2^30; the kernel's tables grow
 * with use, but nobody serves more than this from one process. */
enum {
	FILES_MAX = 262144
};

static bool
become(const struct passwd *pw)
{
	return initgroups(pw->pw_name, pw->pw_gid) == 0 &&
	       setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == 0 &&
	       setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == 0;
}

bool
privileges_drop(const char *user)
{
	const struct passwd *pw;

	/* No set-user-ID program may give anything back. */
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (user == NULL)
		return true;
	errno = 0;
	pw = getpwnam(user);
	if (pw == NULL) {
		log_error("user_failed",
		    "key=gateway.user user=%s reason=\"%s\"", user,
		    errno != 0 ? strerror(errno) : "no such user");
		return false;
	}
	/* Already that user: nothing to give up, and no right to ask. */
	if (getuid() == pw->pw_uid && geteuid() == pw->pw_uid)
		return true;
	if (become(pw))
		return true;
	log_error("user_failed", "key=gateway.user user=%s reason=\"%s\"", user,
	    strerror(errno));
	return false;
}

uint64_t
privileges_raise_files(void)
{
	struct rlimit lim;
	rlim_t want;

	if (getrlimit(RLIMIT_NOFILE, &lim) != 0)
		return 1024;
	want = lim.rlim_max == RLIM_INFINITY || lim.rlim_max > FILES_MAX
		   ? FILES_MAX
		   : lim.rlim_max;
	if (want > lim.rlim_cur) {
		struct rlimit raised = {want, lim.rlim_max};

		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			return want;
	}
	return lim.rlim_cur > FILES_MAX ? FILES_MAX : lim.rlim_cur;
}
