# SPDX-License-Identifier: Apache-2.0
"""The files a lint looks at, and how it says what it found."""
import os
import re
import sys

C_SUFFIXES = (".c", ".h", ".def")
SKIPPED = {"build", "__pycache__", "node_modules"}


def files(root, suffixes):
    """Paths relative to root, sorted; build trees and hidden folders left out."""
    found = []
    for folder, below, names in os.walk(root):
        rel = os.path.relpath(folder, root)
        below[:] = [d for d in below if wanted(folder, d)]
        for name in names:
            if name.endswith(suffixes):
                found.append(os.path.normpath(os.path.join(rel, name)))
    return sorted(found)


def wanted(folder, name):
    if name in SKIPPED or (name.startswith(".") and name != ".ci"):
        return False
    return not os.path.exists(os.path.join(folder, name, "CMakeCache.txt"))


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as f:
        return f.read()


TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S
)


def code_only(text):
    """C source with comments, strings and characters blanked, lines kept."""
    return TOKEN.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def finish(name, faults):
    """Prints the faults, each as FILE:LINE: message, and ends the program."""
    for fault in faults:
        print(fault)
    print(f"{name}: {len(faults)} fault(s)")
    sys.exit(1 if faults else 0)
