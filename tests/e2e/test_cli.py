# SPDX-License-Identifier: Apache-2.0
"""The command line: what it prints, how it ends, and that it says so in one
line when it cannot."""

import os
import subprocess

import pytest
from conftest import binary_from
from lab import facts

CONTAINER = facts.host("us-1", "container")


def run(*argv):
    binary = binary_from("SEKISHO_PROXY", "build/dev/sekisho-proxy")
    return subprocess.run([binary, *argv], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=30, check=False)


def rows(*argv):
    done = run(*argv, "--print-allowlist")
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_all_regions_are_the_51_published_endpoints():
    assert [r[:3] for r in rows("--region", "all")] == sorted(
        [f"{e.host}:443", e.region, e.category] for e in facts.PUBLISHED)


@pytest.mark.parametrize("region", facts.REGIONS)
def test_one_region_is_nine_endpoints(region):
    assert [r[:3] for r in rows("--region", region)] == sorted(
        [f"{e.host}:443", e.region, e.category]
        for e in facts.of_region(region))


def test_two_regions_share_the_global_endpoints():
    assert len(rows("--region", "us-1,jp-1")) == 15


def test_rows_name_file_and_line():
    for row in rows("--region", "all"):
        name, _, line = row[3].rpartition(":")
        assert name.endswith(".ini") and int(line) > 0


def test_opt_in_set_and_features_change_the_list():
    with_set = rows("--region", "us-1", "--set", "gateway.sets=registry-cdn")
    assert f"{facts.REGISTRY_CDN}:443" in [r[0] for r in with_set]
    few = rows("--region", "us-1", "--set", "gateway.features=images")
    assert {r[2] for r in few} == {"container", "iot", "registry"}


@pytest.mark.parametrize("target, code, said", [
    (CONTAINER, 0, ["us-1.ini", CONTAINER]),
    (f"{CONTAINER}:443", 0, ["us-1.ini"]),
    (f"{CONTAINER}:80", 1, ["443"]),
    (facts.host("jp-1", "iot"), 1, ["jp-1"]),
    ("example.com", 1, ["example.com"]),
    (facts.REGISTRY_CDN, 1, ["registry-cdn"]),
    ("10.0.0.1", 1, ["address"]),
])
def test_explain(target, code, said):
    done = run("--region", "us-1", "--explain", target)
    assert done.returncode == code, done.stdout + done.stderr
    for word in said:
        assert word in done.stdout


def test_help_and_version():
    for option, word in (("--help", "--region"), ("--version", "sekisho")):
        done = run(option)
        assert done.returncode == 0 and word in done.stdout
        assert done.stderr == ""


@pytest.mark.parametrize("argv, named", [
    (["--no-such"], "no-such"),
    (["--region", "xx-9", "--print-allowlist"], "us-1"),
    (["--region"], "region"),
    (["--region", "us-1", "--set", "tunnel.sni=maybe", "--check"],
     "require-tls"),
    (["--region", "us-1", "--set", "no.such=1", "--check"],
     "unknown section"),
    (["--region", "us-1", "--set", "dns.such=1", "--check"], "dns.such"),
    (["--region", "us-1", "--listen", "nonsense", "--check"], "nonsense"),
    (["--check"], "region"),
])
def test_usage_error_is_one_line_that_says_what_is_accepted(argv, named):
    done = run(*argv)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1 and named in done.stderr
    assert done.stdout == ""


def test_check_names_file_and_line_of_every_error(tmp_path):
    path = tmp_path / "sekisho.conf"
    path.write_text("[gateway]\nregions = us-1\nno_such = 1\n"
                    "[dns]\ntimeout = 5\n[nonsense]\na = b\n")
    done = run("-c", str(path), "--check")
    assert done.returncode == 2
    text = done.stdout + done.stderr
    for line in (3, 5, 6):
        assert f"{path}:{line}: " in text, text


def test_check_of_a_good_file_is_silent_and_opens_nothing(tmp_path):
    path = tmp_path / "sekisho.conf"
    path.write_text("[gateway]\nregions = us-1\n")
    done = run("-c", str(path), "--check")
    assert (done.returncode, done.stderr) == (0, "")


def test_dumped_configuration_reads_back_to_the_same(tmp_path):
    def values(text):
        return [line for line in text.splitlines()
                if line and not line.lstrip().startswith(("#", ";"))]

    first = run("--region", "us-1,jp-1", "--set", "tunnel.idle_timeout=35m",
                "--dump-config")
    assert first.returncode == 0, first.stderr
    path = tmp_path / "dumped.conf"
    path.write_text(first.stdout)
    second = run("-c", str(path), "--dump-config")
    assert second.returncode == 0, second.stderr
    assert values(second.stdout) == values(first.stdout)
    assert any("idle_timeout" in v and "35m" in v
               for v in values(first.stdout))


def test_lists_can_be_read_from_a_folder_instead(tmp_path):
    root = os.path.join(os.path.dirname(__file__), "..", "..", "allowlists")
    built_in = rows("--region", "all")
    read = rows("--region", "all", "--set", f"gateway.allowlist_dir={root}")
    assert [r[:3] for r in read] == [r[:3] for r in built_in]


def test_mistyped_host_in_a_list_is_an_error_with_its_line(tmp_path):
    extra = tmp_path / "mine.ini"
    extra.write_text("[list]\nsource = me\n\n[mine]\nhost = exa mple.com\n")
    done = run("--region", "us-1", "--set", f"gateway.extra={extra}",
               "--check")
    assert done.returncode == 2
    assert f"{extra}:5: " in done.stdout + done.stderr


def test_address_in_use_is_said_with_the_address(lab, gateway):
    # This socket has no SO_REUSEPORT, so nobody can share its port.
    gateway.stop()
    with lab.gateway.listen(gateway.address, gateway.port):
        done = lab.gateway.run([gateway.binary, "-c", gateway.config_file])
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert f"{gateway.address}:{gateway.port}" in text, text
    assert "in use" in text
