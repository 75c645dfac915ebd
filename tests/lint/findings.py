# SPDX-License-Identifier: Apache-2.0
"""findings.py ROOT: does a unit test produce every finding of findings.def?

A finding that no test brings up is a sentence that nobody has ever read. Ids
must be unique too.
"""
import os
import re
import sys

import tree


def main(root):
    path = os.path.join("diag", "findings.def")
    text = tree.read(root, path)
    ids = re.findall(r'^FINDING\(\w+, "([A-Z0-9-]+)"', text, re.M)
    tests = "".join(
        tree.read(root, name)
        for name in tree.files(root, (".c",))
        if name.startswith("tests/unit/test_diagnosis")
    )
    faults = [f"{path}:1: {i} twice" for i in sorted(set(ids)) if ids.count(i) > 1]
    faults += [f"{path}:1: no test names {i}" for i in ids if f'"{i}"' not in tests]
    print(f"{len(ids)} findings")
    tree.finish("findings", faults)


if __name__ == "__main__":
    main(sys.argv[1])
