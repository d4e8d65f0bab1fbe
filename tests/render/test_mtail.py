"""What mtail counts: attempts by the address that was asked, so that a retry hides no failure."""

from __future__ import annotations

import re
from functools import cache
from ipaddress import IPv4Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colorway.render.monitoring import mtail
from colorway.spec.networks import NetworkName, subnet
from tests.render.log_lines import FAILOVER, FOREIGN, LINES, REQUESTS, SAMPLES, SECONDS
from tests.render.mtail_reading import read
from tests.spec.test_networks import RANGES
from tests.support.specs import small_spec


@pytest.fixture(scope="module")
def program():
    return read(mtail(small_spec()))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.what)
def test_each_attempt_counts_for_the_color_that_was_asked(program, sample):
    assert program.moves(sample.line) == sample.moves, sample.line


@pytest.mark.parametrize("line", FOREIGN)
def test_a_foreign_line_moves_nothing(program, line):
    assert not program.moves(line), "only lines of our own format are counted"


def test_the_figures_have_the_names_and_labels_that_verdicts_ask_for(program):
    assert program.labels == {
        REQUESTS: ("service", "color", "code"),
        FAILOVER: ("service", "from", "to"),
        LINES: (),
        SECONDS: ("service", "color"),
    }, "a renamed figure makes every verdict inconclusive"


def test_the_buckets_grow_and_reach_beyond_the_limit_of_the_gate(program):
    spec = small_spec()
    assert program.buckets == spec.platform.monitoring.buckets
    assert list(program.buckets) == sorted(program.buckets), "mtail wants growing bounds"
    assert program.buckets[-1] > spec.platform.release.gate.p95.total_seconds(), (
        "a 95th percentile above the last bound can't be told from one at it"
    )


def test_another_network_moves_the_addresses_too():
    elsewhere = read(mtail(small_spec(settings={"network": {"range": "172.20.64.0/18"}})))
    blue = SAMPLES[0].line
    assert not [move for move in elsewhere.moves(blue) if move[0] == REQUESTS], "10.90.0.5 is nobody there"
    moved = elsewhere.moves(blue.replace("10.90.0.5", "172.20.65.5"))
    assert moved[REQUESTS, "shop", "blue", "200"] == 1, "blue is the first 32nd of the stack's own range"


COUNTED = (NetworkName.BLUE, NetworkName.GREEN, NetworkName.SHARED)


@cache
def beginnings(network):
    """What the addresses of blue, green and shared services begin with, as a comment of the program says."""
    lines = mtail(small_spec(settings={"network": {"range": str(network)}})).splitlines()
    [said] = [line.removeprefix("# ").split(";")[0] for line in lines if " is blue, " in line]
    texts = dict(zip(COUNTED, said.split(", "), strict=True))
    return {name: re.compile(text.removesuffix(f" is {name}") + "[0-9.:]+") for name, text in texts.items()}


@settings(max_examples=300)
@given(base=RANGES, data=st.data())
def test_an_address_is_a_color_s_exactly_where_its_network_has_it(base, data):
    networks = {name: subnet(base, name) for name in COUNTED}
    edges = [
        int(end) + step
        for network in (base, *networks.values())
        for end in (network.network_address, network.broadcast_address)
        for step in (-1, 0, 1)
    ]
    inside = st.integers(int(base.network_address), int(base.broadcast_address))
    address = IPv4Address(data.draw(st.sampled_from(edges) | inside | st.integers(0, 2**32 - 1)))
    for name, begins in beginnings(base).items():
        assert bool(begins.fullmatch(f"{address}:8000")) is (address in networks[name]), f"{address} of {name}"
        assert not begins.fullmatch(f"1{networks[name][9]}:8000"), "a longer first number is another address"


def test_the_program_does_not_depend_on_traffic_or_versions():
    moved = small_spec(traffic="0:100", versions={"blue": None, "green": "2.0.0"})
    assert mtail(small_spec()) == mtail(moved), "a step of a release must not restart what measures it"


def test_no_pattern_lets_mtail_take_a_dash_for_a_number():
    lines = [line for line in mtail(small_spec()).splitlines() if not line.startswith("#")]
    assert not [line for line in lines if "[0-9-]" in line], (
        "mtail infers an integer, fails at the status of a client that went away, and counts nothing of the line"
    )
