# SPDX-License-Identifier: Apache-2.0
"""`sekisho-diag explain`: a page for each question that people ask, for each
finding, outcome and trap, in English and Japanese."""
import os
import pty
import re
import subprocess

import pytest
from conftest import ROOT, diag, said

JAPANESE = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")

# Each question of the product's FAQ (in our own words) -> the topic that
# answers it, and words that the answer must have in each language.
QUESTIONS = [
    ("Why do API calls return 401?",
     "401", ["key"], ["キー"]),
    ("Is inbound access to the cluster needed?",
     "inbound", ["No.", "443"], ["必要ありません", "443"]),
    ("Which URLs must be allowed outbound?",
     "outbound-list", ["iot.container", "public.ecr.aws", "asaas-scan-vuln",
                       "telemetry"],
     ["iot.container", "public.ecr.aws", "asaas-scan-vuln", "テレメトリ"]),
    ("Are regular expressions supported in policies?",
     "policies", ["contains", "starts with", "No regular"],
     ["次を含む", "で始まる", "使えません"]),
    ("Does each cluster need its own admission controller?",
     "clusters", ["Yes.", "1 is the default"], ["必要です", "既定値は 1"]),
    ("Does webhook validation change the container's configuration?",
     "webhook-changes", ["No.", "validates"], ["変更しません", "検証のみ"]),
    ("Does kubectl apply query the service each time, and is there a cache?",
     "cache", ["kubectl apply", "cached", "kube-system"],
     ["kubectl apply", "キャッシュされない", "kube-system"]),
    ("What is telemetry for, and what does it send?",
     "telemetry", ["Data Collection"], ["Data Collection"]),
    ("Is anybody notified when the connection to the cloud fails?",
     "notifications", ["no alert", "24 hours", "failure-policy"],
     ["アラートは出ず", "24 時間", "failure-policy"]),
    ("What happens to requests meanwhile (failurePolicy)?",
     "failure-policy", ["Ignore (default)", "unchecked", "refused"],
     ["Ignore（既定値）", "未検査", "拒否"]),
    ("When should the admission controller get more replicas?",
     "replicas", ["same time", "default is 1"], ["同時", "既定値は 1"]),
    ("How are pods with several containers made an exception?",
     "exceptions", ["every container"], ["すべてのコンテナ"]),
    ("Why is a pod not isolated from the network?",
     "isolation", ["NetworkPolic", "plugin"],
     ["NetworkPolicy", "プラグイン"]),
    ("Why does the vulnerability view show nothing?",
     "no-vulnerabilities", ["upload", "troubleshooting"],
     ["アップロード", "トラブルシューティング"]),
    ("Can several scanning tools run in one cluster?",
     "scanners", ["namespaces: [", "each other"],
     ["namespaces: [", "互い"]),
    ("When should more scanner pods run at once?",
     "concurrency", ["maxJobCount: 15", "resources"],
     ["maxJobCount: 15", "資源"]),
    ("Are there limits on private GKE clusters?",
     "gke", ["8443", "firewall-rules create", "cannot cure"],
     ["8443", "firewall-rules create", "ゲートウェイでは解決できません"]),
]


def table(path, pattern):
    return re.findall(pattern, (ROOT / path).read_text("utf-8"), re.M)


TOPICS = table("diag/topics.def", r'^TOPIC\(\w+, "([^"]+)"')
ALIASES = [a for x in table("diag/topics.def",
                            r'^TOPIC\(\w+, "[^"]+", "([^"]*)"')
           for a in x.split()]
FINDINGS = table("diag/findings.def", r'^FINDING\(\w+, "([^"]+)"')
OUTCOMES = table("proxy/core/outcome.def", r'^OUTCOME\(\w+,\s*"([^"]+)"')
TRAPS = table("diag/helm_traps.def", r'^TRAP\(\w+, "([^"]+)"')


@pytest.mark.parametrize("question, topic, english, japanese", QUESTIONS,
                         ids=[q[1] for q in QUESTIONS])
def test_question(question, topic, english, japanese):
    for lang, words in (("en", english), ("ja", japanese)):
        page = said("explain", topic, "--lang", lang)
        for word in words:
            assert word in page, f"{question}: no {word!r} in\n{page}"


def test_each_topic_asked_for_is_there():
    wanted = """401 timeouts failure-policy gke isolation replicas scanners
        no-vulnerabilities registry socks5 no-proxy policies webhook-changes
        cache telemetry notifications exceptions concurrency inbound
        outbound-list key-kinds""".split()
    assert not set(wanted) - set(TOPICS)
    assert {q[1] for q in QUESTIONS} <= set(TOPICS)


def test_list_of_topics():
    for lang in ("en", "ja"):
        page = said("explain", "--lang", lang)
        names = re.findall(r"^  (\S+) {2,}\S", page, re.M)
        assert names == TOPICS


def _pages(names):
    """name -> (english, japanese), each page judged as it is read."""
    for name in names:
        en = said("explain", name, "--lang", "en")
        ja = said("explain", name.lower(), "--lang", "ja")
        assert not JAPANESE.search(en) and JAPANESE.search(ja), name
        yield name, en, ja


def test_every_topic():
    for name, en, ja in _pages(TOPICS):
        assert en.startswith(name + "  ") and ja.startswith(name + "  ")
        assert len(en) > 300 and len(ja) > 150, name


def test_every_alias():
    for name in ALIASES:
        assert said("explain", name.upper())


@pytest.mark.parametrize("names", [FINDINGS, OUTCOMES, TRAPS],
                         ids=["findings", "outcomes", "traps"])
def test_every_id(names):
    assert len(names) > 35
    for name, en, ja in _pages(names):
        for page, means, do in ((en, "Means", "Do"), (ja, "意味", "対処")):
            assert page.split("  ")[0] == name
            assert re.search(rf"^  {means} +\S", page, re.M), page
            assert re.search(rf"^  {do} +\S", page, re.M), page
            # No place of a template is left unfilled.
            assert not re.search(r"\{!?[a-z_]+(\}|:\S)", page), page


def test_outcomes_tell_what_clients_see():
    page = said("explain", "denied_host")
    assert "403 host not on allowlist" in page
    assert "after the tunnel was opened" in said("explain", "sni_mismatch")


@pytest.mark.parametrize("asked, meant", [
    ("no-proxi", "no-proxy"), ("DNS-NXX", "DNS-NX"),
    ("denied_hots", "denied_host"), ("vulnerab", "no-vulnerabilities"),
    ("HELM-TIPE", "HELM-TYPE"), ("gkee", "gke")])
def test_the_nearest_is_suggested(asked, meant):
    done = diag("explain", asked)
    assert done.status == 2 and not done.out
    assert f"did you mean {meant}?" in done.err and done.err.count("\n") == 1


@pytest.mark.parametrize("argv", [
    ["quite-another-thing-altogether"], [""], ["401", "gke"],
    ["--lang", "de"], ["x" * 5000], ["\x1b[31m"], ["--pager"]])
def test_usage(argv):
    done = diag("explain", *argv)
    assert done.status == 2 and not done.out, done
    assert done.err.count("\n") == 1 and "\x1b" not in done.err
    assert len(done.err) < 700


def test_lines_are_as_wide_as_asked():
    def width(line):
        return sum(2 if ord(c) > 0x2e7f else 1 for c in line)

    for lang in ("en", "ja"):
        for name in TOPICS + FINDINGS[:20] + OUTCOMES:
            page = said("explain", name, "--lang", lang, env={
                "COLUMNS": "72"})
            long = [x for x in page.splitlines() if width(x) > 72]
            # What stands as it is, and commands, are never broken.
            assert all(re.match(r" {2,}|\S*$", x) for x in long), long


def test_ascii_where_nothing_else_shows():
    page = said("explain", "no-vulnerabilities", env={"LC_ALL": "C"})
    assert page.isascii()
    assert JAPANESE.search(said("explain", "gke", env={
        "LC_ALL": "ja_JP.UTF-8"}))


def test_no_pager_on_a_terminal():
    """It prints and ends, whatever PAGER says, with nobody typing."""
    parent, child = pty.openpty()
    env = {**os.environ, "PAGER": "false", "LC_ALL": "C.UTF-8",
           "TERM": "xterm", "LINES": "5"}
    env.pop("NO_COLOR", None)
    process = subprocess.Popen([os.environ["SEKISHO_DIAG"], "explain", "gke"],
                               stdin=child, stdout=child, env=env)
    os.close(child)
    out = b""
    while True:
        try:
            part = os.read(parent, 65536)
        except OSError:
            break
        if not part:
            break
        out += part
    os.close(parent)
    assert process.wait(timeout=60) == 0
    assert b"8443" in out and b"\x1b[1m" in out
