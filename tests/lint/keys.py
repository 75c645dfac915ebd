# SPDX-License-Identifier: Apache-2.0
"""keys.py check|fix ROOT PRINT_KEYS: the keys in sekisho.conf(5) and in the
sample file are what the table in the code says.

PRINT_KEYS prints a line a key: SECTION.KEY, default, reloadable or restart,
accepted values, help, with tabs between. fix rewrites both files from it.
"""
import os
import re
import subprocess
import sys
import textwrap

import tree

MANUAL = "proxy/sekisho.conf.5"
SAMPLE = "container/sekisho.conf"
BEGIN = '.\\" BEGIN keys'
END = '.\\" END keys'

# What a change takes.
RESTART = {"reloadable": "", "restart": "A change takes a restart."}

# Stands where a key has no default.
REQUIRED = "(required)"

# In the sample file: a listener that is there, and a host that need not be.
EXAMPLES = {
    "listener NAME": "[listener main]",
    "host NAME": "#[host container.us-1.cloudone.trendmicro.com]",
}

HEAD = """\
# The configuration of sekisho-proxy, see sekisho.conf(5). Every key is here
# with its default; the lines without # are the ones that must be set.
"""


def load(program):
    done = subprocess.run(
        [program], check=True, capture_output=True, text=True
    )
    sections = {}
    for line in done.stdout.splitlines():
        name, default, when, accepted, text = line.split("\t")
        section, _, key = name.rpartition(".")
        sections.setdefault(section, []).append(
            (key, default, accepted, sentence(text), RESTART[when])
        )
    if not sections:
        sys.exit(f"{program}: printed no key")
    return sections


def sentence(text):
    # A value explained ("off: never") keeps its spelling.
    if not re.match(r"[\w-]+:", text):
        text = text[0].upper() + text[1:]
    return text if text.endswith(".") else text + "."


def mdoc(text):
    """Lines of manual text: escaped, and none that looks like a macro."""
    text = text.replace("\\", "\\e")
    for line in textwrap.wrap(text, 76, break_on_hyphens=False):
        yield "\\&" + line if line[0] in ".'" else line


def manual_keys(sections):
    lines = []
    for section, keys in sections.items():
        lines += [f".Ss [{section}]", ".Bl -tag -width Ds"]
        for key, default, accepted, text, when in keys:
            lines.append(f".It Cm {key}")
            lines += mdoc(text)
            lines += mdoc(sentence(f"Takes {accepted}"))
            lines += mdoc(
                "It must be set."
                if default == REQUIRED
                else f"The default is {default}."
            )
            lines += mdoc(when)
        lines.append(".El")
    return lines


def manual(text, sections):
    """The manual page with the lines between the two marks made anew."""
    lines = text.split("\n")
    begin = next(i for i, x in enumerate(lines) if x.startswith(BEGIN))
    end = next(i for i, x in enumerate(lines) if x.startswith(END))
    return "\n".join(
        lines[: begin + 1] + manual_keys(sections) + lines[end:]
    )


def sample(sections):
    lines = [HEAD]
    for section, keys in sections.items():
        lines.append(EXAMPLES.get(section, f"[{section}]"))
        for key, default, accepted, text, when in keys:
            lines += textwrap.wrap(
                f"{text} Takes {accepted}. {when}".rstrip(), 76,
                initial_indent="# ", subsequent_indent="# ",
                break_on_hyphens=False,
            )  # fmt: skip
            lines.append(
                f"{key} = us-1" if default == REQUIRED else f"#{key} = {default}"
            )
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def main(what, root, program):
    sections = load(program)
    faults = []
    wanted = {
        MANUAL: manual(tree.read(root, MANUAL), sections),
        SAMPLE: sample(sections),
    }
    for path, text in wanted.items():
        full = os.path.join(root, path)
        if os.path.exists(full) and tree.read(root, path) == text:
            continue
        if what == "fix":
            with open(full, "w", encoding="utf-8") as f:
                f.write(text)
        else:
            faults.append(
                f"{path}: not what the table of keys says: "
                "build the target man, read what it changed, commit it"
            )
    tree.finish("keys", faults)


if __name__ == "__main__":
    main(*sys.argv[1:])
