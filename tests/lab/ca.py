# SPDX-License-Identifier: Apache-2.0
"""Certificate authorities, made anew for each lab, EC keys only.

The lab's own one looks like the one behind the real endpoints: names of
Amazon's, a root, an intermediate, and leaves that hold an SCT list (RFC 6962).
A diagnosis that asks for such proofs must find them here. The interceptor's
authority (Authority(..., look=INSPECTOR)) is what an inspecting firewall has.
"""

import datetime
import ipaddress
import os
import ssl
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import (AuthorityInformationAccessOID,
                                   ExtendedKeyUsageOID, NameOID,
                                   ObjectIdentifier)

_SCT_LIST = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")


@dataclass(frozen=True)
class Look:
    """What an authority calls itself, and whether it logs what it issues."""

    organisation: str
    root: str
    issuing: str
    logged: bool


PUBLIC = Look("Amazon", "Amazon Root CA 1", "Amazon RSA 2048 M02", True)
INSPECTOR = Look("Zscaler Inc.", "Zscaler Root CA",
                 "Zscaler Intermediate Root CA (zscalertwo.net)", False)
# One that borrows a public name, but whose certificates no log has seen.
IMITATOR = Look("Amazon", "Amazon Root CA 1", "Amazon RSA 2048 M02", False)


def _name(organisation, common):
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organisation:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME,
                                           organisation))
    return x509.Name(parts)


def _alternative_name(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _now():
    return datetime.datetime.now(datetime.timezone.utc)


def _builder(subject, issuer, key, since, until):
    return (x509.CertificateBuilder().subject_name(subject)
            .issuer_name(issuer).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(since).not_valid_after(until))


def _sct(key):
    """One SignedCertificateTimestamp (RFC 6962, section 3.2), well formed;
    the signature is over nothing that anybody could check."""
    when = int(_now().timestamp() * 1000)
    signature = key.sign(os.urandom(32), ec.ECDSA(hashes.SHA256()))
    body = (b"\0" + os.urandom(32) + when.to_bytes(8, "big") + b"\0\0" +
            b"\x04\x03" + len(signature).to_bytes(2, "big") + signature)
    return len(body).to_bytes(2, "big") + body


def _sct_list(key, count=2):
    """The extension's value: an OCTET STRING that holds a list."""
    entries = b"".join(_sct(key) for _ in range(count))
    inner = len(entries).to_bytes(2, "big") + entries
    size = len(inner)
    # DER wants the shortest form of a length.
    head = bytes([4, size]) if size < 0x80 else \
        bytes([4, 0x81, size]) if size < 0x100 else \
        bytes([4, 0x82]) + size.to_bytes(2, "big")
    return x509.UnrecognizedExtension(_SCT_LIST, head + inner)


class Authority:
    """Issues certificates into folder; NAME.pem there is the root to trust,
    ca.pem for the lab's own."""

    def __init__(self, folder, name="ca", look=PUBLIC, root_days=30):
        self.folder, self.name, self.look = folder, name, look
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._root_key = ec.generate_private_key(ec.SECP256R1())
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        root_name = _name(look.organisation, look.root)
        self._name = _name(look.organisation, look.issuing)
        since = _now() - datetime.timedelta(days=60)
        until = _now() + datetime.timedelta(days=root_days)
        self._root = self._authority(root_name, self._root_key, root_name,
                                     since, until, 1)
        self._issuing = self._authority(
            self._name, self._key, root_name, since,
            _now() + datetime.timedelta(days=30), 0)
        self.ca_file = os.path.join(folder, f"{name}.pem")
        with open(self.ca_file, "wb") as f:
            f.write(self._pem(self._root))

    def _authority(self, subject, key, issuer, since, until, depth):
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True,
            content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False,
            encipher_only=False, decipher_only=False)
        return (_builder(subject, issuer, key, since, until)
                .add_extension(x509.BasicConstraints(True, depth), True)
                .add_extension(usage, True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(
                    key.public_key()), False)
                .add_extension(x509.AuthorityKeyIdentifier
                               .from_issuer_public_key(
                                   self._root_key.public_key()), False)
                .sign(self._root_key, hashes.SHA256()))

    @staticmethod
    def _pem(certificate):
        return certificate.public_bytes(serialization.Encoding.PEM)

    def _leaf(self, host, since, until, self_signed, usage):
        # A common name holds 64 characters at most; bucket names are longer.
        # RFC 6125 reads the alternative name alone.
        subject = _name(None, host[:64])
        key = self._leaf_key if self_signed else self._key
        builder = (_builder(subject, subject if self_signed else self._name,
                            self._leaf_key, since, until)
                   .add_extension(x509.SubjectAlternativeName(
                       [_alternative_name(host)]), False)
                   .add_extension(x509.BasicConstraints(False, None), True)
                   .add_extension(x509.AuthorityKeyIdentifier
                                  .from_issuer_public_key(key.public_key()),
                                  False)
                   .add_extension(x509.ExtendedKeyUsage([usage]), False))
        if not self_signed:
            builder = builder.add_extension(
                x509.AuthorityInformationAccess([x509.AccessDescription(
                    AuthorityInformationAccessOID.CA_ISSUERS,
                    x509.UniformResourceIdentifier(
                        "http://crt.lab.example/issuing.cer"))]), False)
        if self.look.logged and not self_signed:
            builder = builder.add_extension(_sct_list(self._leaf_key), False)
        return builder.sign(key, hashes.SHA256())

    def issue(self, host, since=-1, until=7, leaf_only=False,
              self_signed=False, client=False):
        """Path of a file with the chain and the key for host, a name or an
        address, or of a client of that name. since and until are days from
        now."""
        now = _now()
        path = os.path.join(
            self.folder, f"{self.name}-{host}{since:+}{until:+}"
            f"{'-leaf' * leaf_only}{'-self' * self_signed}"
            f"{'-client' * client}.pem")
        if os.path.exists(path):
            return path
        leaf = self._leaf(host, now + datetime.timedelta(days=since),
                          now + datetime.timedelta(days=until), self_signed,
                          ExtendedKeyUsageOID.CLIENT_AUTH if client else
                          ExtendedKeyUsageOID.SERVER_AUTH)
        with open(path + ".part", "wb") as f:
            f.write(self._pem(leaf))
            if not leaf_only and not self_signed:
                f.write(self._pem(self._issuing))
            f.write(self._leaf_key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption()))
        os.rename(path + ".part", path)
        return path

    def server_context(self, host, alpn=(), **how):
        """A TLS server that shows the certificate of host; how: of issue()."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.issue(host, **how))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context
