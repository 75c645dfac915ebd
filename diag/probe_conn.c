/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe_io.h"

uint64_t
probe_now(const struct probe_env *env)
{
	return clock_now_ns() - env->run_start_ns;
}

void
phase_begin(struct phase_time *t, const struct probe_env *env)
{
	uint64_t now = probe_now(env);

	/* 0 means that it was not run. */
	t->start_at_ns = now ? now : 1;
	t->end_at_ns = t->start_at_ns;
	t->end = PHASE_FAILED;
}

void
phase_finish(
    struct phase_time *t, const struct probe_env *env, enum phase_end end)
{
	uint64_t now = probe_now(env);

	t->end_at_ns = now > t->start_at_ns ? now : t->start_at_ns;
	t->end = end;
}

const char *
job_host(const struct probe_job *job)
{
	return path_has_proxy(job->path) ? job->path->proxy.host
					 : job->target->at.host.text;
}

uint16_t
job_port(const struct probe_job *job)
{
	return path_has_proxy(job->path) ? job->path->proxy.port
					 : job->target->at.port;
}

void
probe_conn_close(struct probe_conn *conn, struct loop *loop)
{
	/* Every probe takes its watch off before it ends. */
	(void)loop;
	tls_layer_free(conn->proxy_tls);
	conn->proxy_tls = NULL;
	if (conn->fd >= 0)
		(void)close(conn->fd);
	conn->fd = -1;
}

void
tcp_figures_read(struct tcp_figures *out, int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return;
	*out = (struct tcp_figures){
	    .known = true,
	    .unacked = info.tcpi_unacked,
	    .retransmits = info.tcpi_retransmits,
	    .total_retrans = info.tcpi_total_retrans,
	    .rtt_us = info.tcpi_rtt,
	    .mss = info.tcpi_snd_mss,
	    .pmtu = info.tcpi_pmtu,
	    .bytes_sent = info.tcpi_bytes_sent,
	    .bytes_acked = info.tcpi_bytes_acked,
	    .bytes_received = info.tcpi_bytes_received,
	};
}

static enum io_end
of_errno(struct io_buf *b, enum io_end again)
{
	b->err = errno;
	return errno == EAGAIN || errno == EINTR ? again : IO_ERROR;
}

/* What an SSL call on the proxy's layer came to. The layer pumps its own
 * bytes: see tls_layer.c. */
enum io_end
conn_read(struct probe_conn *conn, struct io_buf *b)
{
	ssize_t n;

	if (conn->proxy_tls != NULL)
		return tls_layer_read(conn->proxy_tls, b);
	n = recv(
	    conn->fd, b->ptr, b->len, MSG_DONTWAIT | (b->peek ? MSG_PEEK : 0));
	if (n < 0)
		return of_errno(b, IO_WANT_READ);
	if (n == 0)
		return IO_EOF;
	b->got = (size_t)n;
	return IO_DONE;
}

enum io_end
conn_write(struct probe_conn *conn, struct io_buf *b)
{
	ssize_t n;

	if (conn->proxy_tls != NULL)
		return tls_layer_write(conn->proxy_tls, b);
	n = send(conn->fd, b->ptr, b->len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return of_errno(b, IO_WANT_WRITE);
	b->got = (size_t)n;
	return IO_DONE;
}
