"""A platform with stand-ins: everything but its images, and a smoke test for each place."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from colorway.config import stack_files
from colorway.lab import rehearsal, stand_ins
from colorway.spec.platform_spec import PlatformSpec

ROOT = Path(__file__).resolve().parents[2]
RENTED = ("production", "preproduction", "staging", "portal-production", "portal-staging")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(rehearsal.os, "cpu_count", lambda: 64)
    for folder in ("images", "config"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    for folder in ("platforms", "releases"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for file in ROOT.glob("Pulumi*.yaml"):
        shutil.copy(file, tmp_path / file.name)
    return tmp_path


def specs(project: Path, like: str, where: str) -> tuple[PlatformSpec, PlatformSpec]:
    """Return a stack and its rehearsal with the demo."""
    rehearsal.write(project, like, where=where, demo=True)
    name = rehearsal.stack_name(like, where)
    return stack_files.from_file(root=project, stack=like), stack_files.from_file(root=project, stack=name)


def platform(**service: Any) -> dict[str, Any]:
    """Return a platform with one service and one store."""
    store = {"kind": "mariadb", "image": "db@sha256:0", "database": "shop", "user": "seller", "password": "db-password"}
    said = {"port": 8000, "health": {"path": "/up"}, "limits": {"cpus": 1, "memory": "64Mi"}, **service}
    return {"images": "registry", "services": {"shop": said}, "data-stores": {"orders-db": store}, "edge": {}}


def shop(**service: Any) -> dict[str, Any]:
    """Return the service as it is stood in for."""
    found: dict[str, Any] = stand_ins.platform(platform(**service))["services"]["shop"]
    return found


@pytest.mark.parametrize("where", [rehearsal.LAB, rehearsal.HERE])
@pytest.mark.parametrize("like", RENTED)
def test_every_image_is_built_here_and_nothing_else_is_another(project: Path, like: str, where: str):
    theirs, ours = specs(project, like, where)
    assert all(image.folder for image in ours.inventory().images), "no registry is asked for anything"
    if where == rehearsal.LAB:
        names = [{one.logical for one in spec.inventory().declared} for spec in (theirs, ours)]
        assert names[1] <= names[0], "no service is there that the stack has not"
    for name, said in theirs.platform.services.items():
        stood_in = ours.platform.services[name]
        for key in ("kind", "port", "routes", "replicas", "limits", "uses", "longest_request", "volumes", "secrets"):
            assert getattr(stood_in, key) == getattr(said, key), f"{name}: {key} is what is rehearsed"
        assert said.env.items() <= stood_in.env.items()
    assert ours.platform.edge.headers == theirs.platform.edge.headers
    assert ours.settings.versions == theirs.settings.versions


@pytest.mark.parametrize("like", RENTED)
def test_every_place_of_every_route_is_tried(project: Path, like: str):
    theirs, ours = specs(project, like, rehearsal.HERE)
    places = [(route.domain, route.host) for service in theirs.platform.services.values() for route in service.routes]
    assert [(one.domain, one.host) for one in ours.platform.release.smoke] == places
    named = {one.json_fields["service"] for one in ours.platform.release.smoke if one.json_fields}
    assert named == {name for name, service in theirs.platform.services.items() if service.answers}


def test_two_rehearsals_share_the_platform_that_the_first_has_written(project: Path):
    rehearsal.write(project, "staging", demo=True)
    file = project / "platforms/bizosaas-demo.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    assert rehearsal.write(project, "production", demo=True) == ("Pulumi.production-lab.yaml",)
    assert file.read_text(encoding="utf-8").endswith("# mine\n"), "what is there stays"


def test_a_program_is_left_out_with_all_that_it_needs_of_its_image():
    said = shop(
        entrypoint=["/run"], command=["serve"], user="www-data", **{"working-dir": "/srv", "stop-signal": "SIGQUIT"}
    )
    assert said["command"] == ["python3", "-m", "demo", "stand-in", "web"]
    assert not {"entrypoint", "user", "working-dir", "stop-signal"} & said.keys()


def test_every_port_that_it_listens_on_is_listened_on():
    said = shop(ports={"metrics": 9100}, published=[{"port": 25, "target": 2525}])
    assert said["env"]["PORT"] == "8000"
    assert said["env"]["STAND_IN_PORTS"] == "2525 9100"


def test_a_command_of_the_image_is_no_longer_its_health():
    assert shop(health={"command": ["CMD", "php", "ok"], "interval": "9s"})["health"] == {
        "path": "/health",
        "interval": "9s",
    }
    worker = shop(kind="worker", health={"command": ["CMD", "php", "ok"]})
    assert worker["health"]["command"][0] == "CMD-SHELL"
    assert shop(health={"none": "it cannot be asked"})["health"] == {"none": "it cannot be asked"}


def test_who_uses_a_store_logs_in_to_it():
    said = shop(uses=["orders-db"])
    assert said["secrets"] == ["db-password"], "a password that the service did not list is brought along"
    assert {key: value for key, value in said["env"].items() if key.startswith(("ORDERS", "STAND"))} == {
        "STAND_IN_STORES": "orders-db=mariadb",
        "ORDERS_DB_DATABASE": "shop",
        "ORDERS_DB_USER": "seller",
        "ORDERS_DB_PASSWORD_FILE": "/run/secrets/db-password",
    }


def test_a_layer_says_of_a_service_what_it_said_and_no_program():
    said = stand_ins.overrides({"services": {"shop": {"command": ["other"], "port": 9000, "replicas": 3}}}, platform())
    assert said == {"services": {"shop": {"port": 9000, "replicas": 3, "env": {"PORT": "9000"}}}}
    manifest = {
        "images": {"shop": "shop@sha256:0"},
        "services": {"shop": None, "new": {"kind": "cron", "command": ["x"]}},
    }
    found = stand_ins.manifest(manifest, platform())
    assert found == {
        "services": {
            "shop": None,
            "new": {"build": "demo", "command": ["python3", "-m", "demo", "stand-in", "once"], "kind": "cron"},
        }
    }


def test_places_behind_a_password_or_a_redirect_are_tried_as_they_answer():
    routes = [
        {"path": "/"},
        {"path": "/x", "basic-auth": "users"},
        {"host": "www", "redirect": "main"},
        {"path": "/g", "grpc": True},
    ]
    smoke = stand_ins.platform(platform(routes=routes))["release"]["smoke"]
    assert smoke == [
        {"path": "/", "json-fields": {"service": "shop", "color": "{color}", "version": "{version}"}},
        {"path": "/x", "status": 401},
        {"path": "/", "host": "www", "status": 308},
    ]
