"""Names and headers of the edge: what the spec makes of a file's words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from colorway.config.stack_files import ConfigError
from colorway.spec import names
from colorway.spec.edge import EdgeSpec, HstsSpec
from tests.support.specs import small_spec


def test_two_domains_that_give_one_name_are_refused():
    routes = {"services": {"shop": {"routes": [{"path": "/", "domain": "portal"}]}}}
    domains = {"main": "example.com", "portal": "portal.example.com"}
    with pytest.raises(ConfigError) as said:
        small_spec(overrides=routes, settings={"domains": domains})
    assert "services.api.routes.1: has the name of the domain portal; write all" in str(said.value), (
        "nginx ignores the second server of one name with a warning, and its routes with it"
    )


def test_a_cookie_is_named_by_its_stack_and_in_letters_that_a_variable_of_nginx_can_have():
    assert names.color_cookie("portal-staging") == "rel_portal_staging", "$cookie_ takes letters, digits and _"


@pytest.mark.parametrize(
    ("hsts", "header"),
    [
        (HstsSpec(), "max-age=63072000"),
        (HstsSpec(max_age=timedelta(0)), "max-age=0"),
        (HstsSpec(include_subdomains=True), "max-age=63072000; includeSubDomains"),
        (HstsSpec(include_subdomains=True, preload=True), "max-age=63072000; includeSubDomains; preload"),
    ],
)
def test_the_header_says_what_the_file_says(hsts, header):
    assert hsts.header == header


def test_the_longest_bodies_fit_side_by_side():
    edge = EdgeSpec(image=None, longest_body=90, body_space=2 * 2**30)
    assert edge.bodies(edge.body) == 22, "so many may come in at once before the disk's share is full"
