# SPDX-License-Identifier: Apache-2.0
"""The Debian package on a bare Debian 12 that has booted: it installs, starts,
serves, reloads, keeps its configuration in an upgrade, and leaves nothing."""

import re
import shutil
import subprocess

import pytest
from bare import Machine
from conftest import BUILD, ROOT, run
from lab.gateway import wait_for

CONF = "etc/sekisho/sekisho.conf"
HEALTH = ("sekisho-proxy", "-c", f"/{CONF}", "--healthcheck")
UNITS = ("sekisho-proxy.service", "sekisho-proxy.socket",
         "sekisho-diag-watch.service", "sekisho-diag-preflight.service",
         "sekisho-diag-preflight.timer")
EXPOSURE_MAX = 2.0  # of systemd-analyze security; 10 is the worst


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    run("cmake", "--preset", "release", cwd=ROOT)
    run("cmake", "--build", "--preset", "release", "--", "--quiet", cwd=ROOT)
    run("cpack", "--config", BUILD / "release/CPackConfig.cmake", "-B", folder,
        cwd=folder)
    return next(folder.glob("*.deb"))


@pytest.fixture(scope="session")
def unpacked(package, tmp_path_factory):
    root = tmp_path_factory.mktemp("unpacked")
    run("dpkg-deb", "--extract", package, root)
    return root


def next_version(package, folder):
    """The package of a later release, whose sample file has changed."""
    tree = folder / "next"
    run("dpkg-deb", "--raw-extract", package, tree)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*$", "Version: 99.0",
                              control.read_text()))
    with open(tree / CONF, "a", encoding="ascii") as f:
        f.write("# The next release says more here.\n")
    run("dpkg-deb", "--build", tree, folder / "next.deb")
    return folder / "next.deb"


def test_lintian_finds_no_error(package):
    done = run("lintian", "--allow-root", "--fail-on", "error", package,
               check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout


def test_units_are_hardened(unpacked):
    for unit in UNITS:
        if not unit.endswith(".service"):
            continue
        said = run("systemd-analyze", "security", "--offline=true",
                   f"--root={unpacked}", unit).stdout
        level = float(re.search(r"Overall exposure level for \S+ ([\d.]+)",
                                said)[1])
        print(unit, level)
        assert level <= EXPOSURE_MAX, said


@pytest.fixture(scope="module")
def machine(package, tmp_path_factory):
    with Machine(tmp_path_factory.mktemp("machine") / "root") as one:
        shutil.copy(package, one.root / "sekisho.deb")
        yield one


def outside(root):
    """What a package may leave its mark on, before and after."""
    done = run("find", root, "-xdev", "(", "-path", f"{root}/var/lib/dpkg",
               "-o", "-path", f"{root}/var/log/journal", "-o", "-path",
               f"{root}/tmp", "-o", "-path", f"{root}/var/tmp", ")",
               "-prune", "-o", "-print")
    return set(done.stdout.splitlines())


def refused_through(machine, port=3128):
    """What a client is told of a host that is on no list."""
    done = machine.run_outer("curl", "-sv", "--max-time", "60", "-x",
                             f"http://127.0.0.1:{port}", "https://example.com/",
                             check=False)
    return re.findall(r"< (HTTP/1.1 .*?)\r?$", done.stdout, re.M)


def start_time(machine):
    return machine.run("systemctl", "show", "-P", "ExecMainStartTimestamp",
                       "sekisho-proxy").stdout


# One life of the package, in order.

def test_life_of_the_package(machine, package, tmp_path):
    before = outside(machine.root)
    install(machine)
    units_are_well_formed(machine)
    reload_takes_a_change_or_nothing(machine)
    restart_on_a_held_socket(machine)
    logs_are_rotated(machine)
    preflight_reports(machine)
    watch_serves(machine)
    upgrade_keeps_the_configuration(machine, next_version(package, tmp_path))
    remove_and_purge(machine, before)


def install(machine):
    machine.run("dpkg", "--install", "/sekisho.deb")
    assert machine.run("systemctl", "is-active", *UNITS[:2],
                       check=False).stdout.split() == ["active", "inactive"]
    assert machine.run("systemctl", "is-enabled", *UNITS, check=False
                       ).stdout.split() == ["enabled", "disabled", "disabled",
                                            "static", "disabled"]
    assert machine.run(*HEALTH).stdout == (
        "http://127.0.0.1:3129/readyz: 200 ready\n")
    assert refused_through(machine) == [
        "HTTP/1.1 403 host not on allowlist: example.com"]
    shown = machine.run("systemctl", "show", "-p", "User,StatusText",
                        "sekisho-proxy").stdout
    assert "User=sekisho\n" in shown and "endpoints=9" in shown
    lines = machine.run("journalctl", "-u", "sekisho-proxy", "-o", "cat",
                        "--no-pager").stdout
    assert '"outcome":"denied_host"' in lines


def units_are_well_formed(machine):
    done = machine.run("systemd-analyze", "verify", "--man=no",
                       *(f"/lib/systemd/system/{u}" for u in UNITS))
    assert done.stdout == ""


def reload_takes_a_change_or_nothing(machine):
    started, conf = start_time(machine), machine.root / CONF
    conf.write_text(conf.read_text().replace(
        "regions = us-1", "regions = us-1, jp-1"))
    machine.run("systemctl", "reload", "sekisho-proxy")
    wait_for(lambda: "endpoints=15" in machine.run(
        "systemctl", "show", "-P", "StatusText", "sekisho-proxy").stdout,
        "both regions")
    good = conf.read_text()
    conf.write_text(good + "[nonsense]\n")
    assert machine.run("systemctl", "reload", "sekisho-proxy",
                       check=False).returncode != 0
    conf.write_text(good)
    assert machine.run(*HEALTH).returncode == 0
    assert start_time(machine) == started


def restart_on_a_held_socket(machine):
    machine.run("systemctl", "stop", "sekisho-proxy.service")
    machine.run("systemctl", "start", "sekisho-proxy.socket")
    # Nobody runs; the first client starts it.
    assert refused_through(machine) == [
        "HTTP/1.1 403 host not on allowlist: example.com"]
    assert machine.run("systemctl", "is-active",
                       "sekisho-proxy.service").stdout == "active\n"
    machine.run("systemctl", "stop", "sekisho-proxy.socket",
                "sekisho-proxy.service")
    machine.run("systemctl", "start", "sekisho-proxy.service")


def logs_are_rotated(machine):
    conf = machine.root / CONF
    log = machine.root / "var/log/sekisho/access.log"
    conf.write_text(conf.read_text().replace(
        "#access = stdout", "access = /var/log/sekisho/access.log"))
    machine.run("systemctl", "restart", "sekisho-proxy")
    refused_through(machine)
    wait_for(lambda: log.exists() and "denied_host" in log.read_text(),
             "a line in the log")
    machine.run("logrotate", "--force", "--state", "/tmp/state",
                "/etc/logrotate.d/sekisho")
    refused_through(machine)
    wait_for(lambda: "denied_host" in log.read_text(), "a line in the new log")
    assert "denied_host" in log.with_suffix(".log.1").read_text()


def preflight_reports(machine):
    """There is no internet in here: the unit must fail, and say why."""
    done = machine.run("systemctl", "start", "sekisho-diag-preflight.service",
                       check=False)
    assert done.returncode != 0
    said = machine.run("journalctl", "-u", "sekisho-diag-preflight",
                       "-o", "cat", "--no-pager").stdout
    assert "NOT READY: " in said and "status=1/FAILURE" in said


def watch_serves(machine):
    machine.run("systemctl", "start", "sekisho-diag-watch.service")
    url = "http://127.0.0.1:9469"
    # There are no metrics before the first round has ended.
    wait_for(lambda: "sekisho_diag_build_info" in machine.run_outer(
        "curl", "-s", f"{url}/metrics", check=False).stdout,
        "the first round", 120)
    machine.run_outer("curl", "-sf", f"{url}/healthz")
    machine.run("systemctl", "stop", "sekisho-diag-watch.service")
    assert machine.run("systemctl", "show", "-P", "Result",
                       "sekisho-diag-watch").stdout == "success\n"


def upgrade_keeps_the_configuration(machine, newer):
    shutil.copy(newer, machine.root / "next.deb")
    conf, started = machine.root / CONF, start_time(machine)
    own = conf.read_text()
    machine.run("dpkg", "--force-confdef", "--force-confold", "--install",
                "/next.deb")
    assert conf.read_text() == own
    assert (conf.parent / "sekisho.conf.dpkg-dist").exists()
    assert machine.run("systemctl", "is-active", *UNITS[:1]
                       ).stdout == "active\n"
    assert start_time(machine) != started
    assert machine.run(*HEALTH).returncode == 0
    assert "endpoints=15" in machine.run(
        "systemctl", "show", "-P", "StatusText", "sekisho-proxy").stdout


def remove_and_purge(machine, before):
    machine.run("dpkg", "--remove", "sekisho")
    assert machine.run("systemctl", "is-active", *UNITS[:1],
                       check=False).stdout == "inactive\n"
    assert (machine.root / CONF).exists()
    assert refused_through(machine) == []
    machine.run("dpkg", "--purge", "sekisho")
    (machine.root / "next.deb").unlink()
    left = outside(machine.root) - before
    # The user database keeps a copy of what it was.
    left = {p for p in left if not p.endswith("-")}
    assert left == set()
    assert machine.run("getent", "passwd", "sekisho",
                       check=False).returncode != 0
    assert machine.run("systemctl", "--failed", "--plain", "--no-legend"
                       ).stdout == ""


def complete(unpacked, name, *words):
    """What bash offers for the last of these words."""
    script = (f'source "{unpacked}/usr/share/bash-completion/completions/'
              f'{name}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
              f'_{name.replace("-", "_")} "$1" 2>/dev/null; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", script, "bash", *map(str, words)],
                          capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_completion_knows_what_the_gateway_takes(unpacked):
    proxy = unpacked / "usr/sbin/sekisho-proxy"

    def offered(*words):
        return complete(unpacked, "sekisho-proxy", proxy, *words)

    accepted = run(proxy, "--nonsense", check=False).stdout
    options = set(re.findall(r"--[a-z-]+", accepted.partition("accepted")[2]))
    assert len(options) > 10 and options <= set(offered("--"))
    assert offered("--he") == ["--healthcheck", "--help"]
    assert offered("--region", "jp") == ["jp-1"]
    assert offered("--region", "=", "jp") == ["jp-1"]
    assert "tunnel.sni=" in offered("--set", "tunnel.")
    assert offered("--explain", "public") == ["public.ecr.aws"]


def test_completion_knows_what_the_diagnosis_takes(unpacked):
    diag = unpacked / "usr/bin/sekisho-diag"

    def offered(*words):
        return complete(unpacked, "sekisho-diag", diag, *words)

    listed = run(diag, "--help").stdout
    commands = re.findall(r"^  ([a-z]+) ", listed, re.M)
    assert "check" in commands and set(commands) <= set(offered(""))
    for command in commands:
        taken = re.findall(r"--[a-z][a-z0-9-]*",
                           run(diag, command, "--help").stdout)
        assert set(taken) <= set(offered(command, "--")), command
    assert offered("check", "--format", "j") == ["json", "junit"]
    assert offered("list", "--format", "aws") == ["aws-network-firewall"]
    assert offered("--region", "sg") == ["sg-1"]
