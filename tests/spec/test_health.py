"""How often a check is made, by what the engine of a host would run."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from colorway.spec.task.health import HealthSpec

FOUND = """#!/bin/sh
case "$*" in
  *" /proc/uptime") echo 5000 ;;
  *" /proc/1/stat") echo $((500000 - 100 * AGE)) ;;
esac
"""


def checked(folder: Path, *test: str, age: str) -> str:
    """Return what a check of a container of an age says, whose waiting is said, too."""
    for name, text in {"cut": FOUND.replace("AGE", age), "sleep": "#!/bin/sh\necho waited $1\n"}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    words = ["/bin/sh", "-c", test[1]] if test[0] == "CMD-SHELL" else list(test[1:])
    ran = subprocess.run(words, capture_output=True, text=True, check=False, env={"PATH": f"{folder}:/usr/bin:/bin"})
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("command", [("CMD", "echo", "a  b"), ("CMD-SHELL", "echo 'a  b'")])
@pytest.mark.parametrize(("age", "said"), [("3", ""), ("59", ""), ("60", "waited 25\n"), ("4000", "waited 25\n")])
def test_a_task_is_asked_often_while_it_starts_and_then_seldom(tmp_path, command, age, said):
    health = HealthSpec(
        command=command,
        interval=timedelta(seconds=30),
        start_interval=timedelta(seconds=5),
        start_period=timedelta(minutes=1),
        timeout=timedelta(seconds=4),
    )
    assert checked(tmp_path, *health.tests(None), age=age) == f"{said}a  b\n"
    assert health.pause == timedelta(seconds=5), "Docker begins the next check then"
    assert health.longest == timedelta(seconds=29), "and lets one take what it may wait, too"


def test_what_is_not_known_of_a_container_makes_no_check_fail(tmp_path):
    health = HealthSpec(command=("CMD-SHELL", "echo well"), start_interval=timedelta(seconds=1))
    assert checked(tmp_path, *health.tests(None), age="").endswith("well\n")


def test_a_check_that_is_as_frequent_always_is_left_as_it_is():
    for same in (None, timedelta(seconds=5)):
        health = HealthSpec(command=("CMD", "true"), start_interval=same)
        assert health.tests(None) == ["CMD", "true"], "an image without a shell needs none"
        assert (health.pause, health.longest) == (health.interval, health.timeout)


def test_a_check_that_ends_in_failure_fails_after_its_wait(tmp_path):
    health = HealthSpec(command=("CMD", "false"), interval=timedelta(seconds=9), start_interval=timedelta(seconds=5))
    with pytest.raises(AssertionError):
        checked(tmp_path, *health.tests(None), age="4000")


def test_docker_lets_a_check_take_all_that_it_really_waits(tmp_path):
    health = HealthSpec(
        command=("CMD", "true"),
        interval=timedelta(seconds=5),
        start_interval=timedelta(seconds=4.4),
        timeout=timedelta(milliseconds=300),
    )
    assert checked(tmp_path, *health.tests(None), age="4000") == "waited 1\n", "no shell's sleep need know fractions"
    assert health.longest == timedelta(seconds=1.3)
