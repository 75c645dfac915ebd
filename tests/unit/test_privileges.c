/* SPDX-License-Identifier: Apache-2.0
 *
 * Who the process is afterwards. Each case in a child: there is no way back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "privileges.h"

enum {
	REFUSED = 1,
	OTHER_USER,
	OTHER_GROUPS,
	DAEMON = 1,       /* "daemon" of Debian: user and group 1 */
	NOBODY_S = 79997, /* in no user database */
};

/* The exit status of a child that becomes user and should then be uid. */
static int
status_as(const char *user, uid_t uid, gid_t gid, int groups)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		uid_t r, e, s;

		if (!privileges_drop(user))
			_exit(REFUSED);
		if (getresuid(&r, &e, &s) != 0 || r != uid || e != uid ||
		    s != uid)
			_exit(OTHER_USER);
		if (getgid() != gid || getegid() != gid ||
		    (groups >= 0 && getgroups(0, NULL) != groups))
			_exit(OTHER_GROUPS);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
stays_without_a_user(void **state)
{
	(void)state;
	assert_int_equal(status_as(NULL, getuid(), getgid(), -1), 0);
}

static void
own_number_is_no_change(void **state)
{
	char number[16];

	(void)state;
	assert_true(snprintf(number, sizeof(number), "%u", getuid()) > 0);
	assert_int_equal(status_as(number, getuid(), getgid(), -1), 0);
}

static void
becomes_another_only_as_root(void **state)
{
	int want = getuid() == 0 ? 0 : REFUSED;

	(void)state;
	assert_int_equal(status_as("daemon", DAEMON, DAEMON, -1), want);
	assert_int_equal(status_as("1", DAEMON, DAEMON, -1), want);
	assert_int_equal(status_as("79997", NOBODY_S, NOBODY_S, 0), want);
}

static void
no_such_user_is_refused(void **state)
{
	static const char *const users[] = {
	    "no-such-user", "", "4294967295", "99999999999", "1x", "-1"};

	(void)state;
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
		assert_int_equal(
		    status_as(users[i], getuid(), getgid(), -1), REFUSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(stays_without_a_user),
	    cmocka_unit_test(own_number_is_no_change),
	    cmocka_unit_test(becomes_another_only_as_root),
	    cmocka_unit_test(no_such_user_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
