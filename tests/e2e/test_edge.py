"""The real nginx on our text, before small backends: who meets which color, and what one client does to the others."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded

from colorway.spec.platform_spec import PlatformSpec
from tests.support.edge import TOKEN, Edge, running_edge
from tests.support.specs import REMOTE_HOSTS, small_spec

pytestmark = [pytest.mark.area("edge"), pytest.mark.timeout(300)]

CLIENTS = 2000
POINTS = 3.0
NAMES = ("example.com", "portal.example.com", "example.org")


def spec_at(traffic: str, **services: dict[str, Any]) -> PlatformSpec:
    return small_spec(
        traffic=traffic,
        hosts=REMOTE_HOSTS,
        settings={"environment": "staging", "domains": {"main": "example.com", "other": "example.org"}},
        overrides={
            "edge": {"longest-body": 100},
            "services": {
                "shop": {"routes": [{"path": "/"}, {"path": "/", "domain": "other"}], "longest-request": "3s"}
            },
        },
        services={"2.0.0": services} if services else None,
    )


@pytest.fixture(scope="module")
def edge(swarm: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with running_edge(tmp_path_factory.mktemp("edge"), spec_at("90:10")) as made:
        yield made


def colors_over_http2(name: str, agents: list[str], port: int) -> list[str]:
    """Return the colors that clients meet who speak HTTP/2, each with a stream of its own."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with socket.create_connection(("127.0.0.1", port)) as raw, context.wrap_socket(raw, server_hostname=name) as tls:
        h2 = H2Connection(H2Configuration(header_encoding="utf-8"))
        h2.initiate_connection()
        found = []
        for agent in agents:
            stream = h2.get_next_available_stream_id()
            head = [
                (":method", "GET"),
                (":path", "/"),
                (":scheme", "https"),
                (":authority", name),
                ("user-agent", agent),
            ]
            h2.send_headers(stream, head, end_stream=True)
            tls.sendall(h2.data_to_send())
            body, ended = b"", False
            while not ended:
                for event in h2.receive_data(tls.recv(65536)):
                    if isinstance(event, DataReceived):
                        body += event.data
                        h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    ended = ended or isinstance(event, StreamEnded)
                tls.sendall(h2.data_to_send())
            found.append(json.loads(body)["color"])
    return found


def test_nobody_meets_two_colors_in_a_stage_and_a_share_only_grows(edge):
    agents = [f"browser {number}" for number in range(CLIENTS)]
    met: dict[str, dict[str, str]] = {}
    for stage, green in (("90:10", 10), ("50:50", 50)):
        edge.switch(spec_at(stage))
        one, other, third = (edge.client(name) for name in NAMES)
        met[stage] = {}
        two_colors = []
        for agent in agents:
            color, bucket = one.color(User_Agent=agent)
            seen = {color, other.color(User_Agent=agent)[0], third.color(User_Agent=agent)[0]}
            kept, again = other.color(User_Agent="another one", Cookie=f"rel_test={bucket}")
            assert again is None, "whoever has a cookie is given no other"
            met[stage][agent] = color
            if seen | {kept} != {color}:
                two_colors.append(agent)
        assert two_colors == [], "services, names, domains, with a cookie and without: one color"
        spoken = colors_over_http2(NAMES[1], agents[:300], edge.listens.https)
        assert spoken == [met[stage][agent] for agent in agents[:300]], "HTTP/2 is the same client"
        share = 100 * Counter(met[stage].values())["green"] / CLIENTS
        print(f"at {green} % green {share:.1f} % of {CLIENTS} distinct clients met it")
        assert abs(share - green) <= POINTS
    fell = [agent for agent in agents if (met["90:10"][agent], met["50:50"][agent]) == ("green", "blue")]
    assert fell == [], "who is on green at 10 is on green at 50"


def test_a_cookie_reaches_every_name_of_its_domain_and_the_token_is_compared_exactly(edge):
    edge.switch(spec_at("100:0"))
    for name, domain in (("portal.example.com", "example.com"), ("example.org", "example.org")):
        cookie = edge.client(name).ask("/")[1]["Set-Cookie"]
        assert cookie.endswith(f"; Secure; HttpOnly; SameSite=Lax; Domain={domain}")
    client = edge.client("example.com")
    assert client.color(X_Colorway_Preview=f"{TOKEN}.green")[0] == "green"
    assert client.color(X_Colorway_Preview=f"{TOKEN.upper()}.green")[0] == "blue", "capitals count"
    assert client.color(X_Colorway_Preview=f"{TOKEN}xgreen")[0] == "blue"


def test_paths_arrive_as_sent_and_internal_ones_are_nobodys(edge):
    edge.switch(spec_at("100:0"))
    client = edge.client("example.com")
    for path in ("/a%2Fb/%3Fc?x=%20y", "/caf%C3%A9/%25/..%2F", "/double//x//", "/api/a%2Fb"):
        status, _, body = client.ask(path)
        assert (status, json.loads(body)["path"]) == (200, path)
    assert client.ask("/.colorway/blue/")[0] == client.ask("/%2Ecolorway/green/api/")[0] == 404
    status, headers, _ = client.ask("/api?x=1")
    assert (status, headers["Location"]) == (308, "/api/?x=1"), "the internal path and port stay inside"


def test_a_route_belongs_to_its_version(edge):
    edge.switch(spec_at("100:0", api={"routes": [{"path": "/new/"}]}))
    main, portal = edge.client("example.com"), edge.client("portal.example.com")
    green = {"X_Colorway_Preview": f"{TOKEN}.green"}
    assert json.loads(main.ask("/api/x")[2])["service"] == "api"
    assert json.loads(main.ask("/api/x", **green)[2])["service"] == "shop", "the next prefix that green's version has"
    assert json.loads(main.ask("/new/x", **green)[2])["service"] == "api"
    assert portal.ask("/")[0] == 200
    assert portal.ask("/", **green)[0] == 404, "green's version has nothing under this name"


def test_what_applications_learn_of_a_client_is_not_its_own_word(edge):
    edge.switch(spec_at("100:0"))
    forged = {
        "X_Forwarded_Host": "evil",
        "X_Forwarded_For": "1.2.3.4",
        "X_Forwarded_Port": "1",
        "Forwarded": "for=evil",
    }
    _, _, body = edge.client("example.com").ask("/", Host="example.com:8443", **forged)
    told = {name.lower(): value for name, value in json.loads(body)["headers"].items()}
    assert told["host"] == told["x-forwarded-host"] == "example.com:8443"
    assert (told["x-forwarded-port"], told["x-forwarded-proto"]) == ("8443", "https")
    assert told["x-forwarded-for"] == "127.0.0.1"
    assert told["forwarded"] == 'for="127.0.0.1";host="example.com:8443";proto=https'


def test_unknown_names_are_refused(edge):
    edge.switch(spec_at("100:0"))
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized"):
        edge.client("unknown.example")
    assert edge.client("example.com").ask("/", Host="unknown.example")[0] == 421
    plain = http.client.HTTPConnection("127.0.0.1", edge.listens.http, timeout=5)
    plain.request("GET", "/", headers={"Host": "unknown.example"})
    with pytest.raises(http.client.RemoteDisconnected):
        plain.getresponse()


def test_what_one_client_provokes_makes_no_request_of_others_fail(edge):  # noqa: C901 - the clients, one beside the other
    edge.switch(spec_at("100:0"))
    failures: list[str] = []
    asked = Counter[str]()
    over = threading.Event()

    def others() -> None:
        client = edge.client("example.com")
        while not over.is_set():
            status, _, _ = client.ask("/")
            asked["others"] += 1
            if status != 200:
                failures.append(f"others got {status}")

    def upload() -> int:
        return edge.client("example.com").ask("/upload", method="POST", body=bytes(90 * 2**20))[0]

    def abort() -> None:
        client = edge.client("example.com")
        client.connection.request("GET", "/slow", headers={"Host": "example.com"})
        client.connection.sock.close()
        client.connection.close()

    def slow_reader() -> int:
        client = edge.client("example.com")
        client.connection.request("GET", "/large", headers={"Host": "example.com"})
        response = client.connection.getresponse()
        got = len(response.read(10_000))
        time.sleep(5)
        return got + len(response.read())

    bystanders = [threading.Thread(target=others) for _ in range(2)]
    for one in bystanders:
        one.start()
    try:
        with ThreadPoolExecutor(24) as pool:
            uploads = [pool.submit(upload) for _ in range(8)]
            readers = [pool.submit(slow_reader) for _ in range(4)]
            for _ in range(20):
                abort()
                assert edge.client("example.com").ask("/bad-headers")[0] == 502
            client = edge.client("example.com")
            for number in range(5):
                big = {f"Cookie{number}": "c" * 30_000}
                status, headers, _ = client.ask("/headers", Cookie=f"a={'b' * 30_000}", **big)
                assert (status, len(headers["X-Long-9"])) == (200, 2980), "30 KB of headers, both ways"
            began = time.monotonic()
            assert client.ask("/slow")[0] == 504
            assert time.monotonic() - began < 5, "a GET past its limit of 3 s is not begun again"
            assert [one.result() for one in uploads] == [200] * 8
            assert [one.result() for one in readers] == [20_000_000] * 4
    finally:
        over.set()
        for one in bystanders:
            one.join()
    print(f"{asked['others']} requests of others")
    assert asked["others"] > 200
    assert failures == []


def test_texts_are_compressed(edge):
    edge.switch(spec_at("100:0"))
    _, headers, body = edge.client("example.com").ask("/", Accept_Encoding="gzip", X_Padding="p" * 4000)
    assert headers["Content-Encoding"] == "gzip"
    assert len(body) < 2000
