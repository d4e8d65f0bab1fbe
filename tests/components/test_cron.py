"""What a cron has in the swarm and on its host."""

from __future__ import annotations

import pytest

from colorway.spec.traffic import Color
from components.web.workers import Workers
from tests.components.pieces import NETWORKS, SECRETS, NoSurroundings, constraints
from tests.spec.test_schedule import spec_with_cron
from tests.support.recorder import SERVICE, run_program

DIRECTORY = "/var/lib/colorway/test/cron/worker"


@pytest.fixture
def recording():
    spec = spec_with_cron(**{"stop-signal": None})
    around = dict.fromkeys(Color, NoSurroundings())
    return run_program(lambda: Workers("workers", spec, networks=NETWORKS, secrets=SECRETS, around=around))


@pytest.mark.parametrize("color", Color)
def test_its_task_runs_the_loop_with_the_times_and_the_services_own_words(recording, color):
    cron = recording.one(f"worker-{color}-service")
    assert cron.container["commands"] == ["/bin/sh", "/colorway-entry.sh"]
    hours, days, months = "4", " ".join(map(str, range(1, 32))), " ".join(map(str, range(1, 13)))
    times = ["0 20 40", hours, days, months, "1 2 3 4 5", "no"]
    assert cron.container["args"] == [*times, "python3", "-m", "cleanup"]
    assert [file["fileName"] for file in cron.container["configs"]] == ["/colorway-entry.sh"]
    assert cron.container["stopSignal"] == "SIGTERM", "the loop waits for no other, whatever the image says"
    assert cron.container["stopGracePeriod"] == "1m35s", "its job may finish"
    assert cron.inputs["updateConfig"]["order"] == cron.inputs["rollbackConfig"]["order"] == "stop-first"


def test_both_colors_remember_in_one_directory_of_one_host(recording):
    for color in Color:
        cron = recording.one(f"worker-{color}-service")
        binds = [mount for mount in cron.container["mounts"] if mount["type"] == "bind"]
        assert [(mount["source"], mount["target"]) for mount in binds] == [(DIRECTORY, "/colorway-cron")]
        assert cron.container["env"]["COLORWAY_CRON_MEMORY"] == "/colorway-cron"
        assert "node.labels.colorway-test-host==app1" in constraints(cron), "on another host it would remember nothing"
        made = recording.one(f"worker-{color}-loop-directory-run")
        assert made.inputs["create"].endswith(f" colorway {DIRECTORY}")
        assert made.name in recording.waits_for(cron), "Docker binds no directory that is not there"


def test_the_barrier_waits_for_a_running_job(recording):
    assert recording.one("workers-barrier-run").inputs["create"].endswith(" 125 test-worker-green test-scheduler-green")
    names = {name: one.inputs["mode"]["replicated"]["replicas"] for name, one in recording.of_type(SERVICE).items()}
    assert (names["worker-blue-service"], names["worker-green-service"]) == (1, 0)
