"""The engine as the release tool sees it; every step is a commit, so the stack's files are read anew each time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from colorway.config import stack_files
from colorway.config.stack_files import SECRETS
from colorway.engine.ending import EngineError
from colorway.engine.operations import Engine, Say
from colorway.engine.session import engine_for, provide_images
from colorway.errors import ColorwayError
from colorway.machine.progress import Progress
from colorway.outputs import LINK_OUTPUT, TOKEN_OUTPUT, PlatformOutputs
from colorway.release.plan.facts import ServiceHealth
from colorway.release.ports.protocols import LostError
from colorway.render.certificates import CHAIN, FOLDER, lineages
from colorway.render.nginx import INSIDE
from colorway.spec import names
from colorway.spec.hosts import Role
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.traffic import Color
from colorway.swarm.connections import Connection, NoAnswerError
from colorway.swarm.services import Swarm

LOG_LINES = 20
SILENT = ("Cannot connect to the Docker daemon", "error during connect", "Is the docker daemon running")
"""What plugins and scripts say through the engine where Docker does not answer."""


@dataclass(frozen=True, kw_only=True)
class ReleasePort:
    """Implements `colorway.release.ports.protocols.EnginePort` on the real engine and the real swarm."""

    root: Path
    stack: str
    say: Say
    progress: Progress
    _secrets: dict[str, str] = field(default_factory=dict, repr=False)
    """Secret outputs, until the next `up`: reading one costs the engine a second."""

    def _spec(self) -> PlatformSpec:
        return stack_files.from_file(root=self.root, stack=self.stack)

    def _engine(self, spec: PlatformSpec) -> Engine:
        return engine_for(spec, root=self.root, say=self.say, progress=self.progress)

    def up(self, *, continue_on_error: bool) -> None:
        """Apply what the working tree says; see the port."""
        spec = self._spec()
        self._secrets.clear()
        engine = self._engine(spec)
        if not continue_on_error:
            self._refuse_lost(engine)
        provide_images(spec, root=self.root, progress=self.progress)
        try:
            engine.up(continue_on_error=continue_on_error)
        except EngineError as error:
            if any(words in str(error) for words in SILENT):
                # Docker is to blame, and not the color that was being changed.
                first = str(error).splitlines()[0].strip()
                raise NoAnswerError(f"Docker stopped answering while `up` ran: {first}") from None
            raise

    def _refuse_lost(self, engine: Engine) -> None:
        """Refuse to go on where a load balancer cannot be told; half of the users would stay where they are."""
        if lost := engine.edge.lost():
            told = ", ".join(f"{host} serves generation {live or 'unknown'}" for host, live in self.live().items())
            raise LostError(
                f"load balancer {lost[0].host} cannot be told what to serve ({lost[0].why}), so nothing was applied: "
                f"{told}"
            )

    def fence_lost(self) -> tuple[str, ...]:
        """Fence what cannot be told to go back; see the port."""
        return self._engine(self._spec()).edge.fence_lost()

    def fenced(self) -> tuple[str, ...]:
        """Return the hosts whose load balancer is fenced; see the port."""
        spec = self._spec()
        return Swarm(spec.manager).fenced(spec)

    def outputs(self) -> PlatformOutputs | None:
        """Return what was last applied; see the port."""
        return self._engine(self._spec()).open(create=False)[1].outputs

    def live(self) -> Mapping[str, str | None]:
        """Return the generation of each load balancer; see the port."""
        spec = self._spec()
        try:
            swarm = Swarm(spec.manager)
            served = swarm.live_generations(spec, without=swarm.fenced(spec))
        except NoAnswerError:
            return dict.fromkeys((host.name for host in spec.load_balancers), None)
        return served

    def health(self) -> Sequence[ServiceHealth]:
        """Return every service with its tasks; see the port."""
        colors = {color.value: color for color in Color}
        return [
            ServiceHealth(
                service=service.name, color=colors.get(service.color), wanted=service.wanted, running=service.running
            )
            for service in Swarm(self._spec().manager).services(self.stack)
        ]

    def preview_token(self) -> str:
        """Return the secret that opens a color; see the port.

        Raises:
            ColorwayError: the stack was never installed.
        """
        return self._secret(TOKEN_OUTPUT, "preview token")

    def maintenance_secret(self) -> str:
        """Return what the link past the page of maintenance ends with; see the port.

        Raises:
            ColorwayError: no `up` has made it known yet.
        """
        return self._secret(LINK_OUTPUT, "link past the page of maintenance")

    def _secret(self, output: str, called: str) -> str:
        if output not in self._secrets:
            stack, deployed = self._engine(self._spec()).open(create=False)
            found = stack.secret_output(output) if deployed.outputs else None
            if found is None:
                raise ColorwayError(f"{self.stack}: there is no {called} yet; run `colorway up {self.stack}`")
            self._secrets[output] = found
        return self._secrets[output]

    def certificate(self, load_balancer: str) -> str:
        """Return what a load balancer serves; see the port."""
        spec = self._spec()
        host = next(one for one in spec.load_balancers if one.name == load_balancer)
        service = names.service(self.stack, names.load_balancer(host.name))
        swarm = Swarm(host)
        return "".join(
            swarm.file_of(service, f"{INSIDE}/{FOLDER}/{one.name}/current/{CHAIN}") for one in lineages(spec)
        )

    def notify_urls(self) -> Mapping[str, str]:
        """Return the addresses that notices go to, by the name of their secret.

        Asked of the engine only where the stack's file has any: decrypting takes a second.
        """
        text = (self.root / stack_files.stack_file(self.stack)).read_text(encoding="utf-8")
        if f"{SECRETS}{names.NOTICE_SECRET}" not in text:
            return {}
        secrets = self._engine(self._spec()).open(create=False)[0].configured_secrets()
        return {name: url for name, url in secrets.items() if name.startswith(names.NOTICE_SECRET)}

    def nodes(self) -> dict[str, Swarm]:
        """Return the Docker of each host that runs colored services, to pull images with the stack's own logins."""
        spec = self._spec()
        logins = self._engine(spec).logins() if spec.settings.registries else {}
        return {
            host.name: Swarm(host, connection=Connection(host, logins=lambda: logins)) for host in spec.hosts(Role.WEB)
        }

    def log_tail(self, color: Color) -> list[str]:
        """Return what a color's unhappiest tasks printed last; see the port. Nothing where nobody can tell."""
        try:
            spec = self._spec()
            swarm = Swarm(spec.manager)
            ours = {names.service(self.stack, name, color) for name in spec.colored(color)}
            tasks = [task for task in swarm.tasks(self.stack) if task.service in ours and task.container]
            tasks.sort(key=lambda task: task.state == "running")
            return [
                f"{task.service}: {line}"
                for task in tasks[:2]
                for line in swarm.log_lines(task.container, count=LOG_LINES)
            ]
        except (ColorwayError, OSError, ValueError):
            return []
