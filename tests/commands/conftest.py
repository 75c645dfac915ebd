# SPDX-License-Identifier: Apache-2.0
"""Runs a command of sekisho-diag (SEKISHO_DIAG) and reads what it says."""
import json
import os
import pathlib
import re
import subprocess
import sys

import jsonschema

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RUN_S = 60
sys.path.insert(0, str(ROOT / "tests/container/chart"))

_SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:")


class Done:
    """One run that has ended."""

    def __init__(self, process):
        self.status = process.returncode
        self.out = process.stdout.decode("utf-8", "backslashreplace")
        self.err = process.stderr.decode("utf-8", "backslashreplace")
        assert not _SANITIZER.search(self.err), self.err

    def __repr__(self):
        return f"exit {self.status}\n{self.out[-3000:]}\n{self.err[-3000:]}"


def diag(*arguments, env=None, stdin=b""):
    """Runs it without any variable that steers it, but for env's."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.lower().endswith("_proxy")
        and not k.startswith(("C1_", "LC_", "LANG", "COLUMNS"))
    }
    kept.update({"LC_ALL": "C.UTF-8"}, **(env or {}))
    return Done(
        subprocess.run(
            [os.environ["SEKISHO_DIAG"], *map(str, arguments)],
            input=stdin, capture_output=True, timeout=RUN_S, env=kept,
            check=False,
        )  # fmt: skip
    )


def said(*arguments, **more):
    """What a run that must succeed prints."""
    done = diag(*arguments, **more)
    assert done.status == 0 and not done.err, done
    return done.out


def validate(value, schema):
    """By a file of schemas/, whose comments name their sources."""
    text = (HERE / "schemas" / schema).read_text(encoding="utf-8")
    parsed = json.loads(text)
    jsonschema.Draft7Validator.check_schema(parsed)
    jsonschema.Draft7Validator(parsed).validate(value)
