"""What a cron's schedule means, and what kind of service it makes."""

from __future__ import annotations

import pytest

from colorway.outputs import platform_outputs
from colorway.spec.services import LOOP_HEALTH
from colorway.spec.task.policies import Order
from colorway.spec.task.schedule import parse_schedule
from colorway.spec.traffic import Color
from tests.support.specs import REMOTE_HOSTS, small_spec

CRON = {
    "kind": "cron",
    "replicas": 1,
    "schedule": "*/20  4 * * 1-5",
    "entrypoint": ["python3"],
    "command": ["-m", "cleanup"],
}
"""Changes that make a cron of a worker."""
HOSTS = (
    *REMOTE_HOSTS,
    {**REMOTE_HOSTS[-1], "name": "app2", "address": "10.0.0.22", "roles": ["web"]},
)


def spec_with_cron(**changes):
    return small_spec(hosts=HOSTS, overrides={"services": {"worker": {**CRON, **changes}}})


@pytest.mark.parametrize(
    ("field", "index", "most", "values"),
    [
        ("*", 0, 59, range(60)),
        ("*/20", 0, 59, (0, 20, 40)),
        ("5", 1, 23, (5,)),
        ("1-5", 1, 23, range(1, 6)),
        ("6-18/4", 1, 23, (6, 10, 14, 18)),
        ("3,1,3,10-11", 2, 31, (1, 3, 10, 11)),
        ("*", 3, 12, range(1, 13)),
        ("*", 4, 7, range(7)),
        ("*/2", 4, 7, (0, 2, 4, 6)),
        ("*/5", 4, 7, (0, 5)),
        ("7", 4, 7, (0,)),
        ("5-7", 4, 7, (0, 5, 6)),
        ("0-7", 4, 7, range(7)),
    ],
)
def test_a_field_means_all_of_its_values(field, index, most, values):
    fields = ["*"] * 5
    fields[index] = field
    found = parse_schedule(" ".join(fields))
    named = (found.minutes, found.hours, found.days, found.months, found.weekdays)
    assert named[index] == tuple(values)


@pytest.mark.parametrize(
    ("text", "either"),
    [("0 0 * * *", False), ("0 0 1 * *", False), ("0 0 * * 1", False), ("0 0 */2 * 1", False), ("0 0 1 * 1", True)],
)
def test_a_day_or_a_weekday_is_enough_where_both_are_named(text, either):
    assert parse_schedule(text).either is either


def test_a_day_that_only_leap_years_have_is_a_day():
    assert parse_schedule("0 0 29 2 *").days == (29,)
    assert parse_schedule("0 0 31 2 1").either, "its Mondays come, whatever its 31st does"


def test_a_cron_is_a_single_service_of_the_active_color_and_needs_no_health():
    spec = spec_with_cron()
    cron = spec.colored(Color.BLUE)["worker"]
    assert cron.is_single
    assert cron.belongs_to_active
    assert cron.order is Order.STOP_FIRST
    assert cron.schedule == "*/20 4 * * 1-5", "two ways to write it are one schedule"
    assert [spec.replicas("worker", color) for color in Color] == [1, 0]
    said = {"kind": "cron", "schedule": "* * * * *", "command": ["job"], "limits": {"cpus": 1, "memory": "64Mi"}}
    assert type(cron)(**said).health == LOOP_HEALTH
    outputs = [one for one in platform_outputs(spec, generation="0" * 12)["services"] if one["logical"] == "worker"]
    assert [(one["kind"], one["replicas"]) for one in outputs] == [("cron", 1), ("cron", 0)]
    assert all("schedule" in one["definition"] for one in outputs), "or an edit of it would reach users unseen"


@pytest.mark.parametrize(("placement", "place"), [({}, "app1"), ({"hosts": ["app2"]}, "app2")])
def test_a_cron_stays_on_one_host_with_what_it_remembers(placement, place):
    spec = spec_with_cron(placement=placement, volumes=[{"name": "kept", "target": "/kept", "shared": True}])
    assert [host.name for host in spec.places(spec.colored(Color.BLUE)["worker"])] == [place]
    found = spec.inventory()
    assert ("/var/lib/colorway/test", place) in [(one.path, one.host.name) for one in found.directories]
    assert [one.host.name for one in found.volumes if one.name == "test-kept"] == [place]
