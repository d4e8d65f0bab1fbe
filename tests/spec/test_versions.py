"""A version says everything about itself: platform file, then its manifest, then the stack."""

from __future__ import annotations

import json

import pytest

from colorway.config.stack_files import from_file
from colorway.config.yaml_text import read_yaml
from colorway.render.nginx import generation
from colorway.spec.task.environment import in_swarm
from colorway.spec.traffic import Color
from tests.spec.project_files import DEMO, DEMO_2, FILES, LOCAL, said, write_project
from tests.support.specs import SERVICES, small_spec

NEW = {
    "port": 9200,
    "health": {"path": "/"},
    "limits": {"cpus": 1, "memory": "64Mi"},
    "routes": [{"path": "/search/"}],
}


def with_manifest(services, **more):
    """The small platform with blue at 1.0.0, and green at 2.0.0 whose manifest says so of its services."""
    return small_spec(services={"2.0.0": services}, **more)


def test_what_a_manifest_says_is_said_of_its_color_alone():
    spec = with_manifest({"shop": {"replicas": 5, "env": {"NEW": "1"}}})
    blue, green = (spec.colored(color)["shop"] for color in Color)
    assert (blue.replicas, green.replicas) == (3, 5)
    assert in_swarm(green.env) == {**in_swarm(blue.env), "NEW": "1"}, "a manifest says only what is new"
    assert green.health == blue.health


def test_null_leaves_out_a_variable_and_an_extra_host_of_the_layer_below():
    hosts = {"old.example.com": "10.1.2.3", "crm.example.com": "10.1.2.4"}
    spec = with_manifest(
        {"shop": {"env": {"LOG_LEVEL": None}}},
        overrides={
            "services": {"shop": {"extra-hosts": hosts}},
            "versions": {"2.0.0": {"services": {"shop": {"extra-hosts": {"old.example.com": None}}}}},
        },
    )
    blue, green = (spec.colored(color)["shop"] for color in Color)
    assert ("LOG_LEVEL" in blue.env, "LOG_LEVEL" in green.env) == (True, False), "a program may need it unset"
    assert (list(blue.extra_hosts), list(green.extra_hosts)) == (list(hosts), ["crm.example.com"])


def test_a_stack_has_the_last_word_and_a_version_of_it_the_very_last():
    spec = with_manifest(
        {"shop": {"replicas": 5}},
        overrides={
            "services": {"shop": {"replicas": 7}},
            "versions": {"2.0.0": {"services": {"shop": {"replicas": 9}}}},
        },
    )
    assert [spec.colored(color)["shop"].replicas for color in Color] == [7, 9]


def test_a_service_may_come_and_go_with_a_version():
    spec = with_manifest({"search": NEW, "worker": None}, images={"2.0.0": ["shop", "api", "scheduler", "search"]})
    assert "search" not in spec.colored(Color.BLUE)
    assert set(spec.colored(Color.GREEN)) == {"shop", "api", "scheduler", "search"}
    there = {(one.logical, one.color) for one in spec.inventory().services if one.color}
    assert ("search", Color.GREEN) in there
    assert ("search", Color.BLUE) not in there
    assert ("worker", Color.GREEN) not in there


def test_the_service_that_applies_migrations_may_be_renamed_with_a_version(tmp_path):
    api = read_yaml(FILES[DEMO]).data["services"]["api"]
    renamed = f"services: {json.dumps({'api': None, 'backend': api})}\nmigration-service: backend\n"
    write_project(tmp_path, {DEMO_2: renamed + FILES[DEMO_2]})
    spec = from_file(root=tmp_path, stack="local")
    command = spec.platform.migrations
    assert command is not None
    assert [spec.migration_service(color, command) for color in Color] == ["api", "backend"]
    assert "api" not in spec.colored(Color.GREEN)
    made = {one.owner: one.image for one in spec.inventory().declared}
    assert made["the migration 0002-orders"] == spec.service_image("backend", Color.GREEN), made


def test_an_override_of_a_service_that_a_version_does_not_have_does_not_bring_it_back():
    spec = with_manifest(
        {"worker": None},
        images={"2.0.0": ["shop", "api", "scheduler"]},
        overrides={"services": {"worker": {"replicas": 2}}},
    )
    assert "worker" not in spec.colored(Color.GREEN), "half a service would be refused, and nobody asked for one"
    assert spec.colored(Color.BLUE)["worker"].replicas == 2


OF_GREEN = {"2.0.0": [*SERVICES, "search"]}
"""Images of a version that has a service more."""


def test_an_override_of_a_service_that_only_a_manifest_has_changes_it_there():
    spec = with_manifest({"search": NEW}, images=OF_GREEN, overrides={"services": {"search": {"replicas": 4}}})
    assert spec.colored(Color.GREEN)["search"].replicas == 4, "a stack's size is said where the stack is"
    assert "search" not in spec.colored(Color.BLUE), "and brings it to no version that does not have it"


def test_an_override_leaves_out_a_service_that_only_a_manifest_has():
    spec = with_manifest({"search": NEW}, overrides={"services": {"search": None}})
    assert "search" not in spec.colored(Color.GREEN)


def test_a_whole_service_of_a_stack_is_in_every_version():
    both = {version: [*SERVICES, "search"] for version in ("1.0.0", "2.0.0")}
    spec = with_manifest({"shop": {"replicas": 5}}, images=both, overrides={"services": {"search": NEW}})
    assert ["search" in spec.colored(color) for color in Color] == [True, True], (
        "also in one whose manifest says something of other services"
    )


def test_an_override_of_a_service_of_a_version_that_is_off_waits_for_it(tmp_path):
    override = {LOCAL: FILES[LOCAL].replace("{release: {hot: 5m}}", "{services: {search: {replicas: 2}}}")}
    coming = {"releases/demo/3.0.0.yaml": f"services: {{search: {json.dumps({**NEW, 'build': 'demo'})}}}\n"}
    assert said(write_project(tmp_path / "with", {**override, **coming}), "local") == [], (
        "a release commits one line, so what a stack says of the version is there before"
    )
    assert said(write_project(tmp_path / "without", override), "local"), "and is refused where no version has it"


def test_a_color_that_is_off_is_what_the_platform_file_says():
    spec = with_manifest({"shop": {"replicas": 5}}, versions={"blue": "1.0.0", "green": None})
    assert spec.colored(Color.GREEN)["shop"].replicas == 3


@pytest.mark.parametrize("color", Color)
def test_the_longest_request_of_either_color_counts(color):
    version = {"blue": "1.0.0", "green": "2.0.0"}[color.value]
    spec = small_spec(services={version: {"shop": {"longest-request": "90s"}}})
    assert spec.longest_request.total_seconds() == 90, "old connections of either color must be allowed to end"
    assert generation(spec).digest != generation(small_spec()).digest
