# SPDX-License-Identifier: Apache-2.0
"""function_length.py ROOT: functions of at most 70 lines, files of 700.

clang-format puts a function's braces in column 0, so that counting needs no
parser. A longer file is accepted when the comment it opens with says why, in a
line with the words "Over 700 lines".
"""
import re
import sys

import tree

FUNCTION_LINES = 70
FILE_LINES = 700
REASON = "Over 700 lines"
NAME = re.compile(r"^(\w+)\(")


def long_functions(path, lines):
    faults, start, name = [], None, "?"
    for number, line in enumerate(lines, 1):
        match = NAME.match(line)
        if match:
            name = match.group(1)
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            length = number - start
            if length > FUNCTION_LINES:
                faults.append(
                    f"{path}:{start}: {name} has {length} lines, "
                    f"more than {FUNCTION_LINES}"
                )
            start = None
    return faults


def opening_comment(lines):
    """The first comment block, whatever the language's marks."""
    head = []
    for line in lines:
        if not re.match(r'\s*(#|/?\*|//|""")', line) and not head:
            continue
        if head and not line.strip():
            break
        head.append(line)
    return "\n".join(head[:60])


def main(root):
    faults = []
    for path in tree.files(root, (".c", ".h", ".py", ".sh")):
        text = tree.read(root, path)
        lines = text.split("\n")
        if path.endswith(".c"):
            faults += long_functions(path, tree.code_only(text).split("\n"))
        if len(lines) > FILE_LINES + 1 and REASON not in opening_comment(lines):
            faults.append(
                f"{path}:1: {len(lines) - 1} lines, more than {FILE_LINES}, "
                f'and its first comment gives no reason ("{REASON}: ...")'
            )
    tree.finish("function_length", faults)


if __name__ == "__main__":
    main(sys.argv[1])
