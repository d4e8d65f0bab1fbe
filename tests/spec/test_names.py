"""Physical names: one formula each, none longer than a DNS label, none given twice."""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colorway.config.checks import clash_mistakes, length_mistakes
from colorway.config.stack_files import from_file
from colorway.outputs import platform_outputs
from colorway.spec import names
from colorway.spec.fields import LABEL_LIMIT
from colorway.spec.names import NetworkName
from colorway.spec.traffic import Color
from tests.support.specs import REMOTE_HOSTS, ROOT, small_spec

STACKS = sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in ROOT.glob("Pulumi.*.yaml"))


def test_the_formulas():
    assert names.service("lab", "web", Color.GREEN) == "lab-web-green"
    assert names.service("lab", "postgres") == "lab-postgres"
    assert names.colored_alias("web", Color.BLUE) == "web-blue"
    assert names.load_balancer("lb1") == "lb-lb1"
    assert names.mtail("lb1") == "mtail-lb1"
    assert names.migration("0001-initial") == "migrate-0001"
    assert names.network("lab", NetworkName.DATA) == "lab-data"
    assert names.volume("lab", "postgres") == "lab-postgres"
    assert names.lock("lab") == "colorway-lock-lab"
    assert names.role_label("lab", "web") == "colorway-lab-web"
    assert names.host_label("lab") == "colorway-lab-host"
    assert names.directory("lab") == "/var/lib/colorway/lab"
    assert names.local_image("demo", "abc") == "colorway/demo:abc"
    assert names.local_image("demo", "abc", version="1.0.0") == "colorway/demo:1.0.0-abc"


def test_a_name_of_63_characters_is_the_longest():
    assert len(names.service("a", "b" * 61)) == LABEL_LIMIT
    with pytest.raises(ValueError, match="64 characters; a DNS label takes 63"):
        names.service("a", "b" * 62)


@pytest.mark.parametrize("color", Color)
def test_every_color_has_its_network(color):
    assert NetworkName.of(color).value == color.value


private = st.one_of(
    st.integers(8, 22).flatmap(lambda prefix: _networks("10.0.0.0/8", prefix)),
    st.integers(12, 22).flatmap(lambda prefix: _networks("172.16.0.0/12", prefix)),
    st.integers(16, 22).flatmap(lambda prefix: _networks("192.168.0.0/16", prefix)),
)


def _networks(base, prefix):
    whole = IPv4Network(base)
    return st.integers(0, 2 ** (prefix - whole.prefixlen) - 1).map(
        lambda number: IPv4Network((int(whole.network_address) + number * 2 ** (32 - prefix), prefix))
    )


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(base=private)
def test_subnets_are_disjoint_parts_of_the_stacks_network(base):
    subnets = {name: names.subnet(base, name) for name in NetworkName}
    assert all(subnet.subnet_of(base) and subnet.prefixlen == 24 for subnet in subnets.values())
    assert not [pair for pair in combinations(subnets.values(), 2) if pair[0].overlaps(pair[1])]
    assert list(subnets.values()) == list(base.subnets(new_prefix=24))[:4] if base.prefixlen > 14 else True
    for name, subnet in subnets.items():
        assert IPv4Address(names.gateway(base, name)) == subnet.network_address + 1, "Docker's own choice, said aloud"


@pytest.mark.parametrize("stack", STACKS)
def test_names_of_every_stack_are_short_and_different(stack):
    spec = from_file(root=ROOT, stack=stack)
    services = [one["service"] for one in platform_outputs(spec, generation="0" * 12)["services"]]
    assert max(map(len, services)) <= LABEL_LIMIT
    assert [name for name, times in Counter(services).items() if times > 1] == []


def _taken(spec):
    return spec.inventory().declared


def test_the_names_that_are_checked_are_all_that_the_program_takes():
    spec = small_spec(hosts=REMOTE_HOSTS)
    checked = {service.name for service in _taken(spec)}
    services = {one["service"] for one in platform_outputs(spec, generation="0" * 12)["services"]}
    migrations = {names.service(spec.stack, names.migration(m.id)) for m in spec.migrations(Color.BLUE)}
    assert checked == services | migrations, "a name that is not checked may be too long, and ends in a traceback"


def test_the_stack_that_just_fits_is_accepted_and_its_names_are_63_long():
    spec = small_spec(stack="s")
    longest = max(len(service.label) for service in _taken(spec))
    room = LABEL_LIMIT - longest - 1
    assert length_mistakes("s" * room, _taken(spec)) == []
    assert length_mistakes("s" * (room + 1), _taken(spec)) != []
    assert max(len(names.service("s" * room, service.label)) for service in _taken(spec)) == LABEL_LIMIT


def test_nothing_clashes_in_the_small_platform():
    assert clash_mistakes(_taken(small_spec(hosts=REMOTE_HOSTS))) == []
