"""A platform of one small service whose images a registry with a password has."""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from colorway.config import stack_files
from colorway.engine.stack import BACKEND_URL, PASSPHRASE, PUBLISHED_PASSPHRASE, QUIET, STATE_FOLDER, stack_of
from colorway.machine import images
from colorway.machine.progress import silent
from tests.support.clone import Clone
from tests.support.demo import docker
from tests.support.registry import Registry

# Made up by each run: the checkout under test, in which they are looked for, has this file, too.
USER, PASSWORD = "deploy", secrets.token_hex(12)
SETTING = "secrets:registry-password"
PLATFORM = """\
images: registry
secrets: {{preview-token: {{}}}}
services:
  shop:
    entrypoint: [monitor]
    port: 9090
    routes: [{{path: /}}]
    health: {{command: [CMD, curl, -fsS, "http://127.0.0.1:9090/"], interval: 3s, timeout: 10s, retries: 8}}
    limits: {{cpus: 0.5, memory: 64Mi}}
    longest-request: 5s
    update: {{monitor: 1s}}
migrations: {{service: shop, entrypoint: [echo], command: [applied], timeout: 1m}}
edge: {{image: {image}}}
monitoring: {{image: {image}, mtail-image: {image}}}
"""
DOCKERFILE = """\
FROM {nginx}
COPY monitor.conf /etc/monitor.conf
COPY monitor /usr/bin/monitor
RUN chmod 755 /usr/bin/monitor && ln -s monitor /usr/bin/prometheus && ln -s monitor /usr/bin/mtail
"""
MONITOR = """\
#!/bin/sh
exec nginx -e stderr -c /etc/monitor.conf
"""
CONFIGURATION = """\
# Instead of Prometheus and mtail, which would be pushed and pulled for minutes; {version}
daemon off;
master_process off;
user root;
pid /tmp/monitor.pid;
events {{}}
http {{
  access_log off;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  server {{ listen 9090; listen 3903; return 200 "{version}"; }}
}}
"""


def needles(password: str) -> list[bytes]:
    """Return how a password would show."""
    login = f"{USER}:{password}".encode()
    return [password.encode(), base64.b64encode(login)]


def set_secrets(clone: Clone, pulumi: Path, values: Mapping[str, str]) -> None:
    """Set secrets of a checkout's stack as its user does; the file is then to be committed."""
    environment = {
        **os.environ,
        **QUIET,
        BACKEND_URL: (clone.path / STATE_FOLDER).as_uri(),
        PASSPHRASE: PUBLISHED_PASSPHRASE,
    }
    stack = stack_of(root=clone.path, name=clone.stack, pulumi=pulumi, environment=environment)
    if not (clone.path / STATE_FOLDER / f".pulumi/stacks/colorway/{clone.stack}.json").exists():
        (clone.path / STATE_FOLDER).mkdir(parents=True, exist_ok=True)
        stack.workspace.create_stack(clone.stack)
    for key, value in values.items():
        subprocess.run(
            [pulumi, "config", "set", "--secret", key, "--stack", clone.stack],
            cwd=clone.path,
            env=environment,
            input=value,
            text=True,
            check=True,
            capture_output=True,
        )


@dataclass(kw_only=True)
class Shop:
    """The stack whose images a registry with a password has."""

    clone: Clone
    registry: Registry
    pulumi: Path
    folder: Path
    said: list[str] = field(default_factory=list)
    """All that the command line printed."""

    def push(self, tag: str) -> str:
        """Build an image, push it, and forget it here; return its reference with its digest."""
        reference = f"{self.registry.loopback}/team/shop:{tag}"
        folder = self.folder / tag
        folder.mkdir()
        local = stack_files.from_file(root=self.clone.path, stack="local")
        [(nginx, (build, version))] = [one for one in local.builds().items() if one[1][0] == "nginx"]
        context = self.clone.path / "images" / build
        images.ensure_image(reference=nginx, version=version, context=context, progress=silent)
        (folder / "Dockerfile").write_text(DOCKERFILE.format(nginx=nginx))
        (folder / "monitor").write_text(MONITOR)
        (folder / "monitor.conf").write_text(CONFIGURATION.format(version=tag))
        docker("build", "--quiet", "--tag", reference, str(folder))
        login = base64.b64encode(f"{USER}:{self.registry.password}".encode()).decode()
        (folder / "config.json").write_text(json.dumps({"auths": {self.registry.loopback: {"auth": login}}}))
        docker("--config", str(folder), "push", "--quiet", reference)
        (folder / "config.json").unlink()
        form = "{{range .RepoDigests}}{{println .}}{{end}}"
        [pushed] = docker("image", "inspect", "--format", form, reference).split()
        docker("image", "rm", reference)
        return f"{self.registry.host}/team/shop:{tag}@{pushed.partition('@')[2]}"

    def write(self, file: str) -> None:
        """Give the stack of a file this platform, with version 1 on blue, and the registry's login."""
        image = self.push("1")
        (self.clone.path / "platforms/shop.yaml").write_text(PLATFORM.format(image=image))
        (self.clone.path / "releases/shop").mkdir()
        (self.clone.path / "releases/shop/1.yaml").write_text(f"images: {{shop: {image}}}\n")
        self.clone.git("add", "--all")
        self.clone.edit(file, "colorway:platform: demo", "colorway:platform: shop", subject="Run another platform")
        self.clone.versions(blue="1", green=None)
        login = f"{self.registry.host}: {{user: {USER}, password: registry-password}}"
        self.clone.edit(
            file,
            "^  colorway:network:",
            f"  colorway:registries: {{{login}}}\n  colorway:network:",
            subject="Log in to the registry",
        )
        self.set_password(self.registry.password)

    def set_password(self, password: str) -> None:
        """Set the stack's secret as its user does."""
        set_secrets(self.clone, self.pulumi, {SETTING: password})
        self.clone.commit("Set the registry's password")

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command of the command line and return what it printed."""
        said = self.clone.run(*arguments, code=code).output
        self.said.append(said)
        return said

    def up(self, code: int = 0) -> str:
        """Run `colorway up`."""
        return self.run("up", self.clone.stack, code=code)
