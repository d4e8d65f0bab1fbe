"""A platform with as many services as a measurement wants: each small, each with a route of its own."""

from __future__ import annotations

import re

from colorway.config import stack_files
from colorway.config.documents import Document, parse_document
from colorway.spec.platform_spec import PlatformSpec
from tests.support.clone import Clone
from tests.support.specs import ROOT, THIS_MACHINE, traffic_line

PLATFORM = "scale"
VERSION = "1.0.0"
SERVICE = """\
  app-{number:03}:
    build: demo
    command: [sleep, infinity]
    port: 8000
    routes: [{{path: /app-{number:03}/}}]
    health: {{command: [CMD, "true"], interval: 5s, timeout: 5s, retries: 3, start-period: 10s}}
    longest-request: 5s
    limits: {{cpus: 0.1, memory: 16Mi}}
    update: {{monitor: 1s}}
    env: {{DATABASE_HOST: postgres, DATABASE_NAME: demo, DATABASE_USER: demo, REDIS_HOST: redis}}
    uses: [postgres, redis]
    secrets: [database-password, redis-password]
"""
"""Sleeps, so that what is measured is Colorway, and not the start of so many applications."""


def platform_text(services: int) -> str:
    """Return the demo's platform file with this many services instead of its own, and without migrations."""
    demo = (ROOT / "platforms" / "demo.yaml").read_text()
    ours = "services:\n" + "".join(SERVICE.format(number=number) for number in range(services))
    text, count = re.subn(r"^services:\n.*?(?=^data-stores:)", ours + "\n", demo, flags=re.MULTILINE | re.DOTALL)
    assert count == 1, "the demo has its services before its data stores"
    text = re.sub(r"^migrations:\n(  .*\n)+", "", text, flags=re.MULTILINE)
    return re.sub(r"^  smoke:\n(    .*\n)+", "", text, flags=re.MULTILINE)


def add_platform(clone: Clone, services: int) -> None:
    """Make the clone's stack one of this many services, of one color."""
    (clone.path / stack_files.platform_file(PLATFORM)).write_text(platform_text(services))
    manifest = clone.path / stack_files.release_file(PLATFORM, VERSION)
    manifest.parent.mkdir(exist_ok=True)
    manifest.write_text("migrations: []\n")
    text = clone.stack_file.read_text().replace("colorway:platform: demo", f"colorway:platform: {PLATFORM}")
    clone.stack_file.write_text(
        re.sub(r"colorway:versions: .*", f'colorway:versions: {{blue: "{VERSION}", green: null}}', text)
    )
    clone.git("add", "--all")
    clone.commit(f"Want {services} services")


def scale_spec(services: int) -> PlatformSpec:
    """Return a stack of this many services, of one color, on this machine."""
    platform, problems = parse_document(platform_text(services), name=stack_files.platform_file(PLATFORM))
    assert not problems, problems
    wanted = {
        "platform": PLATFORM,
        "domains": {"main": "example.com"},
        "versions": {"blue": VERSION, "green": None},
        "traffic": traffic_line("100:0"),
        "hosts": list(THIS_MACHINE),
        "environment": "local",
    }
    return stack_files.parse(
        stack="scale",
        settings=Document(name="Pulumi.scale.yaml", data=wanted, prefix=stack_files.NAMESPACE),
        platform=platform,
        releases={VERSION: Document(name=stack_files.release_file(PLATFORM, VERSION), data={"migrations": []})},
        build_digests={path.parent.name: "0" * 12 for path in ROOT.glob("images/*/Dockerfile")},
    )
