# SPDX-License-Identifier: Apache-2.0
"""What the tests of the diagnosis have in common: a world in which something
is broken, and a fault, which is a row of a test's table.

A fault says how its symptom is made on the wire and what must come out of it:
the finding, its endpoints, its evidence, and that nothing else is blamed.
"""

import contextlib
import re
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Sequence

from lab import facts

REGION = "us-1"
ALL = [e.host for e in facts.of_region(REGION)]


def host(category):
    return facts.host(REGION, category)


CONTAINER, IOT, SENSOR = host("container"), host("iot"), host("sensor")
UPLOAD, REGISTRY = host("asaas-upload"), host("registry")
ADDRESS = facts.BY_HOST[CONTAINER].ipv4
# How long a phase may take: long enough for a busy machine, short enough for
# a test of silence.
TIMEOUT = "2s"


class World:
    """The lab, and how the diagnosis is run in it: directly from the gateway's
    namespace, unless through() or inside() says otherwise."""

    def __init__(self, lab, diag, start_gateway):
        self.lab, self.diag, self._start_gateway = lab, diag, start_gateway
        self.namespace = lab.gateway
        self.command_name, self.targets = "check", ["--region", REGION]
        self.ca_file, self.timeout = lab.ca_file, TIMEOUT
        self.arguments, self.env = [], {}
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    def enter(self, context):
        """Enters a context that lasts as long as the world."""
        return self._stack.enter_context(context)

    def inside(self):
        """Look from the closed network."""
        self.namespace = self.lab.client

    def through(self, proxy):
        """Look from the closed network through a proxy: its URL, or an object
        that has one."""
        self.inside()
        self.arguments += ["--proxy", getattr(proxy, "url", proxy)]

    def parent(self, temper=None, **kw):
        """A corporate proxy, and a look through it."""
        proxy = self.enter(self.lab.parent(temper, **kw))
        self.through(proxy)
        return proxy

    def gateway(self, settings=None):
        """sekisho-proxy, and a look through it."""
        gateway = self._start_gateway(settings)
        self.through(gateway)
        return gateway

    def rules(self, *lines, hook="input"):
        """nft(8) rules on what comes in to the internet."""
        self.lab.internet.nft(
            "table inet fault {", "chain in {",
            f"type filter hook {hook} priority 0;", *lines, "}", "}")

    def file(self, name, data):
        path = f"{self.lab.new_folder('file')}/{name}"
        with open(path, "wb") as f:
            f.write(data)
        return path

    def command(self):
        trust = ["--ca-file", self.ca_file] if self.ca_file else []
        return self.diag.command(*self.targets, *trust, "--timeout",
                                 self.timeout, *self.arguments,
                                 name=self.command_name)

    def start(self):
        return self.diag.start(self.namespace, self.command(), self.env)

    def check(self):
        return self.diag.finish(self.start())


@dataclass
class Fault:
    """One row: break_(world) makes the symptom.

    hosts     the endpoints of the finding, as host or host:port
    evidence  key to a text it must be equal to, a compiled pattern that is
              found in it, or True: it is there; False: it is not
    others    further findings that are no infos: {id: severity}
    reached   how many endpoints are reachable; None: all but hosts
    """

    finding: str
    break_: Callable[[World], Any]
    hosts: Sequence[str] = (CONTAINER,)
    evidence: Dict[str, Any] = field(default_factory=dict)
    severity: str = "error"
    status: int = 1
    others: Dict[str, str] = field(default_factory=dict)
    reached: Optional[int] = None
    name: str = ""

    def __str__(self):
        what = self.name or self.break_.__name__.strip("_")
        return f"{self.finding}-{what.replace('_', '-')}"


def ids(faults):
    """For parametrize."""
    return [str(f) for f in faults]


def _fits(wanted, value):
    if wanted is True or wanted is False:
        return (value is not None) == wanted
    if isinstance(wanted, re.Pattern):
        return value is not None and wanted.search(value) is not None
    return value == wanted


def _ends(hosts: Sequence[str]) -> List[str]:
    return sorted(h if re.search(r":\d+$", h) else f"{h}:443" for h in hosts)


def judge(report, fault):
    """The finding, its endpoints, its evidence, and nothing else."""
    assert report.json
    blamed = {f["id"]: f["severity"] for f in report.findings
              if f["severity"] != "info"}
    expected = dict(fault.others)
    if fault.severity != "info":
        expected[fault.finding] = fault.severity
    assert blamed == expected
    found = report.finding(fault.finding)
    assert found["severity"] == fault.severity
    assert sorted(found["endpoints"]) == _ends(fault.hosts)
    for key, wanted in fault.evidence.items():
        assert _fits(wanted, found["evidence"].get(key)), \
            f"{key}: {found['evidence'].get(key)!r}, not {wanted!r}"
    for part in ("title", "seen", "means", "do", "proof"):
        assert found[part]
    for part in ("title", "seen", "means"):  # commands may hold braces
        assert not re.search(r"\{!?[a-z_]+[:}]", found[part]), found[part]
    assert report.status == fault.status == report.json["exit_code"]
    reached = len(report.json["endpoints"]) - len(fault.hosts) \
        if fault.reached is None else fault.reached
    assert report.json["counts"]["reachable"] == reached


def run(world, fault):
    """Makes the symptom, looks, judges."""
    fault.break_(world)
    judge(world.check(), fault)
