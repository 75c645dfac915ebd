/* SPDX-License-Identifier: Apache-2.0
 *
 * The one model of a run: probes fill it, the diagnosis reads it, reports
 * render it. Plain data in fixed-size fields (peers send what they like, so
 * every text has a bound and may be cut), so that tests build it by hand and
 * renderers need no questions back. All zero means: nothing was tried.
 *
 * Texts that come from a peer are raw: they may hold any byte but NUL. Whoever
 * prints them escapes them (text_line(), text_json(), HTML). Secrets are never
 * in here. Times are nanoseconds; *_at_ns count from the run's start. */
#ifndef SEKISHO_DIAG_RESULT_H
#define SEKISHO_DIAG_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hostname.h"
#include "core/ipaddr.h"
#include "plan.h"
#include "proxy_env.h"

enum {
	DNS_ANSWERS_MAX = 16,
	DNS_CHAIN_MAX = 8,
	TCP_ATTEMPTS_MAX = 16,
	CHAIN_MAX = 8,
	FIRST_BYTES_MAX = 128,
	BODY_MAX = 1024,
	HEADER_MAX = 256,
	RESOLVERS_MAX = 8,
};

/* The phases of one endpoint, in order; columns of the matrix. */
enum phase {
	PHASE_DNS,
	PHASE_TCP,
	PHASE_PROXY,
	PHASE_TLS,
	PHASE_HTTP,
	PHASE_COUNT,
};

/* How a phase ended, seen from the runner. What it means is the diagnosis'
 * business. */
enum phase_end {
	PHASE_NOT_RUN,     /* not in the plan, or an earlier phase failed */
	PHASE_DONE,        /* the next phase can begin */
	PHASE_FAILED,      /* it cannot */
	PHASE_TIMED_OUT,   /* its deadline passed */
	PHASE_INTERRUPTED, /* the run was cut while it was at work */
};

struct phase_time {
	enum phase_end end;
	uint64_t start_at_ns, end_at_ns; /* both 0: not run */
};

/* ---- DNS ---- */

enum dns_status {
	DNS_NOT_ASKED,
	DNS_ANSWER,      /* at least one address of the family */
	DNS_NODATA,      /* rcode 0 and no address */
	DNS_NXDOMAIN,    /* rcode 3 */
	DNS_SERVFAIL,    /* rcode 2 */
	DNS_REFUSED,     /* rcode 5 */
	DNS_OTHER_RCODE, /* any other rcode */
	DNS_TIMEOUT,     /* no server answered in time */
	DNS_DOWN,        /* ICMP port unreachable, or no route to the server */
	DNS_TCP_BLOCKED, /* truncated over UDP, and TCP did not work */
	DNS_MALFORMED,   /* an answer that cannot be read */
};

struct dns_answer {
	struct ipaddr addr;
	uint32_t ttl_s;
};

/* One question: a name and a family. */
struct dns_query {
	enum dns_status status;
	uint8_t rcode;             /* when any answer came */
	struct ip_endpoint server; /* who answered, or was asked last */
	bool over_tcp;             /* the answer came over TCP */
	bool truncated;            /* the UDP answer had TC set */
	bool authoritative;        /* AA */
	unsigned tries;            /* packets sent, all servers */
	uint64_t time_ns;          /* from the first packet to the end */
	int err;                   /* errno of the socket; 0: none */
	struct dns_answer answers[DNS_ANSWERS_MAX];
	size_t answer_count;
	char chain[DNS_CHAIN_MAX][HOSTNAME_MAX + 1]; /* CNAME targets, in order;
						      * raw, no final dot */
	size_t chain_count;
	uint16_t ede_code; /* RFC 8914; valid when has_ede */
	bool has_ede;
	char ede_text[128];
	bool plain_works; /* malformed with EDNS, fine without */
	bool cd_works;    /* SERVFAIL, fine with checking disabled */
};

/* What the search list of resolv.conf does to the name when it is asked as most
 * programs ask it: without the final dot. */
struct dns_search {
	bool asked;
	unsigned ndots;
	unsigned misses; /* names of the list asked in vain before ours */
	uint64_t time_ns;
	char hit[HOSTNAME_MAX + 1]; /* a name of the list answered first */
	struct ipaddr hit_addr;
};

struct dns_result {
	struct phase_time time;
	char name[HOSTNAME_MAX + 1]; /* asked: the endpoint's, or the proxy's */
	bool literal;                /* an address: nothing was asked */
	bool from_hosts;             /* /etc/hosts has it: not asked either;
				      * addresses are in a and aaaa */
	struct dns_query a, aaaa;
	struct dns_search search;
	/* The A answers of a second question in the same run (--deep). */
	struct dns_answer again[DNS_ANSWERS_MAX];
	size_t again_count;
	uint64_t again_after_ns;
};

/* ---- TCP ---- */

/* What tcp(7) TCP_INFO said at the end; zero when it was not asked. */
struct tcp_figures {
	bool known;
	uint32_t unacked;     /* segments sent, not acknowledged */
	uint32_t retransmits; /* of the segment at the head, now */
	uint32_t total_retrans;
	uint32_t rtt_us;
	uint32_t mss, pmtu; /* bytes */
	uint64_t bytes_sent, bytes_acked, bytes_received;
};

enum tcp_end {
	TCP_NOT_TRIED,
	TCP_OPEN,
	TCP_REFUSED,     /* ECONNREFUSED */
	TCP_TIMEOUT,     /* ETIMEDOUT, or our deadline */
	TCP_UNREACHABLE, /* EHOSTUNREACH, ENETUNREACH */
	TCP_LOCAL_DENY,  /* EACCES, EPERM, EINVAL: this machine said no */
	TCP_NO_PORT,     /* EADDRNOTAVAIL: no local port left */
	TCP_OTHER,       /* any other errno */
	TCP_SKIPPED,     /* an address that must never be dialled (0.0.0.0) */
};

struct tcp_attempt {
	struct ip_endpoint to, from; /* from: unset unless it was bound */
	enum tcp_end end;
	int err; /* errno, 0: none */
	uint64_t start_at_ns, time_ns;
	struct tcp_figures figures; /* of failures, and of slow ones */
};

struct tcp_result {
	struct phase_time time;
	struct tcp_attempt attempts[TCP_ATTEMPTS_MAX];
	size_t attempt_count;
	int used; /* index of the connection that later phases use; -1: none */
};

/* ---- certificates and TLS ---- */

/* Who signed, as far as names and CT tell; issuer.h judges. */
enum issuer_class {
	ISSUER_UNKNOWN, /* no certificate seen */
	ISSUER_PUBLIC,  /* a publicly trusted CA's name, and SCTs */
	ISSUER_CLAIMED, /* a public CA's name but no SCT: an imitation? */
	ISSUER_PRIVATE, /* some other name */
	ISSUER_SELF,    /* the leaf signed itself */
};

struct cert_summary {
	char subject[HEADER_MAX], issuer[HEADER_MAX]; /* one line, RFC 2253 */
	char issuer_org[96], issuer_cn[96];
	char names[512]; /* DNS names of the SAN, blank between; else the CN */
	int64_t not_before, not_after; /* Unix seconds */
	char key[32];                  /* "RSA 2048", "EC P-256" */
	char signature[48];            /* "sha256WithRSAEncryption" */
	char sha256[65];               /* fingerprint, lower-case hex */
	unsigned scts;                 /* embedded SCTs (RFC 6962) */
	bool self_issued, is_ca;
	char aia[128]; /* CA issuers URL, or "" */
};

enum tls_end {
	TLS_NOT_TRIED,
	TLS_FINISHED,  /* the handshake; the certificate is a further matter */
	TLS_RESET,     /* ECONNRESET */
	TLS_CLOSED,    /* EOF */
	TLS_SILENT,    /* deadline */
	TLS_PLAINTEXT, /* the peer answered something that is not TLS */
	TLS_ALERT,     /* a fatal alert came */
	TLS_BROKEN,    /* TLS, but OpenSSL refused to go on; reason says why */
};

struct tls_result {
	struct phase_time time;
	enum tls_end end;
	int err;             /* errno, 0: none */
	unsigned long error; /* OpenSSL's packed code; 0: none */
	char reason[96];     /* its reason string */
	uint8_t alert;       /* number, when end is TLS_ALERT or late_alert */
	char alert_name[48]; /* "handshake_failure" */
	bool late_alert;     /* it came after the handshake, on the first read:
			      * the peer wanted a client certificate, say */
	bool wants_client_cert; /* a CertificateRequest came */
	char sni[HOSTNAME_MAX + 1];
	unsigned hello_bytes;              /* size of the ClientHello record */
	uint64_t bytes_received;           /* in this phase */
	char first_bytes[FIRST_BYTES_MAX]; /* of TLS_PLAINTEXT */
	size_t first_byte_count;
	struct tcp_figures figures; /* of failures */

	char version[16], cipher[64], group[32]; /* "TLSv1.3", … or "" */
	char alpn_offered[64], alpn[32];         /* chosen, or "" */
	unsigned stapled_scts;                   /* by extension or OCSP */

	struct cert_summary chain[CHAIN_MAX]; /* as presented, leaf first */
	size_t chain_count;
	bool verified;    /* chain and dates are fine against our store */
	int verify_code;  /* X509_V_*: the first fault; 0: none */
	int verify_depth; /* where; 0 is the leaf */
	char verify_text[96];
	bool name_matches; /* the leaf is for this host (RFC 6125) */
	enum issuer_class issuer;
	char vendor[48];       /* guess: "Zscaler"; or "" */
	char root[HEADER_MAX]; /* subject of the trusted root that ended the
				* chain; "" unless verified */
	char chain_file[256];  /* where the presented chain was saved, or "" */
};

/* ---- proxy ---- */

enum proxy_end {
	PROXY_NOT_TRIED,
	PROXY_TUNNEL,        /* 200, or SOCKS5 reply 0 */
	PROXY_STATUS,        /* another HTTP status */
	PROXY_SOCKS_REFUSED, /* SOCKS5 reply other than 0; socks_reply */
	PROXY_SOCKS_AUTH,    /* no acceptable method, or credentials refused */
	PROXY_CLOSED,        /* EOF before a whole answer */
	PROXY_RESET,         /* ECONNRESET */
	PROXY_SILENT,        /* deadline */
	PROXY_GARBAGE,       /* neither HTTP nor SOCKS5; first_bytes */
	PROXY_TLS_FAILED,    /* https proxy: see tls */
};

struct proxy_result {
	struct phase_time time;
	enum proxy_end end;
	int err;    /* errno, 0: none */
	int status; /* HTTP status, 0: none came */
	char reason[HEADER_MAX];
	char proxy_status[HEADER_MAX], via[HEADER_MAX], server[HEADER_MAX];
	char squid_error[HEADER_MAX], retry_after[64];
	char schemes[128];     /* of Proxy-Authenticate: "Basic, NTLM" */
	bool www_authenticate; /* 401 style challenge instead */
	char content_type[96];
	char request_id[96];               /* X-Request-Id and kin, or "" */
	bool authenticated;                /* we sent credentials */
	int socks_method, socks_reply;     /* -1: none came */
	char first_bytes[FIRST_BYTES_MAX]; /* body, or what came instead */
	size_t first_byte_count;
	struct tls_result tls; /* the leg to an https proxy; no chain_file */
};

/* ---- HTTP ---- */

enum http_end {
	HTTP_NOT_TRIED,
	HTTP_ANSWER, /* status and header came */
	HTTP_RESET,
	HTTP_CLOSED,  /* EOF or an incomplete answer */
	HTTP_SILENT,  /* deadline */
	HTTP_GARBAGE, /* not HTTP, or HTTP/2 framing errors */
	HTTP_OTHER,   /* any other libcurl error; curl_text */
};

enum tri {
	TRI_UNKNOWN, /* not tried, or it could not be found out */
	TRI_YES,
	TRI_NO,
};

struct http_redirect {
	bool seen;
	char host[HOSTNAME_MAX + 1];
	uint16_t port;
	enum tri on_list; /* on the lists in force */
	enum tri reached; /* --deep: the target answered */
	char
	    refusal[HEADER_MAX]; /* why not: the proxy's words, an errno text */
};

struct http_result {
	struct phase_time time;
	enum http_end end;
	int err, curl_code;
	char curl_text[96];
	char method[8], path[128];
	bool verified;   /* the certificate was fine when this was asked */
	bool key_sent;   /* of this answer; it was asked without before */
	int bare_status; /* of the answer before; 0: there was none */
	char version[8]; /* "1.1", "2" */
	int status;
	char content_type[96], server[96], via[HEADER_MAX];
	char location[HEADER_MAX], www_authenticate[HEADER_MAX];
	char amz_request_id[96], amz_id_2[128], amz_bucket_region[32];
	char amzn_request_id[96]; /* x-amzn-requestid, x-amzn-trace-id,
				   * apigw-requestid or x-amz-apigw-id */
	char docker_api_version[48], retry_after[64];
	int64_t date;        /* of the Date header, Unix seconds; 0: none */
	int64_t skew_ms;     /* our clock minus Date; valid when date != 0 */
	char body[BODY_MAX]; /* the start */
	size_t body_len;
	char title[128]; /* of an HTML page */
	struct http_redirect redirect;
	enum tri http11_works; /* HTTP/2 failed, and this was tried again */
	/* --deep */
	uint32_t upload_bytes; /* size of the body offered; 0: not tried */
	enum tri upload_taken;
	uint32_t upload_sent; /* bytes that went before it ended */
	int upload_status;    /* of the answer to it; 0: none */
	uint32_t idle_s;      /* how long a connection was left idle */
	enum tri idle_survived;
};

/* ---- deeper looks ---- */

/* One more handshake with the same address, changed in one way. */
enum look_end {
	LOOK_NOT_TRIED,
	LOOK_PASSED, /* the peer answered with TLS (any: an alert counts) */
	LOOK_FAILED, /* the same failure, or another one */
};

struct bisect_result {
	enum look_end neutral_name; /* another, harmless server name */
	enum look_end small_hello;  /* below 400 bytes: no ML-KEM */
	enum look_end split_hello;  /* the name cut across two segments */
	unsigned small_bytes;
};

struct roundtrips {
	unsigned count, failed;
	uint64_t p50_ns, p95_ns,
	    max_ns; /* connect to first byte of an answer */
};

/* ---- one endpoint, and the run ---- */

struct endpoint_result {
	const struct target *target; /* borrowed from the plan */
	struct dns_result dns;
	struct dns_result own_dns; /* through a proxy: the endpoint's own name,
				    * asked here; informative only */
	struct tcp_result tcp;
	struct proxy_result proxy;
	struct tls_result tls;
	struct http_result http;
	struct bisect_result bisect;
	struct roundtrips trips;
};

/* Does somebody in between answer DNS for everybody? A question to a server
 * that cannot exist (192.0.2.1, RFC 5737). */
struct dns_interception {
	enum tri found;
	struct ip_endpoint asked;
	uint64_t time_ns;
	uint8_t rcode;
};

/* The API key, judged without being shown. */
enum key_fault {
	KEY_NO_FAULT,
	KEY_EMPTY,
	KEY_BLANK,    /* space, tab, CR or LF at an end or inside */
	KEY_QUOTED,   /* quotes around it */
	KEY_BASE64,   /* looks like base64 of a key */
	KEY_BYTES,    /* bytes that no header may hold */
	KEY_PREFIXED, /* "ApiKey " is part of it */
};

/* What a key looks like; only ever a hint. */
enum key_shape {
	KEY_SHAPE_OTHER,
	KEY_SHAPE_USUAL,  /* id:secret of the known lengths */
	KEY_SHAPE_LEGACY, /* NUMBER:BASE64: Workload Security's own kind */
	KEY_SHAPE_TOKEN,  /* a JSON Web Token: Vision One's kind */
};

struct key_lint {
	bool given;
	enum key_fault fault;
	enum key_shape shape;
	char source[256];        /* file or variable */
	size_t length, position; /* of the first bad byte */
	char byte_class[32];     /* "line feed" */
};

struct vantage {
	char user[64], host[HOSTNAME_MAX + 1], netns[32];
	char kernel[64], pod[HOSTNAME_MAX + 1], pod_namespace[64];
	bool in_pod, in_gke;
	char source_addr[IPADDR_TEXT_MAX + 1]; /* towards the internet */
	char interface[32];
	uint32_t interface_mtu;
	struct ip_endpoint resolvers[RESOLVERS_MAX];
	size_t resolver_count;
	char resolver_source[256]; /* "/etc/resolv.conf", "--resolver" */
	char search[256];
	unsigned ndots;
	char ca_source[256]; /* file or directory, and from where */
	size_t ca_count;     /* roots in it; 0: none could be read */
	bool ca_unreadable;
	char lists_date[32]; /* of the allowlist */
	char clock_source[64];
};

enum run_end {
	RUN_COMPLETE,
	RUN_DEADLINE,    /* the run's own deadline cut it */
	RUN_INTERRUPTED, /* Ctrl-C */
};

/* One line of what changed since the baseline (baseline.h). */
struct change {
	size_t endpoint; /* index */
	char what[32];   /* "address", "issuer", "status", … */
	char before[128], after[128];
};

struct run {
	const struct plan *plan;           /* borrowed */
	struct endpoint_result *endpoints; /* one per target, same order */
	size_t endpoint_count;
	struct vantage vantage;
	struct proxy_env proxy_env; /* as found, with its lints */
	struct dns_interception interception;
	struct key_lint key;
	struct change *changes; /* NULL without a baseline */
	size_t change_count;
	char baseline_time[32];
	enum run_end end;
	uint64_t started_unix_ns, duration_ns;
};

/* A run with zeroed results for each target of the plan; NULL when out of
 * memory. The plan must outlive it. */
struct run *run_new(const struct plan *plan) MUST_CHECK;
void run_free(struct run *run); /* NULL is fine */

/* Names as reports and JSON have them: "dns", "nxdomain", "refused" … Static;
 * never NULL. */
const char *phase_str(enum phase p);
const char *phase_end_str(enum phase_end e);
const char *dns_status_str(enum dns_status s);
const char *tcp_end_str(enum tcp_end e);
const char *proxy_end_str(enum proxy_end e);
const char *tls_end_str(enum tls_end e);
const char *http_end_str(enum http_end e);
const char *issuer_class_str(enum issuer_class c);
const char *look_end_str(enum look_end e);
const char *tri_str(enum tri t);

/* The time of a phase of this endpoint; all zero when it was not run. */
const struct phase_time *phase_time_of(
    const struct endpoint_result *r, enum phase p);

#endif
