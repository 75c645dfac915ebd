# SPDX-License-Identifier: Apache-2.0
"""finding_man.py check|fix ROOT: the list of findings in sekisho-diag(1) is
that of diag/findings.def. fix rewrites it."""
import os
import re
import sys

import tree

TABLE = "diag/findings.def"
MANUAL = "diag/sekisho-diag.1"
BEGIN = '.\\" BEGIN findings'
END = '.\\" END findings'
ROW = re.compile(
    r'^FINDING\(\w+, "([A-Z0-9-]+)", (\w+), (\w+),\s*T\("((?:[^"\\]|\\.)*)"', re.M
)
GROUPS = re.compile(r"/\* ---- (.*?) ---- \*/|" + ROW.pattern, re.M)


def lines(text):
    """The section: a list of ids, with severity and title, group by group."""
    out, is_open = [], False
    for m in GROUPS.finditer(text):
        if m[1]:
            if is_open:
                out.append(".El")
            out += [".Pp", m[1][0].upper() + m[1][1:] + ":", ".Bl -tag -width Ds"]
            is_open = True
            continue
        title = re.sub(r"{!?\w+:?([^{}]*)}", r"\1", m[5]).replace("\\", "\\e")
        out += [f".It Cm {m[2]} , No {m[3].lower()}", title.rstrip(".") + "."]
    return out + [".El"]


def main(what, root):
    text = tree.read(root, MANUAL)
    rows = ROW.findall(tree.read(root, TABLE))
    all_rows = len(re.findall(r"^FINDING\(", tree.read(root, TABLE), re.M))
    if not rows or len(rows) != all_rows:
        sys.exit(f"{TABLE}: read {len(rows)} of {all_rows} findings")
    old = text.split("\n")
    begin = next(i for i, x in enumerate(old) if x.startswith(BEGIN))
    end = next(i for i, x in enumerate(old) if x.startswith(END))
    new = old[: begin + 1] + lines(tree.read(root, TABLE)) + old[end:]
    faults = []
    if new != old and what == "fix":
        with open(os.path.join(root, MANUAL), "w", encoding="utf-8") as f:
            f.write("\n".join(new))
    elif new != old:
        missing = [r[0] for r in rows if f".It Cm {r[0]} ," not in text]
        faults.append(
            f"{MANUAL}: not the findings of {TABLE}"
            + (f" ({', '.join(missing)} not there)" if missing else "")
            + ": build the target man, read what it changed, commit it"
        )
    print(f"{len(rows)} findings")
    tree.finish("finding_man", faults)


if __name__ == "__main__":
    main(*sys.argv[1:])
