/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <openssl/err.h>

#include "probe_io.h"
#include "tls_probe.h"

static const uint64_t plain_wait_ns = 100000000ULL, /* for more plain bytes */
    split_wait_ns = 50000000ULL,    /* between the parts of a split hello */
    listen_most_ns = 1000000000ULL; /* for an alert behind the handshake */

struct probe {
	struct probe_job *job;
	struct tls_result *out;
	struct tls_layer *tls;
	struct watch watch;
	struct timer timer, pause;
	struct deferred later;
	bool listening; /* the handshake is over; is there an alert? */
	probe_done_fn done;
	void *arg;
};

/* --- what it came to ------------------------------------------------------ */

static enum tls_end
end_of_error(int err)
{
	switch (err) {
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case ENETUNREACH:
		return TLS_SILENT;
	default:
		return TLS_RESET;
	}
}

static enum tls_end
end_of(const struct tls_layer *l, enum io_end end)
{
	if (l->plain)
		return TLS_PLAINTEXT;
	switch (end) {
	case IO_DONE:
		return TLS_FINISHED;
	case IO_WANT_READ:
	case IO_WANT_WRITE:
	case IO_HELD:
		return TLS_SILENT;
	case IO_EOF:
		return l->alert >= 0 ? TLS_ALERT : TLS_CLOSED;
	case IO_ERROR:
		return l->alert >= 0 ? TLS_ALERT : end_of_error(l->err);
	case IO_TLS:
		return l->alert >= 0 ? TLS_ALERT : TLS_BROKEN;
	case IO_PLAIN:
		return TLS_PLAINTEXT;
	}
	return TLS_BROKEN;
}

/* The registry's names (RFC 8446 section 6, RFC 7301, RFC 6066); OpenSSL 3.0
 * does not know those of TLS 1.3. */
static const struct {
	int number;
	const char *name;
} alerts[] = {
    {0, "close_notify"},
    {10, "unexpected_message"},
    {20, "bad_record_mac"},
    {22, "record_overflow"},
    {40, "handshake_failure"},
    {42, "bad_certificate"},
    {43, "unsupported_certificate"},
    {44, "certificate_revoked"},
    {45, "certificate_expired"},
    {46, "certificate_unknown"},
    {47, "illegal_parameter"},
    {48, "unknown_ca"},
    {49, "access_denied"},
    {50, "decode_error"},
    {51, "decrypt_error"},
    {70, "protocol_version"},
    {71, "insufficient_security"},
    {80, "internal_error"},
    {86, "inappropriate_fallback"},
    {90, "user_canceled"},
    {100, "no_renegotiation"},
    {109, "missing_extension"},
    {110, "unsupported_extension"},
    {112, "unrecognized_name"},
    {113, "bad_certificate_status_response"},
    {115, "unknown_psk_identity"},
    {116, "certificate_required"},
    {120, "no_application_protocol"},
    {121, "ech_required"},
};

static void
alert_name(char *out, size_t size, int alert)
{
	const char *name = "";

	for (size_t i = 0; i < sizeof(alerts) / sizeof(alerts[0]); i++) {
		if (alerts[i].number == alert)
			name = alerts[i].name;
	}
	copy_text(out, size, span_str(name));
}

static void
report_session(struct tls_result *out, const struct tls_layer *l)
{
	const unsigned char *alpn = NULL;
	unsigned alpn_len = 0;
	const char *group;

	SSL_get0_alpn_selected(l->ssl, &alpn, &alpn_len);
	copy_text(out->alpn, sizeof(out->alpn),
	    span_of((const char *)alpn, alpn_len));
	copy_text(out->version, sizeof(out->version),
	    span_str(SSL_get_version(l->ssl)));
	copy_text(out->cipher, sizeof(out->cipher),
	    span_str(SSL_get_cipher_name(l->ssl)));
	group =
	    SSL_group_to_name(l->ssl, (int)SSL_get_negotiated_group(l->ssl));
	if (group != NULL)
		copy_text(out->group, sizeof(out->group), span_str(group));
}

void
tls_layer_report(struct tls_result *out, struct tls_layer *l, enum io_end end,
    const char *host)
{
	const char *reason;

	out->end = end_of(l, end);
	out->err = end == IO_ERROR ? l->err : 0;
	out->error = l->error;
	reason = l->error ? ERR_reason_error_string(l->error) : NULL;
	if (reason != NULL)
		copy_text(out->reason, sizeof(out->reason), span_str(reason));
	if (l->alert >= 0) {
		out->alert = (uint8_t)l->alert;
		alert_name(out->alert_name, sizeof(out->alert_name), l->alert);
	}
	out->wants_client_cert = l->wants_client_cert;
	out->hello_bytes = l->hello_bytes;
	out->bytes_received = l->received;
	if (SSL_get_servername(l->ssl, TLSEXT_NAMETYPE_host_name) != NULL)
		copy_text(out->sni, sizeof(out->sni), span_str(l->name));
	if (out->end == TLS_PLAINTEXT) {
		memcpy(out->first_bytes, l->first, l->first_count);
		out->first_byte_count = l->first_count;
	}
	if (out->end == TLS_FINISHED)
		report_session(out, l);
	tls_chain_report(out, l, host);
}

/* --- the probe ------------------------------------------------------------ */

static void
probe_close(struct probe *p)
{
	struct loop *loop = p->job->env->loop;

	loop_unwatch(loop, &p->watch);
	timer_clear(loop, &p->timer);
	timer_clear(loop, &p->pause);
	tls_layer_free(p->tls);
	p->tls = NULL;
	loop_free_later(loop, &p->later, free, p);
}

static void
report(struct probe *p, enum io_end end, enum phase_end phase)
{
	const struct probe_job *job = p->job;
	struct tls_result *out = p->out;

	tls_layer_report(out, p->tls, end, target_server_name(job->target));
	if (out->end != TLS_FINISHED)
		tcp_figures_read(&out->figures, job->conn.fd);
	else if (!out->verified && job->target->expect_public)
		tls_chain_save(out, p->tls, job->env->plan->options->chain_dir);
	phase_finish(&out->time, job->env, phase);
}

static void
probe_end(struct probe *p, enum io_end end, enum phase_end phase)
{
	probe_done_fn done = p->done;
	void *arg = p->arg;

	report(p, end, phase);
	probe_close(p);
	done(arg);
}

/* What came behind the handshake: an alert says that it did not hold. */
static void
heard(struct probe *p)
{
	p->out->late_alert = p->tls->alert >= 0;
	probe_end(p, IO_DONE, PHASE_DONE);
}

static void
on_quiet(struct timer *t)
{
	heard(CONTAINER_OF(t, struct probe, pause));
}

static void
listen_step(struct probe *p)
{
	uint64_t had = p->tls->received;
	enum io_end end = tls_layer_listen(p->tls);

	if (end == IO_WANT_READ && p->tls->received == had)
		return;
	/* Tickets: the peer is content (RFC 8446 section 4.6.1). */
	heard(p);
}

/* A peer that asked for a certificate says only afterwards, in TLS 1.3, that it
 * cannot do without. */
static void
finished(struct probe *p)
{
	uint64_t until = clock_now_ns() + listen_most_ns;

	if (!p->tls->wants_client_cert ||
	    SSL_version(p->tls->ssl) < TLS1_3_VERSION) {
		probe_end(p, IO_DONE, PHASE_DONE);
		return;
	}
	p->listening = true;
	if (until > p->job->deadline_ns)
		until = p->job->deadline_ns;
	timer_set(p->job->env->loop, &p->pause, until, on_quiet);
	if (!loop_rewatch(p->job->env->loop, &p->watch, EPOLLIN))
		heard(p);
	else
		listen_step(p);
}

static void
on_plain_enough(struct timer *t)
{
	probe_end(CONTAINER_OF(t, struct probe, pause), IO_PLAIN, PHASE_FAILED);
}

static void on_release(struct timer *t);

static void
step(struct probe *p)
{
	struct loop *loop = p->job->env->loop;
	enum io_end end = tls_layer_handshake(p->tls);
	uint32_t events = EPOLLIN;

	switch (end) {
	case IO_DONE:
		finished(p);
		return;
	case IO_WANT_WRITE:
		events |= EPOLLOUT;
		break;
	case IO_HELD:
		if (!timer_is_set(&p->pause))
			timer_set(loop, &p->pause,
			    clock_now_ns() + split_wait_ns, on_release);
		break;
	case IO_PLAIN:
		if (p->tls->first_count == sizeof(p->tls->first)) {
			probe_end(p, end, PHASE_FAILED);
			return;
		}
		if (!timer_is_set(&p->pause))
			timer_set(loop, &p->pause,
			    clock_now_ns() + plain_wait_ns, on_plain_enough);
		break;
	case IO_WANT_READ:
		break;
	case IO_EOF:
	case IO_ERROR:
	case IO_TLS:
		probe_end(p, end, PHASE_FAILED);
		return;
	}
	if (!loop_rewatch(loop, &p->watch, events))
		probe_end(p, IO_ERROR, PHASE_FAILED);
}

static void
on_release(struct timer *t)
{
	struct probe *p = CONTAINER_OF(t, struct probe, pause);

	tls_layer_release(p->tls);
	step(p);
}

static void
on_event(struct watch *w, uint32_t events)
{
	struct probe *p = CONTAINER_OF(w, struct probe, watch);

	(void)events;
	if (p->listening)
		listen_step(p);
	else
		step(p);
}

static void
on_timer(struct timer *t)
{
	probe_end(CONTAINER_OF(t, struct probe, timer), IO_WANT_READ,
	    PHASE_TIMED_OUT);
}

bool
tls_probe_start(struct probe **out, struct probe_job *job,
    enum hello_shape shape, probe_done_fn done, void *arg)
{
	struct probe *p = calloc(1, sizeof(*p));
	const struct tls_want want = {
	    .context = job->env->tls_context,
	    .fd = job->conn.fd,
	    .under = job->conn.proxy_tls,
	    .name = target_server_name(job->target),
	    .alpn = job->target->alpn,
	    .shape = shape,
	};

	if (p == NULL)
		return false;
	p->job = job;
	p->out = &job->result->tls;
	p->watch.fd = -1;
	p->done = done;
	p->arg = arg;
	phase_begin(&p->out->time, job->env);
	copy_text(p->out->alpn_offered, sizeof(p->out->alpn_offered),
	    span_str(job->target->alpn));
	p->tls = tls_layer_new(&want);
	if (p->tls == NULL || !loop_watch(job->env->loop, &p->watch,
				  job->conn.fd, EPOLLIN | EPOLLOUT, on_event)) {
		tls_layer_free(p->tls);
		free(p);
		return false;
	}
	timer_set(job->env->loop, &p->timer, job->deadline_ns, on_timer);
	*out = p;
	return true;
}

static bool
tls_start(
    struct probe **out, struct probe_job *job, probe_done_fn done, void *arg)
{
	return tls_probe_start(out, job, HELLO_USUAL, done, arg);
}

static void
tls_cancel(struct probe **pp)
{
	struct probe *p = *pp;

	if (p == NULL)
		return;
	*pp = NULL;
	if (p->listening)
		report(p, IO_DONE, PHASE_DONE);
	else {
		report(p, IO_WANT_READ, PHASE_INTERRUPTED);
		p->out->end = TLS_NOT_TRIED; /* not known: it was cut */
	}
	probe_close(p);
}

const struct probe_ops probe_tls = {"tls", PHASE_TLS, tls_start, tls_cancel};
