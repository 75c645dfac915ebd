# SPDX-License-Identifier: Apache-2.0
"""The image of container/image.sh, as a runtime without any privilege starts
it."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
import runtime
from conftest import ROOT, run
from lab import facts
from lab.gateway import wait_for

RUNTIME = pathlib.Path(runtime.__file__)
SIZE_MAX = 40 << 20  # bytes unpacked; what it has is in the output


class Image:
    def __init__(self, folder, config):
        self.folder, self.config = folder, config["config"]

    def command(self, *argv):
        return [sys.executable, RUNTIME, self.config["User"], self.folder,
                *argv]

    def files(self):
        for folder, _, names in os.walk(self.folder):
            for name in names:
                yield os.path.relpath(os.path.join(folder, name), self.folder)


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    folder = tmp_path_factory.mktemp("image")
    archive = folder / "sekisho.tar"
    print(run(ROOT / "container/image.sh",
              f"docker-archive:{archive}:sekisho:test").stdout)
    root = folder / "root"
    return Image(root, runtime.unpack(archive, root))


@pytest.fixture
def start(image, lab):
    """Starts the image's entry point in the lab's gateway; stops it in order
    afterwards."""
    started = []

    def start_one(*argv):
        lab.reset()
        process = lab.gateway.popen(
            image.command(*image.config["Entrypoint"], *argv),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        started.append(process)
        for line in process.stdout:
            if "event=ready" in line:
                return process
        return pytest.fail(f"no ready line; exit status {process.wait()}")

    yield start_one
    for process in started:
        process.terminate()
        process.communicate(timeout=60)
        assert process.returncode == 0


def test_it_says_what_it_is(image):
    labels = image.config["Labels"]
    version = re.search(r"project\(sekisho VERSION ([\d.]+)",
                        (ROOT / "CMakeLists.txt").read_text())[1]
    prefix = "org.opencontainers.image."
    assert labels[prefix + "title"] == "Sekisho"
    assert labels[prefix + "version"] == version
    assert labels[prefix + "licenses"] == "Apache-2.0"
    assert re.fullmatch("[0-9a-f]{40}|unknown", labels[prefix + "revision"])
    uid, _, gid = image.config["User"].partition(":")
    assert int(uid) > 0 and int(gid) > 0  # numbers: kubelet wants to know
    assert set(image.config["ExposedPorts"]) == {"3128/tcp", "3129/tcp"}
    # What docker build sets when it is told no version.
    default = re.search("ARG VERSION=(.*)",
                        (ROOT / "container/Dockerfile").read_text())[1]
    assert default == version


def test_nothing_is_in_it_that_is_not_needed(image):
    files = set(image.files())
    programs = {f for f in files if os.access(image.folder / f, os.X_OK)
                and not re.search(r"\.so(\.|$)", f)}
    assert programs == {"usr/bin/sekisho-diag", "usr/sbin/sekisho-proxy"}
    assert "etc/ssl/certs/ca-certificates.crt" in files
    for name in files:
        mode = os.lstat(image.folder / name).st_mode
        assert not mode & 0o6002, f"{name}: {mode:o}"
    # Scanners find the packages of the libraries.
    described = {f.rpartition("/")[2] for f in files
                 if f.startswith("var/lib/dpkg/status.d/")}
    assert {"libc6", "libssl3", "libevent-core-2.1-7",
            "ca-certificates"} <= described


def test_it_is_small(image):
    size = sum(os.lstat(image.folder / f).st_size for f in image.files())
    print(f"{size} bytes unpacked")
    assert size < SIZE_MAX


def health(image, lab):
    command = image.config["Healthcheck"]["Test"]
    assert command[0] == "CMD"
    return lab.gateway.run(image.command(*command[1:]))


def test_it_serves_unprivileged_from_a_read_only_root(image, lab, start):
    process = start("--region", "us-1")
    with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
        status = dict(re.findall(r"(\w+):\s*(.*)", f.read()))
    assert status["Uid"].split() == ["65532"] * 4
    assert int(status["CapEff"], 16) == 0 == int(status["CapBnd"], 16)
    assert status["NoNewPrivs"] == "1"
    with open(f"/proc/{process.pid}/mounts", encoding="ascii") as f:
        root = [line.split() for line in f][0]
    assert root[3].split(",")[0] == "ro"

    host = facts.host("us-1", "container")
    through = ["curl", "-sSi", "--max-time", "60", "--proxy",
               f"http://{facts.GATEWAY_INSIDE}:3128", "--cacert",
               lab.ca_file]
    done = lab.client.run([*through, f"https://{host}/api/clusters"])
    assert "HTTP/1.1 200 Connection established" in done.stdout, done.stderr
    assert "HTTP/1.1 401 Unauthorized" in done.stdout
    done = lab.client.run([*through, "https://example.com/"])
    assert "403 host not on allowlist: example.com" in done.stdout
    done = health(image, lab)
    assert (done.returncode, done.stdout) == (
        0, "http://127.0.0.1:3129/readyz: 200 ready\n")


def test_it_is_unhealthy_when_it_does_not_run(image, lab):
    done = health(image, lab)
    assert done.returncode == 1 and "Connection refused" in done.stderr


def test_it_drains_when_told_to_stop(image, lab, start):
    process = start("--region", "us-1", "--set", "shutdown.drain=1h")
    with lab.client.connect(facts.GATEWAY_INSIDE, 3128) as client:
        client.sendall(b"CONNECT ")
        wait_for(lambda: health(image, lab).returncode == 0, "readiness")
        process.terminate()
        wait_for(lambda: health(image, lab).returncode == 1, "draining")
        assert process.poll() is None
    assert process.wait(60) == 0


def test_the_diagnosis_is_in_it_too(image, lab):
    lab.reset()
    shutil.copy(lab.ca_file, image.folder / "tmp/lab.pem")
    done = lab.gateway.run(image.command(
        "/usr/bin/sekisho-diag", "check", "--region", "us-1", "--direct",
        "--ca-file", "/tmp/lab.pem"), timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("READY: 9 of 9 ")
