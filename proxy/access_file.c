/* SPDX-License-Identifier: Apache-2.0 */
#include "access_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"

enum {
	SOCKET_PIECES = 16,   /* of one send; the rest comes next */
	NEW_FILE_MODE = 0640, /* names of clients and hosts: not for all */
	OPEN_FLAGS = O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
};

/* A line that ended with a full disk or a power cut: what we append must not
 * become a part of it. That we may not look, or not write, is no error. */
static void
end_torn_line(const char *path, int fd)
{
	int in = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	off_t end = in < 0 ? -1 : lseek(in, -1, SEEK_END);
	char last = '\n';

	if (end >= 0 && pread(in, &last, 1, end) == 1 && last != '\n' &&
	    write(fd, "\n", 1) != 1)
		log_debug("access_log_torn_line", "path=\"%s\"", path);
	if (in >= 0)
		(void)close(in);
}

/* A pipe or terminal on fd 1 is shared with others (a shell, a supervisor), who
 * may mind when it turns non-blocking. Opened anew, it has a description of our
 * own. That may fail, as it belongs to somebody else or /proc is missing. */
static void
open_stream_anew(struct access_file *f)
{
	int fd = open("/proc/self/fd/1", O_WRONLY | OPEN_FLAGS);

	f->kind = ACCESS_FILE_BLOCKING;
	if (fd < 0)
		return;
	(void)close(f->fd);
	f->fd = fd;
	f->kind = ACCESS_FILE_STREAM;
}

/* A closed standard output is held by something that only reads. */
static bool
is_writable(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return false;
	errno = EBADF;
	return (flags & O_ACCMODE) != O_RDONLY;
}

static bool
open_stdout(struct access_file *f)
{
	struct stat st;

	f->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (f->fd < 0 || fstat(f->fd, &st) != 0 || !is_writable(f->fd)) {
		log_error("access_log_open",
		    "path=stdout error=\"%s\" do=\"open it, or set "
		    "log.access to a path or off\"",
		    strerror(errno));
		access_file_close(f);
		return false;
	}
	f->kind = ACCESS_FILE_PLAIN;
	if (S_ISSOCK(st.st_mode))
		f->kind = ACCESS_FILE_SOCKET;
	else if (S_ISFIFO(st.st_mode) || isatty(f->fd) == 1)
		open_stream_anew(f);
	return true;
}

static bool
open_path(struct access_file *f, const char *path)
{
	struct stat st;
	/* A FIFO opened for both ways needs no reader to be there first, and
	 * survives the restart of its reader. */
	bool fifo = stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
	int mode = fifo ? O_RDWR : O_WRONLY | O_CREAT;

	f->fd = open(path, mode | OPEN_FLAGS, NEW_FILE_MODE);
	if (f->fd < 0 || fstat(f->fd, &st) != 0) {
		log_error("access_log_open",
		    "path=\"%s\" error=\"%s\" do=\"check that the folder "
		    "exists and that this user may write there\"",
		    path, strerror(errno));
		access_file_close(f);
		return false;
	}
	f->kind = S_ISFIFO(st.st_mode) || isatty(f->fd) == 1
		      ? ACCESS_FILE_STREAM
		      : ACCESS_FILE_PLAIN;
	if (S_ISREG(st.st_mode))
		end_torn_line(path, f->fd);
	return true;
}

bool
access_file_open(struct access_file *f, const char *path)
{
	if (strcmp(path, "stdout") == 0)
		return open_stdout(f);
	return open_path(f, path);
}

void
access_file_close(struct access_file *f)
{
	if (f->fd >= 0)
		(void)close(f->fd);
	f->fd = -1;
}

/* A pipe that has room takes PIPE_BUF bytes without waiting (pipe(7)), unless
 * another writer is quicker. */
static ssize_t
write_if_room(const struct access_file *f, const struct iovec *iov)
{
	struct pollfd p = {.fd = f->fd, .events = POLLOUT};
	size_t len = iov->iov_len < PIPE_BUF ? iov->iov_len : PIPE_BUF;

	if (poll(&p, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(f->fd, iov->iov_base, len);
}

static ssize_t
send_now(int fd, const struct iovec *iov, int count)
{
	/* sendmsg(2) reads the pieces only, but its type cannot say so. */
	struct iovec pieces[SOCKET_PIECES];
	struct msghdr msg = {.msg_iov = pieces};

	for (; count > 0 && msg.msg_iovlen < SOCKET_PIECES; count--)
		pieces[msg.msg_iovlen++] = *iov++;
	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t
write_once(const struct access_file *f, const struct iovec *iov, int count)
{
	switch (f->kind) {
	case ACCESS_FILE_PLAIN:
	case ACCESS_FILE_STREAM:
		break;
	case ACCESS_FILE_BLOCKING:
		return write_if_room(f, iov);
	case ACCESS_FILE_SOCKET:
		return send_now(f->fd, iov, count);
	}
	return writev(f->fd, iov, count);
}

enum access_file_result
access_file_write(
    const struct access_file *f, const struct iovec *iov, int count, size_t *n)
{
	ssize_t got;

	*n = 0;
	do {
		got = write_once(f, iov, count);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EAGAIN ? ACCESS_FILE_FULL : ACCESS_FILE_FAILED;
	*n = (size_t)got;
	return ACCESS_FILE_WROTE;
}
