"""The boundary to Docker: which engine is asked, and that every error of docker-py is one sentence of ours."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import os
import socket
import socketserver
import stat
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from colorway.errors import ColorwayError
from colorway.spec.hosts import HostSpec
from colorway.swarm import inside, transport
from colorway.swarm.configs import ConflictError, StoredConfig, SwarmConfigs
from colorway.swarm.connections import (
    Connection,
    Login,
    MissingError,
    NoAnswerError,
    RefusedError,
)
from colorway.swarm.inside import SERVICE_OF_CONTAINER, Inside, Ran
from colorway.swarm.services import Swarm, SwarmObject
from colorway.swarm.ssh import docker_command, engine_socket
from colorway.swarm.ssh import kept as keeping
from colorway.swarm.transport import engine_here
from tests.support.specs import HOST_KEY, REMOTE_HOSTS, small_spec
from tests.support.wait import wait_until
from tests.swarm.fake_api import HERE, SILENCES, FakeApi, refused, silent, swarm_of

REMOTE = HostSpec.model_validate(REMOTE_HOSTS[2])
QUESTIONS = {
    "services": lambda swarm: swarm.services("test"),
    "tasks": lambda swarm: swarm.tasks("test"),
    "named objects": lambda swarm: swarm.named_objects("test"),
    "all objects": lambda swarm: swarm.all_objects("test"),
    "networks": lambda swarm: swarm.networks(),
    "foreign services": lambda swarm: swarm.foreign_services("test"),
    "ports": lambda swarm: swarm.published_ports("test"),
    "containers": lambda swarm: swarm.containers_of(["test-web"]),
    "unhealthy": lambda swarm: swarm.unhealthy_containers(),
    "generation": lambda swarm: swarm.live_generation("test-lb"),
    "file": lambda swarm: swarm.file_of("test-lb", "/etc/x"),
    "removal": lambda swarm: swarm.remove(SwarmObject("service", "test-web")),
    "one-off commands": lambda swarm: swarm.one_off_tasks("test"),
    "autonamed objects": lambda swarm: swarm.autonamed_objects("test"),
    "digest": lambda swarm: swarm.digest("registry:5000/crm:1"),
    "pull": lambda swarm: swarm.pull("registry:5000/crm:1@sha256:abc"),
}


@pytest.mark.parametrize("trouble", SILENCES, ids=lambda made: made.__name__)
@pytest.mark.parametrize("question", QUESTIONS)
def test_every_silence_of_docker_is_one_sentence(question, trouble) -> None:
    api = FakeApi()
    api.trouble = trouble()
    with pytest.raises(NoAnswerError) as caught:
        QUESTIONS[question](swarm_of(api))
    told = str(caught.value)
    assert told.startswith("localhost: Docker does not answer, asked for "), "which host, and what was asked"
    assert told.endswith("DOCKER_HOST or `docker context use`"), "and what helps"
    assert "\n" not in told, "one sentence"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (503, "This node is not a swarm manager."),
        (500, "rpc error: code = DeadlineExceeded desc = context deadline exceeded"),
        (500, "rpc error: code = Unknown desc = The swarm does not have a leader."),
        (500, "rpc error: code = Unknown desc = raft: failed to process the request: node lost leader status"),
    ],
)
def test_a_swarm_that_cannot_know_yet_has_not_answered(status, said) -> None:
    api = FakeApi()
    api.trouble = refused(status, said)
    with pytest.raises(NoAnswerError, match="asked for its services"):
        swarm_of(api).services("test")


def test_a_refusal_is_told_in_the_engines_words() -> None:
    api = FakeApi()
    with pytest.raises(ColorwayError, match=r"the network test-data cannot be removed: .* is in use by task"):
        swarm_of(api).remove(SwarmObject("network", "test-data"))
    swarm_of(api).remove(SwarmObject("service", "gone"))  # what is gone is no error
    assert swarm_of(api).health_output("gone") == "", "nobody knows"
    assert swarm_of(api).log_lines("gone", count=20) == [], "nobody knows"


def test_a_connection_that_broke_is_made_anew() -> None:
    made = []

    def connect() -> FakeApi:
        made.append(FakeApi())
        return made[-1]

    swarm = Swarm(HERE, connection=Connection(HERE, client=connect))
    swarm.services("test")
    made[0].trouble = SILENCES[1]()
    with pytest.raises(NoAnswerError, match="connection refused"):
        swarm.services("test")
    assert swarm.services("test") == [], "the next question has another one"
    assert len(made) == 2, "made by it"


def test_an_image_is_pulled_by_its_digest_and_the_registrys_words_are_kept() -> None:
    api = FakeApi()
    swarm_of(api).pull("registry:5000/team/crm:1.9.0@sha256:abc")
    assert api.pulled == [("registry:5000/team/crm", "sha256:abc")], "never by a tag"
    api.pull_events = [{"status": "Pulling"}, {"error": "manifest unknown"}]
    with pytest.raises(RefusedError) as caught:
        swarm_of(api).pull("registry:5000/team/crm:1.9.0@sha256:abc")
    assert caught.value.said == "manifest unknown", "docker-py itself says nothing of it"


@pytest.mark.parametrize("status", [409, 404])
def test_a_lock_that_somebody_else_was_faster_with_is_a_conflict(status) -> None:
    api = FakeApi()
    api.trouble = refused(status, "update out of sequence")
    store = SwarmConfigs(Connection(HERE, client=lambda: api))
    with pytest.raises(ConflictError):
        store.find("x")
    store.remove(StoredConfig(id="1", version=1, labels={}))  # somebody else did


# A real docker-py on real sockets.


UPGRADED = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"


class AsItIs(bytes):
    """What an engine sends until it closes the connection."""


class Daemon(socketserver.ThreadingUnixStreamServer):
    """Answers as Docker's API does, or not at all."""

    daemon_threads = True
    has_ended = threading.Event()
    answers: dict[str, tuple[int, object]] = {"/version": (200, {"ApiVersion": "1.41"})}  # noqa: RUF012


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections.append(self.connection)

    def address_string(self) -> str:
        return "test"

    def log_message(self, *_args) -> None:
        return

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].removeprefix("/v1.41")
        if login := self.headers.get("X-Registry-Auth"):
            self.server.logins.append((path, json.loads(base64.urlsafe_b64decode(login))))
        answer = self.server.answers.get(path, (404, {"message": f"page not found: {path}"}))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        status, body = answer
        if body == "nothing":
            self.server.has_ended.wait(20)
            return
        if isinstance(body, AsItIs):
            # An engine of version 28 says nothing to whoever does not ask for it.
            assert self.headers["Upgrade"] == "tcp"
            # With the headers in one piece, as of a command that is quicker than who asks.
            self.connection.sendall(UPGRADED + body)
            self.close_connection = True
            return
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def daemon(path: Path, **answers):
    with Daemon(str(path), Handler) as server:
        server.answers = {**Daemon.answers, **{f"/{name}": answer for name, answer in answers.items()}}
        server.has_ended, server.connections, server.logins = threading.Event(), [], []
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
            server.has_ended.set()
            for one in server.connections:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def here(monkeypatch, tmp_path):
    """Return the socket of a Docker engine that DOCKER_HOST names."""
    for name in ("DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
    return tmp_path / "docker.sock"


def test_a_real_engine_that_is_not_there(here) -> None:
    with pytest.raises(NoAnswerError, match=r"asked for its services \(no such file or directory\); start it"):
        Swarm(HERE).services("test")


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ((200, b"<html>"), NoAnswerError, "asked for its services"),
        ((500, {"message": "server error"}), RefusedError, "server error"),
        ((404, {"message": "not here"}), MissingError, "not here"),
        ((503, {"message": "This node is not a swarm manager."}), NoAnswerError, "not a swarm manager"),
        ((200, "nothing"), NoAnswerError, "nothing came within"),
    ],
)
def test_a_real_engine_that_fails(here, monkeypatch, answer, kind, words) -> None:
    monkeypatch.setattr(transport, "TIMEOUT", 0.3)
    with daemon(here, services=answer), pytest.raises(kind, match=words):
        Swarm(HERE).services("test")


def test_a_real_engine_that_stops_and_comes_back(here) -> None:
    swarm = Swarm(HERE)
    with daemon(here, services=(200, [])):
        assert swarm.services("test") == [], "it answers"
    with pytest.raises(NoAnswerError):
        swarm.services("test")
    here.unlink()
    with daemon(here, services=(200, [])):
        assert swarm.services("test") == [], "and answers again"


# Logins of registries

IMAGE = f"registry.example.com:5000/crm:1@sha256:{'1' * 64}"
DISTRIBUTION = f"distribution/{IMAGE.replace('@', '%40')}/json"
LOGIN = Login(user="deploy", password="hunter2", secret="registry-password")
SENT = {"username": "deploy", "password": "hunter2", "serveraddress": "registry.example.com:5000"}


def with_login(login: Login | None = LOGIN, *, asked: list[str] | None = None) -> Connection:
    def logins():
        if asked is not None:
            asked.append("logins")
        return {"registry.example.com:5000": login} if login else {}

    return Connection(HERE, logins=logins)


def test_every_question_for_an_image_carries_the_login_of_its_registry(here) -> None:
    with daemon(
        here,
        **{
            DISTRIBUTION: (200, {"Descriptor": {"digest": "sha256:1"}}),
            "images/create": (200, {"status": "Pulling"}),
            f"images/{IMAGE.replace('@', '%40')}/json": (200, {"Id": "1"}),
            "services/create": (201, {"ID": "made"}),
        },
    ) as server:
        swarm = Swarm(HERE, connection=with_login().another())
        swarm.digest(IMAGE)
        swarm.pull(IMAGE)
        with_login().ask("a task", lambda api: api.create_service({"ContainerSpec": {"Image": IMAGE}}, name="x"))
        assert [login for _, login in server.logins] == [SENT, SENT, SENT]
        assert [path.rpartition("/")[0] for path, _ in server.logins][1:] == ["/images", "/services"]


def test_passwords_are_not_decrypted_before_an_image_is_asked_for(here) -> None:
    asked: list[str] = []
    with daemon(here, services=(200, []), **{DISTRIBUTION: (200, {"Descriptor": {"digest": "sha256:1"}})}):
        swarm = Swarm(HERE, connection=with_login(asked=asked))
        swarm.services("test")
        assert asked == [], "that costs a second"
        swarm.digest(IMAGE)
        swarm.digest(IMAGE)
        assert asked == ["logins"], "once"


def test_a_registry_that_the_stack_does_not_name_gets_the_users_own_login(here, tmp_path) -> None:
    (tmp_path / "config").mkdir()
    auth = base64.b64encode(b"me:mine").decode()
    (tmp_path / "config/config.json").write_text(json.dumps({"auths": {"registry.example.com:5000": {"auth": auth}}}))
    for login, user in ((LOGIN, "deploy"), (None, "me")):
        with daemon(here, **{DISTRIBUTION: (200, {"Descriptor": {"digest": "sha256:1"}})}) as server:
            Swarm(HERE, connection=with_login(login)).digest(IMAGE)
            assert [sent["username"] for _, sent in server.logins] == [user], "the stack's first, then `docker login`'s"
        here.unlink()


@pytest.mark.parametrize(
    ("answer", "login", "told"),
    [
        ((401, {"message": "unauthorized: unauthorized"}), LOGIN, "refuses the login of colorway:registries"),
        ((500, {"message": "no basic auth credentials"}), None, "asks for a login; name one"),
        ((404, {"message": "manifest unknown"}), LOGIN, "says: manifest unknown"),
        ((200, {"Descriptor": {"digest": "sha256:1"}}), LOGIN, None),
    ],
)
def test_a_registry_is_asked_why_it_gives_no_image(here, answer, login, told) -> None:
    with daemon(here, **{DISTRIBUTION: answer}):
        why = Swarm(HERE, connection=with_login(login)).why_no_image(IMAGE)
    assert why == told or (why or "").startswith(f"the registry registry.example.com:5000 {told}"), why


def test_nobody_is_asked_about_an_image_of_no_registry_or_by_a_docker_that_is_silent(here) -> None:
    assert Swarm(HERE).why_no_image("colorway/none:1") is None, "it was to be built here"
    assert Swarm(HERE).why_no_image(IMAGE) is None, "the failure itself is told"


# Which engine


def test_this_machines_engine_is_the_one_that_docker_talks_to(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    assert engine_here({}).get("base_url", "").endswith("/var/run/docker.sock"), "the usual socket"
    # As `docker context create colima --docker host=unix:///run/colima.sock` writes it.
    meta = tmp_path / "contexts/meta" / hashlib.sha256(b"colima").hexdigest() / "meta.json"
    meta.parent.mkdir(parents=True)
    endpoint = {"Host": "unix:///run/colima.sock", "SkipTLSVerify": False}
    meta.write_text(json.dumps({"Name": "colima", "Metadata": {}, "Endpoints": {"docker": endpoint}}))
    assert engine_here({"DOCKER_CONTEXT": "colima"})["base_url"] == "unix:///run/colima.sock", "the variable's context"
    (tmp_path / "config.json").write_text('{"currentContext": "colima"}')
    assert engine_here({})["base_url"] == "unix:///run/colima.sock", "the context that was chosen"
    named = engine_here({"DOCKER_HOST": "tcp://10.0.0.1:2375", "DOCKER_CONTEXT": "colima"})
    assert named == {"base_url": "tcp://10.0.0.1:2375"}, "DOCKER_HOST comes first"
    with pytest.raises(ColorwayError, match="the docker context nope of DOCKER_CONTEXT does not exist"):
        engine_here({"DOCKER_CONTEXT": "nope"})
    meta.write_text("{")
    with pytest.raises(ColorwayError, match="the docker context cannot be read"):
        engine_here({})


def test_a_host_is_trusted_by_the_stack_files_key_only() -> None:
    command = docker_command(REMOTE)
    assert f"KnownHostsCommand=/bin/echo %H {HOST_KEY}" in command, "the pinned key, whatever the port"
    assert {"StrictHostKeyChecking=yes", "UserKnownHostsFile=none", "BatchMode=yes"} <= set(command), "and no other"
    assert command[command.index("-l") :] == [
        *("-l", "deploy", "-p", "22", "--", "10.0.0.21"),
        *("docker", "system", "dial-stdio"),
    ], "as `docker` itself does it"


@pytest.fixture
def ssh(monkeypatch, tmp_path, here):
    """Put an `ssh` on PATH that leads to the engine at `here`, or fails as the real one does."""
    program = tmp_path / "bin/ssh"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\n"
        "import os, select, socket, sys\n"
        f"open({str(tmp_path / 'called')!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
        f"if os.path.exists({str(tmp_path / 'stranger')!r}):\n"
        "    sys.exit('No ED25519 host key is known for 10.0.0.21.\\r\\nHost key verification failed.\\r\\n')\n"
        "there = socket.socket(socket.AF_UNIX)\n"
        f"there.connect({str(here)!r})\n"
        "while True:\n"
        "    for one in select.select([0, there], [], [])[0]:\n"
        "        data = os.read(0, 65536) if one == 0 else there.recv(65536)\n"
        "        if not data: sys.exit()\n"
        "        there.sendall(data) if one == 0 else os.write(1, data)\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.delenv("DOCKER_HOST")
    return tmp_path


def test_a_remote_engine_answers_through_ssh(ssh, here) -> None:
    with daemon(here, services=(200, []), networks=(200, [])):
        swarm = Swarm(REMOTE)
        assert swarm.services("test") == [], "asked"
        assert swarm.named_objects("test") == set(), "and asked again"
    calls = (ssh / "called").read_text().splitlines()
    assert calls == [" ".join(docker_command(REMOTE)[1:])], "through one connection"


def test_a_host_with_another_key_is_not_asked(ssh) -> None:
    (ssh / "stranger").touch()
    with pytest.raises(NoAnswerError) as caught:
        Swarm(REMOTE).services("test")
    told = str(caught.value)
    assert told.startswith("app1: Docker does not answer, asked for its services (host key verification failed.)"), told
    assert "ssh deploy@10.0.0.21 docker version" in told, "what helps"


def test_a_remote_engine_that_says_nothing_is_given_up(ssh, here, monkeypatch) -> None:
    monkeypatch.setattr(transport, "TIMEOUT", 0.3)
    with daemon(here, services=(200, "nothing")), pytest.raises(NoAnswerError, match="nothing came within"):
        Swarm(REMOTE).services("test")


@pytest.fixture
def kept(ssh, monkeypatch):
    """Return where a kept connection leads to the remote engine."""
    # A socket's path may have some hundred bytes, which a test's own folder has almost by itself.
    with tempfile.TemporaryDirectory() as home:
        monkeypatch.setenv("HOME", home)
        Path(home, ".ssh").mkdir()
        yield engine_socket(REMOTE)


def test_a_remote_engine_answers_through_a_connection_that_is_kept(ssh, kept) -> None:
    with daemon(kept, services=(200, [])):
        assert Swarm(REMOTE).services("test") == []
    assert not (ssh / "called").exists(), "each would be a shell and a program on the host"


def test_a_connection_that_was_kept_is_done_without(ssh, here, kept) -> None:
    with daemon(kept):
        pass
    assert kept.exists(), "as ssh leaves it"
    with daemon(here, services=(200, [])):
        assert Swarm(REMOTE).services("test") == []
    assert (ssh / "called").exists()


@contextmanager
def closing(path: Path):
    """Close each connection, as `ssh` does where the host's `sshd` refuses the channel, and where it loses the host."""

    class Closing(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1)

    with socketserver.ThreadingUnixStreamServer(str(path), Closing) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield
        server.shutdown()


def test_a_host_that_forwards_nothing_is_asked_by_a_command(ssh, here, kept) -> None:
    Path(REMOTE.ssh_socket).expanduser().touch()
    with closing(kept), daemon(here, services=(200, []), networks=(200, [])):
        swarm = Swarm(REMOTE)
        assert swarm.services("test") == []
        assert swarm.named_objects("test") == set(), "and asked again"
    assert (ssh / "called").read_text().splitlines() == [" ".join(docker_command(REMOTE)[1:])]


def test_a_host_that_is_lost_with_its_kept_connection_is_not_waited_for_twice(ssh, kept) -> None:
    with closing(kept), pytest.raises(NoAnswerError, match="app1: Docker does not answer, asked for its services"):
        Swarm(REMOTE).services("test")
    assert not (ssh / "called").exists()


def test_a_kept_connection_whose_host_says_nothing_is_given_up_once(ssh, kept, monkeypatch) -> None:
    Path(REMOTE.ssh_socket).expanduser().touch()
    monkeypatch.setattr(transport, "TIMEOUT", 0.3)
    with daemon(kept, version=(200, "nothing")), pytest.raises(NoAnswerError, match="nothing came within"):
        Swarm(REMOTE).services("test")
    assert not (ssh / "called").exists(), "who has waited once would wait twice"


def test_nobody_waits_for_an_idle_connection_when_those_end_that_were_kept(ssh, kept) -> None:
    Path(REMOTE.ssh_socket).expanduser().touch()
    with daemon(kept, services=(200, [])) as server:
        swarm = Swarm(REMOTE)
        with keeping(REMOTE):
            assert swarm.services("test") == []
        # `ssh` ends with the last one; every command waited two seconds for it.
        wait_until(lambda: all(one.fileno() < 0 for one in server.connections), limit=60, what="all are closed")
        assert swarm.services("test") == [], "and the next question makes one of its own"


@contextmanager
def printing(here, *pieces: bytes, cut: int = 0, codes: tuple[int | None, ...] = (0,)):
    """Serve an engine in whose container commands print; `codes` is its exit code, asked again and again."""
    frames = [bytes([1 + n % 2, 0, 0, 0]) + len(one).to_bytes(4, "big") + one for n, one in enumerate(pieces)]
    stream = b"".join(frames)
    answers: dict[str, object] = {
        "containers/json": (200, [{"Id": "one", "Labels": {SERVICE_OF_CONTAINER: "test-lb"}}]),
        "containers/one/exec": (201, {"Id": "run"}),
        "exec/run/start": (200, AsItIs(stream[: len(stream) - cut])),
        "exec/run/json": [(200, {"ExitCode": one}) for one in codes],
    }
    with daemon(here, **answers):
        yield


def inside_here() -> Inside:
    return Inside(Connection(HERE))


@pytest.mark.parametrize("pieces", [(b"-----BEGIN\n", b"abc\n"), (b"x" * 70_000,)], ids=["both outputs", "one line"])
def test_what_a_command_prints_is_all_read_also_where_it_comes_with_the_headers(here, pieces) -> None:
    with printing(here, *pieces):
        assert Swarm(HERE).file_of("test-lb", "/etc/x.crt") == b"".join(pieces).decode()


def test_a_missing_file_of_a_container_is_said(here) -> None:
    with printing(here), pytest.raises(RefusedError, match=r"there is no /etc/x\.crt of test-lb"):
        Swarm(HERE).file_of("test-lb", "/etc/x.crt")
    with pytest.raises(RefusedError, match=r"there is no /etc/x\.crt of test-lb"):
        swarm_of(FakeApi()).file_of("test-lb", "/etc/x.crt")


@pytest.mark.parametrize("cut", [1, 4, 5, 11])
def test_half_an_answer_of_a_command_is_none(here, cut) -> None:
    with (
        printing(here, b"-----BEGIN\n", b"abc\n", cut=cut),
        pytest.raises(NoAnswerError, match="the connection was lost while a command was printing"),
    ):
        Swarm(HERE).file_of("test-lb", "/etc/x.crt")


def test_a_command_whose_output_ends_before_it_is_waited_for(here, monkeypatch) -> None:
    monkeypatch.setattr(inside, "_POLL", 0)
    with printing(here, codes=(None, None, 3)):
        [ran] = inside_here().each("test-lb", ["cat", "/etc/x.crt"])
    assert ran.code == 3, "what has not ended has not succeeded"


def test_a_command_that_does_not_end_is_not_waited_for_for_ever(here, monkeypatch) -> None:
    monkeypatch.setattr(inside, "_POLL", 0)
    monkeypatch.setattr(inside, "ENDS_WITHIN", 0)
    with (
        printing(here, codes=(None,)),
        pytest.raises(NoAnswerError, match="cat has not ended, and nothing comes from it any more"),
    ):
        inside_here().each("test-lb", ["cat", "/etc/x.crt"])


def test_each_load_balancer_is_asked_on_its_own_host_and_a_silent_one_is_none(monkeypatch) -> None:
    asked = []

    class Elsewhere(Connection):
        def ask(self, what, question):
            asked.append(self.host.name)
            if self.host.name == "lb2":
                raise NoAnswerError("lb2: Docker does not answer")
            return (Ran(code=0, said="abc"),)

    monkeypatch.setattr("colorway.swarm.services.Connection", Elsewhere)
    spec = small_spec(hosts=REMOTE_HOSTS)
    assert Swarm(spec.manager).live_generations(spec) == {"lb1": "abc", "lb2": None}
    assert asked == ["lb1", "lb2"], "the manager knows nothing of their containers"


def test_the_silence_of_the_host_that_is_asked_for_all_is_not_taken_for_a_missing_load_balancer() -> None:
    def silence():
        raise silent()

    spec = small_spec()
    swarm = Swarm(spec.manager, connection=Connection(spec.manager, client=silence))
    with pytest.raises(NoAnswerError):
        swarm.live_generations(spec)


def test_tasks_begin_anew_with_everything_else_as_it_was_also_where_somebody_came_before():
    api = FakeApi()
    api.add_service("web")
    before, tries = dict(api.stored["services"][0]["Spec"]), []

    def update(name, version, **given):
        tries.append(version)
        if len(tries) == 1:
            api.stored["services"][0]["Version"] = {"Index": 7}
        FakeApi.update_service(api, name, version, **given)

    api.update_service = update
    swarm_of(api).begin_anew("web")
    assert tries == [1, 7], "an update that came between is no error"
    after = api.stored["services"][0]["Spec"]
    assert after["TaskTemplate"].pop("ForceUpdate") == 1
    assert after == before
    with pytest.raises(MissingError):
        swarm_of(api).begin_anew("api")


def test_a_service_is_told_to_have_no_task_and_then_one_with_everything_else_as_it_was():
    api = FakeApi()
    api.add_service("postgres-db1")
    before = copy.deepcopy(api.stored["services"][0]["Spec"])
    swarm = swarm_of(api)
    swarm.scale("postgres-db1", 0)
    assert swarm.stopped("test") == {"postgres-db1"}
    swarm.scale("postgres-db1", 1)
    assert swarm.stopped("test") == set()
    assert api.stored["services"][0]["Spec"] == before | {"Mode": {"Replicated": {"Replicas": 1}}}
