"""Prometheus's configuration."""

from __future__ import annotations

import re

import pytest
from ruamel.yaml import YAML

from colorway.render.monitoring import MTAIL_PORT, RULES, mtail, prometheus, rules
from colorway.render.templates import RULES as FILES
from tests.support.specs import REMOTE_HOSTS, ROOT, pinned, small_spec

ISSUED = small_spec(
    hosts=REMOTE_HOSTS,
    settings={"environment": "staging", "tls": {"issuer": "lets-encrypt", "token": "acme-token"}},
    overrides={"edge": {"certbot-image": pinned("certbot")}},
)


def parsed(spec):
    return YAML(typ="safe").load(prometheus(spec))


def alerts(text):
    return [rule for group in YAML(typ="safe").load(text)["groups"] for rule in group["rules"]]


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


def test_rules_are_loaded_where_there_is_something_to_tell():
    assert parsed(ISSUED)["rule_files"] == [f"{RULES}/*.yaml"]
    assert parsed(ISSUED)["global"]["external_labels"] == {"stack": "test"}, "alerts name the command of this stack"
    assert list(rules(ISSUED)) == ["certificates.yaml"]
    assert rules(small_spec()) == {}, "an absence would be told of for ever where nobody counts"
    assert "rule_files" not in parsed(small_spec())


@pytest.mark.parametrize("file", sorted(FILES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_alert_says_what_helps_and_has_cases(file):
    cases = YAML(typ="safe").load((ROOT / "tests/rules" / file.name).read_text(encoding="utf-8"))
    tried = [one for test in cases["tests"] for one in test["alert_rule_test"]]
    for alert in alerts(file.read_text(encoding="utf-8")):
        name, said = alert["alert"], alert["annotations"]
        assert alert["labels"]["severity"] in {"warning", "critical"}, name
        assert said["summary"], name
        assert "{{ $externalLabels.stack }}" in said["helps"], f"{name}: one command, of this stack"
        assert (ROOT / said["runbook"]).is_file(), name
        fires = {bool(one["exp_alerts"]) for one in tried if one["alertname"] == name}
        assert fires == {True, False}, f"{name}: one case that fires, and one that stays silent"


def test_alerts_ask_for_what_is_counted():
    counted = set(re.findall(r"^gauge (\w+)", mtail(ISSUED), re.MULTILINE))
    for alert in alerts(rules(ISSUED)["certificates.yaml"]):
        asked = set(re.findall(r"colorway_\w+", alert["expr"]))
        assert asked <= counted, f"{alert['alert']} would never fire"
