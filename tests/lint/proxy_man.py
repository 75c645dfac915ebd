# SPDX-License-Identifier: Apache-2.0
"""proxy_man.py ROOT SEKISHO_PROXY: sekisho-proxy(8) has every option of the
program, and no other; so has the program's help.

Which ones there are, the program says itself when it is given another.
"""
import re
import subprocess
import sys

import diag_man
import tree

MANUAL = "proxy/sekisho-proxy.8"
OPTION = re.compile(r"--([a-z][\w-]*)")


def ask(program, option):
    return subprocess.run(
        [program, option], check=False, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip


def main(root, program):
    accepted = ask(program, "--no-such").stderr.partition("accepted: ")[2]
    options = set(OPTION.findall(accepted))
    if not options:
        sys.exit(f"{program}: does not say which options it takes")
    text = tree.read(root, MANUAL)
    items = [x for x in text.split("\n") if x.startswith(".It Fl ")]
    manual = {o for line in items for o in diag_man.ITEM.findall(line)}
    faults = [
        f"{MANUAL}:1: --{name} is {where}"
        for names, where in ((options - manual, "not there"),
                             (manual - options, "not in the program"))
        for name in sorted(names)
    ]  # fmt: skip
    helped = set(OPTION.findall(ask(program, "--help").stdout))
    faults += [f"proxy/cli.c:1: --help lacks --{x}" for x in sorted(options - helped)]
    print(f"{len(options)} options")
    tree.finish("proxy_man", faults)


if __name__ == "__main__":
    main(*sys.argv[1:])
