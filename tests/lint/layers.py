# SPDX-License-Identifier: Apache-2.0
"""layers.py ROOT: does every #include line keep to the layers?

core < net < proxy | diag. The table below is the whole rule. A header that it
does not know is a fault too, so that a new library is a decision made here.
"""
import os
import re
import sys

import tree

# Header of a library -> the library. All others must be in LIBC.
LIBRARIES = [
    (re.compile(r"^ares(_\w+)?\.h$"), "c-ares"),
    (re.compile(r"^openssl/"), "openssl"),
    (re.compile(r"^(event2/.*|event\.h|evhttp\.h)$"), "libevent"),
    (re.compile(r"^ini\.h$"), "inih"),
    (re.compile(r"^curl/"), "curl"),
    (re.compile(r"^jansson\.h$"), "jansson"),
    (re.compile(r"^yaml\.h$"), "libyaml"),
    (re.compile(r"^zlib\.h$"), "zlib"),
    (re.compile(r"^cmocka\.h$"), "cmocka"),
    (re.compile(r"^seccomp\.h$"), "libseccomp"),
]

LIBC = re.compile(
    r"^(sys|netinet|arpa|net|linux|sanitizer)/\w+\.h$|^(assert|crypt|ctype|"
    r"dirent|dlfcn|errno|fcntl|fnmatch|ftw|getopt|glob|grp|ifaddrs|inttypes|"
    r"langinfo|libintl|limits|locale|malloc|math|netdb|poll|pthread|pwd|"
    r"regex|sched|setjmp|shadow|signal|spawn|stdalign|stdarg|stdatomic|"
    r"stdbool|stddef|stdint|stdio|stdio_ext|stdlib|stdnoreturn|string|"
    r"strings|syslog|termios|time|unistd|wchar)\.h$"
)

# Layer -> layers it may include, libraries it may use.
LAYERS = {
    "core": ({"core"}, set()),
    "net": ({"core", "net"}, {"c-ares", "openssl"}),
    "proxy": (
        {"core", "net", "proxy"},
        {"c-ares", "openssl", "libevent", "libseccomp"},
    ),
    "diag": ({"core", "net", "diag"}, {"c-ares", "openssl", "libevent"}),
    "tests": (
        {"core", "net", "proxy", "diag", "tests"},
        {name for _, name in LIBRARIES},
    ),
}

# The files that alone may use a library.
ALONE = {
    "inih": {"proxy/core/ini.c"},
    "curl": {
        "diag/curl_loop.c",
        "diag/curl_loop.h",
        "diag/http_get.c",  # plain GETs to this machine's own servers
        "diag/http_head.c",
        "diag/probe_http.c",
    },
    "jansson": {
        "diag/gke_json.c",
        "diag/key_secret.c",
        "diag/registry.c",
    },
    "zlib": {"diag/tar_file.c"},
    "libyaml": {"diag/helm_values.c"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def layer_of(path):
    if path.startswith("proxy/core/"):
        return "core"
    if path.startswith("proxy/net/"):
        return "net"
    return path.split("/")[0]


def resolve(root, path, name):
    """The file an own include means: beside it, then as the compilers look."""
    own = path.split("/")[0]
    here = os.path.dirname(path)
    for folder in (here, own, "proxy", "diag", "tests/unit", ""):
        candidate = os.path.normpath(os.path.join(folder, name))
        if os.path.exists(os.path.join(root, candidate)):
            return candidate
    return None


def check_library(path, name):
    layer = layer_of(path)
    for pattern, library in LIBRARIES:
        if not pattern.match(name):
            continue
        if layer != "tests" and library in ALONE:
            if path in ALONE[library]:
                return None
            return f"{library} belongs in {', '.join(ALONE[library])} alone"
        if library in LAYERS[layer][1]:
            return None
        return f"layer {layer} may not use {library}"
    if LIBC.match(name):
        return None
    return f"<{name}> is no known header: add it to tests/lint/layers.py"


def check_own(root, path, name, edges):
    layer = layer_of(path)
    if name.endswith(".c"):
        return "a .c file is never included"
    target = resolve(root, path, name)
    if target is None:
        return f'"{name}" does not exist'
    edges.setdefault(path, set()).add(target)
    if layer_of(target) not in LAYERS[layer][0]:
        return f"layer {layer} may not include {target}"
    if not target.startswith("tests/") and target != written(target, name):
        return f'write "{name}" as from the root of its program'
    return None


def written(target, name):
    """Own includes are spelt from proxy/ or diag/, never ../ or sideways."""
    return os.path.join(target.split("/")[0], name)


def module_of(path):
    return os.path.splitext(path)[0]


def cycles(edges):
    """Headers must not include each other; modules of core not either."""
    graph = {}
    for source, targets in edges.items():
        for target in targets:
            core = layer_of(source) == layer_of(target) == "core"
            if not core and not source.endswith(".h"):
                continue
            a, b = (
                (module_of(source), module_of(target))
                if core
                else (source, target)
            )
            if a != b:
                graph.setdefault(a, set()).add(b)
    faults, state = [], {}

    def visit(node, trail):
        state[node] = "open"
        for after in sorted(graph.get(node, ())):
            if state.get(after) == "open":
                ring = trail[trail.index(after):] + [after]
                faults.append("include cycle: " + " -> ".join(ring))
            elif after not in state:
                visit(after, trail + [after])
        state[node] = "done"

    for node in sorted(graph):
        if node not in state:
            visit(node, [node])
    return faults


def twins(paths):
    """File = module = prefix: two of one name would share their prefix."""
    first = {}
    for path in paths:
        if path.startswith("proxy/") and path.endswith(".c"):
            other = first.setdefault(os.path.basename(path), path)
            if other != path:
                yield f"{path}:1: a module of this name is there: {other}"


def main(root):
    paths = tree.files(root, tree.C_SUFFIXES)
    faults, edges, seen = list(twins(paths)), {}, 0
    for path in paths:
        if layer_of(path) not in LAYERS:
            faults.append(f"{path}:1: C code outside proxy, diag and tests")
            continue
        text = tree.read(root, path)
        for match in INCLUDE.finditer(text):
            line = text.count("\n", 0, match.start(2)) + 1
            kind, name = match.groups()
            fault = (
                check_library(path, name)
                if kind == "<"
                else check_own(root, path, name, edges)
            )
            seen += 1
            if fault:
                faults.append(f"{path}:{line}: {fault}")
    faults += cycles(edges)
    print(f"{seen} includes read")
    tree.finish("layers", faults)


if __name__ == "__main__":
    main(sys.argv[1])
