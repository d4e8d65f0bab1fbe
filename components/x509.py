"""X.509 certificates of the stack's own authorities and of whoever these know, as PEM texts."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from colorway.render.replication import MEMBER

VALID_FROM = datetime(2020, 1, 1, tzinfo=UTC)
"""Whatever a host's clock says."""
VALID_UNTIL = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""No date, as RFC 5280, 4.1.2.5 has it: nobody but the members trusts them, and a command makes them anew."""
_END = "-----END CERTIFICATE-----"
_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


LAST_SHORT_DATE = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
"""The last date in the form that all readers of certificates know; whoever is not of the stack may know no other."""


def new_authority(of: str = "data stores") -> str:
    """Return a new authority: its certificate, then its private key.

    Args:
        of: What it is for, as its certificate says it.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(of)
    certificate = (
        _builder(name, issuer=name, key=key.public_key())
        # One that it vouches for may be between it and a member.
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(_use("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pem(certificate, key)


def vouched_for(authority: str, *, by: str) -> str:
    """Return a certificate of one authority by another: whoever trusts only that one trusts this one's members, too.

    Args:
        authority: What `new_authority` returned.
        by: The same, of the other one.
    """
    own, (issuer, signs) = x509.load_pem_x509_certificate(authority.encode()), _signer(by)
    certificate = (
        _builder(own.subject, issuer=issuer.subject, key=own.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_use("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signs.public_key()), critical=False)
        .sign(signs, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM).decode()


def new_member(authority: str, *, address: IPv4Address, first: str | None = None) -> str:
    """Return a certificate of a member, for servers and for clients, then its private key.

    Args:
        authority: What `new_authority` returned.
        address: Where the other members find it.
        first: The same of the authority that entries trust, if that is another one, which vouches for this one then.
    """
    issuer, signs = _signer(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        _builder(_name(MEMBER), issuer=issuer.subject, key=key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_use("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage(both), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(address)]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signs.public_key()), critical=False)
        .sign(signs, hashes.SHA256())
    )
    return _pem(certificate, key, chain=vouched_for(authority, by=first) if first else "")


def new_client(authority: str, *, name: str) -> str:
    """Return a certificate of a client that is not of the stack, then its private key.

    Args:
        authority: What `new_authority` returned.
        name: What the client is called.
    """
    issuer, signs = _signer(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_name(name), issuer=issuer.subject, key=key.public_key(), until=LAST_SHORT_DATE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_use("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signs.public_key()), critical=False)
        .sign(signs, hashes.SHA256())
    )
    return _pem(certificate, key)


def without_key(text: str) -> str:
    """Return a certificate alone, which is no secret."""
    return x509.load_pem_x509_certificate(text.encode()).public_bytes(Encoding.PEM).decode()


def key_alone(text: str) -> str:
    """Return the private key that stands behind a certificate."""
    return text.partition(_END)[2].lstrip("\n")


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def _signer(authority: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    signs = load_pem_private_key(key_alone(authority).encode(), password=None)
    if not isinstance(signs, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is none that was made here")
    return x509.load_pem_x509_certificate(authority.encode()), signs


def _builder(
    subject: x509.Name, *, issuer: x509.Name, key: CertificatePublicKeyTypes, until: datetime = VALID_UNTIL
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(VALID_FROM)
        .not_valid_after(until)
    )


def _use(*uses: str) -> x509.KeyUsage:
    """Return what a key is for; Python from 3.13 on, as Patroni has it, refuses an authority that does not say so."""
    return x509.KeyUsage(**{use: use in uses for use in _USES})


def _pem(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, *, chain: str = "") -> str:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM).decode() + chain + private.decode()
