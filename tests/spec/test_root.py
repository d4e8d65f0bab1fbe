"""What follows from the files: drain, replicas, images, builds."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from colorway.spec.hosts import Role
from colorway.spec.services import ServiceSpec
from colorway.spec.task.environment import in_swarm
from colorway.spec.traffic import Color
from tests.support.specs import REMOTE_HOSTS, THIS_MACHINE, ZONE, demo_spec, pinned, small_spec

BLUE_ONLY = {"blue": "1.0.0", "green": None}


def test_a_spec_is_frozen():
    with pytest.raises(ValidationError):
        small_spec().stack = "other"


def test_drain_is_keepalive_and_resolver_and_the_longest_request_of_a_routed_service():
    spec = small_spec()
    assert spec.longest_request == timedelta(seconds=40), "the worker's 90 s are no request of a load balancer"
    assert spec.drain == timedelta(seconds=10 + 1 + 40 + 2 * 5), "and the two rounds of retries"
    edge = small_spec(overrides={"edge": {"keepalive-min-timeout": "20s"}})
    assert edge.drain == timedelta(seconds=20 + 1 + 40 + 2 * 5)
    longer = small_spec(overrides={"services": {"shop": {"longest-request": "5m"}}})
    assert longer.drain == timedelta(seconds=10 + 1 + 300 + 2 * 5)


@pytest.mark.parametrize(("service", "seconds"), [("shop", 35), ("worker", 95)])
def test_a_task_gets_five_seconds_more_than_its_longest_request_to_stop(service, seconds):
    assert small_spec().platform.services[service].stop_grace == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("traffic", "active", "blue", "green"),
    [("100:0", "blue", 2, 0), ("90:10", "blue", 2, 0), ("10:90", "blue", 2, 0), ("0:100", "green", 0, 2)],
)
def test_workers_run_in_the_active_color_only(traffic, active, blue, green):
    spec = small_spec(traffic=traffic, active=active)
    assert (spec.replicas("worker", Color.BLUE), spec.replicas("worker", Color.GREEN)) == (blue, green)
    assert spec.replicas("scheduler", spec.active) == 1
    assert spec.replicas("scheduler", spec.active.other) == 0


@pytest.mark.parametrize("color", Color)
def test_web_services_run_in_full_in_both_colors_whatever_the_traffic(color):
    assert small_spec(traffic="100:0").replicas("shop", color) == 3, "a color that gets users later must be ready"


def test_services_are_told_apart_by_what_they_follow():
    spec = small_spec()
    assert set(spec.services(Color.BLUE, belongs_to_active=False)) == {"shop", "api"}
    assert set(spec.services(Color.BLUE, belongs_to_active=True)) == {"worker", "scheduler"}


def test_images_of_a_registry_come_from_the_colors_own_manifest():
    spec = small_spec()
    assert spec.image("shop", Color.BLUE) == pinned("shop", "1.0.0")
    assert spec.image("shop", Color.GREEN) == pinned("shop", "2.0.0")
    assert spec.builds() == {}


def test_images_built_here_are_named_by_version_and_content():
    spec = demo_spec()
    digest = spec.build_digests["demo"]
    assert spec.image("web", Color.BLUE) == f"colorway/demo:1.0.0-{digest}"
    assert spec.image("web", Color.GREEN) == f"colorway/demo:2.0.0-{digest}"
    postgres = spec.platform.data_stores["postgres"]
    assert spec.shared_image(build=postgres.build, image=postgres.image).reference == (
        f"colorway/postgres:{spec.build_digests['postgres']}"
    ), "a data store has no version: a release must not touch it"


def test_everything_that_runs_is_built():
    spec = demo_spec()
    edge, monitoring = spec.platform.edge, spec.platform.monitoring
    wanted = {spec.image(name, color) for name in spec.platform.services for color in spec.colors_on}
    wanted |= {spec.shared_image(build=s.build, image=s.image).reference for s in spec.platform.data_stores.values()}
    wanted |= {
        spec.shared_image(build=build, image=None).reference
        for build in (edge.build, monitoring.build, monitoring.mtail_build)
    }
    assert set(spec.builds()) == wanted
    assert all(reference.startswith(f"colorway/{folder}:") for reference, (folder, _) in spec.builds().items())


def test_a_color_that_is_off_builds_nothing():
    on, off = demo_spec(), demo_spec(versions=BLUE_ONLY)
    assert set(on.builds()) - set(off.builds()) == {on.image("web", Color.GREEN)}


def test_two_colors_of_one_version_share_their_images():
    spec = demo_spec(versions={"blue": "1.0.0", "green": "1.0.0"})
    assert spec.image("web", Color.BLUE) == spec.image("web", Color.GREEN)
    assert [folder for folder, version in spec.builds().values() if version] == ["demo"]


def test_an_off_color_has_no_version():
    spec = small_spec(versions=BLUE_ONLY)
    assert spec.colors_on == (Color.BLUE,)
    with pytest.raises(KeyError):
        spec.version(Color.GREEN)


def test_something_without_image_is_a_fault_of_the_program():
    image = small_spec().shared_image(build=None, image=None)
    with pytest.raises(ValueError, match="neither a build folder nor an image"):
        _ = image.reference


def test_hosts_are_found_by_role_in_the_files_order():
    spec = small_spec(hosts=REMOTE_HOSTS)
    assert [host.name for host in spec.load_balancers] == ["lb1", "lb2"]
    assert spec.manager.name == spec.monitoring_host.name == "app1"
    assert [host.name for host in spec.hosts(Role.DATABASE)] == ["app1"]
    assert not spec.is_local
    assert small_spec().is_local


@pytest.mark.parametrize(
    ("environment", "guarded"), [("local", False), ("lab", False), ("staging", True), ("production", True)]
)
def test_the_environment_alone_says_what_is_guarded(environment, guarded):
    for zones in ({}, {"main": ZONE}):
        hosts = [{**THIS_MACHINE[0], "public-address": "203.0.113.11"}]
        spec = small_spec(hosts=hosts, settings={"environment": environment, "zones": zones})
        assert spec.is_guarded is guarded, "a zone says where names are kept, and nothing else"


def test_migrations_and_flags_are_the_versions_own():
    spec = small_spec(flags={"NEW_CART": "on"})
    assert [migration.id for migration in spec.migrations(Color.GREEN)] == ["0001-initial"]
    assert in_swarm(spec.manifest(Color.BLUE).flags) == {"NEW_CART": "on"}


@pytest.mark.parametrize("color", Color)
def test_the_other_of_the_other_color_is_the_color(color):
    assert color.other is not color
    assert color.other.other is color


def test_a_scheduler_that_says_nothing_is_killed_before_the_swarm_starts_another():
    said = {"kind": "scheduler", "health": {"none": "a test"}, "limits": {"cpus": 1, "memory": "64Mi"}}
    assert ServiceSpec.model_validate(said).stop_grace < timedelta(minutes=1), "stop-first waits a minute, no longer"
    said |= {"kind": "worker"}
    assert ServiceSpec.model_validate(said).stop_grace == timedelta(seconds=65), "two workers may live side by side"


@pytest.mark.parametrize(
    ("update", "seconds"),
    [({}, 55), ({"order": "stop-first"}, 55), ({"order": "start-first"}, 65)],
    ids=["by itself", "said", "not alone"],
)
def test_a_shared_service_that_alone_writes_its_volume_is_killed_before_another_opens_it(update, seconds):
    said = {"kind": "shared", "health": {"none": "a test"}, "limits": {"cpus": 1, "memory": "64Mi"}, "update": update}
    said["volumes"] = [{"name": "mails", "target": "/mails"}]
    grace = ServiceSpec.model_validate(said).stop_grace
    assert grace == timedelta(seconds=seconds), "stop-first waits a minute, no longer"
