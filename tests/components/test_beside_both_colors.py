"""The services that exist once: what they are told, where they are found, and by whom."""

from __future__ import annotations

import pytest

from components.web.tier import SharedServices
from tests.components.pieces import NETWORKS, SECRETS, constraints, joined, secret_files
from tests.support.recorder import CONFIG, SERVICE, run_program
from tests.support.specs import MAIL, pinned, small_spec


def mail(*, versions=None, **keys):
    changes = {"versions": versions} if versions else {}
    said = {**MAIL, **{key.replace("_", "-"): value for key, value in keys.items()}}
    spec = small_spec(overrides={"services": {"mail": said}}, files={"config/app.conf": b"a = 1\n"}, **changes)
    return run_program(lambda: SharedServices("shared", spec, networks=NETWORKS, secrets=SECRETS))


def service(**keys):
    return mail(**keys).one("mail-service", SERVICE)


def test_it_is_one_service_without_a_color_in_its_name_whatever_is_on():
    for versions in ({"blue": "1.0.0", "green": "2.0.0"}, {"blue": "1.0.0", "green": None}):
        recording = mail(versions=versions)
        assert list(recording.of_type(SERVICE)) == ["mail-service"]
        one = recording.one("mail-service", SERVICE)
        assert one.inputs["name"] == "test-mail"
        assert one.container["image"] == pinned("mail")
        assert {label["label"]: label["value"] for label in one.inputs["labels"]} == {
            "colorway.stack": "test",
            "colorway.service": "mail",
        }, "a color's label would make it that color's"


def test_both_colors_and_the_load_balancers_find_it_by_its_name_in_one_network():
    assert joined(service()) == {"id-of-shared": ["mail"], "id-of-monitoring": None, "id-of-store-redis": None}, (
        "in a color's network, a call of that color's would meet it before its own"
    )


def test_its_environment_names_no_color_and_no_version():
    assert service(env={"MODE": "test"}).container["env"] == {
        "MODE": "test",
        "COLORWAY_STACK": "test",
        "COLORWAY_SERVICE": "mail",
        "COLORWAY_HOST": "{{.Node.Hostname}}",
    }


def test_every_other_key_means_what_it_means_for_a_colored_service():
    told = mail(
        replicas=3,
        volumes=[{"name": "mails", "target": "/mails"}],
        config_files=[{"source": "config/app.conf", "target": "/etc/app.conf"}],
        placement={"labels": {"disk": "ssd"}, "most-per-host": 1},
        user=1000,
        command=["serve"],
    )
    one = told.one("mail-service", SERVICE)
    assert one.inputs["mode"]["replicated"]["replicas"] == 3
    assert one.inputs["updateConfig"]["order"] == "start-first", "an edit of it is met without a pause"
    assert {mount["source"] for mount in one.container["mounts"] if mount["type"] == "volume"} == {"test-mails"}
    assert constraints(one) == ["node.labels.colorway-test-web==true", "node.labels.disk==ssd"]
    assert one.inputs["taskSpec"]["placement"]["maxReplicas"] == 1
    assert secret_files(one) == ["cache-password"]
    assert (one.container["user"], one.container["args"]) == ("1000", ["serve"])
    assert [made.inputs["dataRaw"] for made in told.of_type(CONFIG).values()] == ["a = 1\n"]


@pytest.mark.parametrize(
    ("mode", "endpoint", "order"), [("host", "dnsrr", "stop-first"), ("ingress", "vip", "start-first")]
)
def test_its_port_may_be_published_for_there_is_one_of_it(mode, endpoint, order):
    inputs = service(published=[{"port": 1025, "target": 1025, "mode": mode}]).inputs
    assert inputs["endpointSpec"]["mode"] == endpoint
    assert [port["publishMode"] for port in inputs["endpointSpec"]["ports"]] == [mode]
    assert inputs["updateConfig"]["order"] == order


@pytest.mark.parametrize(
    ("keys", "order"),
    [
        ({"volumes": [{"name": "mails", "target": "/mails"}]}, "stop-first"),
        ({"volumes": [{"name": "mails", "target": "/mails"}], "replicas": 2}, "start-first"),
        ({"volumes": [{"name": "mails", "target": "/mails"}], "update": {"order": "start-first"}}, "start-first"),
        ({"volumes": [{"name": "mails", "target": "/mails", "read-only": True}]}, "start-first"),
    ],
    ids=["alone", "several", "said", "read"],
)
def test_a_single_task_that_writes_data_is_gone_before_the_next_one_opens_it(keys, order):
    assert service(**keys).inputs["updateConfig"]["order"] == order, "two brokers on one volume spoil it"


def test_a_network_of_another_stack_is_looked_up_for_it_alone():
    recording = mail(networks=["legacy_default"])
    assert recording.one("shared-legacy_default-run").inputs["create"].endswith(" colorway legacy_default")
