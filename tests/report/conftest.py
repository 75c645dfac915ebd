# SPDX-License-Identifier: Apache-2.0
"""Reports of built-in sample runs, as REPORT_SAMPLES (the program of
tests/unit/report_samples.c) prints them."""
import os
import subprocess

import pytest

RUN_S = 60


def report(name, form, *more, text=True):
    done = subprocess.run(
        [os.environ["REPORT_SAMPLES"], name, form, *map(str, more)],
        stdout=subprocess.PIPE,
        timeout=RUN_S,
        check=True,
    )
    return done.stdout.decode("utf-8") if text else done.stdout


def names():
    done = subprocess.run(
        [os.environ["REPORT_SAMPLES"]],
        stdout=subprocess.PIPE,
        timeout=RUN_S,
        check=True,
    )
    return done.stdout.decode().split()


def pytest_generate_tests(metafunc):
    if "sample" in metafunc.fixturenames:
        metafunc.parametrize("sample", names())


@pytest.fixture(params=["en", "ja"])
def lang(request):
    return request.param
