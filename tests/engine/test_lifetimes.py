"""The check on two schedulers at once sees them, and nothing else."""

from __future__ import annotations

import json
import math

import pytest

from tests.support.lifetimes import SERVICE, Event, Life, lives_of, overlapping, parse

BLUE, GREEN = "demo-scheduler-blue", "demo-scheduler-green"


def began(container: str, at: float, *, service: str = BLUE) -> Event:
    return Event(service=service, container=container, begins=True, at=at)


def ended(container: str, at: float, *, service: str = BLUE) -> Event:
    return Event(service=service, container=container, begins=False, at=at)


@pytest.mark.parametrize(
    ("events", "pairs"),
    [
        pytest.param([began("a", 1), ended("a", 2), began("b", 3, service=GREEN)], 0, id="one after the other"),
        pytest.param([began("a", 1), began("b", 2, service=GREEN), ended("a", 3)], 1, id="a new one too early"),
        pytest.param([began("a", 1), began("b", 2, service=GREEN)], 1, id="an old one that never ends"),
        pytest.param([began("a", 1), began("b", 2), ended("a", 3)], 1, id="two of one color, start-first"),
        pytest.param([ended("a", 3), began("b", 2, service=GREEN)], 1, id="one that ran before anybody looked"),
        pytest.param([began("a", 1), ended("a", 2), began("b", 2, service=GREEN)], 0, id="at the same moment"),
    ],
)
def test_two_at_once_are_seen_and_nothing_else(events, pairs):
    assert len(overlapping(lives_of(events))) == pairs


def test_who_runs_already_counts():
    lives = lives_of([began("b", 2, service=GREEN), ended("a", 3)], running=[began("a", -math.inf)])
    assert [{one.service, other.service} for one, other in overlapping(lives)] == [{BLUE, GREEN}]
    assert Life(service=BLUE, container="a", began=-math.inf, ended=3) in lives


def test_events_of_other_services_are_none_of_ours():
    lines = [
        json.dumps({"Action": action, "timeNano": at * 10**9, "Actor": {"ID": name, "Attributes": {SERVICE: service}}})
        for action, at, name, service in [("start", 1, "a", BLUE), ("die", 2, "a", BLUE), ("start", 1, "w", "demo-web")]
    ]
    plain = json.dumps({"Action": "start", "timeNano": 1, "Actor": {"ID": "x", "Attributes": {}}})
    half = lines[0][:20]
    assert parse("\n".join([*lines, plain, half]), services=[BLUE]) == [began("a", 1), ended("a", 2)]
