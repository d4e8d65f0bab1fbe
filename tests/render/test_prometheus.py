"""Prometheus's configuration."""

from __future__ import annotations

from ruamel.yaml import YAML

from colorway.render.monitoring import MTAIL_PORT, prometheus
from tests.support.specs import REMOTE_HOSTS, small_spec


def parsed(spec):
    return YAML(typ="safe").load(prometheus(spec))


def test_every_load_balancer_is_read_and_named():
    jobs = {job["job_name"]: job["static_configs"] for job in parsed(small_spec(hosts=REMOTE_HOSTS))["scrape_configs"]}
    assert jobs["load-balancers"] == [
        {"targets": [f"mtail-lb1:{MTAIL_PORT}"], "labels": {"load_balancer": "lb1"}},
        {"targets": [f"mtail-lb2:{MTAIL_PORT}"], "labels": {"load_balancer": "lb2"}},
    ], "a load balancer that nobody reads makes its color's failures invisible"


def test_a_window_of_the_gate_holds_several_readings():
    spec = small_spec()
    interval = parsed(spec)["global"]["scrape_interval"]
    assert interval == "5s"
    assert spec.platform.release.gate.window >= 4 * spec.platform.monitoring.scrape_interval, (
        "a rate over fewer than four readings is noise"
    )


def test_the_configuration_does_not_depend_on_traffic_or_versions():
    moved = small_spec(traffic="0:100", versions={"blue": None, "green": "2.0.0"})
    assert prometheus(small_spec()) == prometheus(moved), "a step of a release must not restart what measures it"
