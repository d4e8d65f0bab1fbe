"""A Docker engine and a swarm on this machine, where they are missing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from colorway.errors import ColorwayError
from colorway.machine.progress import Progress
from colorway.machine.turns import in_turn

LOCAL_ADDRESS: Final = "127.0.0.1"
_ONE_NODES_HEARTBEAT: Final = "1m"
_START_SECONDS: Final = 90.0
_STOP_SECONDS: Final = 60.0
_ANSWER_SECONDS: Final = 30
_POLL_SECONDS: Final = 0.2
_TAIL_LINES: Final = 15
_OTHERS_LOCK: Final = "-o=DPkg::Lock::Timeout=300"
_FROZEN_ARCHIVE: Final = "-o=Acquire::Check-Valid-Until=false"
_NEEDED: Final = "install Docker Engine 20.10 or newer, start it, and run this again"


@dataclass(frozen=True, kw_only=True)
class Host:
    """What decides how Docker gets onto a machine."""

    is_root: bool
    is_debian: bool
    has_systemd: bool
    """Whether systemd runs the machine; in containers something else is PID 1."""


def this_host() -> Host:
    """Look at the machine that this program runs on."""
    release = Path("/etc/os-release")
    words = release.read_text(encoding="utf-8").splitlines() if release.is_file() else []
    return Host(
        is_root=os.geteuid() == 0,
        is_debian="ID=debian" in words,
        has_systemd=Path("/run/systemd/system").is_dir(),
    )


def refuse_missing_tools() -> None:
    """Refuse a machine that lacks what the scripts of a local stack use; every Linux has it, a Mac has not.

    Raises:
        ColorwayError: names what is missing; nothing was started.
    """
    missing = [program for program in ("flock", "timeout") if shutil.which(program) is None]
    told = subprocess.run(["mv", "--help"], capture_output=True, text=True, check=False)
    if "-T" not in told.stdout:
        missing.append("mv -T")
    if missing:
        raise ColorwayError(
            f"this machine lacks {', '.join(missing)}, which the steps of a local stack use; install GNU coreutils and "
            "flock (on a Mac: brew install coreutils flock), put them first on PATH, and run this again"
        )


def cache_directory() -> Path:
    """Return the directory for what is expensive to get twice: `$XDG_CACHE_HOME/colorway` or `~/.cache/colorway`."""
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (configured if configured.is_absolute() else Path.home() / ".cache") / "colorway"


def ensure_docker(progress: Progress) -> None:
    """Return once a Docker engine answers; on Debian as root, install and start one if none does.

    Raises:
        ColorwayError: no engine answers and none can be had here; says why, and what would be right.
    """
    trouble = _why_silent()
    if trouble is None:
        return
    if "permission denied" in trouble.lower():
        raise ColorwayError(
            "the Docker engine refuses this user; run as root, or join the group `docker` and log in again"
        )
    if os.environ.get("DOCKER_HOST"):
        raise ColorwayError("DOCKER_HOST names a Docker engine that does not answer; start it, or unset DOCKER_HOST")
    host = this_host()
    if not host.is_root:
        raise ColorwayError(f"no Docker engine answers, and only root can install or start one; {_NEEDED}")
    with in_turn(cache_directory() / "docker", what="starts Docker", progress=progress):
        if _why_silent() is None:
            return
        if shutil.which("dockerd") is None or shutil.which("docker") is None:
            if not host.is_debian:
                raise ColorwayError(f"there is no Docker engine, and only on Debian it is installed for you; {_NEEDED}")
            _install(progress)
        _start(host, progress)


def ensure_swarm(progress: Progress, *, advertise: str = LOCAL_ADDRESS) -> None:
    """Return once the engine is a manager of a swarm; where there is none, make one of this node, and say so.

    Args:
        progress: Told about a new swarm.
        advertise: Address under which other nodes reach this one; the default lets none join.

    Raises:
        ColorwayError: the node is a worker, or its swarm is locked or broken.
    """
    answer = docker("info", "--format", "{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}")
    match answer.stdout.split():
        case ["active", "true"]:
            return
        case ["active", _]:
            raise ColorwayError(
                "this node is a worker of a swarm, and services are made on managers; "
                "run this on a manager, or `docker node promote` this node there"
            )
        case ["locked", _]:
            raise ColorwayError("the swarm of this node is locked; `docker swarm unlock` it, and run this again")
        case ["inactive", _]:
            _init_swarm(progress, advertise=advertise)
        case _:
            said = (answer.stdout or answer.stderr).strip()
            raise ColorwayError(f"the swarm of this node does not work: {said}; see `docker info`")


def stop_docker_started_by_us() -> bool:
    """Stop the engine that `ensure_docker` started without systemd; False if there is none.

    Raises:
        ColorwayError: it does not end within a minute.
    """
    pid = _our_dockerd()
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + _STOP_SECONDS
    while _our_dockerd() is not None:
        if time.monotonic() > end:
            raise ColorwayError(f"dockerd (process {pid}) did not stop within {_STOP_SECONDS:.0f} s; see {_log_file()}")
        time.sleep(_POLL_SECONDS)
    _pid_file().unlink(missing_ok=True)
    return True


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the docker command and return how it ended.

    Raises:
        ColorwayError: it gave no answer in time.
    """
    command = ["docker", *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        raise ColorwayError(
            f"{' '.join(command[:3])}: no answer within {_ANSWER_SECONDS} s; `docker info` says whether it works"
        ) from None


def _why_silent() -> str | None:
    """Return None if an engine answers, else what the docker command says about it."""
    if shutil.which("docker") is None:
        return "there is no docker command"
    try:
        answer = docker("version", "--format", "{{.Server.Version}}")
    except ColorwayError:
        return f"no answer within {_ANSWER_SECONDS} s"
    return None if answer.returncode == 0 else answer.stderr or "no answer"


def _init_swarm(progress: Progress, *, advertise: str) -> None:
    options = ["--advertise-addr", advertise]
    if advertise == LOCAL_ADDRESS:
        # A swarm of one node has no reason to listen to the network. Nor to take its node for lost: after 15 s without
        # breath, which is three heartbeats, it would throw away tasks that went on all the time, and their answers.
        options += ["--listen-addr", f"{LOCAL_ADDRESS}:2377", "--dispatcher-heartbeat", _ONE_NODES_HEARTBEAT]
    made = docker("swarm", "init", *options)
    if "already part of a swarm" in made.stderr:
        # Another colorway was quicker.
        return
    if made.returncode:
        raise ColorwayError(f"docker swarm init failed: {made.stderr.strip()}")
    progress("Made this Docker engine a swarm of one node; `docker swarm leave --force` undoes it", lasting=True)


def _install(progress: Progress) -> None:
    progress("Installing Docker from Debian's packages")
    install_packages("docker.io", what="Docker", cure=_NEEDED)
    if shutil.which("docker") is None:
        # Newer releases of Debian have the command in a package of its own.
        install_packages("docker-cli", what="Docker", cure=_NEEDED)


def install_packages(*names: str, what: str, cure: str) -> None:
    """Install packages of Debian; the caller is root.

    Args:
        names: The packages.
        what: What they are for, as the beginning of a sentence.
        cure: What helps where they cannot be installed.

    Raises:
        ColorwayError: apt-get fails; with its last line.
    """
    with in_turn(cache_directory() / "packages", what="installs packages"):
        _apt("update", what=what, cure=cure)
        _apt("install", _OTHERS_LOCK, "--yes", "--no-install-recommends", *names, what=what, cure=cure)


def _apt(*arguments: str, what: str, cure: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    for options in ([], [_FROZEN_ARCHIVE]):
        run = subprocess.run(
            ["apt-get", "-qq", *options, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode == 0:
            return
        # A frozen mirror's files are past their date; only then is the date not looked at.
        if "is expired" not in run.stderr and "is not valid anymore" not in run.stderr:
            break
    last = (run.stderr.strip().splitlines() or ["no reason given"])[-1]
    raise ColorwayError(f"{what} could not be installed: apt-get {arguments[0]} failed: {last}; {cure}")


def _start(host: Host, progress: Progress) -> None:
    progress("Starting Docker")
    if host.has_systemd:
        started = subprocess.run(["systemctl", "start", "docker"], capture_output=True, text=True, check=False)
        if started.returncode:
            raise ColorwayError(f"systemctl could not start Docker: {started.stderr.strip()}")
        _wait_until_it_answers(None, see="journalctl --unit docker")
        return
    _wait_until_it_answers(_start_detached(), see=str(_log_file()))
    progress(f"Started dockerd without systemd; its log is {_log_file()}", lasting=True)


def _start_detached() -> subprocess.Popen[bytes] | None:
    """Start dockerd in a session of its own; None if the one that was started earlier is still coming up."""
    if _our_dockerd() is not None:
        return None
    # Left by a crash: dockerd would take another process of that number for itself.
    _pid_file().unlink(missing_ok=True)
    _log_file().parent.mkdir(parents=True, exist_ok=True)
    with _log_file().open("wb") as log:
        return subprocess.Popen(
            ["dockerd", "--pidfile", str(_pid_file())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _wait_until_it_answers(process: subprocess.Popen[bytes] | None, *, see: str) -> None:
    end = time.monotonic() + _START_SECONDS
    while _why_silent() is not None:
        ended = process is not None and process.poll() is not None
        if ended or time.monotonic() > end:
            what = "ended at once" if ended else f"did not answer within {_START_SECONDS:.0f} s"
            raise ColorwayError("\n".join([f"dockerd {what}; its last words, from {see}:", *_last_words()]))
        time.sleep(_POLL_SECONDS)


def _last_words() -> list[str]:
    log = _log_file()
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    return [f"    {line}" for line in lines[-_TAIL_LINES:]]


def _log_file() -> Path:
    return cache_directory() / "dockerd.log"


def _pid_file() -> Path:
    return cache_directory() / "dockerd.pid"


def _our_dockerd() -> int | None:
    """Return the process that our pidfile names, if it is a dockerd that was started with that pidfile."""
    try:
        pid = int(_pid_file().read_text(encoding="ascii"))
        process = Path("/proc") / str(pid)
        name = (process / "comm").read_text(encoding="utf-8").strip()
        arguments = (process / "cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if name == "dockerd" and str(_pid_file()).encode() in arguments else None
