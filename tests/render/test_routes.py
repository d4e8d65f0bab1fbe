"""What nginx is told of each key of a route, each with its reason; what it answers is in tests/e2e/test_routes.py."""

from __future__ import annotations

import re

import pytest

from colorway.render.nginx import generation
from tests.render.cases import tree
from tests.support.specs import REMOTE_HOSTS, THIS_MACHINE, small_spec


def text_of(*routes, traffic="90:10", hosts=REMOTE_HOSTS):
    """The text of a platform whose shop has these routes beside its root."""
    shop = {"shop": {"routes": [{"path": "/"}, *routes]}}
    return generation(small_spec(traffic=traffic, hosts=hosts, overrides={"services": shop})).text


@pytest.mark.parametrize(
    ("rate", "hosts", "told"),
    [
        ("10r/s", THIS_MACHINE, "rate=10r/s"),
        ("10r/s", REMOTE_HOSTS, "rate=5r/s"),
        ("5r/s", REMOTE_HOSTS, "rate=150r/m"),
        ("3r/m", REMOTE_HOSTS, "rate=1r/m"),
    ],
)
def test_a_rate_is_divided_by_the_load_balancers(rate, hosts, told):
    assert told in text_of({"path": "/x", "limit": {"rate": rate}}, hosts=hosts), "each of them counts for itself"


def test_a_zone_is_named_by_what_must_not_change_in_it():
    def zones(limit):
        return set(re.findall(r"limit_req_zone \S+ zone=(\S+):", text_of({"path": "/x", "limit": limit})))

    one = zones({"rate": "10r/s"})
    assert zones({"rate": "10r/s", "burst": 5}) == one, "who was counted stays counted"
    assert not one & zones({"rate": "10r/s", "key": "token"}), "nginx takes no reload that changes the key of a zone"


def test_an_exact_route_takes_its_path_from_the_one_that_holds_it():
    text = text_of({"path": "/x"}, {"path": "/x", "exact": True, "timeout": "7s"})
    assert text.count("location = /.colorway/blue/x {") == 1, "nginx refuses a second one"


def test_connections_of_grpc_are_kept_apart():
    [upstream] = [one for one in tree("routes").all("http", "upstream") if one.args == ("shop.grpc_blue",)]
    assert upstream.values("server")[0].startswith("shop-blue:8000"), (
        "a kept HTTP/1 connection would be spoken HTTP/2 on"
    )


def test_the_largest_body_that_lies_on_the_disk_decides_how_many_may():
    def many(**route):
        return re.findall(r"limit_conn bodies (\d+);", text_of({"path": "/x", **route}))

    assert many(body="400Mi") == ["10"], "of 4 GiB"
    assert many(body="400Mi", stream=True) == many() == ["204"], "what goes through lies nowhere"


def test_an_idle_color_is_asked_for_files_and_one_that_is_off_is_not():
    def beside(**more):
        return re.findall(r"location @beside_(\w+) ", text_of({"path": "/assets/", "cache": "30d"}, **more))

    assert [one.rpartition("_")[0] for one in beside(traffic="100:0")] == ["blue", "green"], "pages stay open for long"
    versions = {"1.0.0": [{"path": "/"}], "2.0.0": [{"path": "/"}, {"path": "/assets/", "cache": "1y"}]}
    differing = small_spec(
        traffic="50:50", services={one: {"shop": {"routes": said}} for one, said in versions.items()}
    )
    assert "@beside" not in generation(differing).text, "what the other version does not keep is not there"
    off = small_spec(
        versions={"blue": "1.0.0", "green": None},
        overrides={"services": {"shop": {"routes": [{"path": "/"}, {"path": "/assets/", "cache": "1y"}]}}},
    )
    assert "@beside" not in generation(off).text


def test_a_backup_gets_no_path_that_it_does_not_know():
    versions = {"1.0.0": {"path": "/auth/", "strip": True}, "2.0.0": {"path": "/auth/"}}
    services = {one: {"shop": {"routes": [{"path": "/"}, said]}} for one, said in versions.items()}
    text = generation(small_spec(traffic="50:50", services=services)).text
    assert re.search(r"proxy_pass http://shop\.alone_blue\$colorway_path_\w+;", text), "green does not strip it"
