/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/log.h"

/* stderr goes to a pipe during a test. */
struct capture {
	int saved, rx;
};

static struct capture
capture_start(void)
{
	struct capture c;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	c.saved = dup(STDERR_FILENO);
	assert_true(c.saved >= 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	(void)close(ends[1]);
	c.rx = ends[0];
	return c;
}

/* What one read(2) of the pipe gives, as text: a line is one write. */
static size_t
capture_end(struct capture *c, char *buf, size_t cap)
{
	ssize_t n = read(c->rx, buf, cap - 1);

	assert_true(dup2(c->saved, STDERR_FILENO) >= 0);
	(void)close(c->saved);
	(void)close(c->rx);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* The text behind "time=2026-01-31T08:09:10.123Z ". */
static const char *
behind_time(const char *line)
{
	assert_memory_equal(line, "time=", 5);
	assert_int_equal(line[28], 'Z');
	assert_int_equal(line[29], ' ');
	return line + 30;
}

static void
test_line(void **state)
{
	char buf[PIPE_BUF * 2];
	struct capture c = capture_start();

	(void)state;
	errno = ENOENT;
	log_error("config", "file=\"%s\" line=%d", "a b.conf", 7);
	assert_int_equal(errno, ENOENT);
	(void)capture_end(&c, buf, sizeof(buf));
	assert_string_equal(behind_time(buf),
	    "level=error event=config file=\"a b.conf\" line=7\n");
}

static void
test_control_characters_cannot_forge_a_line(void **state)
{
	char buf[PIPE_BUF * 2];
	struct capture c = capture_start();

	(void)state;
	log_warn("x", "name=\"%s\"", "a\nlevel=error\x1b[0m\xff");
	(void)capture_end(&c, buf, sizeof(buf));
	assert_string_equal(behind_time(buf),
	    "level=warn event=x name=\"a\\nlevel=error\\u001b[0m\\u00ff\"\n");
}

static void
test_no_fields(void **state)
{
	char buf[PIPE_BUF * 2];
	struct capture c = capture_start();

	(void)state;
	log_info("drain", "%s", "");
	(void)capture_end(&c, buf, sizeof(buf));
	assert_string_equal(behind_time(buf), "level=info event=drain\n");
}

static void
test_long_line_is_cut_and_says_so(void **state)
{
	char buf[PIPE_BUF * 2], fill[PIPE_BUF * 2];
	size_t lens[] = {
	    PIPE_BUF - 60, PIPE_BUF - 40, PIPE_BUF, sizeof(fill) - 1};

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct capture c = capture_start();
		size_t len;

		memset(fill, '\x01', sizeof(fill));
		fill[lens[i]] = '\0';
		log_error("x", "%s", fill);
		len = capture_end(&c, buf, sizeof(buf));
		assert_true(len <= PIPE_BUF);
		assert_string_equal(buf + len - 10, " cut=true\n");
		assert_ptr_equal(strchr(buf, '\n'), buf + len - 1);
	}
}

static void
test_level(void **state)
{
	static const enum log_level levels[] = {
	    LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG};
	enum log_level before = log_get_level();
	char buf[PIPE_BUF * 2];

	(void)state;
	assert_int_equal(before, LOG_INFO);
	for (size_t i = 0; i < 4; i++) {
		for (size_t j = 0; j < 4; j++) {
			struct capture c = capture_start();

			log_set_level(levels[i]);
			log_write(levels[j], "x", "n=%d", 1);
			assert_int_equal(
			    capture_end(&c, buf, sizeof(buf)) > 0, j <= i);
		}
	}
	log_set_level(LOG_INFO);
	struct capture c = capture_start();
	log_debug("x", "n=%d", 1);
	assert_int_equal(capture_end(&c, buf, sizeof(buf)), 0);
	log_set_level(before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_line),
	    cmocka_unit_test(test_control_characters_cannot_forge_a_line),
	    cmocka_unit_test(test_no_fields),
	    cmocka_unit_test(test_long_line_is_cut_and_says_so),
	    cmocka_unit_test(test_level),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
