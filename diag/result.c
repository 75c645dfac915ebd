/* SPDX-License-Identifier: Apache-2.0 */
#include "result.h"

#include <stdlib.h>

struct run *
run_new(const struct plan *plan)
{
	struct run *run = calloc(1, sizeof(*run));

	if (run == NULL)
		return NULL;
	run->endpoints = calloc(plan->target_count ? plan->target_count : 1,
	    sizeof(*run->endpoints));
	if (run->endpoints == NULL) {
		free(run);
		return NULL;
	}
	run->plan = plan;
	run->endpoint_count = plan->target_count;
	for (size_t i = 0; i < plan->target_count; i++) {
		struct endpoint_result *r = &run->endpoints[i];

		r->target = &plan->targets[i];
		r->tcp.used = -1;
		r->proxy.socks_method = -1;
		r->proxy.socks_reply = -1;
	}
	return run;
}

void
run_free(struct run *run)
{
	if (run == NULL)
		return;
	free(run->endpoints);
	free(run->changes);
	free(run);
}

const char *
phase_str(enum phase p)
{
	switch (p) {
	case PHASE_DNS:
		return "dns";
	case PHASE_TCP:
		return "tcp";
	case PHASE_PROXY:
		return "proxy";
	case PHASE_TLS:
		return "tls";
	case PHASE_HTTP:
		return "http";
	case PHASE_COUNT:
		break;
	}
	return "unknown";
}

const char *
phase_end_str(enum phase_end e)
{
	switch (e) {
	case PHASE_NOT_RUN:
		return "not-run";
	case PHASE_DONE:
		return "done";
	case PHASE_FAILED:
		return "failed";
	case PHASE_TIMED_OUT:
		return "timed-out";
	case PHASE_INTERRUPTED:
		return "interrupted";
	}
	return "unknown";
}

const char *
dns_status_str(enum dns_status s)
{
	switch (s) {
	case DNS_NOT_ASKED:
		return "not-asked";
	case DNS_ANSWER:
		return "answer";
	case DNS_NODATA:
		return "nodata";
	case DNS_NXDOMAIN:
		return "nxdomain";
	case DNS_SERVFAIL:
		return "servfail";
	case DNS_REFUSED:
		return "refused";
	case DNS_OTHER_RCODE:
		return "other-rcode";
	case DNS_TIMEOUT:
		return "timeout";
	case DNS_DOWN:
		return "down";
	case DNS_TCP_BLOCKED:
		return "tcp-blocked";
	case DNS_MALFORMED:
		return "malformed";
	}
	return "unknown";
}

const char *
tcp_end_str(enum tcp_end e)
{
	switch (e) {
	case TCP_NOT_TRIED:
		return "not-tried";
	case TCP_OPEN:
		return "open";
	case TCP_REFUSED:
		return "refused";
	case TCP_TIMEOUT:
		return "timeout";
	case TCP_UNREACHABLE:
		return "unreachable";
	case TCP_LOCAL_DENY:
		return "local-deny";
	case TCP_NO_PORT:
		return "no-port";
	case TCP_OTHER:
		return "other";
	case TCP_SKIPPED:
		return "skipped";
	}
	return "unknown";
}

const char *
proxy_end_str(enum proxy_end e)
{
	switch (e) {
	case PROXY_NOT_TRIED:
		return "not-tried";
	case PROXY_TUNNEL:
		return "tunnel";
	case PROXY_STATUS:
		return "status";
	case PROXY_SOCKS_REFUSED:
		return "socks-refused";
	case PROXY_SOCKS_AUTH:
		return "socks-auth";
	case PROXY_CLOSED:
		return "closed";
	case PROXY_RESET:
		return "reset";
	case PROXY_SILENT:
		return "silent";
	case PROXY_GARBAGE:
		return "garbage";
	case PROXY_TLS_FAILED:
		return "tls-failed";
	}
	return "unknown";
}

const char *
tls_end_str(enum tls_end e)
{
	switch (e) {
	case TLS_NOT_TRIED:
		return "not-tried";
	case TLS_FINISHED:
		return "finished";
	case TLS_RESET:
		return "reset";
	case TLS_CLOSED:
		return "closed";
	case TLS_SILENT:
		return "silent";
	case TLS_PLAINTEXT:
		return "plaintext";
	case TLS_ALERT:
		return "alert";
	case TLS_BROKEN:
		return "broken";
	}
	return "unknown";
}

const char *
http_end_str(enum http_end e)
{
	switch (e) {
	case HTTP_NOT_TRIED:
		return "not-tried";
	case HTTP_ANSWER:
		return "answer";
	case HTTP_RESET:
		return "reset";
	case HTTP_CLOSED:
		return "closed";
	case HTTP_SILENT:
		return "silent";
	case HTTP_GARBAGE:
		return "garbage";
	case HTTP_OTHER:
		return "other";
	}
	return "unknown";
}

const char *
issuer_class_str(enum issuer_class c)
{
	switch (c) {
	case ISSUER_UNKNOWN:
		return "unknown";
	case ISSUER_PUBLIC:
		return "public";
	case ISSUER_CLAIMED:
		return "claimed";
	case ISSUER_PRIVATE:
		return "private";
	case ISSUER_SELF:
		return "self";
	}
	return "unknown";
}

const char *
look_end_str(enum look_end e)
{
	switch (e) {
	case LOOK_NOT_TRIED:
		return "not-tried";
	case LOOK_PASSED:
		return "passed";
	case LOOK_FAILED:
		return "failed";
	}
	return "unknown";
}

const char *
tri_str(enum tri t)
{
	switch (t) {
	case TRI_UNKNOWN:
		return "unknown";
	case TRI_YES:
		return "yes";
	case TRI_NO:
		return "no";
	}
	return "unknown";
}

const struct phase_time *
phase_time_of(const struct endpoint_result *r, enum phase p)
{
	static const struct phase_time none;

	switch (p) {
	case PHASE_DNS:
		return &r->dns.time;
	case PHASE_TCP:
		return &r->tcp.time;
	case PHASE_PROXY:
		return &r->proxy.time;
	case PHASE_TLS:
		return &r->tls.time;
	case PHASE_HTTP:
		return &r->http.time;
	case PHASE_COUNT:
		break;
	}
	return &none;
}
