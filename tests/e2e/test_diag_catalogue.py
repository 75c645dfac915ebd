# SPDX-License-Identifier: Apache-2.0
"""Every finding that the program knows has a test that makes its symptom, or
a reason why one machine cannot make it, and then a unit test in its place."""

import pathlib
import re

import test_diag_auth
import test_diag_dns
import test_diag_healthy
import test_diag_http
import test_diag_proxy
import test_diag_run
import test_diag_tcp
import test_diag_tls
import test_diag_webhook

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TABLES = (test_diag_auth, test_diag_dns, test_diag_http, test_diag_proxy,
          test_diag_run, test_diag_tcp, test_diag_tls, test_diag_webhook)

# Findings with a test of their own, beside the tables.
ALONE = {
    "BASE-CHANGED": test_diag_run.test_what_changed_since_the_baseline,
    "DNS-NO-AAAA": test_diag_healthy.test_healthy_though_odd,
    "DNS-PROXYONLY":
        test_diag_healthy.test_local_dns_is_not_needed_behind_a_proxy,
    "HTTP-401-NOKEY": test_diag_healthy.test_healthy_though_odd,
    "HTTP-403-S3": test_diag_healthy.test_healthy_though_odd,
    "RTT-NEAR": test_diag_healthy.test_far_regions_that_are_near,
    "RUN-START": test_diag_run.test_without_descriptors_nothing_is_said,
}

# Findings that cannot be made here: why. A unit test over recorded results
# stands in for each.
NOT_HERE = {
    "GKE-META": "only where the firmware says Google Compute Engine",
    "HTTP-IDLE": "services end idle strangers themselves, before firewalls do",
    "TCP-OTHER": "for an errno that no rule names: no symptom is its own",
}


def known():
    text = (ROOT / "diag/findings.def").read_text(encoding="utf-8")
    return set(re.findall(r'^FINDING\(\w+, "([A-Z0-9-]+)"', text, re.M))


def made():
    return {f.finding for table in TABLES for f in table.FAULTS}


def test_each_finding_is_made_or_excused():
    ids = known()
    assert len(ids) > 70
    assert made() | set(ALONE) | set(NOT_HERE) == ids


def test_excuses_are_no_more_than_needed():
    assert not set(NOT_HERE) & (made() | set(ALONE))


def test_excused_findings_have_a_unit_test():
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(
        (ROOT / "tests/unit").glob("test_diagnosis*.c")))
    for one in NOT_HERE:
        assert f'"{one}"' in text, one


def test_rows_are_told_apart():
    for table in TABLES:
        names = [str(f) for f in table.FAULTS]
        assert len(names) == len(set(names)), table.__name__
