/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "core/text.h"

static atomic_int log_level_now = LOG_INFO;

void
log_set_level(enum log_level level)
{
	atomic_store_explicit(&log_level_now, (int)level, memory_order_relaxed);
}

enum log_level
log_get_level(void)
{
	return (enum log_level)atomic_load_explicit(
	    &log_level_now, memory_order_relaxed);
}

static const char *
level_str(enum log_level level)
{
	switch (level) {
	case LOG_ERROR:
		return "error";
	case LOG_WARN:
		return "warn";
	case LOG_INFO:
		return "info";
	case LOG_DEBUG:
		return "debug";
	}
	return "unknown";
}

static uint64_t
unix_ns(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return 0;
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* A message that cannot be written has nowhere to be reported. */
static void
write_line(const char *line, size_t len)
{
	ssize_t n;

	do {
		n = write(STDERR_FILENO, line, len);
	} while (n < 0 && errno == EINTR);
}

void
log_write(enum log_level level, const char *event, const char *fields, ...)
{
	static const char cut_mark[] = " cut=true\n";
	char line[PIPE_BUF]; /* what a pipe takes in one piece (pipe(7)) */
	char raw[PIPE_BUF];
	struct text t = text_in(line, sizeof(line) - sizeof(cut_mark));
	int saved_errno = errno;
	va_list args;
	int n;

	if (level > log_get_level())
		return;
	va_start(args, fields);
	n = vsnprintf(raw, sizeof(raw), fields, args);
	va_end(args);

	text_str(&t, "time=");
	text_time(&t, unix_ns());
	text_str(&t, " level=");
	text_str(&t, level_str(level));
	text_str(&t, " event=");
	text_logfmt(&t, span_str(event));
	if (n > 0) {
		text_char(&t, ' ');
		text_line(&t, span_str(raw));
	}
	t.cap = sizeof(line);
	text_str(&t, t.cut || n >= (int)sizeof(raw) ? cut_mark : "\n");
	write_line(line, t.len);
	errno = saved_errno;
}
