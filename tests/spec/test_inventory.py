"""What exists is said once, and everything that asks loops over it."""

from __future__ import annotations

import subprocess
from collections import Counter

import pytest

from colorway.config.checks import build_mistakes, clash_mistakes, length_mistakes
from colorway.engine import session
from colorway.machine import teardown
from colorway.outputs import platform_outputs
from colorway.spec import inventory
from colorway.spec.hosts import Role
from colorway.spec.stores import RedisSpec, StoreMember
from colorway.spec.task.process import PublishedPort
from colorway.spec.traffic import Color
from colorway.spec.wanted import Image, WantedDirectory, WantedService, WantedVolume
from tests.support.specs import REMOTE_HOSTS, demo_spec, small_spec

BLUE_ONLY = {"blue": "1.0.0", "green": None}


class Sentinels(RedisSpec):
    """A kind of store that nobody has built: a primary and two replicas."""

    def tasks(self, name, *, hosts):
        return tuple(
            StoreMember(name=f"{name}-{number}", host=hosts[number % len(hosts)], volume=f"{name}-{number}")
            for number in range(3)
        )


def with_store(spec, name, store):
    stores = {**spec.platform.data_stores, name: store}
    return spec.model_copy(update={"platform": spec.platform.model_copy(update={"data_stores": stores})})


def replicated(spec):
    plain = spec.platform.data_stores["redis"]
    return with_store(spec, "redis", Sentinels.model_validate(plain.model_dump()))


def searching(spec):
    """Yield what a search engine would have, a kind of thing that nobody has built."""
    host = spec.hosts(Role.DATABASE)[0]
    yield WantedService(
        stack=spec.stack,
        logical="search",
        owner="the search engine",
        image=Image(folder="search", digest="0123456789ab", path=("search", "build")),
        ports=(PublishedPort(port=9200, inside=9200, key=("search", "port")),),
        role=Role.DATABASE,
        host=host.name,
    )
    yield WantedVolume(name=f"{spec.stack}-search", host=host)
    yield WantedDirectory(path=f"{spec.directory}/search", host=host)


@pytest.fixture
def search(monkeypatch):
    monkeypatch.setattr(inventory, "KINDS", (*inventory.KINDS, searching))


def output_names(spec):
    return [service["service"] for service in platform_outputs(spec, generation="0" * 12)["services"]]


@pytest.mark.parametrize("spec", [small_spec(hosts=REMOTE_HOSTS), demo_spec(), small_spec(versions=BLUE_ONLY)])
def test_everything_is_there_once(spec):
    found = spec.inventory()
    for things in (
        [service.label for service in found.declared],
        [network.name for network in found.networks],
        [volume.name for volume in found.volumes],
        [(one.path, one.host.name) for one in found.directories],
        [secret.name for secret in found.secrets],
    ):
        assert things, "a stack without any of them is none"
        assert [one for one, times in Counter(things).items() if times > 1] == []


def test_a_color_that_is_off_takes_its_names_and_runs_nothing():
    found = small_spec(versions=BLUE_ONLY).inventory()
    green = [service for service in found.declared if service.color is Color.GREEN]
    assert {service.logical for service in green} == {"shop", "api", "worker", "scheduler"}, "free when it comes"
    assert not any(service.runs or service.replicas for service in green)
    assert not any(service.color is Color.GREEN for service in found.services)


def test_a_port_says_which_key_changes_it():
    ports = {port.port: port.override for port in demo_spec().inventory().ports}
    assert ports == {8080: "{edge: {http-port: …}}", 8443: "{edge: {https-port: …}}", 9090: "{monitoring: {port: …}}"}
    two = small_spec(hosts=REMOTE_HOSTS).inventory()
    assert [port.port for port in two.ports] == [80, 443, 9090], "two load balancers have the same ports"


@pytest.mark.parametrize(("environment", "protected"), [("lab", set()), ("staging", {"postgres", "redis"})])
def test_only_what_must_not_be_lost_is_protected(environment, protected):
    found = small_spec(hosts=REMOTE_HOSTS, settings={"environment": environment}).inventory()
    assert {service.logical for service in found.declared if service.is_protected} == protected
    assert {network.is_protected for network in found.networks} == {bool(protected)}


def test_a_store_of_today_is_one_task_with_its_volume_on_one_host():
    spec = small_spec(hosts=REMOTE_HOSTS)
    hosts = spec.hosts(Role.DATABASE)
    for name, store in spec.platform.data_stores.items():
        assert store.tasks(name, hosts=hosts) == (StoreMember(name=name, host=hosts[0], volume=name),)


# --- a new kind of thing, said once


def test_a_replicated_store_is_a_value_for_outputs_checks_and_builds():
    spec = replicated(demo_spec())
    members = ["local-redis-0", "local-redis-1", "local-redis-2"]
    assert [name for name in output_names(spec) if "redis" in name] == members
    assert [volume.name for volume in spec.inventory().volumes if "redis" in volume.name] == members
    assert spec.builds() == demo_spec().builds(), "three tasks, one image"
    clash = with_store(spec, "redis-1", spec.platform.data_stores["postgres"])
    assert clash_mistakes(clash.inventory().declared) == [
        (
            ("data-stores", "redis-1"),
            "would be called redis-1 in the swarm, as the data store redis is; rename one",
        )
    ]


def test_a_made_up_kind_is_in_outputs_checks_and_builds(search):
    spec = demo_spec()
    assert "local-search" in output_names(spec)
    assert spec.builds()["colorway/search:0123456789ab"] == ("search", None)
    assert 9200 in {port.port for port in spec.inventory().ports}
    taken = with_store(spec, "search", spec.platform.data_stores["redis"])
    assert [path for path, _ in clash_mistakes(taken.inventory().declared)] == [("data-stores", "search")]
    assert length_mistakes("s" * 60, spec.inventory().declared), "its name counts"
    lost = Image(folder="serach", path=("search", "build"))
    service = WantedService(stack="s", logical="search", owner="the search engine", image=lost, role=Role.DATABASE)
    assert build_mistakes([service], folders=["search"]) == [
        (("search", "build"), "names a folder that images/ does not have (with a Dockerfile); did you mean search?")
    ]


@pytest.mark.parametrize("data", [True, False])
def test_teardown_removes_the_directories_and_volumes_of_a_made_up_kind(search, monkeypatch, tmp_path, data):
    spec = replicated(demo_spec()).model_copy(update={"directory": str(tmp_path / "local")})
    (tmp_path / "local" / "search").mkdir(parents=True)
    asked, said = [], []

    def docker(*command):
        asked.append(list(command))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(teardown, "docker", docker)
    teardown.remove_leftovers(spec, data=data, say=said.append)
    assert not (tmp_path / "local").exists()
    volumes = ["local-postgres", "local-redis-0", "local-redis-1", "local-redis-2", "local-prometheus", "local-search"]
    if data:
        assert [command[-1] for command in asked if command[:2] == ["volume", "rm"]] == volumes
    else:
        assert all(volume in said[0] for volume in volumes), "what is kept is said"


def test_images_of_a_made_up_kind_are_built(search, monkeypatch, tmp_path):
    built = []
    monkeypatch.setattr(session.images, "ensure_image", lambda *, context, **_: built.append(context.name))
    session.build_images(demo_spec(), root=tmp_path, progress=lambda *_a, **_k: None)
    assert "search" in built
