"""How a Docker engine and a swarm come onto a machine; docker, dockerd, apt-get and systemctl are scripts here."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from colorway.errors import ColorwayError
from colorway.machine import daemon
from colorway.machine.daemon import (
    Host,
    ensure_docker,
    ensure_swarm,
    refuse_missing_tools,
    stop_docker_started_by_us,
)
from tests.support.wait import wait_until

ROOT_ON_DEBIAN = Host(is_root=True, is_debian=True, has_systemd=False)

# An engine answers while the file `up` is there; the folder is beside the script.
DOCKER = """
case $1 in
version) [ -e "$here/up" ] || { echo "Cannot connect to the Docker daemon" >&2; exit 1; }; echo 28.2.2 ;;
info) cat "$here/swarm" ;;
esac
"""
DOCKERD = """
echo "level=info msg=starting"
echo $$ >"$2"
trap 'rm -f "$here/up" "$2"; exit 0' TERM
touch "$here/up"
while :; do sleep 0.05; done
"""


@dataclass(frozen=True)
class Machine:
    """A folder of programs that is all of PATH, besides the shell's own tools."""

    folder: Path
    cache: Path

    def install(self, name: str, script: str) -> None:
        program = self.folder / name
        note = 'echo "${0##*/} $*" >>"$here/calls"'
        program.write_text(f'#!/bin/sh\nhere="{self.folder}"\n{note}\n{script}\n')
        program.chmod(0o755)

    def calls(self, name: str) -> list[str]:
        noted = self.folder / "calls"
        lines = noted.read_text().splitlines() if noted.exists() else []
        return [line for line in lines if line.startswith(f"{name} ")]

    def put(self, name: str, text: str = "") -> None:
        (self.folder / name).write_text(text)


@pytest.fixture
def here(tmp_path, monkeypatch) -> Machine:
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("sh", "cat", "echo", "sleep", "touch", "rm"):
        found = next(path for path in (Path("/usr/bin") / tool, Path("/bin") / tool) if path.exists())
        (folder / tool).symlink_to(found)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(daemon, "this_host", lambda: ROOT_ON_DEBIAN)
    return Machine(folder, tmp_path / "cache" / "colorway")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def progress(said):
    return lambda what, _count=None, **_: said.append(what)


@pytest.fixture
def ended(here):
    """End a fake dockerd that a test left running."""
    yield
    pid_file = here.cache / "dockerd.pid"
    if pid_file.exists():
        os.kill(int(pid_file.read_text()), 9)


def test_an_engine_that_answers_is_used_as_it_is(here, progress, said):
    here.install("docker", DOCKER)
    here.put("up")

    ensure_docker(progress)

    assert said == [], "what is there needs no word"
    assert here.calls("dockerd") == [], "a running engine is never started again"


def test_a_machine_that_lacks_what_the_scripts_use_is_told_before_anything_starts(here):
    here.install("mv", "echo 'usage: mv [-f | -i | -n] [-hv] source target' >&2; exit 64")
    with pytest.raises(ColorwayError) as caught:
        refuse_missing_tools()
    assert str(caught.value).startswith("this machine lacks flock, timeout, mv -T, "), "all of it at once"
    assert "brew install coreutils flock" in str(caught.value), "and where a Mac gets it"
    assert "\n" not in str(caught.value), "one sentence"


def test_a_linux_machine_has_what_the_scripts_use():
    refuse_missing_tools()


@pytest.mark.usefixtures("ended")
def test_two_at_once_start_one_engine(here, progress, said):
    here.install("docker", DOCKER)
    here.install("dockerd", f"sleep 0.5{DOCKERD}")

    with ThreadPoolExecutor() as both:
        for started in [both.submit(ensure_docker, progress) for _ in range(2)]:
            started.result(timeout=60)

    assert len(here.calls("dockerd")) == 1, "the second one would end over the first one's number, and be an error"


@pytest.mark.usefixtures("ended")
def test_without_systemd_dockerd_is_started_detached_and_can_be_stopped_again(here, progress, said):
    here.install("docker", DOCKER)
    here.install("dockerd", DOCKERD)

    ensure_docker(progress)

    pid = int((here.cache / "dockerd.pid").read_text())
    assert os.getsid(pid) == pid, "it must survive the terminal that it was started from"
    assert "msg=starting" in (here.cache / "dockerd.log").read_text(), "its log is the first place to look"
    assert any(str(here.cache / "dockerd.log") in line for line in said), "the user is told where the log is"
    assert stop_docker_started_by_us() is True, "what was started can be stopped"
    assert not (here.folder / "up").exists(), "it ended by itself, on SIGTERM"
    assert stop_docker_started_by_us() is False, "nothing is left to stop"


def test_a_process_that_only_has_the_number_of_our_dockerd_is_left_alone(here):
    here.cache.mkdir(parents=True)
    stranger = subprocess.Popen(["sleep", "60"])
    (here.cache / "dockerd.pid").write_text(str(stranger.pid))

    try:
        assert stop_docker_started_by_us() is False, "after a reboot the number belongs to somebody else"
        assert stranger.poll() is None, "and that somebody must live on"
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.usefixtures("ended")
def test_a_pidfile_left_by_a_crash_does_not_prevent_a_start(here, progress):
    here.install("docker", DOCKER)
    here.install("dockerd", f'[ ! -e "$2" ] || exit 1\n{DOCKERD}')
    here.cache.mkdir(parents=True)
    (here.cache / "dockerd.pid").write_text(str(os.getpid()))

    ensure_docker(progress)

    assert len(here.calls("dockerd")) == 1


def test_a_dockerd_that_ends_at_once_is_shown_with_its_last_words(here, progress):
    here.install("docker", DOCKER)
    here.install("dockerd", 'echo "failed to mount overlay: no such device"; exit 1')

    with pytest.raises(ColorwayError, match=r"(?s)dockerd ended at once.*failed to mount overlay: no such device"):
        ensure_docker(progress)


@pytest.mark.usefixtures("ended")
def test_a_dockerd_that_never_answers_is_given_up_with_its_last_words(here, progress, monkeypatch):
    here.install("docker", "exit 1")
    here.install("dockerd", DOCKERD)
    monkeypatch.setattr(daemon, "_START_SECONDS", 1.0)

    with pytest.raises(ColorwayError, match=r"(?s)did not answer within 1 s.*msg=starting"):
        ensure_docker(progress)


def test_with_systemd_the_service_is_started(here, progress, monkeypatch):
    monkeypatch.setattr(daemon, "this_host", lambda: Host(is_root=True, is_debian=True, has_systemd=True))
    here.install("docker", DOCKER)
    here.install("dockerd", "exit 1")
    here.install("systemctl", 'touch "$here/up"')

    ensure_docker(progress)

    assert here.calls("systemctl") == ["systemctl start docker"]
    assert here.calls("dockerd") == [], "two engines would fight for one directory"


@pytest.mark.usefixtures("ended")
def test_on_debian_docker_is_installed_and_a_frozen_archive_is_accepted_only_when_it_says_so(here, progress):
    here.put("docker.new", f'#!/bin/sh\nhere="{here.folder}"\n{DOCKER}')
    here.put("dockerd.new", f'#!/bin/sh\nhere="{here.folder}"\n{DOCKERD}')
    here.install(
        "apt-get",
        """case "$*" in
        "-qq update") echo "E: Release file for mirror/InRelease is expired (invalid since 9 d)." >&2; exit 100 ;;
        *install*docker.io) for name in docker dockerd; do
            cat "$here/$name.new" >"$here/$name"; /bin/chmod 755 "$here/$name"; done ;;
        esac""",
    )

    ensure_docker(progress)

    assert here.calls("apt-get") == [
        "apt-get -qq update",
        "apt-get -qq -o=Acquire::Check-Valid-Until=false update",
        "apt-get -qq install -o=DPkg::Lock::Timeout=300 --yes --no-install-recommends docker.io",
    ]


def test_a_failed_installation_says_what_apt_said(here, progress):
    here.install("apt-get", "echo \"E: Could not resolve 'mirror'\" >&2; exit 100")

    with pytest.raises(
        ColorwayError, match=r"apt-get update failed: E: Could not resolve 'mirror'; install Docker Engine"
    ):
        ensure_docker(progress)

    assert here.calls("apt-get") == ["apt-get -qq update"], "a network's failure is no reason to ignore dates"


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (Host(is_root=False, is_debian=True, has_systemd=True), "only root can install or start one"),
        (Host(is_root=True, is_debian=False, has_systemd=True), "only on Debian it is installed for you"),
    ],
    ids=["not root", "not Debian"],
)
def test_where_docker_cannot_be_installed_one_sentence_says_why(here, progress, monkeypatch, host, words):
    monkeypatch.setattr(daemon, "this_host", lambda: host)
    here.install("apt-get", "exit 0")

    with pytest.raises(ColorwayError, match=words) as raised:
        ensure_docker(progress)

    assert "\n" not in str(raised.value), "one sentence"
    assert here.calls("apt-get") == []


def test_an_engine_that_refuses_the_user_is_told_from_one_that_is_not_there(here, progress):
    here.install("docker", 'echo "permission denied while trying to connect to the Docker daemon socket" >&2; exit 1')

    with pytest.raises(ColorwayError, match="join the group `docker`"):
        ensure_docker(progress)


def test_an_engine_elsewhere_that_does_not_answer_is_not_replaced_by_one_here(here, progress, monkeypatch):
    here.install("docker", DOCKER)
    here.install("dockerd", DOCKERD)
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")

    with pytest.raises(ColorwayError, match="DOCKER_HOST names a Docker engine that does not answer"):
        ensure_docker(progress)

    assert here.calls("dockerd") == []


def test_a_manager_of_a_swarm_is_left_as_it_is(here, progress, said):
    here.install("docker", DOCKER)
    here.put("swarm", "active true")

    ensure_swarm(progress)

    assert here.calls("docker") == ["docker info --format {{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}"]
    assert said == []


def test_a_new_swarm_listens_to_this_machine_only_and_is_announced(here, progress, said):
    here.install("docker", DOCKER)
    here.put("swarm", "inactive false")

    ensure_swarm(progress)

    assert here.calls("docker")[-1] == (
        "docker swarm init --advertise-addr 127.0.0.1 --listen-addr 127.0.0.1:2377 --dispatcher-heartbeat 1m"
    ), "by default a node that is silent for 15 s is taken for lost, and its tasks are ended"
    assert len(said) == 1, "a swarm is a lasting change of the machine: the user is told"
    assert "swarm leave" in said[0], "and told how to undo it"


def test_a_swarm_that_another_colorway_makes_at_the_same_time_is_the_one(here, progress, said):
    here.install(
        "docker",
        """case "$1 $2" in
        info*) echo inactive false ;;
        "swarm init") echo "Error response from daemon: This node is already part of a swarm. Use \\"docker swarm \
leave\\" to leave this swarm and join another one." >&2; exit 1 ;;
        esac""",
    )

    ensure_swarm(progress)

    assert said == [], "it is not ours to announce"


def test_a_swarm_that_others_shall_join_listens_to_them(here, progress):
    here.install("docker", DOCKER)
    here.put("swarm", "inactive false")

    ensure_swarm(progress, advertise="10.77.0.1")

    assert here.calls("docker")[-1] == "docker swarm init --advertise-addr 10.77.0.1"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("active false", "is a worker of a swarm.*run this on a manager"),
        ("locked false", "docker swarm unlock"),
        ("error false", "does not work: error false"),
    ],
)
def test_a_node_that_cannot_make_services_is_refused(here, progress, state, words):
    here.install("docker", DOCKER)
    here.put("swarm", state)

    with pytest.raises(ColorwayError, match=words):
        ensure_swarm(progress)

    assert len(here.calls("docker")) == 1, "nothing is changed on such a node"


def test_the_fake_dockerd_behaves_like_one(here):
    """The tests above mean something only if their dockerd can be recognised by its name."""
    here.install("dockerd", DOCKERD)
    pid_file = here.folder / "pid"
    process = subprocess.Popen(["dockerd", "--pidfile", str(pid_file)], stdout=subprocess.DEVNULL)
    try:
        wait_until(pid_file.exists, limit=10, what="the fake dockerd starts")
        assert Path(f"/proc/{process.pid}/comm").read_text().strip() == "dockerd"
    finally:
        process.kill()
        process.wait()
