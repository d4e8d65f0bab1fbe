"""The certificates of members: whoever has one is let in, at its own address, and nobody else, strictly."""

from __future__ import annotations

import ssl
from ipaddress import IPv4Address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from components.x509 import new_authority, new_member, vouched_for, without_key

ADDRESS = IPv4Address("10.0.0.14")
OTHER = IPv4Address("10.0.0.15")
AUTHORITY = new_authority()
MEMBER = new_member(AUTHORITY, address=ADDRESS)
STRANGER = new_member(new_authority(), address=ADDRESS)
STRICT = ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
"""What Python's default context asks for from 3.13 on."""


def key_of(text):
    return load_pem_private_key(text[text.index("-----BEGIN PRIVATE") :].encode(), password=None)


def certificate(text):
    return x509.load_pem_x509_certificate(text.encode())


def without(text, extension, *, signed_by):
    """Return a certificate that lacks an extension, then its key."""
    old = certificate(text)
    builder = x509.CertificateBuilder(
        old.issuer,
        old.subject,
        old.public_key(),
        old.serial_number,
        old.not_valid_before_utc,
        old.not_valid_after_utc,
        [one for one in old.extensions if not isinstance(one.value, extension)],
    )
    made = builder.sign(key_of(signed_by), hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    return made + text[text.index("-----BEGIN PRIVATE") :]


def greet(tmp_path, *, server=MEMBER, client=MEMBER, called=ADDRESS, **trusted):
    """Let a client and a server shake hands, each of which trusts the first authority alone, or what is said."""
    theirs = {name: trusted.get(name, trusted.get("authority", AUTHORITY)) for name in ("of_server", "of_client")}
    texts = {
        name: "".join(map(without_key, [said] if isinstance(said, str) else said)) for name, said in theirs.items()
    }
    contexts = {
        "server": ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
        "client": ssl.create_default_context(cadata=texts["of_client"]),
    }
    for (name, context), own in zip(contexts.items(), (server, client), strict=True):
        context.load_verify_locations(cadata=texts[f"of_{name}"])
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= STRICT
        (tmp_path / name).write_text(own)
        context.load_cert_chain(tmp_path / name)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        contexts["client"].wrap_bio(to_client, to_server, server_hostname=str(called)),
        contexts["server"].wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(10):
        for side in list(sides):
            try:
                side.do_handshake()
                sides.remove(side)
            except ssl.SSLWantReadError:
                pass
        if not sides:
            return
    pytest.fail("they never came to an end")


def test_members_let_each_other_in(tmp_path):
    greet(tmp_path, client=new_member(AUTHORITY, address=OTHER))


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"client": STRANGER}, "certificate verify failed"),
        ({"server": STRANGER}, "certificate verify failed"),
        ({"called": OTHER}, "IP address mismatch"),
    ],
    ids=["client of another authority", "server of another authority", "server at another address"],
)
def test_nobody_else_is_let_in_or_taken_for_a_member(tmp_path, wrong, reason):
    with pytest.raises(ssl.SSLCertVerificationError, match=reason):
        greet(tmp_path, **wrong)


@pytest.mark.parametrize(
    ("extension", "reason"),
    [(x509.KeyUsage, "key usage"), (x509.SubjectKeyIdentifier, "Subject Key Identifier")],
)
def test_strict_checks_would_refuse_an_authority_without(tmp_path, extension, reason):
    with pytest.raises(ssl.SSLCertVerificationError, match=reason):
        greet(tmp_path, authority=without(AUTHORITY, extension, signed_by=AUTHORITY))


def test_strict_checks_would_refuse_a_member_that_does_not_say_which_key_signed_it(tmp_path):
    with pytest.raises(ssl.SSLCertVerificationError, match="Authority Key Identifier"):
        greet(tmp_path, server=without(MEMBER, x509.AuthorityKeyIdentifier, signed_by=AUTHORITY))


def test_the_chain_is_good_for_servers_and_for_clients():
    policy = PolicyBuilder().store(Store([certificate(AUTHORITY)]))
    chain = policy.build_server_verifier(x509.IPAddress(ADDRESS)).verify(certificate(MEMBER), [])
    assert chain == [certificate(MEMBER), certificate(AUTHORITY)]
    found = policy.build_client_verifier().verify(certificate(MEMBER), [])
    assert [name.value for name in found.subjects or []] == [ADDRESS]
    with pytest.raises(VerificationError):
        policy.build_client_verifier().verify(certificate(STRANGER), [])


NUMBERS = {1: AUTHORITY, **{number: new_authority() for number in (2, 3, 4)}}


def numbered(number):
    """Return a member's certificate of a number, and what such a member trusts."""
    made = new_member(NUMBERS[number], address=ADDRESS, first=AUTHORITY if number > 1 else None)
    return made, [own for one, own in NUMBERS.items() if abs(one - number) <= 1]


@pytest.mark.parametrize(("one", "other"), [(1, 2), (2, 1), (2, 3), (3, 2), (3, 3)])
def test_members_know_each_other_while_one_after_the_other_gets_a_new_certificate(tmp_path, one, other):
    (server, of_server), (client, of_client) = numbered(one), numbered(other)
    greet(tmp_path, server=server, client=client, of_server=of_server, of_client=of_client)


def test_a_certificate_of_two_numbers_ago_is_refused(tmp_path):
    server, trusted = numbered(3)
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
        greet(tmp_path, server=server, client=MEMBER, of_server=trusted, of_client=trusted)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_who_trusts_the_first_authority_alone_knows_members_of_every_number(tmp_path, number):
    server, trusted = numbered(number)
    greet(tmp_path, server=server, client=numbered(number)[0], of_server=trusted, of_client=AUTHORITY)


def test_an_authority_that_is_vouched_for_can_make_members_only():
    made = x509.load_pem_x509_certificate(vouched_for(NUMBERS[2], by=AUTHORITY).encode())
    assert made.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0


def test_a_member_can_make_no_other_one():
    extensions = certificate(MEMBER).extensions
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    use = extensions.get_extension_for_class(x509.KeyUsage)
    assert use.critical
    assert (use.value.digital_signature, use.value.key_cert_sign, use.value.crl_sign) == (True, False, False)
    assert certificate(AUTHORITY).extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 1


def test_each_has_a_key_of_its_own_and_postgresql_knows_them_by_one_name():
    second = new_member(AUTHORITY, address=OTHER)
    keys = [key_of(one).private_numbers().private_value for one in (AUTHORITY, MEMBER, second)]
    assert len(set(keys)) == 3
    assert {certificate(one).subject.rfc4514_string() for one in (MEMBER, second)} == {"CN=member"}, (
        "pg_ident maps this name to the roles that members come in as"
    )


def test_what_is_shown_of_the_authority_has_no_key():
    shown = without_key(AUTHORITY)
    assert "PRIVATE" not in shown
    assert certificate(shown) == certificate(AUTHORITY)


def test_a_certificate_outlives_the_stack():
    assert certificate(MEMBER).not_valid_after_utc.year == 9999, "nobody renews it, and an expired one ends all members"
