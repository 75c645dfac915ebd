# SPDX-License-Identifier: Apache-2.0
"""Runs sekisho-diag in a namespace of the lab and reads what it reports."""

import json
import os
import re
import signal
import subprocess

_SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|"
                        r"MemorySanitizer|ThreadSanitizer")
_DEADLINE = 90  # seconds until a hang is a failure


class Report:
    """One run that has ended: its JSON and how it went."""

    def __init__(self, argv, status, out, err):
        self.argv, self.status, self.out, self.err = argv, status, out, err
        assert not _SANITIZER.search(err + out), out + err
        self.json = json.loads(out) if out.startswith("{") else None

    def __repr__(self):
        lines = [f"{' '.join(map(str, self.argv))}: exit {self.status}"]
        if self.json:
            lines.append(self.json["headline"])
            for f in self.json["findings"]:
                lines.append(f"  {f['severity']:7} {f['id']:14} "
                             f"{' '.join(f['endpoints'])}\n"
                             f"    {f['seen']}\n    {f['evidence']}"
                             if f["severity"] != "info" else
                             f"  info    {f['id']}")
        else:
            lines.append(self.out[:3000])
        return "\n".join(lines + [self.err[-6000:]])

    @property
    def findings(self):
        return self.json["findings"]

    def ids(self, severity=None):
        """Ids of the findings of a severity, in order, each as often as it
        stands there."""
        return [f["id"] for f in self.findings
                if severity in (None, f["severity"])]

    def finding(self, name):
        """The one finding of this id."""
        found = [f for f in self.findings if f["id"] == name]
        assert len(found) == 1, f"{len(found)} findings {name} in {self}"
        return found[0]

    def endpoint(self, host):
        """The one endpoint of this host."""
        found = [e for e in self.json["endpoints"] if e["host"] == host]
        assert len(found) == 1, f"{len(found)} endpoints {host} in {self}"
        return found[0]


class Diag:
    """Starts the program; every one it started has ended when it is closed."""

    def __init__(self, binary):
        self.binary = binary
        self._running = []

    def command(self, *arguments, name="check"):
        return [self.binary, name, "--format", "json", *arguments]

    @staticmethod
    def environment(changes=None):
        """This process' variables without any that steer the program."""
        env = {k: v for k, v in os.environ.items()
               if not k.lower().endswith("_proxy") and not k.startswith(
                   ("KUBERNETES_", "SSL_CERT_", "C1_", "LC_", "LANG"))}
        env["ASAN_OPTIONS"] = "exitcode=99:detect_leaks=1:abort_on_error=0"
        env["UBSAN_OPTIONS"] = "print_stacktrace=1:halt_on_error=1:" \
            "exitcode=99"
        env["LC_ALL"] = "C.UTF-8"
        env.update(changes or {})
        return env

    def start(self, namespace, argv, env=None):
        """The running program; finish() it."""
        process = namespace.popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, errors="backslashreplace",
            env=self.environment(env))
        self._running.append(process)
        return process

    def finish(self, process):
        """Its report, once it has ended."""
        try:
            out, err = process.communicate(timeout=_DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"hung for {_DEADLINE} s: {process.args}\n"
                                 f"{out[-2000:]}\n{err[-2000:]}") from None
        report = Report(process.args, process.returncode, out, err)
        print(report)  # pytest shows it when the test fails
        return report

    def check(self, namespace, *arguments, env=None):
        """Runs `sekisho-diag check --format json` to its end."""
        return self.finish(self.start(namespace, self.command(*arguments),
                                      env))

    def interrupt(self, process):
        process.send_signal(signal.SIGINT)

    def close(self):
        for process in self._running:
            if process.poll() is None:
                process.kill()
                process.communicate()
