/* SPDX-License-Identifier: Apache-2.0 */
#include "core/response.h"

#include <assert.h>

#include "core/text.h"

enum {
	/* Three headings, the longest token, and line ends. */
	BODY_MAX = RESPONSE_DETAIL_MAX + RESPONSE_ADVICE_MAX + 128,
	TLS_ALERT_FATAL = 2,
	ALERT_ACCESS_DENIED = 49,
	ALERT_INTERNAL_ERROR = 80,
};

/* What to do when the caller knows nothing better. */
static const char *const default_advice[OUTCOME_COUNT] = {
    [OUTCOME_DENIED_HOST] =
	"Ask the gateway's operator to add the host to an allowlist if it is "
	"needed; names inside the cluster belong in NO_PROXY.",
    [OUTCOME_DENIED_PORT] =
	"Use the port that the allowlist names, 443 for published endpoints.",
    [OUTCOME_DENIED_ADDRESS_LITERAL] =
	"Connect by host name; addresses inside the cluster belong in "
	"NO_PROXY.",
    [OUTCOME_DENIED_CLIENT] =
	"Ask the gateway's operator to add the client's network to the "
	"listener's key clients.",
    [OUTCOME_AUTH_REQUIRED] =
	"Put the credentials into the proxy URL, http://USER:PASSWORD@HOST:"
	"PORT, with special characters percent-encoded.",
    [OUTCOME_AUTH_FAILED] =
	"Check user and password; special characters in a proxy URL must be "
	"percent-encoded.",
    [OUTCOME_BAD_REQUEST] =
	"Send CONNECT host:port HTTP/1.1 with one Host line; see "
	"sekisho-proxy(8).",
    [OUTCOME_METHOD_NOT_ALLOWED] =
	"Use this proxy for https:// URLs (HTTPS_PROXY); plain http:// is not "
	"forwarded.",
    [OUTCOME_HEADER_TOO_LARGE] =
	"Send fewer or shorter header lines with CONNECT, or raise "
	"limits.header_bytes.",
    [OUTCOME_HEADER_TIMEOUT] =
	"Send the whole request at once, or raise limits.header_timeout.",
    [OUTCOME_RATE_LIMITED] =
	"Wait and try again; limits.connects_per_client and "
	"limits.tunnels_per_client set the limits.",
    [OUTCOME_LIMIT_REACHED] =
	"Try again later; raise limits.tunnels or add a replica.",
    [OUTCOME_DRAINING] = "Try again: another replica takes over.",
    [OUTCOME_DNS_NXDOMAIN] =
	"Check the gateway's DNS servers (dns.servers): they must know public "
	"names.",
    [OUTCOME_DNS_ERROR] =
	"Check the gateway's DNS servers (dns.servers) and whether they let "
	"the gateway ask.",
    [OUTCOME_DNS_TIMEOUT] =
	"Allow UDP and TCP port 53 from the gateway to its DNS servers "
	"(dns.servers).",
    [OUTCOME_DENIED_RESOLVED_ADDRESS] =
	"Correct the DNS answer; if a private endpoint is meant, add its "
	"prefix to upstream.allow_addresses.",
    [OUTCOME_CONNECT_REFUSED] =
	"Check whether a firewall between the gateway and the host rejects "
	"the connection.",
    [OUTCOME_CONNECT_RESET] =
	"Check whether a firewall between the gateway and the host resets "
	"the connection.",
    [OUTCOME_CONNECT_UNREACHABLE] =
	"Check the gateway's default route and NAT.",
    [OUTCOME_CONNECT_TIMEOUT] =
	"Allow outbound TCP to this host and port from the gateway; check NAT "
	"and routes.",
    [OUTCOME_PARENT_REFUSED] =
	"Ask the operator of the parent proxy (upstream.parent) to allow this "
	"host and port.",
    [OUTCOME_PARENT_FAILED] =
	"Check upstream.parent: host, port and credentials.",
    [OUTCOME_LOOP] =
	"The name resolves to the gateway itself: correct the DNS record, or "
	"set host NAME.addresses.",
    [OUTCOME_INTERNAL_ERROR] = "See the gateway's log.",
};

/* Descriptions of RFC 8446 section 6.2, where the status does not say it. TLS
 * has none for a timeout:
 * user_canceled (section 6.1: "unrelated to a protocol failure") cannot be
 * mistaken for a verdict of the server's, as handshake_failure would be. */
static const uint8_t alerts[OUTCOME_COUNT] = {
    [OUTCOME_DENIED_RESOLVED_ADDRESS] = ALERT_ACCESS_DENIED,
    [OUTCOME_PARENT_REFUSED] = ALERT_ACCESS_DENIED,
    [OUTCOME_SNI_MISMATCH] = ALERT_ACCESS_DENIED,
    [OUTCOME_SNI_MISSING] = 112, /* unrecognized_name */
    [OUTCOME_DNS_NXDOMAIN] = 112,
    [OUTCOME_NOT_TLS] = 10,         /* unexpected_message */
    [OUTCOME_HELLO_TIMEOUT] = 90,   /* user_canceled */
    [OUTCOME_HELLO_TOO_LARGE] = 22, /* record_overflow */
    [OUTCOME_BAD_REQUEST] = 10,     /* unexpected_message */
    [OUTCOME_DENIED_CLIENT] = 49,   /* access_denied */
    [OUTCOME_HEADER_TIMEOUT] = 90,  /* user_canceled */
    [OUTCOME_LIMIT_REACHED] = 80,   /* internal_error */
};

/* s, with '?' for each byte that is not printable ASCII; with lines, \n stays.
 */
static void
add_printable(struct text *t, struct span s, bool lines)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if ((c >= 0x20 && c < 0x7F) || (lines && c == '\n'))
			text_char(t, c);
		else
			text_char(t, '?');
	}
}

/* The inside of an sf-string (RFC 8941 section 3.3.3); s is printable ASCII. */
static void
add_sf_string(struct text *t, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '"' || s.ptr[i] == '\\')
			text_char(t, '\\');
		text_char(t, s.ptr[i]);
	}
}

static void
add_number_field(struct text *t, const char *name, size_t value)
{
	text_str(t, name);
	text_u64(t, value);
	text_str(t, "\r\n");
}

static struct span
text_span(const struct text *t)
{
	return span_of(t->buf, t->len);
}

static void
add_body(struct text *t, const struct refusal *r, struct span detail)
{
	struct span advice = r->advice;

	if (advice.len == 0)
		advice = span_str(default_advice[r->why]);
	if (advice.len > RESPONSE_ADVICE_MAX)
		advice.len = RESPONSE_ADVICE_MAX;
	if (advice.ptr[advice.len - 1] == '\n')
		advice.len--;
	text_str(t, "sekisho opened no tunnel: ");
	text_str(t, outcome_token(r->why));
	text_str(t, "\nWhy: ");
	text_add(t, detail);
	text_str(t, "\nWhat to do: ");
	add_printable(t, advice, true);
	text_char(t, '\n');
}

static void
add_fields(struct text *t, const struct refusal *r, struct span detail)
{
	unsigned status = outcome_status(r->why);

	text_str(t, "Proxy-Status: sekisho; error=");
	text_str(t, outcome_proxy_status(r->why));
	text_str(t, "; details=\"");
	text_str(t, outcome_token(r->why));
	text_str(t, ": ");
	add_sf_string(t, detail);
	text_str(t, "\"\r\n");
	if (status == 405)
		text_str(t, "Allow: CONNECT\r\n");
	if (status == 407)
		text_str(t, "Proxy-Authenticate: Basic realm=\"sekisho\"\r\n");
	if (r->retry_after_s > 0)
		add_number_field(t, "Retry-After: ", r->retry_after_s);
}

size_t
response_refusal(char *buf, const struct refusal *r)
{
	char detail_buf[RESPONSE_DETAIL_MAX], body_buf[BODY_MAX];
	struct text detail = text_in(detail_buf, sizeof(detail_buf));
	struct text body = text_in(body_buf, sizeof(body_buf));
	struct text t = text_in(buf, RESPONSE_MAX);
	unsigned status = outcome_status(r->why);

	assert(status >= 400);
	add_printable(&detail,
	    r->detail.len > 0 ? r->detail : span_str(outcome_sentence(r->why)),
	    false);
	add_body(&body, r, text_span(&detail));

	text_str(&t, "HTTP/1.1 ");
	text_u64(&t, status);
	text_char(&t, ' ');
	text_add(&t, text_span(&detail));
	text_str(&t, "\r\n");
	add_fields(&t, r, text_span(&detail));
	text_str(&t, "Content-Type: text/plain\r\n");
	add_number_field(&t, "Content-Length: ", body.len);
	text_str(&t, "Connection: close\r\n\r\n");
	if (!r->no_body)
		text_add(&t, text_span(&body));
	assert(!body.cut && !t.cut);
	return t.len;
}

size_t
response_established(char *buf, const struct ip_endpoint *next_hop)
{
	struct text t = text_in(buf, RESPONSE_MAX);
	char addr[IPADDR_TEXT_MAX + 1];
	size_t len = ipaddr_format(&next_hop->addr, addr);

	text_str(&t, "HTTP/1.1 200 Connection established\r\n"
		     "Proxy-Status: sekisho; next-hop=\"");
	text_add(&t, span_of(addr, len));
	text_str(&t, "\"\r\n\r\n");
	return t.len;
}

/* What policy refuses is access_denied; all else, from load to an upstream that
 * cannot be reached, is internal_error: "unrelated to the peer". */
static uint8_t
alert_of(enum outcome why)
{
	unsigned status = outcome_status(why);

	if (alerts[why] != 0)
		return alerts[why];
	return status == 403 || status == 407 ? ALERT_ACCESS_DENIED
					      : ALERT_INTERNAL_ERROR;
}

size_t
response_alert(char *buf, enum outcome why)
{
	const uint8_t record[RESPONSE_ALERT_LEN] = {
	    21, 3, 3, 0, 2, TLS_ALERT_FATAL, alert_of(why)};

	memcpy(buf, record, sizeof(record));
	return sizeof(record);
}
