"""Names and headers of the edge: what the spec makes of a file's words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from colorway.config.service_checks import LARGEST_PAGE, file_mistakes
from colorway.config.stack_files import ConfigError
from colorway.spec import names
from colorway.spec.edge import EdgeSpec, HstsSpec
from tests.support.specs import small_spec

PAGE = "platforms/closed.html"


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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<p>Back soon.</p>", None),
        (b"x" * (LARGEST_PAGE + 1), f"names a file of {LARGEST_PAGE + 1} bytes; it goes into nginx's text, so have"),
        (b"\xff", "names a file that is not UTF-8 text"),
        (b"", "names an empty file; write what visitors read"),
        (None, "names a file that the project does not have"),
    ],
)
def test_a_page_of_maintenance_is_a_text_that_nginx_can_have(content, message):
    spec = small_spec(overrides={"edge": {"maintenance-page": PAGE}}, files={PAGE: b"<p>"})
    found = file_mistakes(spec, files={} if content is None else {PAGE: content})
    assert [path for path, _ in found] == ([("edge", "maintenance-page")] if message else [])
    assert not message or found[0][1].startswith(message)
