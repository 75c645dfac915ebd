/* SPDX-License-Identifier: Apache-2.0 */
#include "net_fixture.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

int
fixture_open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n;
}

struct ipaddr
fixture_addr(const char *text)
{
	struct ipaddr a;

	assert_true(ipaddr_parse(&a, span_str(text)));
	return a;
}

void
fixture_addresses(const struct addr_list *l, char *out)
{
	*out = '\0';
	for (size_t i = 0; i < l->count; i++) {
		if (i > 0)
			*out++ = ' ';
		out += ipaddr_format(&l->addrs[i], out);
	}
}

int
fixture_bound(const char *text, uint16_t *port)
{
	struct ip_endpoint e = {.addr = fixture_addr(text), .port = *port};
	struct sockaddr_storage sa;
	socklen_t len = ip_endpoint_to_sockaddr(&e, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (bind(fd, (struct sockaddr *)&sa, len) != 0) {
		(void)close(fd);
		return -1;
	}
	len = sizeof(sa);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	assert_true(ip_endpoint_from_sockaddr(&e, (struct sockaddr *)&sa));
	*port = e.port;
	return fd;
}

int
fixture_listening(const char *text, uint16_t *port)
{
	int fd = fixture_bound(text, port);

	assert_true(fd >= 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

void
fixture_silent(const char *text, uint16_t *port, int fds[3])
{
	struct ip_endpoint e;
	struct sockaddr_storage sa;
	socklen_t len;

	fds[0] = fixture_bound(text, port);
	assert_true(fds[0] >= 0);
	assert_int_equal(listen(fds[0], 0), 0);
	e = (struct ip_endpoint){.addr = fixture_addr(text), .port = *port};
	len = ip_endpoint_to_sockaddr(&e, &sa);
	for (int i = 1; i < 3; i++) {
		fds[i] = socket(
		    AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		assert_true(fds[i] >= 0);
		(void)connect(fds[i], (struct sockaddr *)&sa, len);
	}
}

void
fixture_close(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)close(fds[i]);
}
