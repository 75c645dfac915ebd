# SPDX-License-Identifier: Apache-2.0
"""The Prometheus text, as Prometheus itself reads it (package prometheus)."""
import re
import subprocess

from conftest import report

LINE = re.compile(r"^(sekisho_diag_\w+)(\{.*\})? (-?[0-9.]+)$")


def series(name):
    """Series -> value; none may stand there twice."""
    found = {}
    for line in report(name, "prometheus").splitlines():
        if line.startswith("#"):
            continue
        match = LINE.match(line)
        assert match, line
        key = match[1] + (match[2] or "")
        assert key not in found
        found[key] = float(match[3])
    return found


def test_promtool(sample):
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=report(sample, "prometheus", text=False),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout.decode()
    assert not done.stdout


def test_no_series_twice(sample):
    series(sample)


def test_healthy_and_broken():
    healthy, drop = series("healthy"), series("drop")
    assert healthy['sekisho_diag_verdict{verdict="ready"}'] == 1
    assert healthy["sekisho_diag_exit_code"] == 0
    assert drop['sekisho_diag_verdict{verdict="ready"}'] == 0
    assert drop['sekisho_diag_verdict{verdict="not-ready"}'] == 1
    reachable = [
        value
        for key, value in drop.items()
        if key.startswith("sekisho_diag_endpoint_reachable{")
    ]
    assert reachable == [0] * 9
    finding = '{id="TCP-DROP",severity="error",owner="network-team"}'
    assert drop["sekisho_diag_findings" + finding] == 1
    assert drop["sekisho_diag_finding_endpoints" + finding] == 9


def test_unknown_is_neither_reachable_nor_lost():
    found = series("cannot-tell")
    undecided = [
        key
        for key, value in found.items()
        if key.startswith("sekisho_diag_endpoint_undecided{") and value == 1
    ]
    assert len(undecided) == 5
    for key in undecided:
        assert found[key.replace("undecided", "reachable")] == 0
