# SPDX-License-Identifier: Apache-2.0
"""Alert rules and dashboard: right by themselves, and about metrics and label
values that a running gateway has."""

import json
import re
import subprocess
import urllib.request

import pytest
import yaml
from conftest import ROOT, program, run

RULES = ROOT / "container/prometheus/sekisho.rules.yml"
UNIT_TESTS = ROOT / "container/prometheus/sekisho.rules.test.yml"
BOARD = ROOT / "container/grafana/sekisho.json"
METRIC = re.compile(r"\b(?:sekisho|process)_\w+")
MATCHER = re.compile(r'(\w+)(=~|=)"([^"]*)"')


@pytest.fixture(scope="module")
def series():
    """What a gateway has from its start: name -> label -> values."""
    gateway = subprocess.Popen(
        [program("SEKISHO_PROXY", "build/dev/sekisho-proxy"), "--region",
         "us-1", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        ready = gateway.stdout.readline()
        address = re.search(r"admin=(\S+)", ready)[1]
        with urllib.request.urlopen(f"http://{address}/metrics") as answer:
            text = answer.read().decode()
    finally:
        gateway.terminate()
        gateway.communicate(timeout=60)
    found = {}
    for name, labels in re.findall(r"^(\w+)(?:{(.*)})? ", text, re.M):
        known = found.setdefault(name, {})
        for label, value in re.findall(r'(\w+)="([^"]*)"', labels):
            known.setdefault(label, set()).add(value)
    return found


def rules():
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries():
    """Every query of rules and dashboard, with a name for it."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in json.loads(BOARD.read_text())["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def test_operators_are_told_of_every_alert():
    manual = (ROOT / "container/README.md").read_text()
    assert set(re.findall(r"Sekisho[A-Z]\w+", manual)) == {
        rule["alert"] for rule in rules()}


# Set by Prometheus, or a variable of the dashboard.
SCRAPE_LABELS = {"instance", "job"}


def test_rules_pass_promtool():
    run("promtool", "check", "rules", RULES)
    run("promtool", "test", "rules", UNIT_TESTS)


def test_a_rule_that_never_fires_fails_its_test(tmp_path):
    """Each rule in turn is made deaf, and its own test must notice."""
    text = yaml.safe_load(RULES.read_text())
    tests = yaml.safe_load(UNIT_TESTS.read_text())
    tests["rule_files"] = ["rules.yml"]
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(tests))
    for rule in text["groups"][0]["rules"]:
        before, rule["expr"] = rule["expr"], f"({rule['expr']}) and vector(0) > 1"
        (tmp_path / "rules.yml").write_text(yaml.safe_dump(text))
        done = run("promtool", "test", "rules", tmp_path / "tests.yml",
                   check=False)
        assert done.returncode != 0, f"no test fires {rule['alert']}"
        assert rule["alert"] in done.stdout
        rule["expr"] = before


def test_a_quiet_network_is_judged_by_every_rule():
    well = next(t for t in yaml.safe_load(UNIT_TESTS.read_text())["tests"]
                if t["name"] == "all is well")
    assert {t["alertname"] for t in well["alert_rule_test"]} == {
        rule["alert"] for rule in rules()}


@pytest.mark.parametrize("name, query", queries())
def test_queries_are_about_what_there_is(series, name, query):
    metrics = METRIC.findall(query)
    assert metrics, name
    for metric in metrics:
        assert metric in series, f"{name}: no metric {metric}"
    known = {}
    for metric in metrics:
        for label, values in series[metric].items():
            known.setdefault(label, set()).update(values)
    for label, kind, wanted in MATCHER.findall(query):
        if label in SCRAPE_LABELS:
            continue
        assert label in known, f"{name}: no label {label}"
        for part in wanted.split("|") if kind == "=~" else [wanted]:
            assert any(re.fullmatch(part, v) for v in known[label]), (
                f"{name}: no {label} is {part}")
    for listed in re.findall(r"\b(?:by|on) \(([^)]*)\)", query):
        for label in re.split(r",\s*", listed):
            assert label in known or label in SCRAPE_LABELS | {"le"}, (
                f"{name}: no label {label}")


def test_queries_of_the_dashboard_are_promql(tmp_path):
    board = [{"record": f"panel:{i}", "expr": query.replace("$job", "x")}
             for i, (_, query) in enumerate(queries())]
    path = tmp_path / "board.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "board",
                                                "rules": board}]}))
    run("promtool", "check", "rules", path)


def test_the_dashboard_is_laid_out():
    board = json.loads(BOARD.read_text())
    panels = board["panels"]
    assert len({p["id"] for p in panels}) == len(panels)
    assert len({p["title"] for p in panels}) == len(panels)
    taken = set()
    for panel in panels:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert (x, y) not in taken, f"{panel['title']} overlaps"
                taken.add((x, y))
        assert panel["datasource"]["uid"] == "${datasource}"
        letters = [t["refId"] for t in panel["targets"]]
        assert len(set(letters)) == len(letters)
    assert {v["name"] for v in board["templating"]["list"]} == {
        "datasource", "job"}
