"""What the real nginx tells a CDN: by which version an answer is forgotten, and what must not be kept at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from colorway.render.nginx import Generation, generation
from colorway.spec.platform_spec import PlatformSpec
from tests.support import edge as support
from tests.support.edge import TOKEN, Edge, running_edge
from tests.support.specs import PUBLIC_HOSTS, ZONE, small_spec

pytestmark = [pytest.mark.area("edge"), pytest.mark.timeout(120)]

BLUE, GREEN = {"Cookie": "rel_test=99"}, {"Cookie": "rel_test=0"}
"""Somebody who is on one color while both have users."""
PREVIEW = {"X-Colorway-Preview": f"{TOKEN}.green"}
UNKEPT = "Cloudflare-CDN-Cache-Control"
KEPT = "public, max-age=31536000, immutable"


def spec_at(traffic: str) -> PlatformSpec:
    return small_spec(
        traffic=traffic,
        hosts=PUBLIC_HOSTS,
        settings={"environment": "staging", "zones": {"main": ZONE}, "lock-down": "open"},
        overrides={
            "services": {
                "shop": {"routes": [{"path": "/only-shop/"}, {"path": "/assets/", "cache": "1y"}]},
                "api": {"routes": [{"path": "/api/"}]},
            }
        },
    )


@pytest.fixture(scope="module")
def edge(swarm: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with (
        running_edge(tmp_path_factory.mktemp("purge"), spec_at("100:0")) as made,
        pytest.MonkeyPatch.context() as patch,
    ):

        def on_loopback(spec: PlatformSpec) -> Generation:
            """Tell the colors apart by port: all tasks are on this machine's loopback."""
            text = generation(spec).text
            for color in ("blue", "green"):
                ports = "|".join(str(port) for name, port in made.ports.items() if name.endswith(color))
                tag = rf'"~[^"]*" (test-{color}-\S+);'
                text, found = re.subn(
                    tag, lambda it, ports=ports: rf'"~(?:^| )127\.0\.0\.1:(?:{ports})$" {it[1]};', text
                )
                assert found == 1, "one pattern a color"
            return replace(generation(spec), text=text)

        patch.setattr(support, "generation", on_loopback)
        yield made


def told(edge: Edge, path: str, headers: dict[str, str]) -> tuple[int, str | None, str | None, str | None]:
    """Return status, tag, what the CDN is told, and what everybody is told."""
    status, found, _ = edge.client().ask(path, **headers)
    return status, found["Cache-Tag"], found[UNKEPT], found["Cache-Control"]


def test_each_answer_is_tagged_by_the_version_that_gave_it(edge):
    edge.switch(spec_at("50:50"))
    assert told(edge, "/api/", BLUE) == (200, "test-blue-1.0.0", "no-store", None), "a CDN would mix the colors"
    assert told(edge, "/api/", GREEN) == (200, "test-green-2.0.0", "no-store", None)
    assert told(edge, "/assets/blue.css", BLUE) == (200, "test-blue-1.0.0", None, KEPT)
    assert told(edge, "/assets/blue.css", GREEN) == (200, "test-blue-1.0.0", None, KEPT), "blue was asked beside"
    assert told(edge, "/assets/none.css", GREEN)[3] == "no-store", "what is missing now is there in a moment"


def test_with_one_color_the_application_decides_and_its_errors_and_previews_are_not_kept(edge):
    edge.switch(spec_at("100:0"))
    assert told(edge, "/api/", {}) == (200, "test-blue-1.0.0", None, None)
    assert told(edge, "/api/", PREVIEW) == (200, "test-green-2.0.0", "no-store", None), "it has no users yet"
    assert told(edge, "/nowhere.css", {}) == (404, None, None, "no-store"), "the next version may have it"
