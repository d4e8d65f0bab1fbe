"""Each scalar type: what it takes, and what it refuses."""

from __future__ import annotations

import datetime as dt
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from colorway.spec import fields
from colorway.spec.edge.zones import ZoneId
from colorway.spec.fields import memory_text
from colorway.spec.hosts import UserName
from colorway.spec.release import MigrationId
from colorway.spec.stores.database import SqlName

DIGEST = "0123456789abcdef" * 4
TAKEN = [
    (fields.Label, ["web", "a", "a1", "a-b", "a--b", "a" * 40]),
    (fields.Version, ["1.9.0", "1.10", "2026-01-01", "v1_2", "A", "0", "1" * 128]),
    (fields.PinnedImage, [f"nginx@sha256:{DIGEST}", f"r.example.com:5000/a/b_c:1.0@sha256:{DIGEST}"]),
    (
        fields.Domain,
        ["example.com", "a.b.example.com", "localhost.localdomain", "xn--bcher-kva.example", "1.example.com"],
    ),
    (fields.Port, [1, 80, 65535]),
    (fields.Replicas, [1, 100]),
    (fields.Percent, [0, 100]),
    (fields.Ratio, [0, 0.5, 1]),
    (fields.Cpus, [0.01, 1, 512]),
    (fields.UrlPath, ["/", "/healthz", "/a/b-c_d.e~f/"]),
    (UserName, ["root", "deploy", "_x", "a-b"]),
    (SqlName, ["app", "_a", "a_1"]),
    (MigrationId, ["0001-initial", "0001-a", "9999-a-1"]),
    (ZoneId, ["0123456789abcdef0123456789abcdef"]),
]
REFUSED = [
    (fields.Label, ["", "1a", "-a", "a-", "A", "a_b", "a.b", "a b", "é", "a" * 41, "a\n", 5, True, None]),
    (
        fields.Version,
        ["", ".1", "-1", "1/2", "..", "1 0", "1\n", "1" * 129, "é", 1.1, 1, True, None, dt.date(2026, 1, 1)],
    ),
    (
        fields.PinnedImage,
        ["nginx", "nginx:1.30", f"nginx@sha256:{DIGEST[1:]}", f"Nginx@sha256:{DIGEST}", f"n@md5:{DIGEST}"],
    ),
    (fields.PinnedImage, [f"nginx@sha256:{DIGEST.upper()}", f"ngi nx@sha256:{DIGEST}", f"nginx@sha256:{DIGEST}\n", 5]),
    (
        fields.Domain,
        ["", "com", "Example.com", "example.com.", "https://example.com", "-a.com", "a..com", "a.c1", "*.a.com"],
    ),
    (fields.Domain, [".".join(["a" * 63] * 4) + ".com", "a" * 64 + ".com", "example.com\n", "büch.example", 5]),
    (fields.Port, [0, 65536, -1, 80.0, "80", True, None]),
    (fields.Replicas, [0, 101, 1.0, "2", True]),
    (fields.Percent, [-1, 101, 1.5, 10.0, "10", True]),
    (fields.Ratio, [-0.1, 1.1, "0.5", True, float("nan"), float("inf")]),
    (fields.Cpus, [0, 0.001, 513, "1", True, float("nan"), float("inf"), 10**400]),
    (fields.UrlPath, ["", "a", "/a b", "/a?b", "/a{", "/a;", "/a$b", "/é", "/a\n", "/a'", '/a"', 5]),
    (UserName, ["", "Root", "1a", "a b", "a;b", "a" * 33, "a\n"]),
    (SqlName, ["", "A", "1a", "a-b", "a b", 'a"b', "a;b", "a" * 64]),
    (MigrationId, ["", "1-a", "0001", "0001-", "0001_a", "0001-A", "0001-a-", f"0001-{'a' * 41}", 1]),
    (ZoneId, ["", "0123", "g" * 32, "0123456789ABCDEF0123456789ABCDEF", 0]),
    (fields.Address, ["", "10.0.0", "10.0.0.256", "::1", "lb1", 10, True, None, 10.5, [10, 0, 0, 1]]),
    (fields.Network, ["", "10.0.0.1/16", "10.0.0.0/33", "::/8", 10, True, None, ["10.0.0.0", 8]]),
    (
        fields.Memory,
        ["", "256", "256M", "256MB", "256m", "1.5Gi", " 1Gi", "1Gi\n", "-1Mi", "٦Mi", "1Ti", 512, 0, -1, True],
    ),
    (fields.Memory, ["9999999Gi", "9" * 13 + "Ki", 10**400, 1.5e9, None, []]),
    (fields.MemoryLimit, ["5Mi", "0Mi", "1Ki", 5 * 2**20]),
]


def _each(table):
    return [
        pytest.param(kind, value, id=f"{index}-{value!r:.40}")
        for index, (kind, values) in enumerate(table)
        for value in values
    ]


@pytest.mark.parametrize(("kind", "value"), _each(TAKEN))
def test_a_good_value_is_taken_as_it_is(kind, value):
    assert TypeAdapter(kind).validate_python(value) == value


@pytest.mark.parametrize(("kind", "value"), _each(REFUSED))
def test_a_bad_value_is_refused_without_being_repeated(kind, value):
    with pytest.raises(ValidationError) as error:
        TypeAdapter(kind).validate_python(value)
    said = " ".join(detail["msg"] for detail in error.value.errors(include_input=False, include_url=False))
    assert said, "somebody has to read it"
    if isinstance(value, str) and len(value) > 8 and "hunter2" in value:
        assert "hunter2" not in said


def test_addresses_and_networks_are_read():
    assert TypeAdapter(fields.Address).validate_python("10.0.0.11") == IPv4Address("10.0.0.11")
    assert TypeAdapter(fields.Network).validate_python("10.90.0.0/16") == IPv4Network("10.90.0.0/16")


@pytest.mark.parametrize(("text", "bytes_"), [("1Ki", 2**10), ("256Mi", 2**28), ("2Gi", 2**31), ("007Mi", 7 * 2**20)])
def test_memory_is_read_in_powers_of_two(text, bytes_):
    assert TypeAdapter(fields.Memory).validate_python(text) == bytes_


@given(amount=st.integers(1, 2**20), unit=st.sampled_from(["Ki", "Mi", "Gi"]))
def test_memory_is_written_as_it_can_be_read(amount, unit):
    read = TypeAdapter(fields.Memory)
    value = read.validate_python(f"{amount}{unit}")
    assert read.validate_python(memory_text(value)) == value
    assert read.dump_python(value) == value, "only JSON for people has units"
    assert read.dump_json(value).decode() == f'"{memory_text(value)}"'
