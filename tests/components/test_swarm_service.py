"""The pitfalls that the one wrapper of `docker.Service` knows (docker-provider-facts), one test each."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from colorway.spec.fields import go_duration, parse_duration
from colorway.spec.task.health import HealthSpec
from colorway.spec.task.policies import LimitsSpec, Order, UpdatePolicy
from colorway.spec.task.process import PublishedSpec
from components.swarm_service import SwarmService
from components.swarm_spec import Mount, MountedFile, NetworkAttachment, SwarmServiceSpec
from tests.support.recorder import SERVICE, run_program
from tests.support.specs import pinned

SHORT = re.compile(r"0s|[1-9]\d{0,2}ms|(?=.)([1-9]\d*h)?([1-5]?\dm(?!0s))?([1-5]?\d(\.\d+)?s)?(?<!h0m)")
"""Go's form without empty parts: 1m30s for 90s, 1m for 60s."""
HEALTH = HealthSpec(
    command=("CMD", "true"),
    interval=timedelta(seconds=2),
    timeout=timedelta(seconds=90),
    retries=3,
    start_period=timedelta(minutes=1),
)


def spec(**changes):
    return SwarmServiceSpec(
        **{
            "service_name": "test-shop-blue",
            "image": pinned("shop"),
            "command": ("serve", "--all"),
            "health": ("CMD", "true"),
            "health_policy": HEALTH,
            "limits": LimitsSpec(cpus=0.5, memory="64Mi"),
            "stop_grace": timedelta(seconds=75),
            **changes,
        }
    )


def record(*, secrets=(), configs=(), preview=False, **changes):
    return run_program(
        lambda: SwarmService(
            "shop-blue",
            spec(**changes),
            networks=[NetworkAttachment(id="n1", aliases=("shop", "shop-blue")), NetworkAttachment(id="n2")],
            secrets=list(secrets),
            configs=list(configs),
        ),
        preview=preview,
    )


def made(**given):
    return record(**given).one("shop-blue-service", SERVICE)


def durations(value, path=""):
    """Every text that could be a duration, with its place."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from durations(below, f"{path}.{key}")
    elif isinstance(value, list):
        for below in value:
            yield from durations(below, path)
    elif isinstance(value, str) and value[:1].isdigit() and value[-1:] in {"s", "m", "h"}:
        yield path, value


def test_a_program_is_never_process_1():
    assert made().container["init"] is True, "as PID 1 it ignores SIGTERM, and its delete fails although it worked"


def test_entrypoint_and_command_mean_what_compose_means_by_them():
    both = made(entrypoint=("tini", "--"), command=("serve",)).container
    assert (both["commands"], both["args"]) == (["tini", "--"], ["serve"]), "ENTRYPOINT and CMD, in Swarm's words"
    one = made(command=("serve",)).container
    assert "commands" not in one, "a command must leave the image's ENTRYPOINT alone"
    assert one["args"] == ["serve"]
    neither = made(command=()).container
    assert not {"commands", "args"} & set(neither), "the image knows best"


def test_a_task_gets_its_time_to_stop():
    assert made().container["stopGracePeriod"] == "1m15s", "left out it is 0: every stop would be a SIGKILL"


def test_a_stop_signal_is_passed_on_only_where_a_program_needs_another():
    assert made(stop_signal="SIGQUIT").container["stopSignal"] == "SIGQUIT", "nginx drops requests at SIGTERM"
    assert "stopSignal" not in made().container


def test_all_four_fields_of_the_restart_policy_are_given():
    policy = made().inputs["taskSpec"]["restartPolicy"]
    assert policy == {"condition": "any", "delay": "2s", "maxAttempts": 0, "window": "0s"}, (
        "the plugin writes zeros for what is left out, and wants to change them at the next `up`"
    )


@pytest.mark.parametrize("grace", ["75s", "60s", "90s", "500ms", "1h", "1h0m30s"])
def test_durations_have_the_short_form_that_the_plugin_reads_back(grace):
    found = dict(durations(made(stop_grace=parse_duration(grace)).inputs))
    assert len(found) >= 10, "health, restarts, updates, roll-backs and convergence have durations"
    for place, text in found.items():
        assert SHORT.fullmatch(text), f"{place}: {text} is read back in another form and differs for ever"


def test_networks_are_joined_by_id_with_their_short_names():
    assert made().inputs["taskSpec"]["networksAdvanceds"] == [
        {"id": "n1", "aliases": ["shop", "shop-blue"]},
        {"id": "n2"},
    ], "a name is read back as an id and differs for ever"


def test_there_is_no_virtual_address():
    assert made().inputs["endpointSpec"] == {"mode": "dnsrr"}, (
        "a virtual address hides which task answered, and needs IPVS in the kernel"
    )


def test_ports_are_the_hosts_own_and_sorted():
    endpoint = made(ports=(PublishedSpec(port=8443, target=443), PublishedSpec(port=8080, target=80))).inputs[
        "endpointSpec"
    ]
    assert [port["publishedPort"] for port in endpoint["ports"]] == [8080, 8443], "the plugin compares them in order"
    assert {port["publishMode"] for port in endpoint["ports"]} == {"host"}, "the mesh hides the client's address"
    assert [port["targetPort"] for port in endpoint["ports"]] == [80, 443]


@pytest.mark.parametrize(
    ("replicas", "parallelism", "batches"), [(1, 1, 1), (3, 1, 3), (3, 2, 2), (4, 2, 2), (0, 1, 1), (2, 5, 1)]
)
def test_the_time_to_converge_covers_the_slowest_healthy_update(replicas, parallelism, batches):
    update = UpdatePolicy(parallelism=parallelism, monitor=timedelta(seconds=5))
    wanted = spec(replicas=replicas, update=update)
    each = 60 + 2 * 3 + 5 + 75
    assert wanted.converge_timeout == timedelta(seconds=batches * each + 30), (
        "start period + interval x retries + monitor + stop grace for each batch, and 30 s: design §5"
    )
    converge = made(replicas=replicas, update=update).inputs["convergeConfig"]
    assert converge == {"delay": "1s", "timeout": go_duration(wanted.converge_timeout)}, (
        "the plugin's own delay of 7 s costs seconds at every service"
    )


def test_all_capabilities_are_dropped():
    assert made().container["capDrops"] == ["ALL"]
    assert "capAdds" not in made().container, "nothing comes back that nobody asked for"
    assert made(capabilities=("CHOWN",)).container["capAdds"] == ["CAP_CHOWN"], "Swarm wants the long name"


def test_a_read_only_container_has_a_small_tmp_in_memory():
    [tmp] = made().container["mounts"]
    assert (tmp["type"], tmp["target"]) == ("tmpfs", "/tmp"), "programs need one place to write"
    assert tmp["tmpfsOptions"] == {"sizeBytes": 64 * 2**20, "mode": 0o777}, (
        "bounded, and for every user; a sticky bit would not be read back, and the next `up` would update the service"
    )
    assert made().container["readOnly"] is True


def test_a_writable_container_needs_no_tmp():
    writable = made(read_only=False, mounts=(Mount(target="/data", source="test-postgres"),)).container
    assert [mount["target"] for mount in writable["mounts"]] == ["/data"]
    assert writable["mounts"][0]["type"] == "volume"
    assert writable["readOnly"] is False


def test_a_directory_of_the_host_is_a_bind_mount():
    mounts = made(mounts=(Mount(target="/in", source="/var/lib/out", bind=True),)).container["mounts"]
    assert mounts[0] == {"type": "bind", "source": "/var/lib/out", "target": "/in", "readOnly": False}


def test_docker_s_logs_are_bounded():
    assert made().inputs["taskSpec"]["logDriver"] == {
        "name": "json-file",
        "options": {"max-size": "10m", "max-file": "3"},
    }, "they fill the disk otherwise"


@pytest.mark.parametrize("order", list(Order))
def test_a_failing_update_goes_back_by_itself_and_a_failing_way_back_stops(order):
    inputs = made(order=order).inputs
    assert inputs["updateConfig"]["failureAction"] == "rollback"
    assert inputs["rollbackConfig"]["failureAction"] == "pause", "a roll-back of a roll-back has no end"
    assert {inputs["updateConfig"]["order"], inputs["rollbackConfig"]["order"]} == {order.value}, (
        "start-first with a host port waits for ever; the way back is no exception"
    )
    assert inputs["updateConfig"]["maxFailureRatio"] == "0.0", "the plugin reads it back as text"


def test_secrets_and_configs_are_files_that_every_user_can_read():
    service = made(
        secrets=[MountedFile(id="s1", name="database-password-1234567", path="database-password")],
        configs=[MountedFile(id="c1", name="entry-7654321", path="/entry.sh")],
    )
    for kind, target in (("secret", "database-password"), ("config", "/entry.sh")):
        [file] = service.container[f"{kind}s"]
        assert file["fileName"] == target
        assert file["fileMode"] == 0o444, "a program that has given up root must still read it"
        assert file[f"{kind}Id"], "Swarm wants the id, too"


def test_limits_are_in_swarms_units():
    resources = made(limits=LimitsSpec(cpus=0.3, memory="64Mi", reserve_memory="32Mi")).inputs["taskSpec"]["resources"]
    assert resources["limits"] == {"nanoCpus": 300_000_000, "memoryBytes": 67_108_864}
    assert resources["reservation"] == {"nanoCpus": 0, "memoryBytes": 32 * 2**20}
    assert "reservation" not in made().inputs["taskSpec"]["resources"], "zeros would be read back as nothing"


def test_tasks_are_spread_over_the_values_of_a_label():
    placement = made(spread="node.labels.zone", constraints=("node.role==manager",)).inputs["taskSpec"]["placement"]
    assert placement == {"prefs": ["node.labels.zone"], "constraints": ["node.role==manager"]}, (
        "spread=node.labels.zone is accepted and does nothing"
    )


def test_labels_are_sorted():
    labels = made(labels={"b": "2", "a": "1"}).inputs["labels"]
    assert [label["label"] for label in labels] == ["a", "b"], "another order would look like a change"


def test_the_service_is_a_child_and_its_name_is_known_in_a_preview():
    recording = record(preview=True)
    component = recording.one("shop-blue")
    assert recording.one("shop-blue-service").parent == component.urn
    assert component.type == "colorway:swarm:SwarmService"
    assert recording.one("shop-blue-service").inputs["name"] == "test-shop-blue", "the swarm's own name is ours"
