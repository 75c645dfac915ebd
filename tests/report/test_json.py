# SPDX-License-Identifier: Apache-2.0
"""The JSON report: valid by the schema that is shipped, and saying what the
run holds."""
import json
import os
import pathlib

import jsonschema
import pytest

from conftest import report

SCHEMA = json.loads(
    (
        pathlib.Path(__file__).parents[2] / "diag" / "report.schema.json"
    ).read_text()
)


def strict(pairs):
    """An object, in which no key may stand twice."""
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), keys
    return dict(pairs)


def parsed(name, lang="en"):
    return json.loads(report(name, "json", lang), object_pairs_hook=strict)


@pytest.fixture(scope="module")
def validator():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return jsonschema.Draft202012Validator(SCHEMA)


def test_schema_holds(sample, lang, validator):
    validator.validate(parsed(sample, lang))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda r: r.pop("vantage"),
        lambda r: r.update(verdict="fine"),
        lambda r: r.update(surprise=1),
        lambda r: r["findings"][0].pop("proof"),
        lambda r: r["findings"][0].update(severity="fatal"),
        lambda r: r["endpoints"][0]["tls"].update(surprise=1),
        lambda r: r["endpoints"][0]["dns"].pop("time_ms"),
        lambda r: r["endpoints"][0].update(port="443"),
    ],
)
def test_schema_can_fail(spoil, validator):
    whole = parsed("drop")
    spoil(whole)
    assert list(validator.iter_errors(whole))


def test_healthy_run():
    whole = parsed("healthy")
    assert whole["schema_version"] == "1.0"
    assert whole["verdict"] == "ready"
    assert whole["exit_code"] == 0
    assert whole["counts"]["reachable"] == 9
    assert not [f for f in whole["findings"] if f["severity"] == "error"]
    for endpoint in whole["endpoints"]:
        assert endpoint["reachable"] == "yes"
        assert endpoint["cause"] is None
        assert endpoint["tls"]["verified"] is True
        assert endpoint["proxy"]["state"] == "skipped"


def test_one_cause_on_nine_hosts_is_one_finding():
    whole = parsed("drop")
    errors = [f for f in whole["findings"] if f["severity"] == "error"]
    assert [f["id"] for f in errors] == ["TCP-DROP"]
    assert len(errors[0]["endpoints"]) == 9
    assert all(e.endswith(":443") for e in errors[0]["endpoints"])
    assert whole["verdict"] == "not-ready"
    assert whole["owners"] == ["network-team"]
    for endpoint in whole["endpoints"]:
        states = [
            endpoint[p]["state"] for p in ("dns", "tcp", "proxy", "tls", "http")
        ]
        assert states == ["ok", "bad", "skipped", "skipped", "skipped"]
        info = endpoint["tcp"]["attempts"][0]["tcp_info"]
        assert (info["unacked"], info["retransmits"]) == (1, 3)
        assert endpoint["tcp"]["time_ms"] == 5000


def test_two_causes_are_both_there():
    ids = [
        f["id"]
        for f in parsed("two")["findings"]
        if f["severity"] == "error"
    ]
    assert ids == ["DNS-NX", "TLS-MITM"]


def test_proxy_down_blames_no_endpoint():
    whole = parsed("proxy-down")
    assert [
        f["id"] for f in whole["findings"] if f["severity"] == "error"
    ] == ["PX-CONN"]
    assert {e["cause"] for e in whole["endpoints"]} == {"PX-CONN"}


def test_interrupted_run_is_partial():
    whole = parsed("interrupted")
    assert (whole["verdict"], whole["exit_code"]) == ("interrupted", 130)
    assert whole["run"] == "interrupted"
    reachable = [e["reachable"] for e in whole["endpoints"]]
    assert set(reachable) == {"yes", "unknown"}


def test_password_is_nowhere():
    assert "s3cret-pw" not in report("proxy-words", "json")
    for form in ("text", "html", "junit", "prometheus"):
        assert "s3cret-pw" not in report("proxy-words", form)
        assert "sre:***@" in report("proxy-words", form)


def test_peers_bytes_are_kept_as_evidence():
    whole = parsed("hostile")
    server = whole["endpoints"][0]["http"]["headers"]["server"]
    assert server.startswith("\x1b[2J\x1b]0;owned\x07</title>")
    first = whole["endpoints"][1]["tls"]["first_bytes"]
    assert "\0" in first and first.endswith("\u00ff")
