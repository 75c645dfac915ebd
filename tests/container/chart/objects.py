# SPDX-License-Identifier: Apache-2.0
"""Judges Kubernetes' objects by the schemas that Kubernetes, Cilium and the
Prometheus operator publish; install.sh brings them."""

import json
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
TOOLS = HERE.parents[2] / "build/chart-tools"


def install():
    """Puts helm and the schemas into TOOLS; when they are there, at once."""
    done = subprocess.run([HERE / "install.sh", TOOLS], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout


def faults_of(objects):
    """Faults that the schemas, read strictly, find; a line each."""
    install()
    done = subprocess.run(
        ["node", HERE / "validate.js", TOOLS / "node_modules"],
        input=json.dumps(objects), capture_output=True, text=True, check=False)
    assert done.stderr == "", done.stderr
    assert (done.returncode == 1) == bool(done.stdout)
    return done.stdout.splitlines()
