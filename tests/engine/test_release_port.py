"""The real engine as a release sees it: whose fault a failed `up` is."""

from __future__ import annotations

import pytest

from colorway.engine import release_port
from colorway.engine.ending import EngineError
from colorway.engine.fencing import Lost
from colorway.engine.release_port import ReleasePort
from colorway.machine.progress import silent
from colorway.release.ports.protocols import LostError
from colorway.swarm.connections import Login, NoAnswerError
from tests.support.specs import REMOTE_HOSTS, ROOT, small_spec

LOST = (
    "local-web-green: 1 error occurred:\n  Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the "
    "docker daemon running?"
)
HOST = "registry.example.com"
REGISTRIES = {"registries": {HOST: {"user": "deploy", "password": "registry-password"}}}


class FailingEngine:
    """An engine whose `up` fails with these words."""

    def __init__(self, words):
        self.words = words
        self.edge, self.gone = self, ()

    def lost(self):
        return self.gone

    def logins(self):
        self.asked = getattr(self, "asked", 0) + 1
        return {HOST: Login(user="deploy", password="hunter2", secret="registry-password")}

    def up(self, *, continue_on_error):
        raise EngineError(self.words, hint="again")


@pytest.fixture
def port(monkeypatch):
    def make(words):
        monkeypatch.setattr(release_port.stack_files, "from_file", lambda **_given: small_spec())
        monkeypatch.setattr(release_port, "engine_for", lambda *_args, **_given: FailingEngine(words))
        return ReleasePort(root=ROOT, stack="test", say=print, progress=silent)

    return make


def test_an_up_that_lost_docker_on_the_way_is_nobodys_fault(port):
    with pytest.raises(NoAnswerError, match="Docker stopped answering while `up` ran: local-web-green"):
        port(LOST).up(continue_on_error=False)


def test_an_up_that_failed_by_what_it_made_is_told_as_it_is(port):
    with pytest.raises(EngineError, match="task failed"):
        port("local-web-green: task failed: exit code 1").up(continue_on_error=False)


def test_nothing_is_applied_where_a_load_balancer_cannot_be_told_but_on_the_way_back(port, monkeypatch):
    engine = FailingEngine("the way back was begun")
    engine.gone = (Lost(host="lb2", why="No route to host"),)
    made = port("")
    monkeypatch.setattr(release_port, "engine_for", lambda *_args, **_given: engine)
    monkeypatch.setattr(ReleasePort, "live", lambda _port: {"lb1": "abc", "lb2": None})
    told = r"lb2 cannot be told .*No route to host.*lb1 serves generation abc, lb2 serves generation unknown"
    with pytest.raises(LostError, match=told):
        made.up(continue_on_error=False)
    with pytest.raises(EngineError, match="the way back was begun"):
        made.up(continue_on_error=True)


@pytest.mark.parametrize("settings", [REGISTRIES, {}], ids=["with registries", "without"])
def test_all_nodes_pull_with_logins_that_are_decrypted_once(port, monkeypatch, settings):
    engine = FailingEngine("")
    made = port("")
    monkeypatch.setattr(release_port, "engine_for", lambda *_args, **_given: engine)
    spec = small_spec(hosts=REMOTE_HOSTS, settings=settings)
    monkeypatch.setattr(release_port.stack_files, "from_file", lambda **_given: spec)
    nodes = made.nodes()
    assert list(nodes) == ["app1"], "where colored services run"
    known = [set(node.client().logins()) for node in nodes.values()]
    assert known == [{HOST} if settings else set()]
    assert getattr(engine, "asked", 0) == bool(settings), "it costs a second, whatever the number of nodes"
