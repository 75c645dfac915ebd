# SPDX-License-Identifier: Apache-2.0
"""`sekisho-diag bundle`: an archive that any tar reads, with everything that
was promised and nothing that is secret."""

import ipaddress
import json
import os
import re
import stat
import subprocess
import tarfile

import pytest
from faults import REGION

from lab import facts

SECRET = "Pa55wort-of-the-proxy"
MEMBERS = ["report.txt", "report.json", "versions.txt", "resolver.txt",
           "proxy.txt", "routes.txt", "addresses.txt"]
GATEWAY = ["gateway-status.json", "gateway-denied.json"]


@pytest.fixture
def bundle(world):
    """Makes one in the closed network; gives its members, as text, and what
    was said."""
    def make(*arguments, status=0, **env):
        path = world.lab.new_folder("bundle") + "/case.tar.gz"
        argv = [world.diag.binary, "bundle", "-o", path, "--region", REGION,
                "--feature", "admission", "--ca-file", world.ca_file,
                "--timeout", "2s", *arguments]
        done = world.diag.finish(world.diag.start(
            world.namespace, argv, {**world.env, **env}))
        assert done.status == status, done
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        with tarfile.open(path, "r:gz") as archive:
            found = {m.name: archive.extractfile(m).read().decode()
                     for m in archive.getmembers()}
        assert all(name.startswith("sekisho-bundle/") for name in found)
        for name in found:
            assert f"  {name} (" in done.out
        make.out = done.out
        return {k.partition("/")[2]: v for k, v in found.items()}
    make.world = world
    return make


def test_all_is_in_it(bundle):
    bundle.world.gateway()
    found = bundle(*bundle.world.arguments)
    assert list(found) == MEMBERS
    report = json.loads(found["report.json"])
    assert report["verdict"] == "ready" and "READY" in found["report.txt"]
    assert found["versions.txt"].startswith("sekisho-diag ")
    assert "nameserver" in found["resolver.txt"]
    assert facts.CLIENT_ADDRESS in found["addresses.txt"]
    assert re.search(r"^0\.0\.0\.0/0 via |^10\.200\.0\.0/\d+ via ",
                     found["routes.txt"], re.M)
    assert "tar -xzOf" in bundle.out


def test_gateway_pages_are_in_it(bundle, start_gateway):
    """Those of the gateway, asked without a proxy; here from its own
    machine."""
    world = bundle.world
    gateway = start_gateway({"admin.address": "127.0.0.1:3129"})
    world.lab.client.run(["curl", "-s", "-x",
                          f"http://{facts.GATEWAY_INSIDE}:{gateway.port}",
                          "https://not-listed.example/"])
    found = bundle("--direct", HTTP_PROXY="http://127.0.0.1:1",
                   http_proxy="http://127.0.0.1:1")
    assert list(found) == MEMBERS + GATEWAY
    assert json.loads(found["gateway-status.json"])["version"]
    assert "not-listed.example" in found["gateway-denied.json"]


def test_without_a_gateway_that_is_said(bundle):
    found = bundle("--direct", "--gateway-admin", "http://127.0.0.1:1")
    assert list(found) == MEMBERS
    assert "no gateway-status.json: http://127.0.0.1:1/api/status:" in \
        bundle.out


def test_no_secret_is_in_it(bundle):
    """Planted wherever one may be; what the check finds does not matter."""
    proxy = f"http://bob:{SECRET}@{facts.GATEWAY_INSIDE}:8080"
    found = bundle(
        HTTPS_PROXY=proxy, HTTP_PROXY=f"http://{SECRET}:x@h:1",
        ALL_PROXY=f"socks5://bob:a@{SECRET}@h:1", PROXY_USER=SECRET,
        PROXY_PASS=SECRET, C1_API_KEY=facts.API_KEY)
    for name, text in found.items():
        assert SECRET not in text, name
        assert "bob:" not in text, name
        assert facts.API_KEY[:20] not in text, name
    assert f"HTTPS_PROXY=http://***:***@{facts.GATEWAY_INSIDE}:8080" in \
        found["proxy.txt"]
    assert json.loads(found["report.json"])["verdict"] == "not-ready"


@pytest.mark.parametrize("value, shown", [
    (f"bob:{SECRET}@h:1", "***:***@h:1"),
    (f"http://bob:a/{SECRET}@h:1", "http://***:***@h:1"),
    (f"http://bob:'{SECRET}\"@h:1/", "http://***:***@h:1/"),
    ("h:1", "h:1")])
def test_no_spelling_of_a_proxy_shows_its_password(bundle, value, shown):
    """A scheme is not needed, and a password holds what it likes."""
    found = bundle("--direct", all_proxy=value)
    assert f"all_proxy={shown}\n" in found["proxy.txt"]
    for name, text in found.items():
        assert SECRET not in text, name


def internal(text):
    """Internal addresses in it."""
    found = set()
    for word in re.findall(r"[0-9a-fA-F:.]*[:.][0-9a-fA-F:.]*", text):
        for part in (word, word.rstrip(".:"), word.rpartition(":")[0]):
            try:
                address = ipaddress.ip_address(part)
            except ValueError:
                continue
            if any(address in ipaddress.ip_network(net) for net in (
                    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                    "fc00::/7", "fe80::/10") if ipaddress.ip_network(
                        net).version == address.version):
                found.add(part)
    return found


def test_internal_addresses_are_masked_on_request(bundle):
    """Each always by the same one, and the report is still one."""
    bundle.world.inside()
    plain = bundle()
    assert internal(plain["addresses.txt"])
    masked = bundle("--mask-addresses")
    for name, text in masked.items():
        assert not internal(text), name
    json.loads(masked["report.json"])
    stand_in = {a.split()[1]: b.split()[1] for a, b in zip(
        plain["addresses.txt"].splitlines(),
        masked["addresses.txt"].splitlines())}
    mine = stand_in[facts.CLIENT_ADDRESS]
    assert mine.startswith("198.51.100.") and stand_in["127.0.0.1"] == "127.0.0.1"
    source = json.loads(masked["report.json"])["vantage"]
    assert source.get("source_address", mine) == mine


@pytest.mark.parametrize("argv, said", [
    (["--region", REGION], "--output"), (["-o", "/tmp/x"], "--region"),
    (["-o", "/tmp/x", "--region", REGION, "--gateway-admin", "ftp://x"],
     "--gateway-admin"),
    (["-o", "/tmp/x", "--region", REGION, "--gateway-admin",
      "http://user:word@x:3129"], "--gateway-admin")])
def test_usage_errors_are_one_line(diag, argv, said):
    done = subprocess.run([diag.binary, "bundle", *argv], text=True,
                          capture_output=True, timeout=60, check=False,
                          env=diag.environment())
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.count("\n") == 1 and said in done.stderr


def test_a_place_that_cannot_be_written_is_told(world):
    argv = [world.diag.binary, "bundle", "-o", "/nowhere/x.tar.gz",
            "--region", REGION, "--direct", "--timeout", "2s",
            "--ca-file", world.ca_file]
    done = world.diag.finish(world.diag.start(world.namespace, argv, {}))
    assert done.status == 5
    assert "/nowhere/x.tar.gz: cannot write: No such file" in done.err
