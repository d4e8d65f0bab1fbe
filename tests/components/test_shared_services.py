"""What both colors share: load balancers, monitoring, node labels, migrations."""

from __future__ import annotations

import shlex

import pulumi
import pytest

from colorway.render.monitoring import mtail
from colorway.render.templates import entry
from colorway.spec.hosts import Role
from colorway.spec.traffic import Color
from components.hosts import Hosts
from components.load_balancer.nginx import LoadBalancer
from components.migrations import Migrations
from components.monitoring import Monitoring
from tests.components.pieces import NETWORKS, SECRETS, NoSurroundings, constraints, joined, secret_files
from tests.support.recorder import CONFIG, run_program
from tests.support.specs import REMOTE_HOSTS, pinned, small_spec


def load_balancer(spec=None, number=0, known="the map of the token\n"):
    spec = spec or small_spec()
    host = spec.load_balancers[number]

    def program():
        files = {"preview.conf": pulumi.Output.secret(known)}
        LoadBalancer(f"lb-{host.name}", spec, host=host, networks=NETWORKS, secrets=files)

    return run_program(program, stack=spec.stack)


def monitoring(**changes):
    spec = small_spec(**changes)
    return run_program(lambda: Monitoring("monitoring", spec, networks=NETWORKS))


def test_nothing_of_nginx_is_a_swarm_config():
    recording = load_balancer()
    assert recording.of_type(CONFIG) == {}, "a changed config replaces the task: 1.3 to 4.6 % of the requests are lost"
    [mount] = [one for one in recording.one("lb-localhost-service").container["mounts"] if one["type"] == "bind"]
    assert (mount["source"], mount["target"]) == ("/var/lib/colorway/test/load-balancer", "/etc/colorway")
    assert mount["readOnly"] is False, "the entry script makes a certificate and the first generation there"


def test_the_directory_and_its_entry_script_are_there_before_nginx():
    recording = load_balancer()
    service = recording.one("lb-localhost-service")
    directory = recording.one("lb-localhost-directory-run")
    assert directory.name in recording.waits_for(service), "the task would find no entry script"
    assert directory.inputs["stdin"] == entry("nginx")
    assert service.container["commands"] == ["/bin/sh", "/etc/colorway/entry.sh"]


def test_a_load_balancer_has_its_ports_on_its_own_host_and_joins_both_colors():
    spec = small_spec(hosts=REMOTE_HOSTS)
    service = load_balancer(spec, 1).one("lb-lb2-service")
    assert constraints(service) == ["node.labels.colorway-test-host==lb2", "node.labels.colorway-test-edge!=fenced"]
    assert {port["publishedPort"]: port["targetPort"] for port in service.inputs["endpointSpec"]["ports"]} == {
        80: 80,
        443: 443,
    }
    assert joined(service) == {f"id-of-{label}": None for label in ("blue", "green", "shared", "monitoring")}, (
        "all from the first day: a network more is an outage; no store's network"
    )
    assert service.inputs["updateConfig"]["order"] == "stop-first", "two tasks cannot have one port of a host"


def test_nginx_is_stopped_in_its_gentle_way_and_gets_the_time_for_it():
    container = load_balancer().one("lb-localhost-service").container
    assert container["stopSignal"] == "SIGQUIT", "SIGTERM drops what is in flight"
    assert container["stopGracePeriod"] == "1m20s", "worker_shutdown_timeout and 5 s more"
    slow = small_spec(overrides={"services": {"api": {"longest-request": "3m"}}})
    assert load_balancer(slow).one("lb-localhost-service").container["stopGracePeriod"] == "3m15s"


def test_nginx_s_secrets_are_files_of_the_host_that_no_task_is_replaced_for():
    recording = load_balancer()
    assert secret_files(recording.one("lb-localhost-service")) == [], "a Swarm secret that is rotated replaces the task"
    command = recording.one("lb-localhost-secrets-run")
    assert command.secrets == {"stdin"}, "on standard input, since a failing command is printed whole"
    assert command.inputs["stdin"] == "# file preview.conf\nthe map of the token\n"
    other = load_balancer(known="another map\n")
    assert other.one("lb-localhost-service").text == recording.one("lb-localhost-service").text, "a reload, no more"


def test_a_load_balancer_does_not_change_with_traffic_or_versions():
    seen = {
        load_balancer(small_spec(**changes)).one("lb-localhost-service").text
        for changes in ({}, {"traffic": "50:50"}, {"traffic": "0:100", "versions": {"blue": None, "green": "3"}})
    }
    assert len(seen) == 1, "a step of a release must not restart a load balancer"


def test_a_log_reader_runs_beside_each_load_balancer():
    recording = monitoring(hosts=REMOTE_HOSTS)
    for host in ("lb1", "lb2"):
        service = recording.one(f"mtail-{host}-service")
        assert constraints(service) == [f"node.labels.colorway-test-host=={host}"]
        assert joined(service) == {"id-of-monitoring": [f"mtail-{host}"]}, "not on the requests' networks"
        binds = [one for one in service.container["mounts"] if one["type"] == "bind"]
        assert binds[0]["source"] == "/var/lib/colorway/test/load-balancer/run", "the log and nothing else of nginx"
        assert binds[0]["readOnly"] is True
        assert service.inputs["updateConfig"]["order"] == "stop-first", "two readers would count every line twice"
    assert recording.one("mtail-lb1-program", CONFIG).inputs["dataRaw"] == mtail(small_spec(hosts=REMOTE_HOSTS))


def test_prometheus_keeps_its_figures_on_the_monitoring_host():
    service = monitoring(hosts=REMOTE_HOSTS).one("prometheus-service")
    assert "node.labels.colorway-test-host==app1" in constraints(service), "on another host its volume is empty"
    assert service.inputs["endpointSpec"]["ports"][0]["publishedPort"] == 9090
    volumes = [one["source"] for one in service.container["mounts"] if one["type"] == "volume"]
    assert volumes == ["test-prometheus"]
    assert service.inputs["updateConfig"]["order"] == "stop-first", "two cannot have one port and one database"


def test_monitoring_does_not_change_with_traffic_or_versions():
    seen = {
        tuple(sorted(one.text for one in monitoring(**changes).custom))
        for changes in ({}, {"traffic": "50:50"}, {"traffic": "0:100", "versions": {"blue": None, "green": "3"}})
    }
    assert len(seen) == 1, "what measures a release must not be restarted by it"


def test_nodes_are_labelled_with_the_roles_of_the_stack_file():
    spec = small_spec(hosts=REMOTE_HOSTS)
    made = run_program(lambda: Hosts("hosts", spec)).one("hosts-labels-run")
    assert made.inputs["connection"]["host"] == "10.0.0.21", "a manager does it"
    lines = made.inputs["stdin"].splitlines()
    assert lines[0] == (
        "lb1 colorway-test-host=lb1 -colorway-test-manager -colorway-test-web -colorway-test-database "
        "colorway-test-load-balancer=true -colorway-test-monitoring"
    ), "a role that the file does not say is taken away; the fence is none"
    assert lines[2].split()[:2] == ["app1", "colorway-test-host=app1"]
    assert {f"colorway-test-{role.value}=true" for role in Role if role is not Role.LOAD_BALANCER} <= set(
        lines[2].split()
    )
    local = run_program(lambda: Hosts("hosts", small_spec())).one("hosts-labels-run")
    assert local.inputs["stdin"].startswith("self "), "this machine's name in the swarm may be another"


def migrations(*, ids=("0001-initial", "0002-orders"), **changes):
    spec = small_spec(**changes)
    manifest = spec.manifest(Color.GREEN)
    steps = [{"id": identifier, "backward_compatible": True} for identifier in ids]
    changed = type(manifest).model_validate({**manifest.model_dump(), "migrations": steps})
    spec = spec.model_copy(update={"releases": {**spec.releases, "2.0.0": changed}})
    return run_program(
        lambda: Migrations("migrations-green", spec, color=Color.GREEN, secrets=SECRETS, around=NoSurroundings())
    )


def test_migrations_run_one_after_the_other_oldest_first():
    recording = migrations()
    second = recording.one("migrations-green-0002-orders-run")
    assert "migrations-green-0001-initial-run" in recording.waits_for(second), "the second may need the first"
    assert len(recording.commands) == 2


def test_a_migration_runs_the_new_versions_image_with_the_services_own_environment():
    api = {"env": {"GREETING": "two words"}, "secrets": ["database-password"], "uses": ["redis", "postgres"]}
    overrides = {"services": {"api": api}}
    recording = migrations(ids=("0001-initial",), overrides=overrides)
    words = shlex.split(recording.commands[0].inputs["create"])
    given = words[words.index("colorway") + 1 :]
    assert given == [
        "test-migrate-0001",
        "600",
        "--constraint=node.labels.colorway-test-web==true",
        "--network=test-store-postgres",
        "--network=test-store-redis",
        "--limit-cpu=0.5",
        "--limit-memory=67108864",
        "--env=PGOPTIONS=-c lock_timeout=5s",
        "--env=GREETING=two words",
        "--secret=source=database-password-1234567,target=database-password,uid=0,gid=0,mode=0444",
        "--",
        pinned("api", "2.0.0"),
        "migrate",
        "--to",
        "0001-initial",
    ], "the password is a file there, too, and a migration may take no more of the host than its service"


@pytest.mark.parametrize(
    ("of_service", "of_command", "wanted"),
    [
        ([], [], None),
        (["tini", "--"], [], "tini --"),
        (["tini"], ["/bin/sh", "-c"], "/bin/sh -c"),
        (["a b"], [], "'a b'"),
    ],
)
def test_a_migration_runs_behind_its_own_entrypoint_or_the_services(of_service, of_command, wanted):
    overrides = {"services": {"api": {"entrypoint": of_service}}, "migrations": {"entrypoint": of_command}}
    words = shlex.split(migrations(ids=("0001-initial",), overrides=overrides).commands[0].inputs["create"])
    given = [word.removeprefix("--entrypoint=") for word in words if word.startswith("--entrypoint=")]
    assert given == ([wanted] if wanted else []), "docker reads the option as a line of words"
    assert words[-3:] == ["migrate", "--to", "0001-initial"], "the command is CMD, there as everywhere"


def test_a_long_name_of_a_migration_fits_into_a_service_s_name():
    longest = f"0001-{'a' * 40}"
    words = shlex.split(migrations(ids=(longest,)).commands[0].inputs["create"])
    assert "test-migrate-0001" in words, "the swarm's names end at 63 characters"
    assert words[-1] == longest, "the command gets the whole id"


def test_a_platform_without_a_migration_command_has_no_steps():
    spec = small_spec()
    bare = spec.model_copy(update={"platform": spec.platform.model_copy(update={"migrations": None})})
    recording = run_program(
        lambda: Migrations("migrations-blue", bare, color=Color.BLUE, secrets=SECRETS, around=NoSurroundings())
    )
    assert recording.commands == []
