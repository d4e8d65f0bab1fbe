"""The services of one color, and what follows the active color."""

from __future__ import annotations

import re

import pytest

from colorway.spec.traffic import Color
from components.web.tier import WebTier
from components.web.workers import Workers
from tests.components.pieces import NETWORKS, SECRETS, NoSurroundings, constraints, joined, secret_files
from tests.support.recorder import SERVICE, run_program
from tests.support.specs import pinned, small_spec

BOTH = {"blue": "1.0.0", "green": "2.0.0"}


def web(color, **changes):
    spec = small_spec(**changes)
    return run_program(
        lambda: WebTier(f"web-{color}", spec, color=color, networks=NETWORKS, secrets=SECRETS, around=NoSurroundings())
    )


def workers(**changes):
    spec = small_spec(**changes)
    return run_program(
        lambda: Workers(
            "workers", spec, networks=NETWORKS, secrets=SECRETS, around=dict.fromkeys(Color, NoSurroundings())
        )
    )


def replicas(service):
    return service.inputs["mode"]["replicated"]["replicas"]


@pytest.mark.parametrize(("color", "version"), [(Color.BLUE, "1.0.0"), (Color.GREEN, "2.0.0")])
def test_a_color_runs_its_own_version_under_its_own_names(color, version):
    services = web(color).of_type(SERVICE)
    assert sorted(services) == [f"api-{color}-service", f"shop-{color}-service"], "web services only"
    shop = services[f"shop-{color}-service"]
    assert shop.container["image"] == pinned("shop", version)
    assert shop.inputs["name"] == f"test-shop-{color}"
    assert joined(shop)[f"id-of-{color}"] == ["shop", f"shop-{color}"], (
        "a call between services stays in its color; load balancers look up only <service>-<color>"
    )


@pytest.mark.parametrize("uses", [[], ["redis"], ["redis", "postgres"], ["postgres", "redis"]])
@pytest.mark.parametrize("color", Color)
def test_a_service_joins_its_color_what_is_shared_and_the_stores_that_it_uses(color, uses):
    overrides = {"services": {name: {"uses": uses} for name in ("shop", "worker")}}
    stores = {f"id-of-store-{name}": None for name in uses}
    shop = joined(web(color, overrides=overrides).one(f"shop-{color}-service"))
    assert shop == {
        f"id-of-{color}": ["shop", f"shop-{color}"],
        "id-of-shared": None,
        "id-of-monitoring": None,
        **stores,
    }, "from the first day: a network more is an outage; no store that it does not name"
    worker = joined(workers(overrides=overrides).one(f"worker-{color}-service"))
    assert worker == {f"id-of-{color}": ["worker", f"worker-{color}"], "id-of-shared": None, **stores}, (
        "without a port there is nothing to ask for figures"
    )


def test_the_order_of_stores_is_no_change():
    texts = {
        web(Color.BLUE, overrides={"services": {"shop": {"uses": uses}}}).one("shop-blue-service").text
        for uses in (["redis", "postgres"], ["postgres", "redis"])
    }
    assert len(texts) == 1, "a reader may sort them"


def test_the_environment_says_who_it_is_and_flags_belong_to_the_version():
    env = web(Color.GREEN, flags={"NEW_CHECKOUT": "true"}).one("shop-green-service").container["env"]
    assert env == {
        "LOG_LEVEL": "info",
        "NEW_CHECKOUT": "true",
        "COLORWAY_STACK": "test",
        "COLORWAY_SERVICE": "shop",
        "COLORWAY_COLOR": "green",
        "COLORWAY_VERSION": "2.0.0",
        "COLORWAY_HOST": "{{.Node.Hostname}}",
    }


def test_a_service_says_what_it_runs_in_compose_s_words():
    overrides = {"services": {"shop": {"entrypoint": ["tini", "--"], "command": ["serve", "--all"]}}}
    services = web(Color.BLUE, overrides=overrides).of_type(SERVICE)
    shop = services["shop-blue-service"].container
    assert (shop["commands"], shop["args"]) == (["tini", "--"], ["serve", "--all"])
    assert not {"commands", "args"} & set(services["api-blue-service"].container), "left out, the image decides"


def test_services_get_the_secrets_that_they_name_and_no_others():
    services = web(Color.BLUE).of_type(SERVICE)
    assert secret_files(services["shop-blue-service"]) == ["database-password"]
    assert secret_files(services["api-blue-service"]) == [], "least privilege"


def test_tasks_run_on_web_hosts_and_are_spread_over_them():
    shop = web(Color.BLUE).one("shop-blue-service")
    assert constraints(shop) == ["node.labels.colorway-test-web==true"]
    assert shop.inputs["taskSpec"]["placement"]["prefs"] == ["node.labels.colorway-test-host"]


def test_a_task_may_finish_its_longest_request():
    services = web(Color.BLUE).of_type(SERVICE)
    assert services["shop-blue-service"].container["stopGracePeriod"] == "35s", "30 s and 5 s more"
    assert services["api-blue-service"].container["stopGracePeriod"] == "45s"


@pytest.mark.parametrize(
    ("traffic", "active", "idle"), [("100:0", "blue", "green"), ("0:100", "green", "blue"), ("50:50", "blue", "green")]
)
def test_only_the_active_color_has_workers_and_the_idle_one_has_services_without_tasks(traffic, active, idle):
    services = workers(traffic=traffic, versions=BOTH).of_type(SERVICE)
    wanted = {
        f"worker-{active}-service": 2,
        f"scheduler-{active}-service": 1,
        f"worker-{idle}-service": 0,
        f"scheduler-{idle}-service": 0,
    }
    assert {name: replicas(service) for name, service in services.items()} == wanted, (
        "two schedulers give out every job twice; an idle service that exists only has to be scaled"
    )


@pytest.mark.parametrize(
    ("traffic", "falling", "rising"), [("100:0", "green", "blue"), ("0:100", "blue", "green")], ids=["back", "on"]
)
def test_the_falling_color_stops_then_a_barrier_then_the_rising_color(traffic, falling, rising):
    recording = workers(traffic=traffic)
    barrier = recording.one("workers-barrier-run")
    before = recording.waits_for(barrier)
    for service in ("worker", "scheduler"):
        assert f"{service}-{falling}-service" in before, "the barrier would count tasks that nobody has told to stop"
        assert f"{service}-{rising}-service" not in before
        waits = recording.waits_for(recording.one(f"{service}-{rising}-service"))
        assert "workers-barrier-run" in waits, f"two {service}s of two versions at once"
        idle_waits = recording.waits_for(recording.one(f"{service}-{falling}-service"))
        assert "workers-barrier-run" not in idle_waits


@pytest.mark.parametrize(("traffic", "falling"), [("100:0", "green"), ("0:100", "blue")])
def test_the_barrier_looks_for_tasks_of_the_falling_color_as_long_as_a_job_may_last(traffic, falling):
    line = workers(traffic=traffic).one("workers-barrier-run").inputs["create"]
    assert line.endswith(f" colorway 125 test-worker-{falling} test-scheduler-{falling}"), (
        "the longest job (90 s), 5 s of grace, and 30 s for the swarm"
    )


@pytest.mark.parametrize("off", ["blue", "green"])
def test_a_color_that_is_off_has_no_services_and_the_barrier_stays(off):
    on = "green" if off == "blue" else "blue"
    recording = workers(versions={**BOTH, off: None}, traffic="100:0" if on == "blue" else "0:100")
    assert sorted(recording.of_type(SERVICE)) == [f"scheduler-{on}-service", f"worker-{on}-service"]
    assert recording.one("workers-barrier-run").inputs["create"].endswith(f"test-scheduler-{off}"), (
        "turning the idle color off does not run the barrier again"
    )


def test_the_barrier_does_not_change_with_traffic_or_versions():
    lines = {
        workers(**changes).one("workers-barrier-run").inputs["create"]
        for changes in (
            {"traffic": "100:0"},
            {"traffic": "90:10"},
            {"traffic": "50:50", "versions": {"blue": "1.0.0", "green": "2.0.1"}},
        )
    }
    assert len(lines) == 1, "it runs when `active` changes, and only then"


def test_a_platform_without_workers_needs_no_barrier():
    web_only = small_spec()
    services = {name: one for name, one in web_only.platform.services.items() if name in {"shop", "api"}}
    definitions = dict.fromkeys(web_only.definitions, services)
    spec = web_only.model_copy(update={"definitions": definitions})
    recording = run_program(
        lambda: Workers(
            "workers", spec, networks=NETWORKS, secrets=SECRETS, around=dict.fromkeys(Color, NoSurroundings())
        )
    )
    assert [one.name for one in recording.resources] == ["workers"]


def test_no_image_can_move():
    for recording in (web(Color.BLUE), workers()):
        for name, service in recording.of_type(SERVICE).items():
            assert re.search(r"@sha256:[0-9a-f]{64}$", service.container["image"]), f"{name}: a tag is no version"
