# SPDX-License-Identifier: Apache-2.0
"""`sekisho-diag webhook`: real TLS servers in the place of the admission
webhook, with the certificates that go wrong in clusters."""

import re
import subprocess
import threading

import pytest
from faults import Fault, ids, run

from lab import ca, facts

AT = facts.RAW_ADDRESS
NAME = "trendmicro-admission-controller.trendmicro-system.svc"
ENDPOINT = (f"{AT}:8443",)


class Webhook:
    """Serves TLS at port 8443 while the block runs; .names is who was asked
    for."""

    def __init__(self, lab, context):
        self._socket = lab.internet.listen(AT, 8443)
        self._context, self.names = context, []
        context.sni_callback = lambda tls, name, _: self.names.append(name)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while True:
            try:
                conn, _ = self._socket.accept()
            except OSError:
                return  # closed: the end
            conn.settimeout(30)
            try:
                with self._context.wrap_socket(conn, server_side=True) as tls:
                    tls.recv(1)
            except OSError:
                conn.close()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._socket.shutdown(2)
        self._socket.close()
        self._thread.join(30)


def authority(world):
    return ca.Authority(world.lab.new_folder("webhook"), "webhook",
                        ca.INSPECTOR)


def serves(name=NAME, bundle=True, **how):
    """A webhook with a certificate for name; bundle: compared with its own
    root, None: with no root, else with that of another authority."""
    def service(world):
        own = authority(world)
        world.webhook = world.enter(Webhook(
            world.lab, own.server_context(name, **how)))
        world.ca_file = own.ca_file if bundle else None
        if bundle == "other":
            world.ca_file = authority(world).ca_file
    return service


def nobody(world):
    world.ca_file = None


def dropped(world):
    world.rules("tcp dport 8443 drop")
    world.ca_file = None


def fine(name, **how):
    return Fault("K8S-WH-OK", serves(**how), hosts=ENDPOINT, severity="info",
                 status=0, reached=1, name=name, evidence={
                     "compared": how.get("bundle", True) and "yes" or False,
                     "name": NAME})


FAULTS = [
    fine("compared"), fine("not-compared", bundle=None),
    Fault("K8S-WH-CA", serves(bundle="other"), hosts=ENDPOINT, evidence={
        "roots": re.compile("SHA-256 [0-9a-f]{16}"), "print": re.compile(
            "SHA-256 [0-9a-f]{16}"), "code": re.compile("^(19|20)$")}),
    Fault("K8S-WH-NAME", serves("other.trendmicro-system.svc"),
          hosts=ENDPOINT, evidence={
              "name": NAME, "cert": "other.trendmicro-system.svc"}),
    Fault("K8S-WH-NAME", serves("other.svc", bundle=None), hosts=ENDPOINT,
          name="not-compared", evidence={"cert": "other.svc"}),
    Fault("K8S-WH-DATE", serves(since=-9, until=-2), hosts=ENDPOINT,
          name="expired", evidence={"not_after": True}),
    Fault("K8S-WH-DATE", serves(since=2, until=9, bundle=None),
          hosts=ENDPOINT, name="not-yet", evidence={"not_before": True}),
    Fault("K8S-WH-DOWN", nobody, hosts=ENDPOINT, evidence={
        "errno": re.compile("ECONNREFUSED")}),
    Fault("GKE-WEBHOOK", dropped, hosts=ENDPOINT, evidence={
        "source": facts.GATEWAY_OUTSIDE}),
]


@pytest.fixture
def webhook(world):
    world.command_name, world.targets = "webhook", [AT]
    return world


@pytest.mark.parametrize("fault", FAULTS, ids=ids(FAULTS))
def test_webhook(webhook, fault):
    run(webhook, fault)


def test_server_name_is_the_one_asked_for(webhook):
    serves("wh.ns.svc")(webhook)
    webhook.arguments += ["--server-name", "wh.ns.svc"]
    assert webhook.check().status == 0
    assert set(webhook.webhook.names) == {"wh.ns.svc"}


def test_no_proxy_is_used(webhook):
    serves()(webhook)
    webhook.env["HTTPS_PROXY"] = "http://127.0.0.1:1"
    assert webhook.check().status == 0


def test_what_is_no_tls_is_not_fine(webhook):
    """Whatever else is wrong, the exit status is 1."""
    listener = webhook.lab.internet.listen(AT, 8443)
    try:
        thread = threading.Thread(target=lambda: listener.accept()[0].sendall(
            b"HTTP/1.1 400 Bad Request\r\n\r\n"), daemon=True)
        thread.start()
        webhook.ca_file = None
        report = webhook.check()
    finally:
        listener.close()
    assert report.status == 1
    assert report.ids("error") == ["TLS-PLAIN"]


@pytest.mark.parametrize("argv, said", [
    ([], "HOST is missing"), (["a", "b"], "argument b"),
    (["a:0"], "a:0"), (["a", "--ca-file", "/dev/null"], "/dev/null"),
    (["a", "--server-name", "a b"], "--server-name"),
    (["a", "--proxy", "http://x:1"], "--proxy")])
def test_usage_errors_are_one_line(diag, argv, said):
    done = subprocess.run([diag.binary, "webhook", *argv], text=True,
                          capture_output=True, timeout=60, check=False,
                          env=diag.environment())
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.count("\n") == 1 and said in done.stderr
