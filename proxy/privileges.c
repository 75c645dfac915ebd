/* SPDX-License-Identifier: Apache-2.0 */
#include "privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/log.h"

/* Container runtimes set the hard limit near 2^30; the kernel's tables grow
 * with use, but nobody serves more than this from one process. */
enum {
	FILES_MAX = 262144
};

struct identity {
	const char *name; /* NULL: in no user database */
	uid_t uid;
	gid_t gid;
};

static bool
become(const struct identity *id)
{
	int rc = id->name != NULL ? initgroups(id->name, id->gid)
				  : setgroups(0, NULL);

	return rc == 0 && setresgid(id->gid, id->gid, id->gid) == 0 &&
	       setresuid(id->uid, id->uid, id->uid) == 0;
}

/* A number of a user, as images without a user database have it. False: user
 * is no number. */
static bool
read_number(const char *user, uid_t *uid)
{
	uint64_t n = 0;

	for (const char *p = user; *p != '\0'; p++) {
		if (*p < '0' || *p > '9')
			return false;
		n = n * 10 + (uint64_t)(*p - '0');
		if (n >= UINT32_MAX) /* (uid_t)-1 means no change */
			return false;
	}
	*uid = (uid_t)n;
	return user[0] != '\0';
}

/* By name, else by number. False with errno, 0 when there is no such user. */
static bool
find_user(const char *user, struct identity *id)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwnam(user);
	if (pw == NULL && read_number(user, &id->uid)) {
		pw = getpwuid(id->uid);
		if (pw == NULL) {
			*id = (struct identity){
			    .uid = id->uid, .gid = (gid_t)id->uid};
			return true;
		}
	}
	if (pw == NULL)
		return false;
	*id = (struct identity){
	    .name = pw->pw_name, .uid = pw->pw_uid, .gid = pw->pw_gid};
	return true;
}

bool
privileges_drop(const char *user)
{
	struct identity id = {.name = NULL};

	/* No set-user-ID program may give anything back. */
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (user == NULL)
		return true;
	if (!find_user(user, &id)) {
		log_error("user_failed",
		    "key=gateway.user user=%s reason=\"%s\"", user,
		    errno != 0 ? strerror(errno) : "no such user");
		return false;
	}
	/* Already that user: nothing to give up, and no right to ask. */
	if (getuid() == id.uid && geteuid() == id.uid)
		return true;
	if (become(&id))
		return true;
	log_error("user_failed", "key=gateway.user user=%s reason=\"%s\"", user,
	    strerror(errno));
	return false;
}

void
privileges_drop_bounding(void)
{
	/* EINVAL: the kernel knows no more of them. */
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0;
	     cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

bool
privileges_drop_capabilities(void)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {
	    {.effective = 0}};

	/* Linux before 4.3 has no ambient set to clear. */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &head, none) == 0;
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
