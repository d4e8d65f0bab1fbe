"""The provider's settings, and how the daemon is reached: sockets, ssh, versions."""

from __future__ import annotations

import json
import os
import socketserver
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from offline_plugins.docker.daemon import DaemonError, HttpDaemon
from offline_plugins.docker.provider import DockerProvider
from offline_plugins.waiting import PluginError
from tests.contract.servicer import KINDS, UNKNOWN, Context, Failed, KeptLog, packed, secret

URN = "urn:pulumi:s::p::pulumi:providers:docker::swarm"
LOGIN = {"address": "registry.example.com", "username": "deploy", "password": "hunter2"}

# As `ssh HOST docker system dial-stdio`: what comes in goes to the daemon's socket, and back.
RELAY = """#!{python}
import json, socket, sys, threading
with open({calls!r}, "a") as out:
    out.write(json.dumps(sys.argv[1:]) + "\\n")
daemon = socket.socket(socket.AF_UNIX)
daemon.connect({socket!r})
def back():
    while chunk := daemon.recv(65536):
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
threading.Thread(target=back, daemon=True).start()
while chunk := sys.stdin.buffer.read1(65536):
    daemon.sendall(chunk)
"""


class SmallDaemon(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """A daemon that only says which version it speaks and how it was asked."""

    daemon_threads = True

    def __init__(self, path: Path, version: str) -> None:
        self.version = version
        self.asked: list[str] = []
        self.logins: list[str | None] = []
        super().__init__(str(path), SmallHandler)


class SmallHandler(BaseHTTPRequestHandler):
    server: SmallDaemon
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        return

    def address_string(self) -> str:
        return "client"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.logins.append(self.headers.get("X-Registry-Auth"))
        found = "missing" not in self.path
        body = json.dumps({"path": self.path} if found else {"message": "no such thing"}).encode()
        self.send_response(200 if found else 404)
        self.send_header("Api-Version", self.server.version)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def small_daemon(tmp_path: Path) -> Iterator[SmallDaemon]:
    with SmallDaemon(tmp_path / "daemon.sock", "1.41") as daemon:
        threading.Thread(target=daemon.serve_forever, args=(0.01,), daemon=True).start()
        yield daemon
        daemon.shutdown()


def provider() -> DockerProvider:
    return DockerProvider(KeptLog())


def check(settings: Mapping[str, Any]) -> Mapping[str, str]:
    answer = provider().CheckConfig(provider_pb2.CheckRequest(urn=URN, news=packed(settings)), Context())
    return {failure.property: failure.reason for failure in answer.failures}


def configure(settings: Mapping[str, Any]) -> provider_pb2.ConfigureResponse:
    return provider().Configure(provider_pb2.ConfigureRequest(args=packed(settings)), Context())


@pytest.mark.parametrize(
    "host",
    [
        "unix:///var/run/docker.sock",
        "ssh://deploy@manager1",
        "ssh://deploy@manager1:2222",
        "tcp://127.0.0.1:2375",
        UNKNOWN,
    ],
)
def test_a_socket_ssh_and_the_loopback_are_accepted(host: str) -> None:
    assert check({"host": host, "version": "5.2.0"}) == {}


@pytest.mark.parametrize(
    "host", ["tcp://10.0.0.1:2375", "tcp://0.0.0.0:2375", "npipe:////./pipe/docker", "manager1", 5]
)
def test_another_host_is_refused(host: Any) -> None:
    assert check({"host": host}) == {
        "host": "host: the offline docker plugin needs one of "
        "unix:///var/run/docker.sock, ssh://user@host or tcp://127.0.0.1:2375",
    }, "an open port of a daemon is root for everybody who reaches it"


@pytest.mark.parametrize("name", ["certPath", "context", "caMaterial", "keyMaterial"])
def test_another_setting_is_refused(name: str) -> None:
    sentence = (
        f"{name}: the offline docker plugin knows the settings host, sshOpts and registryAuth only; leave {name} out"
    )
    assert check({name: "x"}) == {name: sentence}


@pytest.mark.parametrize(
    "logins",
    [
        json.dumps([LOGIN]),
        secret(json.dumps([LOGIN])),
        json.dumps([{**LOGIN, "address": "127.0.0.1:5000"}]),
        "[]",
        UNKNOWN,
    ],
)
def test_logins_of_registries_are_accepted(logins: Any) -> None:
    assert check({"registryAuth": logins}) == {}


@pytest.mark.parametrize(
    "logins",
    [
        "hunter2",
        json.dumps(LOGIN),
        json.dumps([{**LOGIN, "configFile": "hunter2"}]),
        json.dumps([{"address": "registry.example.com", "authDisabled": True}]),
        json.dumps([{**LOGIN, "password": 2}]),
    ],
)
def test_logins_of_another_form_are_refused_without_their_text(logins: str) -> None:
    assert check({"registryAuth": logins}) == {
        "registryAuth": "registryAuth: must be a list of logins, each with address, username and password, all texts",
    }


@pytest.mark.parametrize(
    ("olds", "news", "kinds"),
    [
        ({"registryAuth": "[]"}, {"registryAuth": json.dumps([LOGIN])}, {"registryAuth": "update"}),
        ({"host": "ssh://a"}, {"host": "ssh://a"}, {}),
        ({"host": "ssh://a"}, {"host": "ssh://b"}, {"host": "update"}),
        ({"host": "ssh://a"}, {"host": UNKNOWN}, {"host": "update"}),
        ({"host": "ssh://a", "__pulumi-go-provider-version": "1"}, {"host": "ssh://a"}, {}),
    ],
)
def test_a_change_of_settings_replaces_nothing(
    olds: Mapping[str, Any],
    news: Mapping[str, Any],
    kinds: Mapping[str, str],
) -> None:
    request = provider_pb2.DiffRequest(urn=URN, olds=packed(olds), news=packed(news), old_inputs=packed(olds))
    answer = provider().DiffConfig(request, Context())
    assert {path: KINDS[diff.kind] for path, diff in answer.detailedDiff.items()} == kinds
    assert (answer.changes == provider_pb2.DiffResponse.DIFF_SOME) == bool(kinds)
    assert list(answer.replaces) == [], "a replaced provider would replace everything"


def test_a_daemon_on_this_machine_must_answer_before_anything_is_planned(tmp_path: Path) -> None:
    host = f"unix://{tmp_path}/nothing.sock"
    with pytest.raises(Failed) as failure:
        configure({"host": host})
    assert failure.value.text == f"Cannot connect to the Docker daemon at {host}. Is the docker daemon running?"


def test_a_host_behind_ssh_is_not_contacted_before_it_is_needed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert configure({"host": "ssh://deploy@manager1"}).supportsPreview, "there is not even an ssh on this PATH"


def test_the_host_of_the_environment_is_the_default(
    small_daemon: SmallDaemon,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/daemon.sock")
    configure({})
    assert small_daemon.asked == ["/_ping"]


@pytest.mark.parametrize(("offered", "spoken"), [("1.41", "1.41"), ("1.44", "1.44"), ("1.52", "1.51")])
def test_each_daemon_is_spoken_to_in_a_version_that_both_know(
    offered: str,
    spoken: str,
    small_daemon: SmallDaemon,
    tmp_path: Path,
) -> None:
    small_daemon.version = offered
    daemon = HttpDaemon(f"unix://{tmp_path}/daemon.sock")
    for _ in range(2):
        daemon.call("GET", "/tasks", query={"filters": {"service": {"a": True}}})
    question = f"/v{spoken}/tasks?filters=%7B%22service%22%3A+%7B%22a%22%3A+true%7D%7D"
    assert small_daemon.asked == ["/_ping", question, question], "the version is asked for once"


def test_a_login_goes_along_as_a_header(small_daemon: SmallDaemon, tmp_path: Path) -> None:
    daemon = HttpDaemon(f"unix://{tmp_path}/daemon.sock")
    daemon.call("GET", "/distribution/a/json", login="e30=")
    daemon.call("GET", "/nodes")
    assert small_daemon.logins == [None, "e30=", None], "only where an image is asked for"


def test_a_daemon_that_is_too_old_is_refused(small_daemon: SmallDaemon, tmp_path: Path) -> None:
    small_daemon.version = "1.39"
    with pytest.raises(PluginError, match=r"speaks version 1\.39 of its interface; 1\.40 .* or newer is needed"):
        HttpDaemon(f"unix://{tmp_path}/daemon.sock").call("GET", "/tasks")


def test_the_words_of_the_daemon_are_passed_on(small_daemon: SmallDaemon, tmp_path: Path) -> None:
    with pytest.raises(DaemonError, match=r"^Error response from daemon: no such thing$") as failure:
        HttpDaemon(f"unix://{tmp_path}/daemon.sock").call("GET", "/missing")
    assert failure.value.missing
    assert small_daemon.asked[-1] == "/v1.41/missing"


@pytest.fixture
def relayed(small_daemon: SmallDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `ssh` that leads to the small daemon; the file of its calls."""
    calls = tmp_path / "calls"
    script = RELAY.format(python=sys.executable, calls=str(calls), socket=f"{tmp_path}/daemon.sock")
    (tmp_path / "ssh").write_text(script)
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return calls


def test_ssh_is_told_as_the_docker_client_tells_it(small_daemon: SmallDaemon, relayed: Path) -> None:
    daemon = HttpDaemon("ssh://deploy@manager1:2222", ssh_options=["-o", "StrictHostKeyChecking=yes"])
    assert daemon.call("GET", "/nodes") == {"path": "/v1.41/nodes"}
    assert small_daemon.asked == ["/_ping", "/v1.41/nodes"]
    (call,) = relayed.read_text().splitlines()
    words = json.loads(call)
    assert words[:2] == ["-o", "StrictHostKeyChecking=yes"], "the program's options count first"
    assert words[-8:] == ["-p", "2222", "-l", "deploy", "manager1", "docker", "system", "dial-stdio"]


def test_a_connection_through_ssh_is_kept_and_made_anew_where_it_ended(
    small_daemon: SmallDaemon, relayed: Path
) -> None:
    daemon = HttpDaemon("ssh://deploy@manager1")
    for number in range(5):
        assert daemon.call("GET", f"/{number}") == {"path": f"/v1.41/{number}"}
    with pytest.raises(DaemonError):
        daemon.call("GET", "/missing")
    assert len(relayed.read_text().splitlines()) == 1, "each would be a handshake and two processes"
    (kept,) = daemon._idle
    kept._ssh.terminate()
    kept._ssh.wait()
    assert daemon.call("GET", "/after") == {"path": "/v1.41/after"}
    assert len(relayed.read_text().splitlines()) == 2
