# SPDX-License-Identifier: Apache-2.0
"""The frame of the tests of the appliance: image, chart, units, package. They
use the lab of the end-to-end tests where something has to be served."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/e2e"),
                str(ROOT / "tests/container/chart")]

from lab.lab import Lab  # noqa: E402


def program(variable, default):
    """Path of a program under test; fails when it is not there."""
    path = os.environ.get(variable, str(ROOT / default))
    if not os.access(path, os.X_OK):
        pytest.fail(f"{path} is not there: build it, or name another with "
                    f"{variable}")
    return path


def run(*argv, **kw):
    """Runs a command to its end; what it says is in the failure."""
    kw.setdefault("check", True)
    kw.setdefault("timeout", 900)
    done = subprocess.run([str(a) for a in argv], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False,
                          **{k: v for k, v in kw.items() if k != "check"})
    if kw["check"] and done.returncode != 0:
        pytest.fail(f"{' '.join(map(str, argv))}: exit status "
                    f"{done.returncode}\n{done.stdout}")
    return done


@pytest.fixture(scope="session")
def lab():
    with Lab() as one:
        yield one
