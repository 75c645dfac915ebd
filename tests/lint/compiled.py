# SPDX-License-Identifier: Apache-2.0
"""compiled.py tidy|headers SOURCE BUILD: lints that need the compiler's flags.

tidy     clang-tidy over every C file, as many at once as there are CPUs
headers  every header compiles alone, with the flags of its folder

Both read BUILD/compile_commands.json, and both fail for a C file that no
target builds: what is not built is not checked.
"""
import concurrent.futures
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time

import tree

FINDING = r"^(?=/\S+:\d+:\d+: (?:error|warning):)"


def load(source, build):
    """Path relative to source -> the command that compiles it."""
    with open(os.path.join(build, "compile_commands.json")) as f:
        entries = json.load(f)
    commands = {}
    for entry in entries:
        path = os.path.relpath(entry["file"], source)
        if not path.startswith(".."):
            commands.setdefault(path, entry)
    return commands


def run(args, folder):
    done = subprocess.run(
        args, cwd=folder, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def in_parallel(job, items):
    """Runs job over items; returns the items with a fault, slowest last."""
    failed = []
    workers = len(os.sched_getaffinity(0))
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for item, (code, text) in zip(items, pool.map(job, items)):
            if code != 0:
                failed.append(f"{item}: fault\n{text.rstrip()}")
    return failed


def tidy(source, commands, files):
    with tempfile.TemporaryDirectory() as folder:
        # clang-tidy reads a file once a command: leave one for each.
        with open(os.path.join(folder, "compile_commands.json"), "w") as f:
            json.dump(list(commands.values()), f)
        # Commands may be gcc's: clang does not know all of its warnings.
        args = [
            "clang-tidy-14", "--quiet", "-p", folder,
            "--extra-arg=-Wno-unknown-warning-option",
            "--extra-arg=-Wno-ignored-optimization-argument",
        ]  # fmt: skip
        failed = in_parallel(
            lambda path: run(args + [os.path.join(source, path)], folder),
            [path for path in files if path in commands],
        )
    return once(failed)


def once(failed):
    """A fault in a header comes with every file that includes it: say it once."""
    seen = []
    for text in failed:
        for part in re.split(FINDING, text, flags=re.M)[1:]:
            if part.strip() not in seen:
                seen.append(part.strip())
    return seen or failed


def flags_for(source, header, commands):
    """The flags of a C file beside the header, best of one that includes it,
    or of the nearest folder above."""
    folder, name = os.path.dirname(header), os.path.basename(header)
    while True:
        near = [path for path in sorted(commands) if path.startswith(folder)]
        near.sort(key=lambda path: f'{name}"' not in tree.read(source, path))
        if near:
            entry = commands[near[0]]
            return without_files(entry), entry["directory"]
        if not folder:
            return None
        folder = os.path.dirname(folder)


def without_files(entry):
    words = entry.get("arguments") or shlex.split(entry["command"])
    kept, skip = [], False
    for word in words:
        if skip or word == entry["file"] or word == "-c":
            skip = False
        elif word == "-o":
            skip = True
        else:
            kept.append(word)
    return kept


def headers(source, commands):
    def job(header):
        found = flags_for(source, header, commands)
        if found is None:
            return 1, "no C file is built in its folder"
        flags, folder = found
        # Included, not compiled as the main file: so twice, for the guard too.
        line = f'#include "{os.path.join(source, header)}"\n'
        done = subprocess.run(
            flags + ["-fsyntax-only", "-Werror", "-x", "c", "-"],
            cwd=folder, input=line * 2, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    return in_parallel(job, tree.files(source, (".h",)))


def main(what, source, build):
    start = time.monotonic()
    source, build = os.path.realpath(source), os.path.realpath(build)
    commands = load(source, build)
    files = tree.files(source, (".c",))
    faults = [
        f"{path}:1: no target builds this file"
        for path in files
        if path not in commands
    ]
    if what == "tidy":
        faults += tidy(source, commands, files)
    else:
        faults += headers(source, commands)
    print(f"{time.monotonic() - start:.1f} s")
    tree.finish(what, faults)


if __name__ == "__main__":
    main(*sys.argv[1:])
