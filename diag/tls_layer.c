/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenSSL works on memory buffers and the bytes are carried by hand, because
 * that shows what a diagnosis needs: the first bytes that came, the size of the
 * hello, the exact errno; and TLS inside TLS is the same code. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <openssl/err.h>

#include "probe_io.h"

enum {
	CHUNK = 16384,
	STEPS_MAX = 16, /* reads in a row, so that others have their turn */
	HANDSHAKE_MAX = 1024 * 1024, /* bytes that a peer may send in one */
	RECORD_HEADER = 5,
};

struct tls_layer *
tls_layer_new(const struct tls_want *want)
{
	struct tls_layer *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->fd = want->fd;
	l->under = want->under;
	l->shape = want->shape;
	l->name = want->name;
	l->alert = -1;
	l->in = BIO_new(BIO_s_mem());
	l->out = BIO_new(BIO_s_mem());
	l->ssl = SSL_new(want->context);
	if (l->in == NULL || l->out == NULL || l->ssl == NULL) {
		BIO_free(l->in);
		BIO_free(l->out);
		l->in = l->out = NULL;
		tls_layer_free(l);
		return NULL;
	}
	SSL_set_bio(l->ssl, l->in, l->out);
	SSL_set_connect_state(l->ssl);
	SSL_set_app_data(l->ssl, l);
	if (!tls_layer_configure(l, want)) {
		tls_layer_free(l);
		return NULL;
	}
	return l;
}

void
tls_layer_free(struct tls_layer *l)
{
	if (l == NULL)
		return;
	SSL_free(l->ssl);
	free(l);
}

/* --- bytes ---------------------------------------------------------------- */

static enum io_end
transport_send(struct tls_layer *l, char *ptr, size_t len, size_t *sent)
{
	struct io_buf b = {.ptr = ptr, .len = len};
	enum io_end end;
	ssize_t n;

	if (l->under != NULL) {
		end = tls_layer_write(l->under, &b);
		*sent = b.got;
		l->err = b.err;
		return end == IO_TLS ? IO_EOF : end;
	}
	n = send(l->fd, ptr, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n >= 0) {
		*sent = (size_t)n;
		return IO_DONE;
	}
	if (errno == EAGAIN || errno == EINTR)
		return IO_WANT_WRITE;
	l->err = l->send_err = errno;
	return IO_ERROR;
}

/* Sends what OpenSSL has written: IO_DONE when all is out. */
static enum io_end
flush(struct tls_layer *l)
{
	for (;;) {
		char *ptr, scratch[CHUNK];
		long pending = BIO_get_mem_data(l->out, &ptr);
		size_t len = pending > 0 ? (size_t)pending : 0, sent = 0;
		enum io_end end;

		if (len == 0)
			return l->under != NULL ? flush(l->under) : IO_DONE;
		if (len > sizeof(scratch))
			len = sizeof(scratch);
		if (l->sent < l->hold_at && len > l->hold_at - l->sent)
			len = l->hold_at - l->sent;
		else if (l->held)
			return IO_HELD;
		end = transport_send(l, ptr, len, &sent);
		if (end != IO_DONE)
			return end;
		(void)BIO_read(l->out, scratch, (int)sent);
		l->sent += sent;
		if (l->hold_at != 0 && l->sent == l->hold_at)
			l->held = true;
	}
}

void
tls_layer_release(struct tls_layer *l)
{
	l->hold_at = 0;
	l->held = false;
}

static bool
looks_plain(const struct tls_layer *l)
{
	/* RFC 8446 section 5.1: content types 20 to 24, version 3.x. */
	if (l->first_count >= 1 && (l->first[0] < 20 || l->first[0] > 24))
		return true;
	return l->first_count >= 2 && l->first[1] != 3;
}

static void
keep_first(struct tls_layer *l, const char *bytes, size_t n)
{
	size_t room = sizeof(l->first) - l->first_count;

	if (n > room)
		n = room;
	memcpy(l->first + l->first_count, bytes, n);
	l->first_count += n;
}

/* Takes what has come in to OpenSSL: IO_DONE when something did. */
static enum io_end
fill(struct tls_layer *l)
{
	char chunk[CHUNK];
	struct io_buf b = {.ptr = chunk, .len = sizeof(chunk)};
	enum io_end end;

	if (l->under != NULL) {
		end = tls_layer_read(l->under, &b);
		if (end == IO_TLS)
			end = IO_EOF;
	} else {
		struct probe_conn conn = {.fd = l->fd};

		end = conn_read(&conn, &b);
	}
	l->err = b.err;
	if (end == IO_EOF && l->send_err != 0) {
		/* send(2) has taken the socket's error before us. */
		l->err = l->send_err;
		return IO_ERROR;
	}
	if (end != IO_DONE)
		return end;
	l->received += b.got;
	keep_first(l, chunk, b.got);
	if (looks_plain(l)) {
		l->plain = true;
		return IO_PLAIN;
	}
	if (BIO_write(l->in, chunk, (int)b.got) != (int)b.got) {
		l->err = ENOMEM;
		return IO_ERROR;
	}
	return IO_DONE;
}

/* --- the handshake -------------------------------------------------------- */

/* The hello stands in the outgoing buffer: notes its size, and where to cut it
 * when it shall be split: in the middle of the name. */
static void
note_hello(struct tls_layer *l)
{
	char *ptr, *name;
	long pending = BIO_get_mem_data(l->out, &ptr);
	size_t len = pending > 0 ? (size_t)pending : 0, name_len;

	if (l->hello_bytes != 0 || len < RECORD_HEADER)
		return;
	l->hello_bytes =
	    RECORD_HEADER + ((unsigned)(uint8_t)ptr[3] << 8 | (uint8_t)ptr[4]);
	name_len = strlen(l->name);
	if (l->shape != HELLO_SPLIT || name_len < 2)
		return;
	name = memmem(ptr, len, l->name, name_len);
	if (name != NULL)
		l->hold_at = (size_t)(name - ptr) + name_len / 2;
}

static void
note_error(struct tls_layer *l)
{
	if (l->error == 0)
		l->error = ERR_peek_error();
	ERR_clear_error();
}

/* One call of OpenSSL's handshake and the bytes it wants to send. IO_WANT_READ:
 * it needs more. */
static enum io_end
handshake_once(struct tls_layer *l)
{
	enum io_end out;
	int r, why;

	ERR_clear_error();
	r = SSL_do_handshake(l->ssl);
	why = r == 1 ? SSL_ERROR_NONE : SSL_get_error(l->ssl, r);
	if (why != SSL_ERROR_NONE && why != SSL_ERROR_WANT_READ)
		note_error(l);
	note_hello(l);
	out = flush(l);
	if (why == SSL_ERROR_NONE)
		return out;
	if (why != SSL_ERROR_WANT_READ)
		return IO_TLS;
	/* What the peer sent before it closed says more than EPIPE. */
	return out == IO_DONE || out == IO_ERROR || out == IO_EOF ? IO_WANT_READ
								  : out;
}

enum io_end
tls_layer_handshake(struct tls_layer *l)
{
	for (unsigned i = 0; i < STEPS_MAX; i++) {
		enum io_end end = l->plain ? IO_WANT_READ : handshake_once(l);

		if (end != IO_WANT_READ)
			return end;
		end = fill(l);
		if (end != IO_DONE)
			return end;
		if (l->received > HANDSHAKE_MAX)
			return IO_TLS;
	}
	return IO_WANT_READ;
}

/* --- data ----------------------------------------------------------------- */

enum io_end
tls_layer_read(struct tls_layer *l, struct io_buf *b)
{
	for (unsigned i = 0; i < STEPS_MAX; i++) {
		enum io_end end;
		int why, r;

		ERR_clear_error();
		r = b->peek ? SSL_peek_ex(l->ssl, b->ptr, b->len, &b->got)
			    : SSL_read_ex(l->ssl, b->ptr, b->len, &b->got);
		if (r == 1)
			return IO_DONE;
		b->got = 0;
		why = SSL_get_error(l->ssl, r);
		if (why == SSL_ERROR_ZERO_RETURN)
			return IO_EOF;
		if (why != SSL_ERROR_WANT_READ) {
			note_error(l);
			return IO_TLS;
		}
		end = flush(l);
		if (end == IO_WANT_WRITE)
			return end;
		end = fill(l);
		b->err = l->err;
		if (end != IO_DONE)
			return end;
	}
	return IO_WANT_READ;
}

enum io_end
tls_layer_write(struct tls_layer *l, struct io_buf *b)
{
	enum io_end end = flush(l);

	if (end != IO_DONE) {
		b->err = l->err;
		return end;
	}
	ERR_clear_error();
	if (SSL_write_ex(l->ssl, b->ptr, b->len, &b->got) != 1) {
		note_error(l);
		return IO_TLS;
	}
	/* The whole record is taken; what does not fit now goes later. */
	end = flush(l);
	b->err = l->err;
	return end == IO_WANT_WRITE ? IO_DONE : end;
}

enum io_end
tls_layer_listen(struct tls_layer *l)
{
	char sink[1024];
	struct io_buf b = {.ptr = sink, .len = sizeof(sink)};

	return tls_layer_read(l, &b);
}
