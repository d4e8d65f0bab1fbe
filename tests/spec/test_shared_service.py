"""A service that exists once, beside both colors: of no version, and counted once everywhere."""

from __future__ import annotations

import pytest

from colorway.outputs import platform_outputs
from colorway.spec.hosts import Role
from colorway.spec.traffic import Color
from tests.spec.project_files import DEMO, DEMO_1, FILES, LOCAL, said, write_project
from tests.support.specs import MAIL, demo_spec, pinned, small_spec

WORKER = "    kind: worker\n"
CURE = "write it into the platform file, or under overrides.services of a stack"


def with_mail(**keys):
    """The small platform with a shared service."""
    changes = {key: keys.pop(key) for key in ("versions", "traffic", "services", "hosts", "files") if key in keys}
    mail = {**MAIL, **{key.replace("_", "-"): value for key, value in keys.items()}}
    return small_spec(overrides={"services": {"mail": mail}}, **changes)


def mail_of(spec):
    [found] = [service for service in spec.inventory().declared if service.logical == "mail"]
    return found


@pytest.mark.parametrize("versions", [{"blue": "1.0.0", "green": "2.0.0"}, {"blue": None, "green": "2.0.0"}])
def test_it_exists_once_whichever_colors_are_on(versions):
    traffic = "100:0" if versions["blue"] else "0:100"
    found = mail_of(with_mail(versions=versions, traffic=traffic, replicas=2))
    assert (found.name, found.color, found.version) == ("test-mail", None, None)
    assert (found.runs, found.replicas, found.most) == (True, 2, 2)
    assert found.image.reference == pinned("mail"), "the platform file's: no manifest has one for it"
    assert (found.role, found.host) == (Role.WEB, None)


def test_it_joins_what_both_colors_reach_and_no_color():
    assert mail_of(with_mail()).networks == ("shared", "monitoring", "store-redis")
    assert mail_of(with_mail(port=None, routes=[], health={"path": None, "none": "no port"}, uses=[])).networks == (
        "shared",
    ), "without a port there is nothing to ask for figures"


def test_its_tasks_need_room_once():
    def room(spec):
        return {network.label: spec.inventory().tasks(network) for network in spec.inventory().networks}

    before, after = room(small_spec()), room(with_mail(replicas=5))
    more = {label: after[label] - before[label] for label in before if after[label] != before[label]}
    assert more == {"shared": 5, "monitoring": 5, "store-redis": 5}


def test_it_is_no_color_s_so_that_no_verdict_asks_for_it():
    spec = with_mail()
    for color in Color:
        assert "mail" not in spec.colored(color)
        assert "mail" in spec.answering(color), "the users of both are led to it"
    assert "mail" not in small_spec().answering(Color.BLUE)


def test_outputs_say_its_image_and_who_names_it():
    env = {"MAIL_URL": "http://mail:8025/", "OTHER_HOST": "redis"}
    spec = small_spec(overrides={"services": {"mail": MAIL, "shop": {"env": env, "uses": ["redis"]}}})
    outputs = {one["service"]: one for one in platform_outputs(spec, generation="0")["services"]}
    mail = outputs["test-mail"]
    assert (mail["color"], mail["kind"], mail["replicas"]) == (None, "shared", 1)
    assert mail["version"] == pinned("mail").rpartition(":")[2][:12], "what runs, where a color shows its version"
    assert (outputs["test-shop-blue"]["calls"], outputs["test-api-blue"]["calls"]) == (["mail"], [])


def test_what_is_built_here_has_the_version_of_no_color():
    built = {**MAIL, "image": None, "build": "demo", "secrets": ["redis-password"]}
    spec = demo_spec(overrides={"services": {"mail": built}})
    reference = mail_of(spec).image.reference
    assert spec.builds()[reference] == ("demo", None)
    [told] = [one for one in platform_outputs(spec, generation="0")["services"] if one["logical"] == "mail"]
    assert reference == f"colorway/demo:{told['version']}"


@pytest.mark.parametrize("color", [None, *Color])
def test_a_command_beside_it_is_meant_whatever_the_color(color):
    assert with_mail().service_name("mail", color=color) == "test-mail"


def test_its_data_is_kept_once_and_may_be_the_colors_too():
    volume = {"name": "mails", "target": "/mails"}
    assert [one.name for one in with_mail(volumes=[volume]).inventory().volumes].count("test-mails") == 1
    shop = {"volumes": [{**volume, "shared": True}]}
    spec = small_spec(overrides={"services": {"mail": {**MAIL, "volumes": [volume]}, "shop": shop}})
    assert [one.name for one in spec.inventory().volumes if "mails" in one.name] == ["test-mails"]


def test_a_secret_of_it_alone_is_mounted():
    used = {one.name: one.is_mounted for one in with_mail(secrets=["preview-token"]).inventory().secrets}
    assert used["preview-token"], "else its tasks would look for a file that nobody made"


def test_the_slowest_route_counts_though_no_color_has_it():
    assert with_mail(longest_request="300s").longest_request.total_seconds() == 300
    assert with_mail(longest_request="300s", routes=[]).longest_request.total_seconds() == 40


def test_a_shared_service_of_the_stack_s_own_is_there_beside_every_version():
    spec = with_mail(services={"2.0.0": {"shop": {"replicas": 5}}})
    assert list(spec.shared) == ["mail"]
    assert spec.colored(Color.GREEN)["shop"].replicas == 5
    with pytest.raises(Exception, match=r"services\.mail\.routes\.0: is the same as services\.shop"):
        with_mail(services={"2.0.0": {"shop": {"routes": [{"path": "/"}, {"path": "/mail/"}]}}})


@pytest.mark.parametrize("change", ["{replicas: 2}", "null"])
def test_a_version_neither_changes_nor_drops_it(tmp_path, change):
    platform = FILES[DEMO].replace(WORKER, "    kind: shared\n")
    manifest = FILES[DEMO_1] + f"services: {{worker: {change}}}\n"
    line = len(manifest.splitlines())
    assert said(write_project(tmp_path, {DEMO: platform, DEMO_1: manifest}), "local") == [
        f"releases/demo/1.0.0.yaml:{line}: services.worker: is shared by all versions; {CURE}"
    ]


def test_a_stack_changes_it_for_no_version_and_for_all(tmp_path):
    platform = FILES[DEMO].replace(WORKER, "    kind: shared\n")
    for overrides, found in (
        ("{services: {worker: {replicas: 2}}}", []),
        ("{services: {worker: null}}", []),
        (
            '{versions: {"1.0.0": {services: {worker: {replicas: 2}}}}}',
            [
                "Pulumi.local.yaml:13: colorway:overrides.versions.1.0.0.services.worker: is shared by all versions; "
                f"{CURE}"
            ],
        ),
    ):
        stack = FILES[LOCAL].replace("{release: {hot: 5m}}", overrides)
        assert said(write_project(tmp_path, {DEMO: platform, LOCAL: stack}), "local") == found
