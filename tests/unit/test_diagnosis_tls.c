/* SPDX-License-Identifier: Apache-2.0
 *
 * Findings about the handshake and the certificate, each by itself. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "diag_rows.h"

BREAK(tls_rst)
{
	UNUSED;
	diag_fail_tls(r, TLS_RESET);
	r->bisect.neutral_name = LOOK_PASSED;
	r->bisect.small_hello = LOOK_FAILED;
	r->bisect.split_hello = LOOK_PASSED;
}

BREAK(tls_eof)
{
	UNUSED;
	diag_fail_tls(r, TLS_CLOSED);
	r->bisect.neutral_name = LOOK_PASSED;
	r->bisect.small_hello = r->bisect.split_hello = LOOK_FAILED;
}

BREAK(tls_silent_up)
{
	UNUSED;
	diag_fail_tls(r, TLS_SILENT);
	r->tls.figures.known = true;
	r->tls.figures.unacked = 3;
	r->tls.figures.retransmits = 3;
}

BREAK(tls_bighello)
{
	UNUSED;
	diag_fail_tls(r, TLS_RESET);
	r->bisect.neutral_name = r->bisect.split_hello = LOOK_FAILED;
	r->bisect.small_hello = LOOK_PASSED;
	r->bisect.small_bytes = 310;
}

BREAK(tls_pmtu_down)
{
	UNUSED;
	diag_fail_tls(r, TLS_SILENT);
	r->tls.figures.known = true;
	r->tls.figures.mss = 1460;
}

BREAK(tls_silent)
{
	UNUSED;
	diag_fail_tls(r, TLS_SILENT);
}

BREAK(tls_plain)
{
	UNUSED;
	diag_fail_tls(r, TLS_PLAINTEXT);
	COPY(r->tls.first_bytes, "HTTP/1.1 403 Forbidden\r\n");
	r->tls.first_byte_count = 24;
}

BREAK(tls_alert_112)
{
	UNUSED;
	diag_fail_tls(r, TLS_ALERT);
	r->tls.alert = 112;
	COPY(r->tls.alert_name, "unrecognized_name");
}

BREAK(tls_alert_40)
{
	tls_alert_112(c, r);
	r->tls.alert = 40;
	COPY(r->tls.alert_name, "handshake_failure");
}

BREAK(tls_alert_80)
{
	tls_alert_112(c, r);
	r->tls.alert = 80;
	COPY(r->tls.alert_name, "internal_error");
}

BREAK(tls_mitm)
{
	UNUSED;
	diag_other_cert(r, "Zscaler", 20);
}

BREAK(tls_mitm_root)
{
	UNUSED;
	diag_other_cert(r, "Corp Inspection", 19);
}

BREAK(tls_mitm_ok)
{
	UNUSED;
	diag_other_cert(r, "Corp Inspection", 0);
}

/* An interceptor that copies the issuer's name cannot copy the SCTs. */
BREAK(tls_mitm_claimed)
{
	UNUSED;
	diag_other_cert(r, "Amazon", 0);
}

BREAK(tls_nointer)
{
	UNUSED;
	r->tls.verified = false;
	r->tls.verify_code = 21;
	r->tls.chain_count = 1;
}

BREAK(tls_self)
{
	UNUSED;
	diag_other_cert(r, "Appliance", 18);
	r->tls.issuer = ISSUER_SELF;
	COPY(r->tls.chain[0].subject, "CN=appliance.local");
}

BREAK(tls_name)
{
	UNUSED;
	r->tls.name_matches = false;
	COPY(r->tls.chain[0].names, "other.example.net");
	memset(&r->http, 0, sizeof(r->http));
}

BREAK(tls_expired)
{
	UNUSED;
	r->tls.verified = false;
	r->tls.verify_code = 10;
	r->tls.chain[0].not_after = 1700000000;
}

BREAK(tls_expired_root)
{
	tls_expired(c, r);
	r->tls.verify_depth = 1;
	r->tls.chain[1].not_after = 1600000000;
}

BREAK(tls_notyet)
{
	UNUSED;
	r->tls.verified = false;
	r->tls.verify_code = 9;
}

BREAK(tls_cabundle)
{
	c->run->vantage.ca_count = 0;
	r->tls.verified = false;
	r->tls.verify_code = 20;
}

BREAK(tls_client)
{
	UNUSED;
	r->tls.late_alert = true;
	r->tls.alert = 116;
	COPY(r->tls.alert_name, "certificate_required");
	diag_stop_at(r, PHASE_HTTP, PHASE_FAILED);
	r->http.end = HTTP_OTHER;
}

BREAK(tls_alpn)
{
	UNUSED;
	r->tls.alpn[0] = '\0';
}

BREAK(tls_alpn_alert)
{
	tls_alert_112(c, r);
	r->tls.alert = 120;
}

BREAK(tls_broken)
{
	UNUSED;
	diag_fail_tls(r, TLS_BROKEN);
	COPY(r->tls.reason, "bad record mac");
}

BREAK(tcp_eof0)
{
	UNUSED;
	diag_fail_tls(r, TLS_CLOSED);
	r->bisect.neutral_name = r->bisect.small_hello = r->bisect.split_hello =
	    LOOK_FAILED;
}

static const struct diag_row rows[] = {
    {"TCP-EOF0", DIRECT, "container", tcp_eof0, PHASE_TLS, 1, "without a byte",
	"openssl s_client -connect 52.10.0.0:443", NULL},
    {"TLS-RST", DIRECT, "container", tls_rst, PHASE_TLS, 1,
	"Another name: passed", "SNI", NULL},
    {"TLS-EOF", DIRECT, "container", tls_eof, PHASE_TLS, 1,
	"Another name: passed", "SNI", NULL},
    {"TLS-EOF", HTTP, "container", tls_eof, PHASE_TLS, 1,
	"through 10.0.0.5:3128", "SNI", NULL},
    {"TLS-SILENT-UP", DIRECT, "container", tls_silent_up, PHASE_TLS, 1,
	"unacked 3, retransmissions 3", "dev eth0 mtu 1400", NULL},
    {"TLS-BIGHELLO", DIRECT, "container", tls_bighello, PHASE_TLS, 1,
	"of 310 bytes", "tlsmlkem=0", NULL},
    {"TLS-PMTU-DOWN", DIRECT, "container", tls_pmtu_down, PHASE_TLS, 1,
	"unacked 0, retransmissions 0", "tcp_mtu_probing=1", NULL},
    {"TLS-SILENT", HTTP, "container", tls_silent, PHASE_TLS, 1, "0 bytes back",
	"On the proxy", NULL},
    {"TLS-PLAIN", DIRECT, "container", tls_plain, PHASE_TLS, 1,
	"HTTP/1.1 403 Forbidden\\r\\n", "exception", NULL},
    {"TLS-ALERT", DIRECT, "container", tls_alert_112, PHASE_TLS, 1,
	"112 (unrecognized_name)", "/etc/hosts", NULL},
    {"TLS-ALERT", DIRECT, "container", tls_alert_40, PHASE_TLS, 1,
	"40 (handshake_failure)", "Exempt", NULL},
    {"TLS-ALERT", DIRECT, "container", tls_alert_80, PHASE_TLS, 1,
	"80 (internal_error)", "Exempt", NULL},
    {"TLS-MITM", DIRECT, "container", tls_mitm, PHASE_TLS, 1,
	"\"Zscaler CA\" (Zscaler)", "proxy.selfSignedCertificates", NULL},
    {"TLS-MITM", HTTP, "container", tls_mitm_root, PHASE_TLS, 1, "code 19",
	"-showcerts -proxy 10.0.0.5:3128", NULL},
    {"TLS-MITM-OK", DIRECT, "container", tls_mitm_ok, PHASE_TLS, 5,
	"\"Corp Inspection CA\"", "Exempt", NULL},
    {"TLS-MITM-OK", DIRECT, "sensor", tls_mitm_claimed, PHASE_TLS, 5, "no SCT",
	"Exempt", NULL},
    {"TLS-NOINTER", DIRECT, "container", tls_nointer, PHASE_TLS, 1,
	"amazontrust.com", "whole chain", NULL},
    {"TLS-SELF", DIRECT, "container", tls_self, PHASE_TLS, 1,
	"CN=appliance.local", "getent ahosts", NULL},
    {"TLS-NAME", DIRECT, "container", tls_name, PHASE_TLS, 1,
	"other.example.net", "/etc/hosts", NULL},
    {"TLS-EXPIRED", DIRECT, "container", tls_expired, PHASE_TLS, 1,
	"2023-11-14", "timedatectl", NULL},
    {"TLS-EXPIRED", DIRECT, "container", tls_expired_root, PHASE_TLS, 1,
	"2020-09-13", "ca-certificates", NULL},
    {"TLS-NOTYET", DIRECT, "container", tls_notyet, PHASE_TLS, 1,
	"valid from 2026-05", "chronyc", NULL},
    {"TLS-CABUNDLE", DIRECT, "container", tls_cabundle, PHASE_TLS, 1,
	"0 roots in /etc/ssl", "SSL_CERT_FILE", NULL},
    {"TLS-CLIENT", DIRECT, "container", tls_client, PHASE_TLS, 1,
	"alert 116 (certificate_required)", "Exempt", NULL},
    {"TLS-ALPN", DIRECT, "iot", tls_alpn, NONE, 0, "x-amzn-mqtt-ca",
	"-alpn x-amzn-mqtt-ca", NULL},
    {"TLS-ALPN", DIRECT, "iot", tls_alpn_alert, PHASE_TLS, 1, "alert 120",
	"-alpn", NULL},
    {"TLS-BROKEN", DIRECT, "container", tls_broken, PHASE_TLS, 1,
	"bad record mac", "openssl", NULL},
};

static void
each_finding_alone(void **state)
{
	(void)state;
	diag_check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_finding_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
