"""Every key of a route at the real nginx, before small backends: what it promises, and what it refuses."""

from __future__ import annotations

import base64
import json
import re
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import pytest

from colorway.render.edge_secrets import login_map
from colorway.render.routes import login_file
from colorway.spec.platform_spec import PlatformSpec
from tests.support.edge import HAS_IPV6, Client, Edge, grpc_channel, running_edge, websocket
from tests.support.specs import MAIL, REMOTE_HOSTS, small_spec
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("edge"), pytest.mark.timeout(300)]

BLUE, GREEN = "rel_test=99", "rel_test=0"
"""Cookies of somebody who is on one color while both have users."""
LOGIN = "cache-password"
PASSWORD = "correct horse"
JSON = "application/json, text/plain, */*"
SHOP: list[dict[str, Any]] = [
    {"path": "/"},
    {"path": "/auth", "strip": True},
    {"path": "/old", "redirect": "/new/"},
    {"path": "/was", "exact": True, "redirect": "/api/"},
    {"path": "/", "host": "www", "redirect": "main"},
    {"path": "/limited/", "limit": {"rate": "60r/m", "burst": 2}},
    {"path": "/tokens/", "limit": {"rate": "60r/m", "key": "token"}},
    {"path": "/inside/", "allow": ["127.0.0.0/8", "::1/128"]},
    {"path": "/elsewhere/", "allow": ["192.0.2.0/24", "2001:db8::/32"]},
    {"path": "/admin/", "basic-auth": LOGIN},
    {"path": "/guessed/", "basic-auth": LOGIN, "limit": {"rate": "60r/m"}},
    {"path": "/small/", "body": "1Mi"},
    {"path": "/hurry/", "strip": True, "timeout": "1s"},
    {"path": "/chat/", "websocket": True, "timeout": "30s"},
    {"path": "/brief/", "websocket": True, "timeout": "2s"},
    {"path": "/events", "stream": True},
    {"path": "/assets/", "cache": "1y"},
    {"path": "/mine/", "headers": {"X-Frame-Options": "SAMEORIGIN", "X-Service": "edge"}},
    {
        "path": "/read/",
        "cors": {"origins": ["https://app.example.net", "portal.main"], "credentials": True, "headers": ["X-Key"]},
    },
    {"path": "/public/", "cors": {"origins": ["*"]}, "headers": {"X-Frame-Options": "SAMEORIGIN"}},
]
API = [{"path": "/api/"}, {"path": "/part-of"}, {"path": "/only", "exact": True}, {"path": "/", "host": "portal"}]
RPC = {
    **{key: value for key, value in MAIL.items() if key not in {"uses", "secrets"}},
    "port": 50051,
    "longest-request": "2s",
    "routes": [{"path": "/shop.Words/", "grpc": True}],
}


def spec_at(traffic: str, *, closed: str | None = None, **edge: Any) -> PlatformSpec:
    said = {"maintenance": {"everything": closed}} if closed else {}
    return small_spec(
        traffic=traffic,
        hosts=REMOTE_HOSTS,
        settings={"environment": "staging", "domains": {"main": "example.com", "other": "example.org"}, **said},
        overrides={
            "edge": {"real-ip-from": [], **edge},
            "services": {"shop": {"routes": SHOP, "longest-request": "5s"}, "api": {"routes": API}, "rpc": RPC},
        },
    )


def logins(*lines: str) -> dict[str, str]:
    return {login_file(LOGIN): login_map("\n".join(lines), stack="test", name=LOGIN)}


@pytest.fixture(scope="module")
def edge(swarm: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    logins_of_two = logins(f"anna:{PASSWORD}", f"bert:{PASSWORD} of bert")
    with running_edge(tmp_path_factory.mktemp("routes"), spec_at("50:50"), secrets=logins_of_two) as made:
        yield made


@pytest.fixture
def client(edge: Edge) -> Client:
    return edge.client()


def told(answer: tuple[int, Mapping[str, str], bytes]) -> dict[str, Any]:
    status, _, body = answer
    assert status == 200, body
    found: dict[str, Any] = json.loads(body)
    return found


def basic(said: str) -> str:
    return f"Basic {base64.b64encode(said.encode()).decode()}"


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/api/x", "api"),
        ("/part-of", "api"),
        ("/part-of/", "api"),
        ("/part-of/a/b?c", "api"),
        ("/part-office", "shop"),
        ("/only", "api"),
        ("/only/", "shop"),
        ("/onlyx", "shop"),
    ],
)
def test_a_path_takes_whole_segments_and_an_exact_one_itself_alone(client, path, service):
    assert told(client.ask(path))["service"] == service


@pytest.mark.parametrize(
    ("sent", "arrives"),
    [
        ("/auth/a%2Fb/%C3%A9?x=%20", "/a%2Fb/%C3%A9?x=%20"),
        ("/auth", "/"),
        ("/auth/", "/"),
        ("/auth?x=1", "/?x=1"),
        ("//auth/x", "/x"),
        ("/auth//evil.example/x", "/evil.example/x"),
    ],
)
def test_what_is_stripped_arrives_as_it_was_sent(client, sent, arrives):
    found = told(client.ask(sent))
    assert found["path"] == arrives
    assert found["headers"]["X-Forwarded-Prefix"] == "/auth", "so that an application can make links"
    assert "X-Forwarded-Prefix" not in told(client.ask("/", X_Forwarded_Prefix="/evil"))["headers"]


def test_a_beginning_in_another_spelling_is_not_stripped_wrongly(client):
    assert client.ask("/%61uth/x")[0] == 404
    assert client.ask("/x/../auth/y")[0] == 404


@pytest.mark.parametrize(
    ("sent", "leads"),
    [
        ("/old", "/new/"),
        ("/old/a%2Fb?c=%20d", "/new/a%2Fb?c=%20d"),
        ("/old?c", "/new/?c"),
        ("/old//evil.example", "/new/evil.example"),
        ("/old/\\evil.example", "/new/evil.example"),
        ("/was?x=1", "/api/?x=1"),
    ],
)
def test_old_paths_lead_to_new_ones_with_what_follows(client, sent, leads):
    status, headers, _ = client.ask(sent, method="POST", body=b"{}")
    assert (status, headers["Location"]) == (308, leads), "308: a POST stays one"


def test_a_name_leads_to_another_one_at_the_port_that_was_asked(edge):
    www = edge.client("www.example.com")
    assert www.ask("/a%2Fb?c")[1]["Location"] == "https://example.com/a%2Fb?c"
    status, headers, _ = www.ask("/x", Host="www.example.com:8443")
    assert (status, headers["Location"]) == (308, "https://example.com:8443/x"), "not every stack has port 443"


def test_who_asks_too_often_is_told_when_to_come_again(client):
    path = f"/limited/{time.time()}"
    answers = [client.ask(path, Accept=JSON) for _ in range(4)]
    assert [status for status, _, _ in answers] == [200, 200, 200, 429], "one, and a burst of two"
    _, headers, body = answers[-1]
    assert headers["Retry-After"] == "2", "60 a minute are 30 for each of two load balancers: one in two seconds"
    assert headers["Content-Type"] == "application/problem+json"
    assert json.loads(body)["status"] == 429
    assert "Retry-After" not in client.ask("/")[1]
    wait_until(lambda: client.ask(path)[0] == 200, limit=10, what="the client may ask again")


def test_tokens_are_counted_apart(client):
    assert [client.ask("/tokens/", Authorization=f"Bearer {one}")[0] for one in "aab"] == [200, 429, 200]
    assert [client.ask("/tokens/")[0] for _ in range(2)] == [200, 429], "who has none is counted by address"


def test_only_the_networks_of_the_list_come_in(client):
    assert client.ask("/inside/")[0] == 200
    status, _, body = client.ask("/elsewhere/", Accept=JSON)
    assert (status, json.loads(body)["title"]) == (403, "Forbidden")
    assert client.ask("/elsewhere/", CF_Connecting_IP="192.0.2.1")[0] == 403, "nobody is believed here"


def test_a_password_opens_and_is_changed_by_a_reload(edge, client):
    status, headers, _ = client.ask("/admin/")
    assert (status, headers["WWW-Authenticate"]) == (401, f'Basic realm="{LOGIN}", charset="UTF-8"')
    assert headers["Strict-Transport-Security"], "the headers of the edge are on pages of its own, too"
    right = basic(f"anna:{PASSWORD}")
    assert client.ask("/admin/", Authorization=right)[0] == 200
    assert client.ask("/admin/", Authorization=basic(f"bert:{PASSWORD} of bert"))[0] == 200
    for wrong in (right.upper(), basic("anna:other"), f"{right}x", basic(f"anna:{PASSWORD.upper()}")):
        assert client.ask("/admin/", Authorization=wrong)[0] == 401, "capitals count"
    assert PASSWORD not in (edge.folder / "current" / "nginx.conf").read_text(encoding="utf-8")
    edge.keep(logins("anna:another one"))
    try:
        fresh = edge.client()
        assert fresh.ask("/admin/", Authorization=right)[0] == 401
        assert fresh.ask("/admin/", Authorization=basic("anna:another one"))[0] == 200
        edge.keep({})
        assert edge.client().ask("/admin/", Authorization=right)[0] == 401, "without the file nobody comes in"
    finally:
        edge.keep(logins(f"anna:{PASSWORD}", f"bert:{PASSWORD} of bert"))


def test_maintenance_stands_before_passwords_and_pages_and_lets_challenges_through(edge):
    edge.switch(spec_at("50:50", closed="Back at 14:00 UTC."))
    try:
        fresh = edge.client()
        for path in ("/", "/admin/", "/limited/", "/assets/x", "/chat/"):
            status, headers, body = fresh.ask(path, Accept="text/html")
            assert (status, headers["Retry-After"]) == (503, "300"), path
            assert b"Back at 14:00 UTC." in body, "the page of maintenance, none for a service that does not answer"
        assert fresh.ask("/.well-known/acme-challenge/x")[0] == 200, "or certificates would run out meanwhile"
    finally:
        edge.switch(spec_at("50:50"))
    assert edge.client().ask("/admin/")[1]["WWW-Authenticate"]


def test_who_guesses_passwords_is_counted(client):
    assert [client.ask("/guessed/", Authorization=basic(f"anna:{one}"))[0] for one in "ab"] == [401, 429]


def test_bodies_have_the_limit_of_their_route(client):
    assert client.ask("/small/", method="POST", body=bytes(2**20))[0] == 200
    for body in (bytes(2**20 + 1), iter([bytes(2**19)] * 3)):
        found, headers, text = client.ask("/small/", method="POST", body=body, Accept=JSON)
        assert (found, headers["Content-Type"]) == (413, "application/problem+json"), text
        client.connection.close()
    assert told(client.ask("/auth/", method="POST", body=bytes(2**21)))["got"] == 2**21, "others have the edge's"
    assert told(client.ask("/", method="POST", body=iter([b"abc", b"de"])))["got"] == 5, "a length nobody knew before"


@pytest.mark.parametrize("path", ["/", "/events"])
def test_a_body_of_unknown_length_arrives_whole(client, path):
    status, _, body = client.ask(path, method="POST", body=(bytes(2**16) for _ in range(40)))
    assert (status, json.loads(body)["got"]) == (200, 40 * 2**16), "buffered or piece by piece"


def test_who_asks_first_whether_a_body_is_welcome_is_answered_before_sending_it(edge):
    for size, answer in ((2**20, b"100"), (2**21, b"413")):
        with edge.client().open() as connection:
            connection.sendall(
                f"POST /small/ HTTP/1.1\r\nHost: example.com\r\nContent-Length: {size}\r\n"
                "Expect: 100-continue\r\n\r\n".encode()
            )
            assert connection.recv(4096).split(b" ")[1] == answer


def test_a_route_waits_no_longer_than_it_says_and_the_page_is_in_the_clients_form(client):
    began = time.monotonic()
    status, headers, body = client.ask("/hurry/slow", Accept=JSON)
    assert (status, headers["Content-Type"]) == (504, "application/problem+json")
    assert time.monotonic() - began < 4, "not sent again"
    assert {"status": 504, "title": "Gateway Timeout"}.items() <= json.loads(body).items()
    status, headers, body = client.ask("/hurry/slow", Accept="text/html,*/*")
    assert (status, headers["Content-Type"]) == (504, "text/html; charset=utf-8")
    assert b"Gateway Timeout" in body
    assert headers["Cache-Control"] == "no-store"
    assert client.ask("/bad-headers", Accept=JSON)[1]["Content-Type"] == "application/problem+json", "502 after a retry"
    assert client.ask("/status/503")[2] == b"the service's own words", "what a service says of itself stays"


def test_events_arrive_one_by_one(client):
    began, came = time.monotonic(), []
    response = client.begin("/events/x")
    while response.readline().startswith(b"data"):
        came.append(time.monotonic() - began)
        response.readline()
    assert len(came) == 4
    assert came[-1] - came[0] > 1, "not all at the end"


def silent_for(connection: ssl.SSLSocket, seconds: float) -> bool:
    """Return whether a WebSocket is still open after a silence."""
    connection.settimeout(seconds)
    try:
        assert connection.recv(10) == b"", "nobody said anything"
    except TimeoutError:
        return True
    return False


@pytest.mark.parametrize(
    ("path", "holds", "closes"),
    [("/brief/", 1, 4), pytest.param("/chat/", 25, 35, marks=pytest.mark.full)],
)
def test_a_websocket_may_be_silent_as_long_as_its_route_says(edge, path, holds, closes):
    with websocket(edge, path) as connection:
        for _ in range(2):
            assert silent_for(connection, holds)
            connection.settimeout(5)
            connection.sendall(b"here")
            assert connection.recv(10) == b"here", "every word begins the time anew"
        assert not silent_for(connection, closes)


def test_grpc_goes_both_ways_and_ends_with_a_status_of_grpc(edge):
    with grpc_channel(edge) as channel:
        shout = channel.stream_stream("/shop.Words/Shout")
        heard: list[bytes] = []

        def words() -> Iterator[bytes]:
            yield b"one"
            wait_until(lambda: heard, limit=10, what="the first word comes back while the second is not sent")
            yield b"two"

        heard.extend(shout(words(), timeout=20))
        assert heard == [b"ONE https", b"TWO https"]
        with pytest.raises(grpc.RpcError) as late:
            list(shout(iter([b"wait"]), timeout=20))
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED, "longer than its service may take"
        assert late.value.details() == "the service took too long"


def test_files_of_either_color_are_found_through_a_whole_ramp(edge):
    for stage in ("100:0", "90:10", "50:50", "10:90", "0:100"):
        edge.switch(spec_at(stage))
        for cookie in (BLUE, GREEN):
            for color in ("blue", "green"):
                status, headers, body = edge.client().ask(f"/assets/{color}.css?v=%2F", Cookie=cookie)
                assert (status, body) == (200, f"/assets/{color}.css".encode()), "an open page of either version"
                assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
                assert "Set-Cookie" not in headers, "what is kept for all has nothing of one"
            status, headers, _ = edge.client().ask("/assets/none.css", Cookie=cookie)
            assert (status, headers["Cache-Control"]) == (404, "no-store"), "the next version may have it"
    edge.switch(spec_at("50:50"))


def test_a_file_of_the_other_color_is_no_failover(edge):
    log = edge.folder / "run" / "access.log"
    for color in ("blue", "green"):
        name = f"/assets/{color}.css"
        assert edge.client().ask(name, Cookie=BLUE, X_Request_Id=f"beside-{color}")[0] == 200
    wait_until(lambda: "beside-green" in log.read_text(encoding="utf-8"), limit=5, what="the log is written")
    lines = {
        color: line
        for line in log.read_text(encoding="utf-8").splitlines()
        for color in ("blue", "green")
        if f'id="beside-{color}"' in line
    }
    assert " chosen=blue " in lines["blue"]
    assert " chosen=either " in lines["green"], "a verdict would hold it against blue"
    assert 'status="404 : 200"' in lines["green"]


def test_headers_of_a_route_replace_those_of_the_service_and_the_edge(client):
    headers = client.ask("/mine/")[1]
    assert headers.get_all("X-Frame-Options") == ["SAMEORIGIN"]
    assert headers.get_all("X-Service") == ["edge"]
    assert headers["Strict-Transport-Security"]
    assert client.ask("/")[1].get_all("X-Frame-Options") == ["DENY"]


def test_only_the_named_sites_may_read(client):
    ask = {"Access_Control_Request_Method": "PUT", "Access_Control_Request_Headers": "x-key"}
    status, headers, _ = client.ask("/read/", method="OPTIONS", Origin="https://app.example.net", **ask)
    assert (status, headers["Access-Control-Allow-Origin"]) == (204, "https://app.example.net")
    assert headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST"
    assert (headers["Access-Control-Allow-Headers"], headers["Access-Control-Max-Age"]) == ("X-Key", "600")
    _, headers, _ = client.ask("/read/", Origin="https://portal.example.com")
    assert headers["Access-Control-Allow-Origin"] == "https://portal.example.com"
    assert headers["Access-Control-Allow-Credentials"] == "true"
    assert "Origin" in ", ".join(headers.get_all("Vary"))
    for stranger in ("https://evil.example", "https://app.example.net.evil.example", "null"):
        _, headers, _ = client.ask("/read/", method="OPTIONS", Origin=stranger, **ask)
        assert "Access-Control-Allow-Origin" not in headers
    assert told(client.ask("/read/", method="OPTIONS"))["service"] == "shop", "no preflight: the service's own"
    status, headers, _ = client.ask("/public/", method="OPTIONS", Origin="https://any.example", **ask)
    assert (status, headers["Access-Control-Allow-Origin"]) == (204, "*"), "also beside headers of its own"


def test_a_request_has_one_name_everywhere(edge, client):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    headers = told(client.ask("/", X_Request_Id="order-7", traceparent=trace))["headers"]
    assert (headers["X-Request-Id"], headers["traceparent"]) == ("order-7", trace)
    log = edge.folder / "run" / "access.log"
    wanted = f'id="order-7" trace="{trace}"'
    wait_until(lambda: wanted in log.read_text(encoding="utf-8"), limit=5, what="the log names the request")
    for none in ({}, {"X_Request_Id": 'a" status="500'}, {"X_Request_Id": "x" * 129}):
        made = told(client.ask("/", **none))["headers"]["X-Request-Id"]
        assert re.fullmatch(r"[0-9a-f]{32}", made), "what could be no name is replaced"


def test_heads_and_ranges_go_through(client):
    status, headers, body = client.ask("/large", method="HEAD")
    assert (status, headers["Content-Length"], body) == (200, "20000000", b"")
    status, _, body = client.ask("/part", Range="bytes=2-4")
    assert (status, body) == (206, b"cde")


def test_a_trusted_peer_may_name_the_client_and_no_other(edge):
    said = {"CF_Connecting_IP": "192.0.2.7"}
    edge.switch(spec_at("50:50", **{"real-ip-from": ["127.0.0.0/8"]}))
    headers = told(edge.client().ask("/", **said))["headers"]
    assert (headers["X-Real-IP"], headers["X-Forwarded-For"]) == ("192.0.2.7", "192.0.2.7, 127.0.0.1")
    assert edge.client().ask("/elsewhere/", **said)[0] == 200, "the list is of clients, not of proxies"
    edge.switch(spec_at("50:50", **{"real-ip-from": ["198.51.100.0/24"]}))
    assert told(edge.client().ask("/", **said))["headers"]["X-Real-IP"] == "127.0.0.1"
    edge.switch(spec_at("50:50"))


@pytest.mark.skipif(not HAS_IPV6, reason="this kernel has no IPv6")
def test_ipv6_is_as_good(edge):
    headers = told(edge.client(address="::1").ask("/"))["headers"]
    assert headers["X-Forwarded-For"] == "::1"
    assert 'for="[::1]"' in headers["Forwarded"], "as RFC 7239 writes it"
    assert edge.client(address="::1").ask("/inside/")[0] == 200
