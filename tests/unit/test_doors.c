/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "doors.h"

struct place {
	char folder[32], path[64];
	struct config_listener listeners[2];
	struct config config;
};

/* Listeners at the same path of a new folder. */
static void
place_init(struct place *p, size_t listeners)
{
	static char name[] = "main";

	*p = (struct place){.folder = "/tmp/sekisho-doors-XXXXXX"};
	assert_non_null(mkdtemp(p->folder));
	(void)snprintf(p->path, sizeof(p->path), "%s/door", p->folder);
	for (size_t i = 0; i < listeners; i++)
		p->listeners[i] = (struct config_listener){
		    .name = name, .unix_path = p->path};
	p->config = (struct config){
	    .listeners = p->listeners, .listener_count = listeners};
}

static void
place_fini(struct place *p)
{
	(void)unlink(p->path);
	assert_int_equal(rmdir(p->folder), 0);
}

static bool
is_there(const struct place *p)
{
	return access(p->path, F_OK) == 0;
}

/* Of bind(2) or connect(2), with a socket that is closed again. */
static bool
try_path(const struct place *p,
    int (*call)(int fd, const struct sockaddr *sa, socklen_t len))
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc;

	memcpy(sun.sun_path, p->path, strlen(p->path) + 1);
	rc = call(fd, (const struct sockaddr *)&sun, sizeof(sun));
	(void)close(fd);
	return rc == 0;
}

static bool
is_answered(const struct place *p)
{
	return try_path(p, connect);
}

static void
test_unix_socket_goes_with_its_gateway(void **state)
{
	struct doors d;
	struct place p;

	(void)state;
	place_init(&p, 1);
	assert_true(doors_open(&d, &p.config, 2, NULL));
	assert_true(is_answered(&p));
	doors_close(&d);
	assert_false(is_there(&p));
	place_fini(&p);
}

static void
test_left_over_unix_socket_is_replaced(void **state)
{
	struct doors d;
	struct place p;

	(void)state;
	place_init(&p, 1);
	/* As if a process had been killed: the file stays. */
	assert_true(try_path(&p, bind));
	assert_true(is_there(&p));
	assert_false(is_answered(&p));
	assert_true(doors_open(&d, &p.config, 1, NULL));
	assert_true(is_answered(&p));
	doors_close(&d);
	place_fini(&p);
}

static void
test_door_of_a_running_gateway_is_left_to_it(void **state)
{
	struct doors first, second;
	struct place p;

	(void)state;
	place_init(&p, 1);
	assert_true(doors_open(&first, &p.config, 1, NULL));
	assert_false(doors_open(&second, &p.config, 1, NULL));
	doors_close(&second);
	assert_true(is_answered(&p));
	doors_close(&first);
	place_fini(&p);
}

static void
test_same_path_twice_is_refused_and_cleared(void **state)
{
	struct doors d;
	struct place p;

	(void)state;
	place_init(&p, 2);
	assert_false(doors_open(&d, &p.config, 1, NULL));
	doors_close(&d);
	assert_false(is_there(&p)); /* the first one's was ours */
	place_fini(&p);
}

static void
test_file_that_is_no_socket_is_never_removed(void **state)
{
	struct doors d;
	struct place p;
	int fd;

	(void)state;
	place_init(&p, 1);
	fd = open(p.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_false(doors_open(&d, &p.config, 1, NULL));
	doors_close(&d);
	assert_true(is_there(&p));
	place_fini(&p);
}

/* The first has stopped accepting, drains, and ends when its successor already
 * listens. */
static void
test_door_of_a_successor_is_left_to_it(void **state)
{
	struct doors first, second;
	struct place p;

	(void)state;
	place_init(&p, 1);
	assert_true(doors_open(&first, &p.config, 1, NULL));
	assert_int_equal(close(first.all[0].fd), 0);
	doors_taken(&first, 0);
	assert_true(doors_open(&second, &p.config, 1, NULL));
	doors_close(&first);
	assert_true(is_answered(&p));
	doors_close(&second);
	assert_false(is_there(&p));
	place_fini(&p);
}

/* SO_REUSEPORT is for the workers of one gateway, not for two gateways. */
static void
test_port_is_not_shared_with_another_gateway(void **state)
{
	static const char *const addresses[] = {
	    "127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"};
	static char name[] = "main";
	struct config_listener l = {.name = name};
	const struct config config = {.listeners = &l, .listener_count = 1};

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct doors first, second, third;

		assert_true(
		    ip_endpoint_parse(&l.address, span_str(addresses[i])));
		assert_true(doors_open(&first, &config, 3, NULL));
		l.address.port = first.all[0].bound.port;
		assert_false(doors_open(&second, &config, 3, NULL));
		doors_close(&second);
		doors_close(&first);
		/* Free again at once. */
		assert_true(doors_open(&third, &config, 3, NULL));
		doors_close(&third);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_unix_socket_goes_with_its_gateway),
	    cmocka_unit_test(test_left_over_unix_socket_is_replaced),
	    cmocka_unit_test(test_door_of_a_running_gateway_is_left_to_it),
	    cmocka_unit_test(test_same_path_twice_is_refused_and_cleared),
	    cmocka_unit_test(test_file_that_is_no_socket_is_never_removed),
	    cmocka_unit_test(test_door_of_a_successor_is_left_to_it),
	    cmocka_unit_test(test_port_is_not_shared_with_another_gateway),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
