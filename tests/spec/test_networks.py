"""The networks: slots that depend on nothing that changes, room for every task, and who joins which."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from colorway.config.checks import room_mistakes
from colorway.config.stack_files import ConfigError, from_file
from colorway.outputs import platform_outputs
from colorway.spec.networks import (
    KEPT,
    STORE_SLOTS,
    NetworkName,
    NetworkSettings,
    addresses_needed,
    prefix_for,
    store_network,
    store_slot,
    store_subnet,
    subnet,
)
from colorway.spec.traffic import Color
from tests.program.stacks import STACKS
from tests.support.places import LOCAL, PLACES, place
from tests.support.specs import REMOTE_HOSTS, ROOT, small_spec

QUIET = settings(max_examples=200)
NAMES = ("mysql", "cache", "search", "database", "valkey", "sessions")


def _networks(base, prefix):
    whole = IPv4Network(base)
    return st.integers(0, 2 ** (prefix - whole.prefixlen) - 1).map(
        lambda number: IPv4Network((int(whole.network_address) + number * 2 ** (32 - prefix), prefix))
    )


RANGES = st.one_of(
    st.integers(8, 18).flatmap(lambda prefix: _networks("10.0.0.0/8", prefix)),
    st.integers(12, 18).flatmap(lambda prefix: _networks("172.16.0.0/12", prefix)),
    st.integers(16, 18).flatmap(lambda prefix: _networks("192.168.0.0/16", prefix)),
)


@pytest.mark.parametrize("color", Color)
def test_every_color_has_its_network(color):
    assert NetworkName.of(color).value == color.value


@QUIET
@given(base=RANGES)
def test_every_slot_is_a_part_of_the_range_and_no_two_overlap(base):
    slots = [*(subnet(base, name) for name in NetworkName), *(store_subnet(base, slot) for slot in range(STORE_SLOTS))]
    assert all(slot.subnet_of(base) for slot in slots)
    assert sum(slot.num_addresses for slot in slots) == base.num_addresses, "nothing is left over"
    assert not [pair for pair in combinations(slots, 2) if pair[0].overlaps(pair[1])]
    assert min(slot.num_addresses for slot in slots) >= 512, "at /18"
    sizes = {name: subnet(base, name).num_addresses for name in NetworkName}
    assert sizes["shared"] == sizes["monitoring"] == sizes["blue"] + sizes["green"], "tasks of both colors join them"


def stores(names):
    plain = small_spec().platform.data_stores["redis"].model_dump(mode="json", by_alias=True, exclude_none=True)
    return {name: {**plain, "image": "registry.example.com/redis:1@sha256:" + "0" * 64} for name in names}


def slots_of(spec):
    return {network.label: (network.subnet, network.gateway) for network in spec.inventory().networks}


@settings(QUIET, max_examples=40)
@given(
    names=st.lists(st.sampled_from(NAMES), unique=True, max_size=5),
    replicas=st.integers(1, 30),
    off=st.booleans(),
)
def test_a_slot_depends_on_nothing_that_changes(names, replicas, off):
    alone = slots_of(small_spec())
    found = slots_of(
        small_spec(
            versions={"blue": "1", "green": None if off else "2"},
            overrides={"services": {"shop": {"replicas": replicas}}, "data-stores": stores(names)},
        )
    )
    backwards = slots_of(small_spec(overrides={"data-stores": stores(reversed(names))}))
    assert {label: found[label] for label in alone} == alone, "a store more moves no network"
    assert found == backwards, "nor does the order of the file"
    for name in names:
        assert (
            found[store_network(name)]
            == slots_of(small_spec(overrides={"data-stores": stores([name])}))[store_network(name)]
        ), "nor another store"


def test_a_slot_is_the_same_in_every_process_and_for_ever():
    assert [store_slot(name) for name in ("postgres", "redis", "mysql", "database")] == [7, 23, 12, 4], (
        "another formula would make every store's network anew, and the store with it"
    )
    assert store_slot("postgres", wanted=3) == 3


@QUIET
@given(base=RANGES)
def test_the_gateway_is_the_one_that_docker_would_choose(base):
    spec = small_spec(settings={"network": {"range": str(base)}})
    for network in spec.inventory().networks:
        assert IPv4Address(network.gateway) == network.subnet.network_address + 1, "said aloud"


@settings(QUIET, max_examples=100)
@given(base=RANGES, tasks=st.integers(0, 3000), hosts=st.integers(1, 50), slot=st.integers(0, STORE_SLOTS - 1))
def test_the_range_that_is_advised_is_the_smallest_that_is_large_enough(base, tasks, hosts, slot):
    needed = addresses_needed(tasks=tasks, hosts=hosts)
    prefix = prefix_for(base, store_subnet(base, slot), needed=needed)
    assert 2 ** (32 - prefix - 5) >= needed, "a store has a 32nd"
    assert prefix == base.prefixlen or 2 ** (32 - prefix - 6) < needed, "no larger than it must be"


def many(replicas, **settings):
    """A platform whose services all have so many tasks, and use one store."""
    services = {name: {"replicas": replicas, "uses": ["postgres"]} for name in ("shop", "api", "worker")}
    return small_spec(overrides={"services": services}, settings=settings)


def test_three_services_of_90_tasks_fit_into_a_color_and_both_colors_into_what_is_shared():
    spec = many(90)
    tasks = {network.label: spec.inventory().tasks(network) for network in spec.inventory().networks}
    color, both, ported = 3 * 90 + 1, 2 * (3 * 90 + 1), 2 * 2 * 90
    assert tasks == {
        "blue": color + 1,  # the load balancer
        "green": color + 1,
        "shared": both + 1,
        "monitoring": ported + 3,  # the load balancer, its log reader, Prometheus
        "store-postgres": both - 2 + 1,  # the scheduler uses no store
        "store-redis": 1,
    }, "idle workers and colors that are off count: they come"


def test_tasks_that_a_network_cannot_hold_are_refused_with_the_numbers_and_the_cure():
    with pytest.raises(ConfigError) as refused:
        many(90, network={"range": "10.90.0.0/18"})
    assert str(refused.value) == (
        "Pulumi.test.yaml: colorway:network.range: is too small for the network store-postgres: that has 512 "
        "addresses and needs 1099, two for each of 541 tasks (an update starts the new one first), 1 for the hosts, 16 "
        "for itself and one-off commands; write a range of /16 or larger, or fewer replicas"
    ), "of the four that are too small the tightest: one range, one mistake"
    assert many(90, network={"range": "10.90.0.0/16"}), "what is advised helps"
    assert many(40, network={"range": "10.90.0.0/18"})


def test_where_no_range_is_large_enough_only_fewer_tasks_help():
    spec = small_spec(settings={"network": {"range": "10.0.0.0/8"}})
    [(path, message)] = room_mistakes(spec.settings.network.range, spec.inventory(), hosts=10**6)
    assert path == ("network", "range")
    assert message.endswith("; write fewer replicas"), "a private range ends at /8"


def test_what_is_counted_is_a_task_its_successor_the_hosts_and_what_no_task_gets():
    assert addresses_needed(tasks=0, hosts=0) == KEPT
    assert addresses_needed(tasks=10, hosts=3) == 10 + 10 + 3 + KEPT


SLOTS = {"postgres": 7, "redis": 23, "mariadb": 2, "cache": 3}
"""Of each name; another one is another network, and with it an outage."""


@pytest.mark.parametrize("stack", STACKS)
def test_the_outputs_say_what_was_settled_when_the_networks_were_made(stack):
    spec = from_file(root=ROOT, stack=stack)
    assert platform_outputs(spec, generation="0" * 12)["network"] == {
        "range": "10.91.0.0/16" if stack.startswith("portal-") else "10.90.0.0/16",
        "encrypted": stack not in {"local", "lab"},
        "host_ports": 20000,
        "mtu": None,
        "slots": {name: slot for name, slot in SLOTS.items() if name in spec.platform.data_stores},
    }


def test_encryption_does_not_depend_on_how_many_hosts_there_are():
    one = {**REMOTE_HOSTS[2], "roles": ["manager", "web", "database", "load-balancer", "monitoring"]}
    assert small_spec(hosts=[one]).is_encrypted, "a second host would come too late for it"
    assert not small_spec().is_encrypted, "nothing leaves this machine, and its kernel may have no ESP"


@pytest.mark.parametrize("value", ["10.90.0.0/16", "", "x"])
def test_a_text_is_no_network(value):
    with pytest.raises(ValidationError, match="must be a mapping with the range as a key of it"):
        NetworkSettings.model_validate(value)


def test_stacks_under_test_have_ranges_of_their_own():
    ranges = [IPv4Network(one.network) for one in (LOCAL, *map(place, range(PLACES)))]
    assert all(NetworkSettings(range=one).range == one for one in ranges)
    assert not [pair for pair in combinations(ranges, 2) if pair[0].overlaps(pair[1])]
    assert NetworkSettings().range == IPv4Network(LOCAL.network), "the example says none"
