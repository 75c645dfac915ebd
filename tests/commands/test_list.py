# SPDX-License-Identifier: Apache-2.0
"""`sekisho-diag list`: every form holds the hosts of the lists, and the system
that it is for takes it."""
import json
import os
import re
import shutil
import subprocess

import pytest
import yaml
from conftest import ROOT, diag, said, validate
from objects import faults_of

DATE = "2026-11-22"
SOURCE = "https://cloudone.trendmicro.com/docs/jp/container-security/faq/"
PROXY = "http://gateway.egress.svc.cluster.local:3128"
FORMS = ["text", "tsv", "json", "squid", "cilium", "networkpolicy-note",
         "gcp-fqdn", "aws-network-firewall", "azure-firewall", "pac"]
# Hosts of each, whoever wrote the file: names that end as ours do.
HOST = re.compile(r"[a-z0-9][a-z0-9.-]*\.(?:trendmicro\.com|amazonaws\.com|"
                  r"ecr\.aws|cloudfront\.net)(?![a-z0-9./-])")


def hosts_of_ini(*names):
    found = set()
    for name in names:
        text = (ROOT / "allowlists" / name).read_text(encoding="utf-8")
        found |= set(re.findall(r"^host = (\S+)$", text, re.M))
    return found


US = hosts_of_ini("cloudone/us-1.ini", "cloudone/global.ini")
CDN = hosts_of_ini("sets/registry-cdn.ini")


def export(form, *more):
    return said("list", "--region", "us-1", "--format", form, "--proxy",
                PROXY, *more)


def without_comments(form, text):
    mark = "//" if form == "pac" else "#"
    return "\n".join(x for x in text.splitlines() if not x.startswith(mark))


@pytest.mark.parametrize("form", FORMS)
def test_all_hosts_and_no_other(form):
    text = export(form)
    if form != "networkpolicy-note":  # the hosts stand in its comment
        text = without_comments(form, text)
    assert set(HOST.findall(text)) == US and len(US) == 9
    more = export(form, "--sets", "registry-cdn")
    if form != "networkpolicy-note":
        more = without_comments(form, more)
    assert set(HOST.findall(more)) == US | CDN and len(CDN) == 2


@pytest.mark.parametrize("form", FORMS)
def test_date_and_source_are_told(form):
    text = export(form, "--sets", "registry-cdn")
    assert DATE in text and SOURCE in text
    if form not in ("aws-network-firewall", "azure-firewall", "json"):
        mark = "//" if form == "pac" else "#"
        head = [x for x in text.splitlines() if x.startswith(mark)]
        assert any(DATE in x and SOURCE in x for x in head)
        assert any("registry-cdn of 2026-08" in x for x in head)


def test_regions_and_features():
    rows = [x.split("\t") for x in without_comments("tsv", said(
        "list", "--region", "all", "--format", "tsv")).splitlines()]
    assert len(rows) == 51 and {r[1] for r in rows} == {"443"}
    assert {r[2] for r in rows} == {
        "us-1", "in-1", "gb-1", "jp-1", "de-1", "au-1", "ca-1", "sg-1",
        "global"}
    few = said("list", "--region", "jp-1", "--feature", "runtime",
               "--format", "tsv")
    assert sorted(r.split("\t")[3] for r in without_comments(
        "tsv", few).splitlines()) == ["container", "iot", "sensor"]


def test_json():
    data = json.loads(export("json", "--sets", "registry-cdn"))
    assert data["list_date"] == DATE and data["list_source"] == SOURCE
    assert data["regions"] == ["us-1"] and data["sets"] == ["registry-cdn"]
    upload = [e for e in data["endpoints"] if e["category"] == "asaas-upload"]
    assert upload[0]["features"] == ["vulnerability-scan", "artifact-scanner"]
    cdn = [e for e in data["endpoints"] if e["category"] == "registry-cdn"]
    assert cdn[0]["set"] == "registry-cdn"
    assert cdn[0]["list_date"] == "2026-08"
    assert json.loads(export("json"))["sets"] == []


def test_squid_parses_it(tmp_path):
    """By squid itself (package squid), without one complaint."""
    (tmp_path / "hosts.conf").write_text(export("squid"))
    conf = tmp_path / "squid.conf"
    conf.write_text(
        f"http_port 127.0.0.1:3129\npid_filename {tmp_path}/pid\n"
        f"cache_log {tmp_path}/cache.log\naccess_log none\n"
        f"coredump_dir {tmp_path}\nvisible_hostname lab\n"
        f"include {tmp_path}/hosts.conf\nhttp_access deny all\n")
    squid = shutil.which("squid", path=os.environ["PATH"] + ":/usr/sbin")
    done = subprocess.run([squid, "-k", "parse", "-f", conf], text=True,
                          capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    complaints = [x for x in done.stderr.splitlines()
                  if re.search(r"WARNING|ERROR|FATAL|Bungled", x)]
    assert not complaints, complaints
    assert done.stderr.count("acl container_security dstdomain") == 9


def test_cilium_is_valid():
    policy = yaml.safe_load(export("cilium"))
    assert faults_of([policy]) == []
    dns, inside, names = policy["spec"]["egress"]
    assert dns["toPorts"][0]["rules"]["dns"]
    assert "kube-apiserver" in inside["toEntities"]
    assert {n["matchName"] for n in names["toFQDNs"]} == US
    assert names["toPorts"][0]["ports"] == [{"port": "443",
                                             "protocol": "TCP"}]


def test_the_schemas_find_faults():
    """Otherwise the tests beside this one would prove nothing."""
    policy = yaml.safe_load(export("cilium"))
    policy["spec"]["egress"][2]["toFQDNs"] = "all"
    policy["spec"]["egres"] = []
    faults = "\n".join(faults_of([policy]))
    assert "toFQDNs" in faults and "egres: no such field" in faults


@pytest.mark.parametrize("proxy, peer, port", [
    (PROXY, {"namespaceSelector": {"matchLabels": {
        "kubernetes.io/metadata.name": "egress"}}}, 3128),
    ("http://gw.netsec.svc:8080", {"namespaceSelector": {"matchLabels": {
        "kubernetes.io/metadata.name": "netsec"}}}, 8080),
    ("http://10.1.2.3:3128", {"ipBlock": {"cidr": "10.1.2.3/32"}}, 3128),
    ("http://[2001:db8::1]:3128", {"ipBlock": {"cidr": "2001:db8::1/128"}},
     3128)])
def test_networkpolicy_is_valid(proxy, peer, port):
    policy = yaml.safe_load(said(
        "list", "--region", "us-1", "--format", "networkpolicy-note",
        "--proxy", proxy))
    assert faults_of([policy]) == []
    gateway = policy["spec"]["egress"][0]
    assert gateway["to"] == [peer]
    assert gateway["ports"] == [{"protocol": "TCP", "port": port}]
    assert policy["spec"]["policyTypes"] == ["Egress"]


def test_networkpolicy_without_a_gateway_named():
    policy = yaml.safe_load(said("list", "--region", "us-1", "--format",
                                 "networkpolicy-note"))
    assert faults_of([policy]) == []


def test_aws_rule_group():
    group = json.loads(export("aws-network-firewall"))
    validate(group, "aws-rule-group.json")
    source = group["RuleGroup"]["RulesSource"]["RulesSourceList"]
    assert set(source["Targets"]) == US and group["Capacity"] >= 9
    assert source["TargetTypes"] == ["TLS_SNI"]
    assert source["GeneratedRulesType"] == "ALLOWLIST"
    assert {"Key": "list-date", "Value": DATE} in group["Tags"]


def test_azure_template():
    template = json.loads(export("azure-firewall", "--sets", "registry-cdn"))
    validate(template, "azure-template.json")
    assert template["metadata"]["listDate"] == DATE
    rules = template["resources"][0]["properties"]["ruleCollections"][0][
        "rules"]
    names = [r["name"] for r in rules]
    assert len(set(names)) == len(names)
    assert {h for r in rules for h in r["targetFqdns"]} == US | CDN


def _gcp_arguments(text, tmp_path):
    """What the script would call gcloud with, and that a shell reads it."""
    fake = tmp_path / "gcloud"
    fake.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    fake.chmod(0o755)
    done = subprocess.run(
        ["sh"], input=text, text=True, capture_output=True, timeout=60,
        check=True, env={"PATH": f"{tmp_path}:/usr/bin:/bin",
                         "FIREWALL_POLICY": "my policy"})
    return done.stdout.splitlines()


def test_gcp_script(tmp_path):
    words = _gcp_arguments(export("gcp-fqdn"), tmp_path)
    assert words[:5] == ["compute", "network-firewall-policies", "rules",
                         "create", "1000"]
    assert "--firewall-policy=my policy" in words
    assert "--layer4-configs=tcp:443" in words
    fqdns = [w for w in words if w.startswith("--dest-fqdns=")]
    assert set(fqdns[0].split("=")[1].split(",")) == US
    done = subprocess.run(["sh"], input=export("gcp-fqdn"), text=True,
                          capture_output=True, timeout=60, check=False,
                          env={"PATH": "/usr/bin:/bin"})
    assert done.returncode != 0 and "FIREWALL_POLICY" in done.stderr


@pytest.mark.skipif(shutil.which("gcloud") is None,
                    reason="the real gcloud is not installed")
def test_gcloud_parses_it(tmp_path):
    """Past the parser it stops for want of an account."""
    words = _gcp_arguments(export("gcp-fqdn"), tmp_path)
    done = subprocess.run(
        ["gcloud", *words, "--project=lab-project"], text=True,
        capture_output=True, timeout=200, check=False, stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path),
             "CLOUDSDK_CONFIG": str(tmp_path / "config"),
             "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
             "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false"})
    assert done.returncode != 0
    assert "unrecognized arguments" not in done.stderr, done.stderr
    assert "argument " not in done.stderr, done.stderr
    assert "account" in done.stderr, done.stderr


PAC = """
eval(require("fs").readFileSync(0, "utf8"));
const asked = JSON.parse(process.argv[1]);
console.log(JSON.stringify(asked.map(u => FindProxyForURL(
    u, u.replace(/^[a-z]+:\\/\\//, "").replace(/[:\\/].*$/, "")))));
"""

LISTED = "container.us-1.cloudone.trendmicro.com"
ASKED = {
    f"https://{LISTED}/": True,
    f"https://{LISTED.upper()}./api/x": True,
    f"https://{LISTED}:443/": True,
    f"wss://iot.{LISTED}/": True,
    "https://public.ecr.aws": True,
    f"https://{LISTED}:8443/": False,
    f"http://{LISTED}/": False,
    f"https://x.{LISTED}/": False,
    f"https://{LISTED}.example.com/": False,
    "https://container.jp-1.cloudone.trendmicro.com/": False,
    "https://example.com/": False,
    "https://toString/": False,
    "https://10.0.0.1/": False,
}


@pytest.mark.parametrize("proxy, answer", [
    (PROXY, "PROXY gateway.egress.svc.cluster.local:3128"),
    ("https://gw.example:8443", "HTTPS gw.example:8443"),
    ("socks5://10.0.0.1:1080", "SOCKS5 10.0.0.1:1080"),
    ("http://[2001:db8::1]:3128", "PROXY [2001:db8::1]:3128"),
    ("http://me:SECRET@gw:3128", "PROXY gw:3128")])
def test_pac_in_node(proxy, answer):
    text = said("list", "--region", "us-1", "--format", "pac", "--proxy",
                proxy)
    assert "SECRET" not in text
    done = subprocess.run(["node", "-e", PAC, json.dumps(list(ASKED))],
                          input=text, text=True, capture_output=True,
                          timeout=60, check=True)
    assert dict(zip(ASKED, json.loads(done.stdout))) == {
        url: answer if listed else "DIRECT" for url, listed in ASKED.items()}


@pytest.mark.parametrize("argv, words", [
    ([], "--region"),
    (["--region", "us-9"], "us-1"),
    (["--region", "us-1", "--sets", "no-such"], "registry-cdn"),
    (["--region", "us-1", "--feature", "cooking"], "vulnerability-scan"),
    (["--region", "us-1", "--format", "xml"], "aws-network-firewall"),
    (["--region", "us-1", "--format", "pac"], "--proxy"),
    (["--region", "us-1", "--proxy", "ftp://u:SECRET@x"], "socks5"),
    (["--region", "us-1", "more"], "more"),
    (["--region", "us-1", "--allowlist-dir", "/nowhere"], "/nowhere")])
def test_usage(argv, words):
    done = diag("list", *argv)
    assert done.status == 2 and not done.out and words in done.err, done
    assert "SECRET" not in done.err
    if "/nowhere" not in argv:
        assert done.err.count("\n") == 1


def test_a_full_disk_is_no_success():
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [os.environ["SEKISHO_DIAG"], "list", "--region", "us-1"],
            stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 2 and b"standard output" in done.stderr


def test_an_operators_list_cannot_leave_its_comment(tmp_path):
    """The source of a list is shown in comments and quoted strings."""
    lists = tmp_path / "lists"
    shutil.copytree(ROOT / "allowlists", lists)
    for name in ("us-1", "global"):
        path = lists / "cloudone" / f"{name}.ini"
        path.write_text(path.read_text().replace(
            SOURCE, "a'b\"c`d$e\u2028alert(1)"))
    text = said("list", "--region", "us-1", "--format", "gcp-fqdn",
                "--allowlist-dir", lists)
    assert len(_gcp_arguments(text, tmp_path)) == 12
    pac = said("list", "--region", "us-1", "--format", "pac", "--proxy",
               PROXY, "--allowlist-dir", lists)
    assert "\u2028" not in pac
