# SPDX-License-Identifier: Apache-2.0
"""banned.py ROOT: calls, marks and paths that must not be in the tree."""
import re
import sys

import tree

# Call -> what to use instead.
CALLS = {
    "strcpy": "text_copy or snprintf",
    "strcat": "a bounded writer",
    "strncpy": "snprintf (strncpy may leave the NUL out)",
    "strncat": "a bounded writer",
    "sprintf": "snprintf",
    "vsprintf": "vsnprintf",
    "gets": "fgets",
    "strtok": "span functions (strtok keeps hidden state)",
    "atoi": "a checked parser",
    "atol": "a checked parser",
    "atoll": "a checked parser",
    "atof": "a checked parser",
    "system": "posix_spawn",
    "popen": "posix_spawn",
    "alloca": "a bounded array",
    "rand": "getrandom",
    "srand": "getrandom",
    "localtime": "gmtime_r (times are UTC)",
    "gmtime": "gmtime_r",
    "ctime": "strftime",
    "asctime": "strftime",
    "inet_addr": "ipaddr_parse",
    "inet_aton": "ipaddr_parse",
    "gethostbyname": "the resolver",
    "tmpnam": "mkstemp",
    "mktemp": "mkstemp",
    "sleep": "a wait for the condition",
    "usleep": "a wait for the condition",
    "nanosleep": "a wait for the condition",
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(CALLS) + r")\s*\(")

# In tests, waiting is for a condition: time proves nothing. A loop that looks
# again and again says so beside its pause.
LOOKS = "# between two looks"
SLEEPS = {
    ".py": re.compile(r"\b(time|asyncio)\.sleep\s*\("),
    ".sh": re.compile(r"^\s*sleep\s"),
}

MARKS = re.compile(r"\b(" + "TO" + "DO|FIX" + "ME|X" + "XX|HA" + "CK)\\b")
PATHS = re.compile(
    r"(?<![\w.])/(work|home|root|tmp/bash_" + r"jobs)(/|\b)(?!\w)"
)
# An exemption names its check and says why, on its line.
NOLINT = re.compile(r"NOLINT\w*(?P<check>\([\w.,-]+\))?(?P<reason>.*)")

TEXT = (
    ".c", ".h", ".def", ".py", ".sh", ".md", ".txt", ".ini", ".cmake",
    ".json", ".yaml", ".yml", ".conf", ".service", ".socket", ".html", ".js",
    ".1", ".5", ".8", ".go", "Dockerfile", "/run",
)  # fmt: skip
SPDX_SUFFIXES = (".c", ".h", ".def", ".py", ".sh", ".cmake", "CMakeLists.txt")
SPDX = "SPDX-License-Identifier: Apache-2.0"


def suffix_of(path):
    dot = path.rfind(".")
    return path[dot:] if dot > path.rfind("/") else ""


def check_line(path, line):
    if MARKS.search(line):
        return "unfinished work: do it, or file an issue"
    match = PATHS.search(line)
    if match:
        return f"path of one machine: {match.group().strip('/')}"
    match = NOLINT.search(line)
    if match and suffix_of(path) in (".c", ".h"):
        if not match["check"] or not re.search(r"\w{3}", match["reason"]):
            return "NOLINT needs (check) and, behind it, the reason"
    sleeps = SLEEPS.get(suffix_of(path))
    if sleeps and path.startswith("tests/") and sleeps.search(line):
        if LOOKS in line:
            return None
        return "sleep in a test: wait for the condition"
    if line.rstrip("\r") != line.rstrip():
        return "blank at the end of the line"
    return None


def check_calls(path, text):
    for match in CALL.finditer(tree.code_only(text)):
        line = text.count("\n", 0, match.start(1)) + 1
        name = match.group(1)
        yield f"{path}:{line}: {name}() is banned: use {CALLS[name]}"


def main(root):
    faults = []
    for path in tree.files(root, TEXT):
        if "/corpus/" in path:
            continue
        text = tree.read(root, path)
        for number, line in enumerate(text.split("\n"), 1):
            fault = check_line(path, line)
            if fault:
                faults.append(f"{path}:{number}: {fault}")
        if path.endswith((".c", ".h")):
            faults += check_calls(path, text)
        if path.endswith(SPDX_SUFFIXES):
            if not any(SPDX in head for head in text.split("\n")[:3]):
                faults.append(f"{path}:1: no line {SPDX}")
        if text and not text.endswith("\n"):
            faults.append(f"{path}:1: no newline at the end of the file")
    tree.finish("banned", faults)


if __name__ == "__main__":
    main(sys.argv[1])
