/* SPDX-License-Identifier: Apache-2.0
 *
 * A client that speaks TLS to the gateway. The handshake is made by the reads
 * that look for the request's head, in the same time; what is special is who
 * the client is by its certificate, and how it is told of what goes wrong. */
#include <errno.h>
#include <stdio.h>

#include "core/response.h"
#include "session_internal.h"

enum {
	REASON_MAX = 200,
};

static struct tls_stream *
tls_of(const struct session *s)
{
	return s->tunnel.client.tls;
}

/* A stranger is not worth a handshake's work. */
bool
session_tls_start(struct session *s)
{
	struct tunnel_end *client = &s->tunnel.client;

	client->tls = tls_stream_accept(s->door->tls, client->watch.fd);
	if (client->tls == NULL) {
		session_report_end(s, OUTCOME_INTERNAL_ERROR, "out of memory");
		session_close(s, false);
		return false;
	}
	if (session_is_welcome(s))
		return true;
	session_refuse_request(s, OUTCOME_DENIED_CLIENT, span_of(NULL, 0));
	return false;
}

bool
session_tls_is_new(const struct session *s)
{
	return tls_of(s) != NULL && !tls_stream_is_open(tls_of(s)) &&
	       tls_stream_was_spoken_to(tls_of(s));
}

bool
session_tls_on_bytes(struct session *s)
{
	if (s->door->tls_client_ca == NULL || s->subject != NULL)
		return true;
	s->subject = tls_stream_subject(tls_of(s));
	if (s->subject != NULL)
		return true;
	session_refuse_request(s, OUTCOME_AUTH_FAILED,
	    span_str("the client's certificate has neither a subject nor an "
		     "alternative name"));
	return false;
}

size_t
session_tls_answer(struct session *s, enum outcome why, char *out)
{
	struct tunnel_end *client = &s->tunnel.client;
	/* OpenSSL has told the client by an alert, or has begun to encrypt. */
	bool told = tls_stream_has_spoken(client->tls);

	tls_stream_free(client->tls);
	client->tls = NULL;
	return told ? 0 : response_alert(out, why);
}

/* In clear, as curl shows it when it was told http:// of this port. */
static void
refuse_http(struct session *s)
{
	struct tunnel_end *client = &s->tunnel.client;

	tls_stream_free(client->tls);
	client->tls = NULL;
	session_refuse(s, OUTCOME_BAD_REQUEST,
	    span_str("this port speaks TLS, and the request came in clear"),
	    span_str(
		"Write https:// instead of http:// in the proxy's URL.\n"));
}

static void
refuse_handshake(struct session *s)
{
	const char *verify = tls_stream_verify_fault(tls_of(s));
	char reason[REASON_MAX];
	int len;

	if (verify != NULL)
		len = snprintf(reason, sizeof(reason),
		    "client certificate refused: %s", verify);
	else
		len = snprintf(reason, sizeof(reason),
		    "TLS handshake failed: %s", tls_stream_fault(tls_of(s)));
	session_refuse_request(
	    s, OUTCOME_BAD_REQUEST, span_of(reason, (size_t)len));
}

void
session_tls_failed(struct session *s)
{
	bool is_new = session_tls_is_new(s);

	if (errno == TLS_STREAM_CUT)
		session_end(s, OUTCOME_CLIENT_CLOSED,
		    is_new ? "in the TLS handshake"
			   : tls_stream_fault(tls_of(s)));
	else if (errno != EPROTO || !is_new)
		session_end(
		    s, OUTCOME_CLIENT_RESET, tls_stream_fault(tls_of(s)));
	else if (tls_stream_met_http(tls_of(s)))
		refuse_http(s);
	else
		refuse_handshake(s);
}
