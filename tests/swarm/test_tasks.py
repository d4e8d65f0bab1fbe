"""Why tasks do not start or do not last: what Swarm was seen to say, made into sentences."""

from __future__ import annotations

import pytest

from colorway.swarm.tasks import missing_image, task_state, why_ended, why_refused, why_waiting
from tests.swarm.fake_api import FakeApi, swarm_of

NETWORK = {"Name": "test-blue", "Id": "n1", "Driver": "overlay"}


def on_blue(state, **more):
    return {"ID": f"t-{state}", "Status": {"State": state}, "Spec": {"Networks": [{"Target": "n1"}]}, **more}


def test_a_task_is_alive_until_nothing_of_it_works_also_without_its_service():
    api = FakeApi()
    api.stored["networks"] = [NETWORK]
    states = ["running", "orphaned", "shutdown", "complete", "failed", "rejected", "remove"]
    api.stored["tasks"] = [on_blue(state, NodeID="node1") for state in states]
    api.stored["tasks"].append({**on_blue("pending"), "Spec": {"Networks": [{"Target": "n2"}]}})
    # A load balancer is on the networks of both colors, and never ends.
    api.stored["services"] = [
        {"ID": one, "Spec": {"Name": one, "Labels": labels}}
        for one, labels in (("test-lb", {}), ("test-web-blue", {"colorway.color": "blue"}))
    ]
    api.stored["tasks"].append({**on_blue("running"), "ServiceID": "test-lb"})
    api.stored["tasks"].append({**on_blue("starting", NodeID="node2"), "ServiceID": "test-web-blue"})
    assert swarm_of(api).alive_of("blue", network="test-blue") == [
        "task t-running (running) on the node node1",
        "task t-orphaned (orphaned) on the node node1",
        "task t-starting (starting) on the node node2",
    ], "what a lost host does, nobody knows"
    assert swarm_of(api).alive_of("green", network="test-green") == [], "no such network, no such task"


CONTAINER = "a0185d33d640012d5c492f22322c2ccd0d9b4e29a57d362447e65f7c1b31d6b8"
MOUNT = (
    "starting container failed: error while mounting volume '/var/lib/docker/volumes/test-media/_data': failed to "
    "mount local volume: mount :/srv:/var/lib/docker/volumes/test-media/_data, data: addr=10.0.0.51,nfsvers=4: "
)
SEEN = {
    "no such image": (
        {"State": "rejected", "Message": "preparing", "Err": "No such image: colorway/none:1"},
        "task rejected: No such image: colorway/none:1; build or push it, or correct the image in the "
        "release's manifest",
    ),
    "no matching host": (
        {
            "State": "pending",
            "Message": "pending task scheduling",
            "Err": "no suitable node (scheduling constraints not satisfied on 1 node)",
        },
        "task pending: no suitable node (scheduling constraints not satisfied on 1 node); no host matches the "
        "placement; see roles in colorway:hosts",
    ),
    "not enough memory": (
        {
            "State": "pending",
            "Message": "pending task scheduling",
            "Err": "no suitable node (insufficient resources on 1 node)",
        },
        "task pending: no suitable node (insufficient resources on 1 node); no host has the memory or CPUs left that "
        "it reserves; see limits",
    ),
    "crash at start": (
        {"State": "failed", "Message": "started", "Err": "task: non-zero exit (3)", "ContainerStatus": {"ExitCode": 3}},
        "task failed: task: non-zero exit (3)",
    ),
    "never healthy": (
        {
            "State": "failed",
            "Message": "starting",
            "Err": "task: non-zero exit (137): dockerexec: unhealthy container",
            "ContainerStatus": {"ContainerID": CONTAINER, "ExitCode": 137},
        },
        "task failed: task: non-zero exit (137): dockerexec: unhealthy container; its health check failed",
    ),
    "port of another program": (
        {
            "State": "failed",
            "Message": "starting",
            "Err": "starting container failed: driver failed programming external connectivity on endpoint "
            f"probe-port.1.xg4t8p7r8ok1ffu52dkk2bys2 ({CONTAINER}): Error starting userland proxy: "
            "listen tcp4 0.0.0.0:18999: bind: address already in use",
            "ContainerStatus": {"ContainerID": CONTAINER, "ExitCode": 128},
        },
        "task failed: starting container failed: driver failed programming external connectivity on endpoint "
        "probe-port.1: Error starting userland proxy: listen tcp4 0.0.0.0:18999: bind: address already in use; another "
        "program has its port; stop that, or choose another port, exit code 128",
    ),
    "port of another service": (
        {
            "State": "pending",
            "Message": "pending task scheduling",
            "Err": "no suitable node (host-mode port already in use on 1 node)",
        },
        "task pending: no suitable node (host-mode port already in use on 1 node); another service has its port; "
        "remove that, or choose another port",
    ),
    "file server without support on the host": (
        {"State": "failed", "Message": "starting", "Err": f"{MOUNT}no such device"},
        f"task failed: {MOUNT}no such device; the host cannot mount from file servers, so install nfs-common there, or "
        "keep the volume on the host",
    ),
    "file server that does not answer": (
        {"State": "failed", "Message": "starting", "Err": f"{MOUNT}connection refused"},
        f"task failed: {MOUNT}connection refused; see the volume's nfs, and whether the host reaches its server",
    ),
    "address pool in use": (
        {"State": "new", "Message": "created"},
        "task new: the network probe-b gets no addresses: pool overlaps; another network has its range; choose another "
        "with colorway:network",
    ),
}


@pytest.mark.parametrize("case", SEEN)
def test_what_swarm_says_becomes_a_sentence_with_what_helps(case):
    status, wanted = SEEN[case]
    raw = {"ID": "t1", "DesiredState": "running", "Status": status, "Spec": {"Networks": [{"Target": "n1"}]}}
    task = task_state(raw, "probe")
    told = why_ended(task) if task.has_ended else why_waiting(task, no_addresses={"n1": "probe-b"}, unhealthy=())
    assert told == wanted


def test_a_task_says_since_which_minute_it_is_what_it_is():
    raw = {"ID": "t1", "Status": {"State": "running", "Timestamp": "2026-11-28T14:00:59.999123456Z"}}
    assert task_state(raw, "probe").since == "2026-11-28 14:00"
    assert task_state({"ID": "t1", "Status": {"State": "new"}}, "probe").since == ""


def test_what_swarm_takes_down_itself_waits_for_nothing():
    raw = {"ID": "t1", "DesiredState": "shutdown", "Status": {"State": "pending", "Err": "no suitable node"}}
    assert why_waiting(task_state(raw, "probe"), no_addresses={}, unhealthy=()) is None


@pytest.mark.parametrize(
    ("told", "reference"),
    [
        ("No such image: 127.0.0.1:5000/crm:1@sha256:abc", "127.0.0.1:5000/crm:1@sha256:abc"),
        (
            'migrate failed: Rejected 5 seconds ago "No such image: r.example.com/crm:1@sha256:abc"',
            "r.example.com/crm:1@sha256:abc",
        ),
        ("task: non-zero exit (1)", None),
    ],
)
def test_the_image_that_a_host_could_not_pull_is_found_in_swarms_words(told, reference):
    assert missing_image(told) == reference


LOGIN = (
    "the registry r.example.com refuses the login of colorway:registries; correct the user there, or the password with "
    "`pulumi config set --secret secrets:registry-password`"
)
NO_LOGIN = (
    "the registry r.example.com asks for a login; name one: colorway:registries: "
    "{r.example.com: {user: …, password: …}}"
)


@pytest.mark.parametrize(
    ("said", "secret", "sentence"),
    [
        # Docker Engine 20.10 with a wrong password, and without any.
        ("unauthorized: unauthorized", "registry-password", LOGIN),
        ('Get "http://r.example.com/v2/crm/manifests/sha256:abc": no basic auth credentials', None, NO_LOGIN),
        ("denied: requested access to the resource is denied", "registry-password", LOGIN),
        (
            "manifest unknown: not here",
            "registry-password",
            "the registry r.example.com says: manifest unknown: not here",
        ),
    ],
)
def test_what_a_registry_says_becomes_a_sentence_with_what_helps(said, secret, sentence):
    assert why_refused("r.example.com", said, secret=secret) == sentence
