"""The API's HTTP side: who asks, which zone is meant, what goes wrong on command, and what was asked."""

from __future__ import annotations

import json
import re
import secrets
import socket
import ssl
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from tests.support.cloudflare.answers import Answer, Asked, RefusedError, page_of
from tests.support.cloudflare.rights import Right, Token, may_see, require, token_of
from tests.support.cloudflare.zone import Tell, Zone

_BASE = "/client/v4"


@dataclass(kw_only=True)
class Fault:
    """What goes wrong with the next requests that it is for; the state stays as it was."""

    path: str = ""
    """A part of the path; none = every request."""
    method: str = ""
    """The method; none = every one."""
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    silent: bool = False
    """Whether nothing is answered until the client, or the fake, gives up."""
    times: int = 1
    """How many requests it is for; -1 = all."""

    def takes(self, asked: Asked) -> bool:
        """Return whether it is for a request, which it then counts."""
        if self.times == 0 or self.path not in asked.path or self.method not in {"", asked.method}:
            return False
        self.times -= self.times > 0
        return True


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A request that came, and how it was answered."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    status: int
    """0 = not at all."""


class FakeCloudflare:
    """The API on the loopback, or at an address that containers reach.

    Args:
        address: where to listen.
        port: the same; 0 = one that is free.
        tls: by which certificate; None = without TLS.
        tell: hears of a name's TXT records each time that they change, so that a resolver can be told.
    """

    def __init__(
        self,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        tell: Tell = lambda _name, _contents: None,
    ) -> None:
        self.zones: dict[str, Zone] = {}
        self.heard: list[Heard] = []
        self.tokens: dict[str, Token] = {}
        self._tell = tell
        self._faults: list[Fault] = []
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._server = _Server((address, port), _handler(self))
        if tls is not None:
            # The handshake is the thread's of the connection: one that says nothing must not stop all others.
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def url(self) -> str:
        """What CLOUDFLARE_BASE_URL is to be."""
        host, port = self._server.server_address[:2]
        return f"http://{host}:{port}{_BASE}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def add_zone(self, name: str, *, identifier: str | None = None) -> Zone:
        """Add a zone; of the Free plan, as new ones are."""
        zone = Zone(name=name, tell=self._tell, **({"identifier": identifier} if identifier else {}))
        self.zones[zone.identifier] = zone
        return zone

    def add_token(self, *rights: Right, zones: Iterable[Zone] | None = None, status: str = "active") -> str:
        """Make a token with rights, in some zones or in all that there will be, and return it."""
        token = secrets.token_urlsafe(30)
        of = None if zones is None else frozenset(zone.identifier for zone in zones)
        self.tokens[token] = Token(identifier=secrets.token_hex(16), rights=frozenset(rights), zones=of, status=status)
        return token

    def fail(self, fault: Fault) -> None:
        """Let the next requests fail; the fault that was said first comes first."""
        with self._lock:
            self._faults.append(fault)

    def heal(self) -> None:
        """Let nothing fail any more."""
        with self._lock:
            self._faults.clear()

    def records(self, name: str) -> list[dict[str, Any]]:
        """Return the records of the zone of a name, as they are."""
        with self._lock:
            return [dict(one) for zone in self.zones.values() if zone.name == name for one in zone.records.values()]

    def asked(self, method: str, part: str = "") -> list[Heard]:
        """Return the requests of one method whose path has a part."""
        with self._lock:
            return [one for one in self.heard if one.method == method and part in one.path]

    def answer(self, asked: Asked, headers: Mapping[str, str]) -> Answer | None:
        """Answer one request; None = nothing, after the client or the fake gave up."""
        with self._lock:
            fault = next((one for one in self._faults if one.takes(asked)), None)
            if fault is None:
                try:
                    answer = self._granted(asked, token_of(headers, self.tokens))
                except RefusedError as error:
                    answer = Answer.refused(error)
            else:
                told = [{"code": fault.status, "message": f"a fault of the fake: {fault.status}"}]
                answer = Answer(status=fault.status, headers=fault.headers, errors=told)
            is_silent = fault is not None and fault.silent
            status = 0 if is_silent else answer.status
            self.heard.append(
                Heard(method=asked.method, path=asked.path, query=asked.query, body=asked.body, status=status)
            )
        if is_silent:
            self._ended.wait(120)
            return None
        return answer

    def _granted(self, asked: Asked, token: Token) -> Answer:
        match asked.method, asked.path.strip("/").split("/"):
            case "GET", ["user", "tokens", "verify"]:
                return Answer(result={"id": token.identifier, "status": token.status})
            case "GET", ["user", "tokens", "permission_groups"]:
                groups = [{"id": one.identifier, "name": one.value, "scopes": [_ZONE_SCOPE]} for one in Right]
                return Answer(result=groups)
            case "GET", ["zones"]:
                name = asked.query.get("name")
                found = [one for one in self.zones.values() if may_see(token, one.identifier)]
                named = [one.described() for one in found if name in {None, one.name}]
                return page_of(named, asked, usual=20, most=50)
            case _, ["zones", identifier, *rest]:
                zone = self.zones.get(identifier)
                if zone is None or (token.zones is not None and identifier not in token.zones):
                    # A token does not learn which other zones there are.
                    raise RefusedError(403, 9109, "Unauthorized to access requested resource")
                require(token, identifier, asked, phase=_phase(zone, rest, asked))
                return _in_zone(zone, rest, asked)
        raise _no_route(asked)


_ZONE_SCOPE = "com.cloudflare.api.account.zone"


def _phase(zone: Zone, rest: list[str], asked: Asked) -> str | None:
    match rest:
        case ["rulesets", "phases", phase, "entrypoint"]:
            return phase
        case ["rulesets", identifier] if identifier in zone.rulesets:
            return str(zone.rulesets[identifier]["phase"])
        case ["rulesets"] if isinstance(asked.body, Mapping):
            return str(asked.body.get("phase"))
    return None


def _in_zone(zone: Zone, rest: list[str], asked: Asked) -> Answer:  # noqa: C901, PLR0911, PLR0912 - the API's table of contents
    match asked.method, rest:
        case "GET", []:
            return Answer(result=zone.described())
        case "GET", ["dns_records"]:
            return zone.list_records(asked)
        case "POST", ["dns_records"]:
            return zone.create_record(asked)
        case "GET", ["dns_records", identifier]:
            return zone.get_record(identifier)
        case (("PUT" | "PATCH"), ["dns_records", identifier]):
            return zone.change_record(identifier, asked)
        case "DELETE", ["dns_records", identifier]:
            return zone.delete_record(identifier)
        case "GET", ["settings"]:
            return zone.list_settings()
        case "GET", ["settings", name]:
            return zone.get_setting(name)
        case "PATCH", ["settings", name]:
            return zone.change_setting(name, asked)
        case "GET", ["rulesets"]:
            return zone.list_rulesets()
        case "POST", ["rulesets"]:
            return zone.create_ruleset(asked)
        case "GET", ["rulesets", "phases", phase, "entrypoint"]:
            return Answer(result=zone.entrypoint(phase))
        case "PUT", ["rulesets", "phases", phase, "entrypoint"]:
            return zone.put_entrypoint(phase, asked)
        case "GET", ["rulesets", identifier]:
            return Answer(result=zone.ruleset(identifier))
        case "PUT", ["rulesets", identifier]:
            return zone.put_ruleset(identifier, asked)
        case "DELETE", ["rulesets", identifier]:
            return zone.delete_ruleset(identifier)
        case "GET", ["origin_tls_client_auth", "settings"]:
            return Answer(result={"enabled": zone.pulls_enabled})
        case "PUT", ["origin_tls_client_auth", "settings"]:
            return zone.enable_pulls(asked)
        case "GET", ["origin_tls_client_auth"]:
            return zone.list_pulls(asked)
        case "POST", ["origin_tls_client_auth"]:
            return zone.create_pull(asked)
        case "GET", ["origin_tls_client_auth", identifier]:
            return zone.get_pull(identifier)
        case "DELETE", ["origin_tls_client_auth", identifier]:
            return zone.delete_pull(identifier)
        case "POST", ["purge_cache"]:
            return zone.purge(asked)
    raise _no_route(asked)


def _no_route(asked: Asked) -> RefusedError:
    return RefusedError(404, 7003, f"Could not route to {asked.path}, perhaps your object identifier is invalid?")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments: object) -> None:
        """A client that gives up is no trouble of the fake's."""


def _handler(fake: FakeCloudflare) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            said = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(
                method=self.command,
                path=re.sub(rf"^{_BASE}", "", parts.path),
                query=dict(parse_qsl(parts.query)),
                body=json.loads(said) if said else None,
            )
            answer = fake.answer(asked, {name.lower(): value for name, value in self.headers.items()})
            if answer is None:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            body = b"" if answer.status == 204 else answer.text
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the library's names

        def log_message(self, *_arguments: object) -> None:
            return

    return Handler
