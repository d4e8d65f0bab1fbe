"""Physical names: one formula each, none longer than a DNS label, none given twice."""

from __future__ import annotations

from collections import Counter

import pytest

from colorway.config.checks import clash_mistakes, length_mistakes
from colorway.config.stack_files import from_file
from colorway.outputs import platform_outputs
from colorway.spec import names
from colorway.spec.fields import LABEL_LIMIT
from colorway.spec.networks import NetworkName, store_network
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
    assert names.network("lab", NetworkName.SHARED) == "lab-shared"
    assert names.network("lab", store_network("postgres")) == "lab-store-postgres"
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
