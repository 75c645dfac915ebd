# SPDX-License-Identifier: Apache-2.0
"""diag_man.py ROOT SEKISHO_DIAG: sekisho-diag(1) has every command and every
option of the program, and no other.

Read from the program's own help, which is made from its tables.
"""
import re
import subprocess
import sys

import tree

MANUAL = "diag/sekisho-diag.1"
COMMAND = re.compile(r"^  (\w+) {2,}\S", re.M)
OPTION = re.compile(r"^  (?:-\w,|   ) --([\w-]+)", re.M)
SECTION = re.compile(r"^\.Ss (\w+)\n(.*?)(?=^\.S[sh] )", re.M | re.S)
ITEM = re.compile(r"\bFl Fl ([\w-]+)")

# Told once, for all commands.
COMMON = {"help", "version"}


def ask(program, *arguments):
    return subprocess.run(
        [program, *arguments, "--help"], check=True, capture_output=True,
        text=True, timeout=60,
    ).stdout  # fmt: skip


def options_of_manual(text):
    """Command -> options that have an item in its subsection."""
    found = {}
    for name, body in SECTION.findall(text):
        items = [x for x in body.split("\n") if x.startswith(".It ")]
        found[name] = {o for line in items for o in ITEM.findall(line)}
    return found


def compare(what, program, manual):
    for name in sorted(program - manual):
        yield f"{MANUAL}:1: {what}{name} is not there"
    for name in sorted(manual - program):
        yield f"{MANUAL}:1: {what}{name} is not in the program"


def main(root, program):
    manual = options_of_manual(tree.read(root, MANUAL))
    commands = COMMAND.findall(ask(program))
    faults = list(compare("command ", set(commands), set(manual)))
    seen = 0
    for name in commands:
        options = set(OPTION.findall(ask(program, name))) - COMMON
        faults += compare(f"{name} --", options, manual.get(name, set()))
        seen += len(options)
    if not seen:
        faults.append(f"{program}: its help names no option")
    print(f"{len(commands)} commands, {seen} options")
    tree.finish("diag_man", faults)


if __name__ == "__main__":
    main(*sys.argv[1:])
