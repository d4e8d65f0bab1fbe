"""The real nginx behind Cloudflare: who is let in, and whose word for a client's address is taken."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colorway.render.edge_secrets import ORIGIN_FILE
from colorway.spec.platform_spec import PlatformSpec
from components.x509 import new_authority, new_client, without_key
from tests.support.edge import TOKEN, Client, Edge, running_edge
from tests.support.specs import PUBLIC_HOSTS, ZONE, small_spec

pytestmark = [pytest.mark.area("edge"), pytest.mark.timeout(300)]

NEAR = "127.0.0.2"
"""Where somebody asks from whose word is taken, as Cloudflare's is; everybody else asks from 127.0.0.1."""
ONE, NEXT, STRANGERS = (new_authority(name) for name in ("one", "the next one", "a stranger"))


def spec_at(traffic: str, mode: str = "closed") -> PlatformSpec:
    routes = [
        {"path": "/"},
        {"path": "/limited/", "limit": {"rate": "60r/m"}},
        {"path": "/office/", "allow": ["203.0.113.0/24"]},
    ]
    return small_spec(
        traffic=traffic,
        hosts=PUBLIC_HOSTS,
        settings={"environment": "staging", "zones": {"main": ZONE}, "lock-down": mode},
        overrides={"edge": {"real-ip-from": [f"{NEAR}/32"]}, "services": {"shop": {"routes": routes}}},
    )


def trusts(*authorities: str) -> dict[str, str]:
    return {ORIGIN_FILE: "".join(map(without_key, authorities))}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a certificate of each authority, as a file with its key."""
    folder = tmp_path_factory.mktemp("shown")
    for authority in (ONE, NEXT, STRANGERS):
        path = folder / str(len(list(folder.iterdir())))
        path.write_text(new_client(authority, name="Cloudflare"))
        path.chmod(0o600)
    return dict(zip((ONE, NEXT, STRANGERS), sorted(folder.iterdir()), strict=True))


@pytest.fixture(scope="module")
def edge(swarm: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with running_edge(tmp_path_factory.mktemp("edge"), spec_at("50:50"), secrets=trusts(ONE)) as made:
        yield made


def asked(client: Client, path: str = "/", **headers: str) -> tuple[int, dict[str, Any]]:
    status, _, body = client.ask(path, Accept="application/json", **headers)
    return status, json.loads(body)


def logged(edge: Edge) -> set[str]:
    """Return the addresses of those whom the load balancer's log calls strangers to the office."""
    said = subprocess.run(["docker", "logs", edge.name], capture_output=True, text=True, check=True).stderr
    return set(re.findall(r"access forbidden by rule, client: (\S+),", said))


def test_who_comes_past_cloudflare_is_refused_by_its_certificate(edge, shown):
    status, said = asked(edge.client())
    assert (status, said["title"]) == (403, "Forbidden")
    assert asked(edge.client(certificate=shown[STRANGERS]))[0] == 403, "a certificate of anybody's is none"
    assert asked(edge.client(certificate=shown[ONE]))[0] == 200
    assert asked(edge.client("portal.example.com"))[0] == 403, "each name is closed"
    assert edge.client("example.com").ask("/", Host="portal.example.com")[0] == 421, "under another name, too"


def test_the_token_leads_past_it(edge):
    status, said = asked(edge.client(), X_Colorway_Preview=f"{TOKEN}.green")
    assert (status, said["color"]) == (200, "green"), "smoke tests have no certificate, and need none"
    assert asked(edge.client(), X_Colorway_Preview=f"{TOKEN.upper()}.green")[0] == 403
    assert asked(edge.client(), X_Colorway_Preview="SUCCESS")[0] == 403


def test_both_authorities_count_while_cloudflare_changes_over(edge, shown):
    kept = edge.client(certificate=shown[ONE])
    assert asked(kept)[0] == 200
    edge.keep(trusts(ONE, NEXT))
    for authority in (ONE, NEXT):
        assert asked(edge.client(certificate=shown[authority]))[0] == 200
    edge.keep(trusts(NEXT))
    assert asked(edge.client(certificate=shown[ONE]))[0] == 403, "the one before the last counts no more"
    assert asked(edge.client(certificate=shown[NEXT]))[0] == 200
    edge.keep(trusts(ONE))


def test_a_forged_address_changes_nothing(edge, shown):
    forger = edge.client(certificate=shown[ONE])
    met = {forger.color(User_Agent="one", CF_Connecting_IP=f"203.0.113.{number}") for number in range(20)}
    assert len(met) == 1, "the color is drawn by the address that is seen"
    for header in ("CF_Connecting_IP", "X_Forwarded_For", "X_Real_IP", "True_Client_IP"):
        told = asked(forger, **{header: "203.0.113.7"})[1]["headers"]
        assert (told["X-Real-IP"], told["X-Forwarded-For"]) == ("127.0.0.1", "127.0.0.1"), header
        assert asked(forger, "/office/", **{header: "203.0.113.7"})[0] == 403, "whom only the office may ask"
    assert logged(edge) == {"127.0.0.1"}
    limited = [asked(forger, "/limited/", CF_Connecting_IP=f"203.0.113.{number}")[0] for number in range(3)]
    assert 429 in limited, "a new address for each request would be no limit at all"


def test_the_address_is_taken_from_who_is_trusted(edge, shown):
    near = edge.client(source=NEAR, certificate=shown[ONE])
    told = asked(near, CF_Connecting_IP="203.0.113.7")[1]["headers"]
    assert (told["X-Real-IP"], told["X-Forwarded-For"]) == ("203.0.113.7", f"203.0.113.7, {NEAR}")
    assert asked(near, "/office/", CF_Connecting_IP="203.0.113.7")[0] == 200
    assert asked(near, "/office/", CF_Connecting_IP="198.51.100.1")[0] == 403
    assert "198.51.100.1" in logged(edge)
    met = {near.color(User_Agent="one", CF_Connecting_IP=f"203.0.113.{number}") for number in range(20)}
    assert len(met) > 1, "clients of Cloudflare are not one client"
    house = {near.color(User_Agent="one", CF_Connecting_IP=f"2001:db8:0:1::{number}") for number in range(20)}
    assert len(house) == 1, "an IPv6 client is its /64"
    time.sleep(1.1)  # whoever was counted before is free again
    addresses = ("203.0.113.7", "203.0.113.8", "2001:db8:0:1::1", "2001:db8:0:2::1")
    assert [asked(near, "/limited/", CF_Connecting_IP=one)[0] for one in addresses] == [200] * 4
    assert asked(near, "/limited/", CF_Connecting_IP="2001:db8:0:1::2")[0] == 429, "the same /64"


def test_nobody_is_refused_before_all_of_cloudflare_shows_it(edge, shown):
    edge.switch(spec_at("50:50", "ready"))
    try:
        assert asked(edge.client())[0] == 200
        assert asked(edge.client(certificate=shown[STRANGERS]))[0] == 200, "it may have shown its own until now"
        assert asked(edge.client(certificate=shown[ONE]))[0] == 200
        # As `up` opens it: the hosts' files change before the text does.
        edge.keep({})
        assert asked(edge.client())[0] == 200
        edge.switch(spec_at("50:50", "open"))
        edge.keep({})
        assert not list(edge.folder.glob("secrets/current/*.pem"))
        assert asked(edge.client())[0] == 200
    finally:
        edge.keep(trusts(ONE))
        edge.switch(spec_at("50:50"))
