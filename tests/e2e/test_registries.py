"""A registry that asks for a password: whose it is, where it is, and what becomes of a new one, on a real swarm."""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from colorway.config import stack_files
from colorway.engine.stack import BACKEND_URL, PASSPHRASE, PUBLISHED_PASSPHRASE, QUIET, STATE_FOLDER, stack_of
from colorway.machine import images
from colorway.machine.progress import silent
from colorway.spec import names
from tests.support.clone import Clone
from tests.support.demo import docker, left_behind
from tests.support.places import free_place
from tests.support.registry import Registry, running_registry

pytestmark = [pytest.mark.area("engine"), pytest.mark.full]

# Made up by each run: the checkout under test, in which they are looked for, has this file, too.
USER, PASSWORD, NEW = "deploy", secrets.token_hex(12), secrets.token_hex(12)
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
        reference = f"{self.registry.host}/team/shop:{tag}"
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
        (folder / "config.json").write_text(json.dumps({"auths": {self.registry.host: {"auth": login}}}))
        docker("--config", str(folder), "push", "--quiet", reference)
        (folder / "config.json").unlink()
        form = "{{range .RepoDigests}}{{println .}}{{end}}"
        [pushed] = docker("image", "inspect", "--format", form, reference).split()
        docker("image", "rm", reference)
        return f"{reference}@{pushed.partition('@')[2]}"

    def set_password(self, password: str) -> None:
        """Set the stack's secret as its user does."""
        environment = {
            **os.environ,
            **QUIET,
            BACKEND_URL: (self.clone.path / STATE_FOLDER).as_uri(),
            PASSPHRASE: PUBLISHED_PASSPHRASE,
        }
        stack = stack_of(root=self.clone.path, name=self.clone.stack, pulumi=self.pulumi, environment=environment)
        if not (self.clone.path / STATE_FOLDER / f".pulumi/stacks/colorway/{self.clone.stack}.json").exists():
            (self.clone.path / STATE_FOLDER).mkdir(parents=True, exist_ok=True)
            stack.workspace.create_stack(self.clone.stack)
        subprocess.run(
            [self.pulumi, "config", "set", "--secret", SETTING, "--stack", self.clone.stack],
            cwd=self.clone.path,
            env=environment,
            input=password,
            text=True,
            check=True,
            capture_output=True,
        )
        self.clone.commit("Set the registry's password")

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command of the command line and return what it printed."""
        said = self.clone.run(*arguments, code=code).output
        self.said.append(said)
        return said

    def up(self, code: int = 0) -> str:
        """Run `colorway up`."""
        return self.run("up", self.clone.stack, code=code)

    @property
    def services(self) -> dict[str, tuple[int, str]]:
        """The version of each service in the swarm, which any update counts up, and its tasks."""
        label = f"label={names.STACK_LABEL}={self.clone.stack}"
        found = json.loads(docker("service", "inspect", *docker("service", "ls", "-q", "--filter", label).split()))
        return {
            one["Spec"]["Name"]: (one["Version"]["Index"], docker("service", "ps", "-q", "--no-trunc", one["ID"]))
            for one in found
        }


@pytest.fixture(scope="module")
def shop(empty_machine: None, pulumi_cli: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A stack that is up, and whose images came from its registry."""
    folder = tmp_path_factory.mktemp("registries")
    with (
        free_place() as place,
        running_registry(folder / "registry", user=USER, password=PASSWORD) as registry,
    ):
        made = Shop(
            clone=Clone.make(folder / "clone", place=place), registry=registry, pulumi=pulumi_cli, folder=folder
        )
        clone = made.clone
        image = made.push("1")
        (clone.path / "platforms/shop.yaml").write_text(PLATFORM.format(image=image))
        releases = clone.path / "releases/shop"
        releases.mkdir()
        (releases / "1.yaml").write_text(f"images: {{shop: {image}}}\n")
        clone.git("add", "--all")
        clone.edit(place.file, "colorway:platform: demo", "colorway:platform: shop", subject="Run another platform")
        clone.versions(blue="1", green=None)
        login = f"{registry.host}: {{user: {USER}, password: registry-password}}"
        clone.edit(
            place.file,
            "^  colorway:network:",
            f"  colorway:registries: {{{login}}}\n  colorway:network:",
            subject="Log in to the registry",
        )
        made.set_password(PASSWORD)
        try:
            made.up()
            yield made
        finally:
            # No other run would know the images, whose registry has another port each time.
            clone.down()
            form = "{{.Repository}}@{{.Digest}}"
            docker(
                "image",
                "rm",
                *docker("image", "ls", "--digests", "--format", form, f"{registry.host}/team/shop").split(),
            )
        assert left_behind(place.name) == [], "`down` removes them as everything else"


@contextmanager
def processes_watched(*wanted: bytes) -> Iterator[list[str]]:
    """Look at the arguments and variables of all processes while the block runs; collect those with a secret."""
    found: list[str] = []
    end = threading.Event()

    def look() -> None:
        while not end.wait(0.02):
            for process in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        text = (process / name).read_bytes()
                    except OSError:
                        continue
                    if any(needle in text for needle in wanted):
                        found.append(f"{process.name} {name}")

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        end.set()
        thread.join(timeout=10)


@pytest.mark.timeout(1800)
def test_a_platform_comes_up_from_a_registry_that_asks_for_a_password(shop: Shop):
    assert shop.registry.let_in > 10, "its images were not on this machine"
    pulled = docker("image", "ls", "--digests", "--format", "{{.Digest}}", f"{shop.registry.host}/team/shop").split()
    assert len(pulled) == 1
    assert shop.services, "and run"


@pytest.mark.timeout(600)
def test_a_second_up_changes_nothing(shop: Shop):
    before = shop.services
    assert "nothing changes" in shop.up()
    assert shop.services == before


@pytest.mark.timeout(600)
def test_a_new_password_touches_no_service(shop: Shop):
    before = shop.services
    shop.registry.password = NEW
    shop.set_password(NEW)
    with processes_watched(*needles(PASSWORD), *needles(NEW)) as seen:
        assert "nothing changes" in shop.up(), "it is a setting of the provider, and no service's"
    assert seen == [], "neither the arguments nor the variables of any process have it"
    assert shop.services == before, "neither updated nor replaced"


@pytest.mark.timeout(600)
def test_tags_are_pinned_with_the_login_of_a_stack(shop: Shop):
    pinned = shop.push("2")
    manifest = shop.clone.path / "releases/shop/2.yaml"
    migration = "migrations: [{id: 0001-first, backward-compatible: true}]\n"
    manifest.write_text(f"images: {{shop: {pinned.partition('@')[0]}}}\n{migration}")
    shop.clone.git("add", "--all")
    said = shop.run("pin", "2", "--platform", "shop", code=1)
    assert "no basic auth credentials" in said, "nobody is logged in on this machine"
    shop.run("pin", "2", "--platform", "shop", "--stack", shop.clone.stack)
    assert pinned in manifest.read_text()
    shop.clone.commit("Write version 2")


@pytest.mark.timeout(900)
def test_a_wrong_password_is_said_with_the_registry_and_what_helps(shop: Shop):
    shop.set_password(PASSWORD)
    shop.clone.versions(blue="1", green="2")
    before = shop.services
    said = shop.up(code=1)
    assert (
        f"the registry {shop.registry.host} refuses the login of colorway:registries; correct the user there, or the "
        "password with `pulumi config set --secret secrets:registry-password`"
    ) in said
    assert {name: shop.services[name] for name in before} == before, "who runs already needs no registry"


@pytest.mark.timeout(900)
def test_the_right_password_lets_migrations_and_services_of_a_new_version_start(shop: Shop):
    shop.set_password(NEW)
    before = shop.services
    with processes_watched(*needles(NEW)) as seen:
        shop.up()
    assert seen == []
    assert f"{shop.clone.stack}-shop-green" in shop.services
    assert {name: shop.services[name] for name in before} == before
    assert "nothing changes" in shop.up()


@pytest.mark.timeout(600)
def test_nobody_who_looks_finds_the_password(shop: Shop):
    every = [*needles(PASSWORD), *needles(NEW)]
    files = [path for path in shop.clone.path.rglob("*") if path.is_file()]
    assert any(STATE_FOLDER in str(path) for path in files), "the state and its copies are among them"
    showing = [str(path) for path in files if any(needle in path.read_bytes() for needle in every)]
    assert showing == [], "neither state nor stack file nor log"
    listed = docker("service", "ls", "-q", "--filter", f"label={names.STACK_LABEL}={shop.clone.stack}").split()
    printed = "\n".join([*shop.said, docker("service", "inspect", *listed)]).encode()
    assert not [needle for needle in every if needle in printed]
