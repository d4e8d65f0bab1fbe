"""Every key of a service reaches Swarm: what the file says, and what the docker plugin is told."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from colorway.spec.traffic import Color
from components.migrations import Migrations
from components.web.surroundings import Surroundings
from components.web.tier import WebTier
from components.web.workers import Workers
from tests.components.pieces import NETWORKS, SECRETS, constraints
from tests.support.recorder import CONFIG, SERVICE, run_program
from tests.support.specs import HOST_KEY, small_spec

HOSTS = [
    {"name": name, "address": f"10.0.0.{number}", "roles": roles, "host-key": HOST_KEY}
    for number, (name, roles) in enumerate(
        {
            "lb1": ["load-balancer"],
            "a": ["manager", "web", "database", "monitoring"],
            "b": ["web"],
            "c": ["web"],
        }.items(),
        11,
    )
]
FILE = {"source": "config/app.conf", "target": "/etc/app.conf", "mode": "0440", "uid": 33, "gid": "33"}


def shop(*, hosts=None, **keys):
    return service("shop", hosts=hosts, **keys).one("shop-blue-service", SERVICE)


def service(name, *, hosts=None, **keys):
    changes = {"hosts": hosts} if hosts else {}
    spec = small_spec(
        overrides={"services": {name: {key.replace("_", "-"): value for key, value in keys.items()}}},
        files={"config/app.conf": b"a = 1\n"},
        **changes,
    )

    def program():
        around = Surroundings.of_colors(spec)
        for color, its in around.items():
            Migrations(f"migrations-{color}", spec, color=color, secrets=SECRETS, around=its)
            WebTier(f"web-{color}", spec, color=color, networks=NETWORKS, secrets=SECRETS, around=its)
        Workers("workers", spec, networks=NETWORKS, secrets=SECRETS, around=around)

    return run_program(program)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"user": 1000}, {"user": "1000"}),
        ({"user": "www-data:www-data"}, {"user": "www-data:www-data"}),
        ({"working_dir": "/srv/app"}, {"dir": "/srv/app"}),
        ({"stop_signal": "SIGQUIT"}, {"stopSignal": "SIGQUIT"}),
        ({"capabilities": ["CHOWN", "NET_BIND_SERVICE"]}, {"capAdds": ["CAP_CHOWN", "CAP_NET_BIND_SERVICE"]}),
        (
            {"extra_hosts": {"mail": "10.0.0.9", "a.example.com": "10.0.0.8"}},
            {"hosts": [{"host": "a.example.com", "ip": "10.0.0.8"}, {"host": "mail", "ip": "10.0.0.9"}]},
        ),
    ],
    ids=["number", "names", "directory", "signal", "capabilities", "hosts"],
)
def test_what_a_service_says_of_its_process_is_told(said, told):
    container = shop(**said).container
    assert {key: container[key] for key in told} == told
    assert container["capDrops"] == ["ALL"], "what is not named is dropped"


def test_a_secret_has_the_file_that_the_service_wants():
    wanted = {"name": "database-password", "file": "/etc/app/password", "mode": "0400", "uid": 33, "gid": 34}
    [file] = shop(secrets=[wanted]).container["secrets"]
    assert (file["secretName"], file["fileName"]) == ("database-password-1234567", "/etc/app/password")
    assert (file["fileMode"], file["fileUid"], file["fileGid"]) == (0o400, "33", "34"), "the plugin takes ids as text"


def test_a_config_file_is_a_config_of_each_color_with_the_files_text():
    recording = service("shop", config_files=[FILE])
    made = recording.of_type(CONFIG)
    assert {one.inputs["dataRaw"] for one in made.values()} == {"a = 1\n"}
    assert sorted(name.rpartition("-")[0] for name in made) == ["shop-blue", "shop-green"], "a version changes its own"
    [file] = recording.one("shop-blue-service", SERVICE).container["configs"]
    assert (file["fileName"], file["fileMode"], file["fileUid"], file["fileGid"]) == (
        "/etc/app.conf",
        0o440,
        "33",
        "33",
    )


def test_a_volume_is_the_colors_own_or_shared_by_both():
    volumes = [
        {"name": "uploads", "target": "/uploads", "shared": True},
        {"name": "cache", "target": "/cache", "shared": False, "read-only": True},
    ]
    recording = service("shop", volumes=volumes)
    mounted = {
        color: {
            (mount["source"], mount["target"], mount["readOnly"])
            for mount in recording.one(f"shop-{color}-service", SERVICE).container["mounts"]
            if mount["type"] == "volume"
        }
        for color in Color
    }
    assert mounted[Color.BLUE] == {("test-uploads", "/uploads", False), ("test-cache-blue", "/cache", True)}
    assert mounted[Color.GREEN] == {("test-uploads", "/uploads", False), ("test-cache-green", "/cache", True)}


def test_a_volume_of_a_file_server_says_where_it_is():
    nfs = {"server": "nas.example.com", "path": "/export/uploads", "options": "nfsvers=4,ro"}
    volumes = [{"name": "uploads", "target": "/uploads", "shared": True, "nfs": nfs}]
    [mount] = [one for one in shop(volumes=volumes, hosts=HOSTS).container["mounts"] if one["type"] == "volume"]
    assert mount["volumeOptions"] == {
        "driverName": "local",
        "driverOptions": {"type": "nfs", "o": "addr=nas.example.com,nfsvers=4,ro", "device": ":/export/uploads"},
    }


def test_shared_memory_is_a_file_system_of_its_own():
    [shm] = [one for one in shop(shm_size="256Mi").container["mounts"] if one["target"] == "/dev/shm"]
    assert (shm["type"], shm["tmpfsOptions"]) == ("tmpfs", {"sizeBytes": 2**28, "mode": 0o777})


def test_all_four_fields_of_a_restart_are_what_the_service_says():
    said = {"condition": "on-failure", "delay": "5s", "max-attempts": 3, "window": "2m"}
    told = shop(restart=said).inputs["taskSpec"]["restartPolicy"]
    assert told == {"condition": "on-failure", "delay": "5s", "maxAttempts": 3, "window": "2m"}


def test_an_update_is_what_the_service_says():
    said = {"parallelism": 2, "delay": "1s", "monitor": "9s", "order": "stop-first", "failure-action": "pause"}
    inputs = shop(update={**said, "max-failure-ratio": 0.2}).inputs
    assert inputs["updateConfig"] == {
        "parallelism": 2,
        "delay": "1s",
        "monitor": "9s",
        "order": "stop-first",
        "failureAction": "pause",
        "maxFailureRatio": "0.2",
    }
    assert inputs["rollbackConfig"]["order"] == "stop-first"


@pytest.mark.parametrize("way", ["updateConfig", "rollbackConfig"])
def test_never_two_schedulers_whatever_changes(way):
    inputs = service("scheduler", env={"A": "b"}).one("scheduler-blue-service", SERVICE).inputs
    assert inputs[way]["order"] == "stop-first", "start-first gives out every job twice for as long as both are alive"
    assert inputs["mode"]["replicated"]["replicas"] == 1


def test_a_service_without_a_check_has_not_even_the_images():
    assert shop(health={"none": "no shell in the image", "path": None}).container["healthcheck"]["tests"] == ["NONE"]


def test_a_check_may_ask_on_another_port():
    tests = shop(ports={"admin": 9001}, health={"port": "admin"}).container["healthcheck"]["tests"]
    assert tests[-1] == "http://127.0.0.1:9001/healthz"


def test_a_published_port_is_the_hosts_and_its_tasks_are_replaced_stop_first():
    inputs = (
        service("worker", published=[{"port": 9443, "target": 443, "protocol": "udp"}])
        .one("worker-blue-service", SERVICE)
        .inputs
    )
    assert inputs["endpointSpec"]["ports"] == [
        {"targetPort": 443, "publishedPort": 9443, "publishMode": "host", "protocol": "udp"}
    ]
    assert inputs["updateConfig"]["order"] == "stop-first", "the new task would wait for the port for ever"


@pytest.mark.parametrize(
    ("placement", "wanted"),
    [
        ({}, []),
        ({"hosts": ["b"]}, ["node.labels.colorway-test-host==b"]),
        ({"hosts": ["a", "c"]}, ["node.labels.colorway-test-host!=b"]),
        ({"labels": {"zone": "eu-1", "disk": "ssd"}}, ["node.labels.disk==ssd", "node.labels.zone==eu-1"]),
    ],
    ids=["anywhere", "one", "two", "labels"],
)
def test_tasks_run_where_the_placement_says(placement, wanted):
    assert constraints(shop(placement=placement, hosts=HOSTS)) == ["node.labels.colorway-test-web==true", *wanted]


def test_no_more_tasks_than_said_run_on_one_host():
    assert shop(placement={"most-per-host": 1}).inputs["taskSpec"]["placement"]["maxReplicas"] == 1


def test_a_network_of_another_stack_is_joined_by_the_id_that_a_manager_says():
    recording = service("shop", networks=["legacy_default"])
    assert recording.one("blue-legacy_default-run").inputs["create"].endswith(" colorway legacy_default")
    joined = recording.one("shop-blue-service", SERVICE).inputs["taskSpec"]["networksAdvanceds"]
    assert {"id": "done"} in joined, "what the script printed; no alias, for the names in it are not ours"


def test_a_migration_s_task_is_made_as_the_service_s_own_are():
    recording = service(
        "api",
        user="1000:1000",
        working_dir="/srv",
        capabilities=["CHOWN"],
        extra_hosts={"mail": "10.0.0.9"},
        config_files=[FILE],
        secrets=[{"name": "database-password", "file": "password", "mode": "0400"}],
    )
    words = shlex.split(recording.one("migrations-green-0001-initial-run").inputs["create"])
    assert {"--user=1000:1000", "--workdir=/srv", "--cap-add=CAP_CHOWN", "--host=mail:10.0.0.9"} <= set(words)
    assert "--secret=source=database-password-1234567,target=password,uid=0,gid=0,mode=0400" in words
    [config] = [word for word in words if word.startswith("--config=")]
    assert config.endswith(",target=/etc/app.conf,uid=33,gid=33,mode=0440")


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ("overlay swarm x abc", 0, "abc"),
        ("bridge local x abc", 1, "the network x is no overlay of the swarm"),
        ("overlay swarm xy abc", 1, "there is no network x in the swarm"),
    ],
)
def test_the_script_that_looks_for_a_network_says_its_id_or_what_is_wrong(tmp_path, answer, code, said):
    (tmp_path / "docker").write_text(f"#!/bin/sh\necho {answer}\n")
    (tmp_path / "docker").chmod(0o755)
    script = Path("templates/scripts/network-id.sh").read_text()
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["/bin/sh", "-euc", script, "colorway", "x"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert (done.stdout or done.stderr).startswith(said)
