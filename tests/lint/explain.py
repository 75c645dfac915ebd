# SPDX-License-Identifier: Apache-2.0
"""explain.py ROOT: the pages of `sekisho-diag explain` are complete.

Each outcome of the gateway is told; each text is there in both languages, and
in the language it claims to be; each "explain NAME" in a text leads somewhere.
"""
import re
import sys

import tree

TOPICS = "diag/topics.def"
TOLD = "diag/outcomes_told.def"
OUTCOMES = "proxy/core/outcome.def"
FINDINGS = "diag/findings.def"
TRAPS = "diag/helm_traps.def"

STRING = r'"(?:[^"\\]|\\.)*"'
TEXT = re.compile(rf"T\(\s*((?:{STRING}\s*)+),\s*((?:{STRING}\s*)+)\)")
JAPANESE = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")
# A text of values alone may have nothing Japanese but its marks.
MARKS = re.compile("[\u3000-\u303f\uff00-\uffef]")
LINK = re.compile(r"explain ([A-Za-z0-9_-]+)")
# A Japanese text of these is a command or a value alone.
SAME = re.compile(r"^[\x00-\x7f…]*$")


def pairs(root, path):
    """(line, english, japanese) of every T() in a file."""
    text = tree.read(root, path)
    for match in TEXT.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield line, *("".join(re.findall(rf'"((?:[^"\\]|\\.)*)"', part))
                      for part in match.groups())


def names_of(root):
    """All that explain takes, lower case; and names that are there twice."""
    found = []
    for row in re.finditer(r'^TOPIC\(\w+, "([^"]+)", "([^"]*)"',
                           tree.read(root, TOPICS), re.M):
        found += [row[1], *row[2].split()]
    for path, pattern in ((FINDINGS, r'^FINDING\(\w+, "([^"]+)"'),
                          (OUTCOMES, r'^OUTCOME\(\w+,\s*"([^"]+)"'),
                          (TRAPS, r'^TRAP\(\w+, "([^"]+)"')):
        found += re.findall(pattern, tree.read(root, path), re.M)
    found = [name.lower() for name in found]
    return set(found), {n for n in found if found.count(n) > 1}


def judge(path, line, english, japanese, known):
    if JAPANESE.search(english):
        yield f"{path}:{line}: the English text is not English"
    if english and not japanese:
        yield f"{path}:{line}: there is no Japanese text"
    elif not (JAPANESE.search(japanese) or MARKS.search(japanese)
              or SAME.match(japanese)):
        yield f"{path}:{line}: the Japanese text is not Japanese"
    if japanese == english and english.endswith("."):
        yield f"{path}:{line}: the Japanese text is the English one"
    for link in LINK.findall(english) + LINK.findall(japanese):
        if link.lower() not in known | {"host"}:
            yield f"{path}:{line}: explain {link} leads nowhere"


def main(root):
    outcomes = re.findall(r"^OUTCOME\((\w+),", tree.read(root, OUTCOMES), re.M)
    told = re.findall(r"^TOLD\((\w+),", tree.read(root, TOLD), re.M)
    known, twice = names_of(root)
    faults = [f"{TOLD}:1: {o} is not told" for o in outcomes if o not in told]
    faults += [f"{TOLD}:1: {o} is there twice"
               for o in sorted(set(told)) if told.count(o) > 1]
    faults += [f"{TOPICS}:1: {name} means two things" for name in sorted(twice)]
    seen = 0
    for path in (TOPICS, TOLD, TRAPS, FINDINGS):
        for pair in pairs(root, path):
            faults += judge(path, *pair, known)
            seen += 1
    rows = len(re.findall(r"^TOPIC\(", tree.read(root, TOPICS), re.M))
    if seen < 2 * (rows + len(told)):
        faults.append(f"{TOPICS}:1: {seen} texts read, more were expected")
    print(f"{rows} topics, {len(told)} outcomes, {seen} texts")
    tree.finish("explain", faults)


if __name__ == "__main__":
    main(sys.argv[1])
