# SPDX-License-Identifier: Apache-2.0
"""outcomes.py ROOT: the manual page and core/outcome.def name the same
outcomes, with the same statuses, in the same order."""
import re
import sys

import tree

TABLE = "proxy/core/outcome.def"
MANUAL = "proxy/sekisho-proxy.8"
ROW = re.compile(r'^OUTCOME\(\w+,\s*"(\w+)",\s*(\d+)', re.M)
ENTRY = re.compile(r"^\.It Cm (\w+)(?: , No (\d+))?$", re.M)


def section(text):
    """The part of the manual page that lists outcomes."""
    start = text.index(".Ss Outcomes")
    return text[start:text.index("\n.Sh ", start)]


def main(root):
    table = [(m[1], int(m[2])) for m in ROW.finditer(tree.read(root, TABLE))]
    # "ok" is no ending: it only stands for "go on".
    table = [row for row in table if row[0] != "ok"]
    manual = [
        (m[1], int(m[2] or 0))
        for m in ENTRY.finditer(section(tree.read(root, MANUAL)))
    ]
    faults = [
        f"{MANUAL}: {token} ({status}) is not there"
        for token, status in table
        if (token, status) not in manual
    ]
    faults += [
        f"{MANUAL}: {token} ({status}) is not in {TABLE}"
        for token, status in manual
        if (token, status) not in table
    ]
    if not faults and table != manual:
        faults.append(f"{MANUAL}: outcomes are not in the order of {TABLE}")
    if not table:
        faults.append(f"{TABLE}: no row was read")
    tree.finish("outcomes", faults)


if __name__ == "__main__":
    main(sys.argv[1])
