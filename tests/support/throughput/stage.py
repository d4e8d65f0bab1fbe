"""A network with two fast targets, the proxies before them, and what makes the load: all of them plain containers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker as docker_sdk

from colorway.config import stack_files
from colorway.machine import images
from colorway.machine.progress import silent
from colorway.render.certificates import CHAIN, FOLDER, KEY, certify, certify_arguments
from colorway.render.nginx import INSIDE, STATUS_PORT, generation
from colorway.render.templates import entry, script
from colorway.spec import names
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.traffic import Color
from components.load_balancer.nginx import HEALTH
from tests.support.clone import Clone
from tests.support.demo import docker
from tests.support.wait import wait_until

HERE = Path(__file__).parent
PORT = 8000
"""Where the demo's services listen, and so the targets."""
CONNECTIONS = 64
NGINX = ("nginx", "-e", "stderr", "-g", "daemon off;", "-c")
_ALL = os.cpu_count() or 1
_PROXY_ON, _REST_ON = ("0", f"1-{_ALL - 1}") if _ALL > 1 else ("0", "0")
"""The proxy has a processor of its own: what the load and the targets cost must not hide what it costs."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """What a proxy did under load."""

    rate: float
    """Answers per second."""
    processor: float
    """Microseconds of processor that the proxy used for each."""
    p50: float
    """Microseconds that half of the answers took at most, on connections that always wait for one."""
    p99: float
    """Microseconds that 99 of 100 took at most."""


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A proxy that runs."""

    name: str
    container: str


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The network with its targets."""

    name: str
    """Of the network; those of the containers begin with it."""
    folder: Path
    """Seen by every container."""
    spec: PlatformSpec
    images: dict[str, str]
    """References by folder."""

    def start(self, what: str, *options: str, image: str = "nginx", on: str = _PROXY_ON, command: Sequence[str]) -> str:
        """Start a container and return its name."""
        name = f"{self.name}-{what}"
        seen = ("--volume", f"{self.folder}:{INSIDE}", "--network", self.name, "--cpuset-cpus", on)
        docker("run", "--detach", "--init", "--name", name, *seen, *options, self.images[image], *command)
        return name

    def colorway(self) -> Proxy:
        """Start what Colorway runs: its entry script, and its text, checked and made live by its scripts."""
        name = f"{self.name}-colorway"
        label = f"com.docker.swarm.service.name={name}"
        options = ("--label", label, "--env", f"COLORWAY_STATUS_PORT={STATUS_PORT}")
        health = ("--health-cmd", " ".join(HEALTH.command[1:]), "--health-interval", "1s")
        command = ("/bin/sh", f"{INSIDE}/entry.sh")
        self.start("colorway", *options, *health, command=command)
        state = ("inspect", "--format", "{{.State.Health.Status}}", name)
        wait_until(lambda: docker(*state).strip() == "healthy", limit=60, what="the entry script runs nginx")
        text = generation(self.spec).text
        self.run("routing-check", name, certify(), *certify_arguments(self.spec), text=text)
        self.run("routing-apply", name, str(STATUS_PORT), "0", text=text)
        # Health checks are processes of the container, and the others have none: from here on it has none either.
        docker("rm", "--force", name)
        return Proxy(name="colorway", container=self.start("colorway", *options, command=command))

    def bare(self, *, logs: bool) -> Proxy:
        """Start nginx with a text that passes requests on, and logs them in nginx's own way or not at all."""
        name = "bare-logs" if logs else "bare"
        log = f"access_log {INSIDE}/run/{name}.log" if logs else "access_log off"
        text = (HERE / "bare.conf").read_text(encoding="utf-8").replace("ACCESS_LOG", log)
        made = text.replace("CERTIFICATE", self.certificate)
        (self.folder / f"{name}.conf").write_text(made, encoding="utf-8")
        return Proxy(name=name, container=self.start(name, command=(*NGINX, f"{INSIDE}/{name}.conf")))

    def kamal(self, binary: Path) -> Proxy:
        """Start kamal-proxy, and deploy both targets as one service."""
        shutil.copy(binary, self.folder / "kamal-proxy")
        # Its log is written for nobody: that it is read costs nothing here.
        command = ("/bin/sh", "-c", f"exec {INSIDE}/kamal-proxy run >/dev/null")
        name = self.start("kamal", command=command)
        pair = (f"{self.certificate}/{CHAIN}", f"{self.certificate}/{KEY}")
        files = ("--tls", "--tls-certificate-path", pair[0], "--tls-private-key-path", pair[1])
        targets = [part for color in Color for part in ("--target", f"{names.colored_alias('web', color)}:{PORT}")]
        deploy = (f"{INSIDE}/kamal-proxy", "deploy", "bench", *targets, "--host", self.host, *files)
        wait_until(
            lambda: subprocess.run(["docker", "exec", name, *deploy], check=False, capture_output=True).returncode == 0,
            limit=60,
            what="kamal-proxy takes its targets",
        )
        return Proxy(name="kamal-proxy", container=name)

    def target(self, color: Color) -> str:
        """Start what answers as all services of a color."""
        aliases = (names.colored_alias(name, color) for name in self.spec.colored(color))
        options = [part for alias in aliases for part in ("--network-alias", alias)]
        return self.start(color.value, *options, on=_REST_ON, command=(*NGINX, f"{INSIDE}/target.conf"))

    @property
    def certificate(self) -> str:
        """The folder with the certificate of the stack's own domain."""
        return f"{INSIDE}/{FOLDER}/{self.host}/current"

    @property
    def host(self) -> str:
        """The name under which users come."""
        return self.spec.settings.domains["main"]

    def run(self, name: str, *arguments: str, text: str) -> None:
        """Run one of the scripts that run on hosts, on this stage's folder."""
        argv = ["/bin/sh", "-euc", script(name), "colorway", str(self.folder), *arguments]
        ran = subprocess.run(argv, input=text, text=True, capture_output=True, check=False)
        assert ran.returncode == 0, f"{name}: {ran.stderr}"

    def load(self, proxy: Proxy, *, seconds: int) -> Round:
        """Have users of all buckets ask a proxy for some time.

        Raises:
            AssertionError: an answer was none of a target's, or missing; or a color was asked less than its share.
        """
        before, used = self.answered(), processor_time(proxy)
        seen = self.wrk(proxy, seconds=seconds)
        used = processor_time(proxy) - used
        by_color = [number - before[color] for color, number in self.answered().items()]
        what = f"{proxy.name}: {seen}, the targets were asked {by_color}"
        assert seen["requests"] > 0, f"nothing was answered; {what}"
        assert seen["refused"] == seen["broken"] == 0, f"each request is answered with success; {what}"
        assert sum(by_color) >= seen["requests"], f"each answer is a target's; {what}"
        # What is under way at the end counts at a target, and for nobody else.
        assert min(by_color) + CONNECTIONS >= 0.45 * sum(by_color), f"both colors answer alike; {what}"
        return Round(
            rate=seen["requests"] / seen["seconds"],
            processor=1e6 * used / seen["requests"],
            p50=seen["p50"],
            p99=seen["p99"],
        )

    def wrk(self, proxy: Proxy, *, seconds: int) -> dict[str, float]:
        """Run wrk on a proxy, and return what it saw: `cookies.lua` says it."""
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        address = docker("inspect", "--format", form, proxy.container).strip()
        where = ("--network", self.name, "--cpuset-cpus", _REST_ON, "--volume", f"{self.folder}:{INSIDE}:ro")
        plan = ("--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s", "--timeout", "10s")
        said = docker(
            *("run", "--rm", *where, "--add-host", f"{self.host}:{address}", self.images["wrk"], *plan),
            *("--script", f"{INSIDE}/cookies.lua", f"https://{self.host}:443/"),
            *(names.color_cookie(self.spec.stack), self.host),
        )
        seen: dict[str, float] = json.loads(said.splitlines()[-1])
        return seen

    def warm_up(self, proxy: Proxy) -> None:
        """Wait until a proxy answers under load."""
        wait_until(lambda: self.wrk(proxy, seconds=1)["requests"] > 0, limit=60, what=f"{proxy.name} answers")

    def answered(self) -> dict[Color, int]:
        """Return how many requests each color's target has had."""
        ask = ("curl", "-fsS", "http://127.0.0.1:8001/")
        return {color: int(docker("exec", f"{self.name}-{color}", *ask).splitlines()[2].split()[2]) for color in Color}


def processor_time(proxy: Proxy) -> float:
    """Return the seconds of processor that a proxy has used."""
    client = docker_sdk.from_env()
    try:
        seen = client.api.stats(proxy.container, stream=False, one_shot=True)
    finally:
        client.close()
    return float(seen["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9


@contextmanager
def stage(folder: Path, clone: Clone, *, answer: int) -> Iterator[Stage]:
    """Make the network and its targets, for the stack of a clone at 50:50; everything is removed at the end.

    Args:
        folder: Seen by every container.
        clone: Of the project.
        answer: Bytes of each answer's body.
    """
    shutil.copytree(HERE / "images", clone.path / "images", dirs_exist_ok=True)
    clone.traffic(50)
    spec = stack_files.from_file(root=clone.path, stack=clone.stack)
    built = {name: (reference, version) for reference, (name, version) in spec.builds().items()}
    wrk = clone.path / "images/wrk"
    built["wrk"] = (f"colorway/wrk:{stack_files.digest_of(wrk)}", None)
    references = {
        name: images.ensure_image(
            reference=built[name][0], version=built[name][1], context=clone.path / "images" / name, progress=silent
        )
        for name in ("nginx", "wrk")
    }
    made = Stage(name=f"colorway-throughput-{clone.stack}", folder=folder, spec=spec, images=references)
    with ExitStack() as stack:
        docker("network", "create", made.name)
        stack.callback(docker, "network", "rm", made.name)
        stack.callback(remove, made.name)
        made.run("make-directory", text=entry("nginx"))
        made.run("edge-secrets", "no-service", str(STATUS_PORT), text='# file preview.conf\n"~^none$" blue;\n')
        for file in ("target.conf", "cookies.lua"):
            shutil.copy(HERE / file, folder / file)
        (folder / "answer").write_bytes(os.urandom(answer))
        for color in Color:
            made.target(color)
        yield made


def remove(prefix: str) -> None:
    """Remove the containers whose names begin so, running or not."""
    found = docker("ps", "--all", "--quiet", "--filter", f"name=^{prefix}-").split()
    if found:
        docker("rm", "--force", *found)
