"""The demo platform as the e2e tests and the benchmark handle it."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
from dataclasses import dataclass

from colorway.config.stack_files import user_directory
from colorway.spec import names
from tests.support.clone import Clone
from tests.support.load import Target, get


def docker(*arguments: str) -> str:
    """Run the docker CLI and return what it printed."""
    run = subprocess.run(["docker", *arguments], capture_output=True, check=False, text=True)
    assert run.returncode == 0, f"docker {' '.join(arguments)}: {run.stderr}"
    return run.stdout


def left_behind(stack: str) -> list[str]:
    """Return every object of a stack that Docker or the file system still has, volumes aside."""
    label = f"label={names.STACK_LABEL}={stack}"
    found = [
        f"{kind} {name}"
        for kind in ("service", "network", "secret", "config")
        for name in docker(kind, "ls", "--filter", label, "--format", "{{.Name}}").split()
    ]
    directory = user_directory(stack)
    return found + ([str(directory)] if directory.exists() else [])


@dataclass(frozen=True, kw_only=True)
class Demo:
    """The demo platform, up."""

    clone: Clone

    @property
    def stack(self) -> str:
        """The stack's name."""
        return self.clone.stack

    @property
    def target(self) -> Target:
        """Where its users come in."""
        return self.clone.place.target

    def containers(self, service: str) -> list[str]:
        """Return the running containers of a service, by its name behind the stack's."""
        label = f"label=com.docker.swarm.service.name={self.stack}-{service}"
        return docker("ps", "--quiet", "--filter", label).split()

    def tasks(self) -> dict[str, set[str]]:
        """Return the running tasks of each service by id, by the service's name behind the stack's."""
        prefix, form = f"{self.stack}-", "{{.ID}} {{.Name}}"
        label = f"label={names.STACK_LABEL}={self.stack}"
        services = docker("service", "ls", "--filter", label, "--format", "{{.Name}}").split()
        assert services, f"{self.stack} has services"
        running = ("service", "ps", "--no-trunc", "--filter", "desired-state=running", "--format", form)
        return {
            service.removeprefix(prefix): {line.split()[0] for line in docker(*running, service).splitlines()}
            for service in services
        }

    def whoami(self) -> dict[str, object]:
        """Ask web who it is, as a newcomer."""
        return json.loads(get(self.target, "/whoami"))

    def post(self, path: str, body: dict[str, object]) -> None:
        """Send JSON as a newcomer; an answer that is no success is an error."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(self.target.host, self.target.port, context=context, timeout=30)
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        assert answer.status < 300, f"POST {path} answered {answer.status}: {said!r}"

    def to(self, blue: int) -> None:
        """Commit a traffic line and apply it."""
        self.clone.traffic(blue)
        self.clone.up()

    def query(self, sql: str) -> list[list[str]]:
        """Ask the demo's database, on its own socket."""
        (container,) = self.containers("postgres")
        said = docker(
            "exec",
            "--user",
            "postgres",
            container,
            "psql",
            "-h",
            "/tmp/postgresql",
            "-At",
            "-F",
            "\t",
            "-c",
            sql,
            "demo",
        )
        return [line.split("\t") for line in said.splitlines()]


def reset(platform: Demo) -> None:
    """Bring the platform back to 100:0 with both colors on, by commits that are legal."""
    text = platform.clone.stack_file.read_text()
    start = (
        'colorway:versions: {blue: "1.0.0", green: "2.0.0"}' in text and "{blue: 100, green: 0, active: blue}" in text
    )
    if not start:
        if 'blue: "1.0.0"' not in text:
            platform.clone.versions(blue="1.0.0", green="2.0.0")
            platform.clone.up("--in-place", "a test turned blue off")
        platform.to(100)
        if 'colorway:versions: {blue: "1.0.0", green: "2.0.0"}' not in platform.clone.stack_file.read_text():
            platform.clone.versions(blue="1.0.0", green="2.0.0")
            platform.clone.up()
