# SPDX-License-Identifier: Apache-2.0
"""The lab's certificate authority: made anew for each lab, EC keys only."""

import datetime
import os
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _name(common):
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME,
                                         "Sekisho lab"),
                      x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(subject, issuer, key, days):
    now = datetime.datetime.utcnow()
    return (x509.CertificateBuilder().subject_name(subject)
            .issuer_name(issuer).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=days)))


class Authority:
    """Issues certificates into folder; ca.pem there is the root to trust."""

    def __init__(self, folder, common="Sekisho lab root"):
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(common)
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True,
            content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False,
            encipher_only=False, decipher_only=False)
        self._root = (_builder(self._name, self._name, self._key, 30)
                      .add_extension(x509.BasicConstraints(True, 0), True)
                      .add_extension(usage, True)
                      .add_extension(x509.SubjectKeyIdentifier
                                     .from_public_key(self._key.public_key()),
                                     False)
                      .sign(self._key, hashes.SHA256()))
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        self.ca_file = os.path.join(folder, "ca.pem")
        with open(self.ca_file, "wb") as f:
            f.write(self._pem(self._root))

    @staticmethod
    def _pem(certificate):
        return certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, host, days=7):
        """Path of a file with certificate and key for host."""
        path = os.path.join(self.folder, f"{host}.pem")
        # A common name holds 64 characters at most; bucket names are longer.
        # RFC 6125 reads the alternative name alone.
        leaf = (_builder(_name(host[:64]), self._name, self._leaf_key, days)
                .add_extension(x509.SubjectAlternativeName(
                    [x509.DNSName(host)]), False)
                .add_extension(x509.BasicConstraints(False, None), True)
                .add_extension(x509.AuthorityKeyIdentifier
                               .from_issuer_public_key(
                                   self._key.public_key()), False)
                .add_extension(x509.ExtendedKeyUsage(
                    [x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), False)
                .sign(self._key, hashes.SHA256()))
        with open(path, "wb") as f:
            f.write(self._pem(leaf))
            f.write(self._leaf_key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption()))
        return path

    def server_context(self, host, alpn=()):
        """A TLS server that shows the certificate of host."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.issue(host))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context
