# SPDX-License-Identifier: Apache-2.0
"""seeded.py: plants one defect at a time and expects its lint to name it.

A scratch tree without the defect must pass first; so a lint that always fails
is found as well as one that never does.
"""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"
MARK = "TO" + "DO"
CALL = SPDX + "void\nf(char *a)\n{\n\t%s;\n}\n"

CLEAN = {
    "proxy/core/a.h": SPDX + "#ifndef A_H\n#define A_H\n\nint a(void);\n\n#endif\n",
    "proxy/core/a.c": SPDX
    + '#include "core/a.h"\n\n#include <stdio.h>\n\n'
    + 'int\na(void)\n{\n\treturn puts("a");\n}\n',
    "CMakeLists.txt": "# SPDX-License-Identifier: Apache-2.0\n"
    + "cmake_minimum_required(VERSION 3.25)\nproject(seed LANGUAGES C)\n",
    "run.sh": "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\necho ok\n",
}

# (lint, file, its text, words that the lint must print)
SEEDS = [
    ("layers", "proxy/core/x.c", "#include <event2/event.h>\n", "core may not use libevent"),
    ("layers", "proxy/core/x.c", "#include <ini.h>\n", "inih belongs in"),
    ("layers", "proxy/core/x.c", "#include <pcre2.h>\n", "no known header"),
    ("layers", "proxy/net/x.c", "#include <curl/curl.h>\n", "curl belongs in"),
    ("layers", "proxy/x.c", '#include "diag/y.h"\n', "may not include diag/y.h"),
    ("layers", "diag/x.c", '#include "session.h"\n', "may not include proxy/session.h"),
    ("layers", "proxy/core/x.c", '#include "net/n.h"\n', "may not include proxy/net/n.h"),
    ("layers", "proxy/core/x.c", '#include "core/no.h"\n', "does not exist"),
    ("layers", "proxy/core/x.c", '#include "a.h"\n', "as from the root"),
    ("layers", "proxy/core/x.c", '#include "core/a.c"\n', "never included"),
    ("layers", "proxy/core/b.h", '#include "core/x.h"\n', "include cycle"),
    ("layers", "tools/x.c", "\n", "outside proxy, diag and tests"),
    ("layers", "proxy/net/a.c", "\n", "a module of this name"),
    ("function_length", "proxy/x.c", "int\nx(void)\n{\n" + "\tx();\n" * 70 + "}\n", "x has 71 lines"),
    ("function_length", "proxy/x.h", SPDX + "int x;\n" * 700, "701 lines"),
    ("banned", "proxy/x.c", CALL % "strcpy(a, a)", "strcpy() is banned"),
    ("banned", "proxy/x.c", CALL % "return atoi (a)", "atoi() is banned"),
    ("banned", "tests/x.c", CALL % "sleep(1)", "sleep() is banned"),
    ("banned", "tests/x.py", "# SPDX-License-Identifier: Apache-2.0\ntime.sleep(1)\n", "sleep in a test"),
    ("banned", "proxy/x.c", SPDX + f"/* {MARK}: later */\n", "unfinished work"),
    ("banned", "proxy/x.md", "see /wor" + "k/notes\n", "path of one machine"),
    ("banned", "proxy/x.c", SPDX + "int x; /* NOLINT */\n", "NOLINT needs"),
    ("banned", "proxy/x.c", "int x;\n", "no line SPDX"),
    ("banned", "proxy/x.c", SPDX + "int x; \n", "blank at the end"),
    ("format", "proxy/x.c", SPDX + "int  x;\n", "code should be clang-formatted"),
    ("shell", "x.sh", "#!/bin/sh\nrm $1\n", "SC2086"),
    ("cppcheck", "proxy/x.c", SPDX + "int\nx(int i)\n{\n\tint a[2];\n\n\ta[2] = i;\n\treturn a[2];\n}\n", "arrayIndexOutOfBounds"),
    ("headers", "proxy/core/x.h", SPDX + "size_t x(void);\n", "unknown type name"),
    ("headers", "proxy/core/x.h", SPDX + "struct x {\n\tint y;\n};\n", "redefinition"),
    ("tidy", "proxy/core/a.c", SPDX + "int\na(int i)\n{\n\treturn i == i;\n}\n", "misc-redundant-expression"),
    ("tidy", "proxy/core/x.c", SPDX + "int x;\n", "no target builds this file"),
    ("cmake", "CMakeLists.txt", CLEAN["CMakeLists.txt"] + "message(\"${MISSPELT}\")\n", "MISSPELT"),
]  # fmt: skip

# What some seeds need beside them, harmless by itself.
BESIDE = {
    "diag/y.h": "\n",
    "proxy/session.h": "\n",
    "proxy/net/n.h": "\n",
    "proxy/core/x.h": '#include "core/b.h"\n',
}


def command(lint, root):
    script = os.path.join(HERE, lint)
    if lint in ("tidy", "headers"):
        script = os.path.join(HERE, "compiled.py")
        return [sys.executable, script, lint, root, os.path.join(root, "build")]
    if lint == "format":
        return ["sh", script + ".sh", "check", root]
    if os.path.exists(script + ".sh"):
        return ["sh", script + ".sh", root]
    return [sys.executable, script + ".py", root]


def run(lint, extra):
    with tempfile.TemporaryDirectory() as root:
        build = os.path.join(root, "build")
        source = os.path.join(root, "proxy/core/a.c")
        database = [{
            "directory": root, "file": source,
            "command": f"gcc -std=c11 -I{root}/proxy -c {source} -o a.o",
        }]  # fmt: skip
        extra = {
            **extra,
            "build/compile_commands.json": json.dumps(database),
            "tests/unit/guard.h": "/* SPDX-License-Identifier: Apache-2.0 */\n",
        }
        for path, text in {**CLEAN, **extra}.items():
            path = os.path.join(root, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        for config in (".clang-format", ".clang-tidy"):
            os.symlink(
                os.path.join(HERE, "../..", config), os.path.join(root, config)
            )
        os.makedirs(build, exist_ok=True)
        done = subprocess.run(
            command(lint, root), text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout


def main():
    bad = []
    for lint in sorted({seed[0] for seed in SEEDS}):
        code, text = run(lint, {})
        if code != 0:
            bad.append(f"{lint} fails on a clean tree:\n{text}")
    for lint, path, text, words in SEEDS:
        beside = BESIDE if lint == "layers" else {}
        code, out = run(lint, {**beside, path: text})
        if code == 0 or words not in out:
            bad.append(f"{lint} misses {words!r} in {path}, printed:\n{out}")
    print("\n".join(bad))
    print(f"{len(SEEDS)} defects planted, {len(bad)} fault(s)")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
