# SPDX-License-Identifier: Apache-2.0
"""Certificates for a gateway that speaks TLS, and its clients."""

import os
import ssl
import subprocess

import drivers
from lab import facts
from lab.ca import INSPECTOR, Authority
from lab.tls import TlsClient

HERE = facts.GATEWAY_INSIDE


class Files:
    """The certificates of one test: corp issues those of the gateway and of
    its clients; the authority of the endpoints is another."""

    def __init__(self, lab):
        self.folder = lab.new_folder("tls")
        self.corp = Authority(self.folder, "corp", INSPECTOR)
        self.ca_file = self.corp.ca_file
        self.both = self.write("both.pem", self.read(self.ca_file) +
                               self.read(lab.ca_file))

    @staticmethod
    def read(path):
        with open(path, encoding="ascii") as f:
            return f.read()

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path + ".new", "w", encoding="ascii") as f:
            f.write(text)
        os.rename(path + ".new", path)
        return path

    def pair(self, name="server", host=HERE, authority=None, **how):
        """Paths of a certificate with its chain, and of its key."""
        how.setdefault("until", 20)  # no warning
        whole = self.read((authority or self.corp).issue(host, **how))
        at = whole.index("-----BEGIN PRIVATE KEY-----")
        return (self.write(f"{name}.crt", whole[:at]),
                self.write(f"{name}.key", whole[at:]))

    def settings(self, **more):
        certificate, key = self.pair()
        return {"listener.tls_certificate": certificate,
                "listener.tls_key": key,
                **{f"listener.{k}": v for k, v in more.items()}}

    def client(self, name="scanner", **how):
        """Path of a client's certificate, its chain and its key."""
        return self.corp.issue(name, client=True, **how)

    def context(self, certificate=None):
        context = ssl.create_default_context(cafile=self.ca_file)
        if certificate:
            context.load_cert_chain(certificate)
        return context


def url_of(gateway, scheme="https"):
    return f"{scheme}://{gateway.address}:{gateway.port}"


def dial(gateway, files, certificate=None, context=None, **kw):
    return TlsClient(gateway.connect(),
                     context or files.context(certificate), HERE, **kw)


def curl(gateway, files, url, *options, scheme="https"):
    return drivers.curl(gateway, url, url_of(gateway, scheme),
                        ["--proxy-cacert", files.ca_file, *options])


def openssl(*argv):
    subprocess.run(["openssl", *argv], check=True, capture_output=True,
                   timeout=60)
