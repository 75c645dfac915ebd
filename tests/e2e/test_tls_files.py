# SPDX-License-Identifier: Apache-2.0
"""Certificates and keys: renewed, broken, wrong."""

import os
import subprocess

import drivers
import pytest
import secure
from lab import facts
from lab.ca import INSPECTOR, Authority
from lab.gateway import wait_for
from secure import HERE
from tunnels import MB

CONTAINER = facts.host("us-1", "container")
URL = f"https://{CONTAINER}/"
BINARY = os.environ.get("SEKISHO_PROXY", "build/dev/sekisho-proxy")


def shown(gateway, files):
    """The serial number of the certificate that new clients see."""
    with secure.dial(gateway, files) as near:
        return near.tls.getpeercert()["serialNumber"]


def test_a_renewed_certificate(guarded, files, tunnel_in):
    """New handshakes see the new one, tunnels go on."""
    first, tunnel = shown(guarded, files), tunnel_in(guarded)
    files.pair(until=19)
    assert shown(guarded, files) == first
    guarded.reload()
    assert shown(guarded, files) != first
    tunnel.send_up(os.urandom(MB))
    tunnel.send_down(os.urandom(MB))
    tunnel.finish()


def test_renewal_is_watched(start_gateway, files):
    gateway = start_gateway({**files.settings(),
                             "gateway.watch_files": "on"})
    first = shown(gateway, files)
    files.pair(until=19)
    wait_for(lambda: shown(gateway, files) != first, "the new certificate")


@pytest.mark.parametrize("what", ["mismatch", "missing", "broken"])
def test_a_broken_certificate_refuses_the_reload(guarded, files, what):
    first = shown(guarded, files)
    if what == "mismatch":
        files.pair(authority=Authority(files.folder, "else", INSPECTOR))
        files.write("server.key", files.read(files.corp.issue(HERE)))
    elif what == "missing":
        os.remove(os.path.join(files.folder, "server.key"))
    else:
        files.write("server.crt", "-----BEGIN CERTIFICATE-----\nMIIB\n")
    guarded.rewrite({"limits.header_bytes": "1k"})
    guarded.signal(1)
    guarded.error_line("event=reload_refused")
    assert "listener lab.tls_" in guarded.error_line("event=reload_failed")
    assert shown(guarded, files) == first


def test_tls_comes_and_goes(start_gateway, files):
    # Another listener has them from the start: the sandbox knows the folder.
    other = {key.replace("listener.", "listener b."): value
             for key, value in files.settings().items()}
    gateway = start_gateway(
        {**other, "listener b.address": f"{facts.GATEWAY_INSIDE}:3143"})
    assert drivers.curl(gateway, URL).status is not None
    gateway.reload(files.settings())
    assert secure.curl(gateway, files, URL).status is not None
    gateway.reload(files.settings(tls_client_ca=files.ca_file))
    assert secure.curl(gateway, files, URL).status is None
    gateway.rewrite({})
    gateway.signal(1)
    wait_for(lambda: drivers.curl(gateway, URL).status, "clear again")


# --- what is wrong with files --------------------------------------------------

def check(files, settings):
    """What --check says of these settings, its status and its lines."""
    lines = ["[gateway]", "regions = us-1", "[listener lab]"]
    lines += [f"{k.partition('.')[2]} = {v}" for k, v in settings.items()]
    path = files.write("check.conf", "\n".join(lines) + "\n")
    done = subprocess.run([BINARY, "-c", path, "--check"], text=True,
                          capture_output=True, check=False, timeout=60)
    assert "out of memory" not in done.stderr
    return done.returncode, done.stderr.replace(path, "f").splitlines()


def test_check_is_content(files):
    certificate, key = files.pair()
    both = files.write("both-in-one.pem", files.read(key) +
                       files.read(certificate))
    assert check(files, files.settings(tls_client_ca=files.ca_file)) == (0, [])
    assert check(files, {"listener.tls_certificate": both}) == (0, [])


def faults(files):
    """Name, settings, and what must stand in the one line."""
    certificate, key = files.pair()
    text = files.read(certificate)
    other = Authority(files.folder, "other", INSPECTOR).issue(HERE)
    der, locked = (os.path.join(files.folder, n) for n in ("c.der", "l.key"))
    secure.openssl("x509", "-in", certificate, "-outform", "der", "-out", der)
    secure.openssl("pkey", "-in", key, "-aes128", "-passout", "pass:x", "-out",
            locked)
    small = files.write("small", "")
    secure.openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout",
            small, "-out", small + ".crt", "-subj", "/CN=x")
    rsa = files.write("rsa", "")  # the certificate's is of an elliptic curve
    secure.openssl("genrsa", "-out", rsa, "2048")
    broken = files.write("broken.crt", text[:200] + text[210:])
    second = files.write("second.crt", text + text[:200] + text[210:])
    empty = files.write("empty", "")
    c, k, a = ("listener.tls_certificate", "listener.tls_key",
               "listener.tls_client_ca")
    return [
        ({c: "/no/cert", k: key}, "f:4: listener lab.tls_certificate: "
         "/no/cert: cannot read: No such file"),
        ({c: files.folder}, f"tls_certificate: {files.folder}: cannot read"),
        ({c: certificate, k: "/no/key"}, "f:5: listener lab.tls_key: "
         "/no/key: cannot read: No such file"),
        ({c: empty}, "holds no certificate in PEM form"),
        ({c: der}, "is DER, and PEM is wanted: convert it with openssl x509"),
        ({c: key, k: key}, "holds no certificate in PEM form"),
        ({c: broken, k: key}, "a certificate in it is damaged"),
        ({c: second, k: key}, "a certificate in it is damaged"),
        ({c: small + ".crt", k: small}, "its first certificate is refused: "
         "ee key too small"),
        ({c: certificate}, "f:4: listener lab.tls_certificate: "
         f"{certificate}: holds no private key in PEM form"),
        ({c: certificate, k: locked}, "the private key is encrypted"),
        ({c: certificate, k: other}, "f:5: listener lab.tls_key: "
         f"{other}: the private key does not belong to the first "
         "certificate"),
        ({c: certificate, k: rsa}, f"f:5: listener lab.tls_key: {rsa}: the "
         "private key does not belong to the first certificate"),
        ({c: certificate, k: key, a: "/no/ca"}, "f:6: listener "
         "lab.tls_client_ca: /no/ca: cannot read: No such file"),
        ({c: certificate, k: key, a: key}, "tls_client_ca: "
         f"{key}: holds no certificate in PEM form"),
    ]


def test_faults_of_files_are_told_at_their_key(files):
    for settings, says in faults(files):
        status, lines = check(files, settings)
        assert status == 2 and len(lines) == 1, (settings, lines)
        assert says in lines[0] and lines[0].startswith("f:"), lines


@pytest.mark.parametrize("how, says", [
    ({"since": -9, "until": -0.5}, "warning: {}: the certificate expired at "),
    ({"until": 1}, "warning: {}: the certificate expires at "),
    ({"since": 1}, "warning: {}: the certificate is not valid before "),
])
def test_dates_are_warnings(start_gateway, files, how, says):
    certificate, key = files.pair(**how)
    settings = {"listener.tls_certificate": certificate,
                "listener.tls_key": key}
    status, lines = check(files, settings)
    assert status == 0 and len(lines) == 1
    assert says.format(certificate) in lines[0]
    assert lines[0].startswith("f:4: listener lab.tls_certificate: ")
    gateway = start_gateway(settings)
    assert says.format(certificate) in gateway.error_line(
        "event=config_warning")
