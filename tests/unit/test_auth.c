/* SPDX-License-Identifier: Apache-2.0
 *
 * The check of credentials with real threads, a real loop and real hashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth.h"
#include "hasher.h"

/* Made with crypt(3), of "secret", at the least cost. */
static const char file_text[] =
    "bob:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n";

struct answer {
	const struct htpasswd_user *user;
	unsigned calls;
};

struct fixture {
	struct auth *auth;
	struct loop *loop;
	struct realm *realm;
	struct answer answer;
};

static void
never_error(void *arg, const char *text)
{
	(void)arg;
	fail_msg("%s", text);
}

static struct realm *
realm_of(const char *text)
{
	char path[] = "/tmp/sekisho-realm-XXXXXX";
	int fd = mkstemp(path);
	struct realm *r;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
	r = realm_load(path, never_error, NULL);
	(void)unlink(path);
	assert_non_null(r);
	return r;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->auth = auth_new(1);
	f->loop = loop_new();
	f->realm = realm_of(file_text);
	assert_non_null(f->auth);
	assert_true(auth_start(f->auth));
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	auth_stop(f->auth);
	loop_free(f->loop);
	auth_free(f->auth);
	realm_free(f->realm);
	free(f);
	return 0;
}

static void
on_verdict(void *arg, const struct htpasswd_user *user)
{
	struct fixture *f = arg;

	f->answer.user = user;
	f->answer.calls++;
	loop_stop(f->loop);
}

static enum auth_result
ask(struct fixture *f, struct auth_check **check, const char *user,
    const char *password)
{
	const struct htpasswd_user *found;
	struct credentials c;
	const char *detail;
	struct auth_request r = {.realm = f->realm,
	    .credentials = &c,
	    .loop = f->loop,
	    .fn = on_verdict,
	    .arg = f};

	assert_true(
	    credentials_set(&c, span_str(user), span_str(password), &detail));
	return auth_start_check(check, &found, f->auth, &r);
}

static bool
is_good(struct fixture *f, const char *user, const char *password)
{
	struct auth_check *check = NULL;
	unsigned before = f->answer.calls;

	assert_int_equal(ask(f, &check, user, password), AUTH_LATER);
	loop_run(f->loop);
	assert_int_equal(f->answer.calls, before + 1);
	if (f->answer.user != NULL)
		assert_string_equal(f->answer.user->name, user);
	return f->answer.user != NULL;
}

static void
test_verdicts(void **state)
{
	struct fixture *f = *state;
	struct auth_check *check = NULL;

	assert_false(is_good(f, "bob", "wrong"));
	assert_false(is_good(f, "bob", ""));
	assert_false(is_good(f, "nobody", "secret"));
	assert_true(is_good(f, "bob", "secret"));
	/* From now on it is known, and nothing else is. */
	assert_int_equal(ask(f, &check, "bob", "secret"), AUTH_GOOD);
	assert_false(is_good(f, "bob", "secret2"));
	assert_false(is_good(f, "bobs", "ecret"));
	assert_int_equal(ask(f, &check, "bob", "secret"), AUTH_GOOD);
}

static void
test_one_client_cannot_fill_the_queue(void **state)
{
	struct fixture *f = *state;
	struct auth_check *checks[HASHER_JOBS_PER_CLIENT + 1] = {NULL};
	unsigned queued = 0;

	/* Each is either queued or done, which this thread has not seen yet. */
	while (queued < HASHER_JOBS_PER_CLIENT &&
	       ask(f, &checks[queued], "bob", "wrong") == AUTH_LATER)
		queued++;
	assert_int_equal(queued, HASHER_JOBS_PER_CLIENT);
	assert_int_equal(ask(f, &checks[queued], "bob", "wrong"), AUTH_BUSY);
	assert_null(checks[queued]);
	for (unsigned i = 1; i < queued; i++)
		auth_cancel(&checks[i]);
	loop_run(f->loop);
	assert_int_equal(f->answer.calls, 1);
	/* Its places are free again once their messages have come. */
	assert_true(is_good(f, "bob", "secret"));
}

/* What is on its way when everything ends is neither called nor lost. */
static void
test_end_with_checks_on_their_way(void **state)
{
	struct fixture *f = *state;
	struct auth_check *checks[4];

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(
		    ask(f, &checks[i], "bob", "secret"), AUTH_LATER);
	auth_stop(f->auth);
	for (size_t i = 0; i < 4; i++)
		auth_cancel(&checks[i]);
	assert_int_equal(f->answer.calls, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_verdicts, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_one_client_cannot_fill_the_queue, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_end_with_checks_on_their_way, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
