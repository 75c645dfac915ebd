# SPDX-License-Identifier: Apache-2.0
"""container/Dockerfile, built line by line, makes the image of image.sh. No
registry can be asked for its base: an empty one stands in for it, which sees
the packages of this machine."""

import os
import stat

import pytest
import runtime
from conftest import ROOT, run

BASE = "localhost/base:latest"


class Store:
    """A store of images of its own."""

    def __init__(self, folder):
        self._buildah = ["buildah", "--storage-driver", "vfs", "--root",
                         folder / "store", "--runroot", folder / "run"]

    def __call__(self, *argv):
        return run(*self._buildah, *argv).stdout


def make_base(store, folder):
    """A root that is this machine's: /usr and the package database come by
    mounts, the rest is as on a merged Debian."""
    root = folder / "base"
    for name in ("usr", "var/lib/dpkg", "etc/ssl/certs", "tmp"):
        (root / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    container = store("from", "--quiet", "scratch").strip()
    store("copy", "--quiet", container, root, "/")
    store("commit", "--quiet", "--format", "docker", container, BASE)
    store("rm", container)
    return [f"--volume={name}:{name}:ro" for name in
            ("/usr", "/var/lib/dpkg", "/etc/ssl/certs", "/etc/alternatives")]


def build(folder):
    """The image of the Dockerfile: its configuration and its root."""
    folder.mkdir()
    store = Store(folder)
    volumes = make_base(store, folder)
    store("build", "--quiet", "--isolation", "chroot", "--format", "docker",
          "--pull-never", f"--build-arg=BASE={BASE}", *volumes,
          "--file", ROOT / "container/Dockerfile", "--tag", "sekisho", ROOT)
    archive = folder / "image.tar"
    store("push", "--quiet", "sekisho", f"docker-archive:{archive}:sekisho:x")
    return runtime.unpack(archive, folder / "root"), folder / "root"


def build_by_script(folder):
    folder.mkdir()
    archive = folder / "image.tar"
    run(ROOT / "container/image.sh", f"docker-archive:{archive}:sekisho:x")
    return runtime.unpack(archive, folder / "root"), folder / "root"


def listing(root):
    """Name -> kind and permissions of every file."""
    found = {}
    for folder, folders, names in os.walk(root):
        for name in folders + names:
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            found[os.path.relpath(path, root)] = (
                os.readlink(path) if stat.S_ISLNK(mode) else oct(mode))
    return found


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return build(folder / "docker"), build_by_script(folder / "script")


def test_both_images_hold_the_same_files(images):
    (_, docker), (_, script) = images
    assert listing(docker) == listing(script)


def test_both_images_are_configured_alike(images):
    (docker, _), (script, _) = images
    for name in ("User", "Entrypoint", "Cmd", "Env", "ExposedPorts",
                 "Healthcheck", "Volumes", "WorkingDir"):
        assert docker["config"].get(name) == script["config"].get(name), name
    revision = "org.opencontainers.image.revision"
    labels = [dict(c["config"]["Labels"]) for c in (docker, script)]
    assert labels[0].pop(revision) == "unknown"  # docker build is told none
    assert labels[1].pop(revision)
    assert {k: v for k, v in labels[0].items() if "buildah" not in k} == {
        k: v for k, v in labels[1].items() if "buildah" not in k}
