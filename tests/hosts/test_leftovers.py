"""What a stack leaves on its hosts goes when it is asked to go, by exact names, or is named."""

from __future__ import annotations

import subprocess

import pytest

from colorway.config import stack_files
from colorway.errors import ColorwayError
from colorway.hosts.leftovers import Leftovers
from colorway.hosts.reach import Said
from colorway.render.templates import host_script
from tests.support.specs import ROOT
from tests.support.stores import replicated_spec

SPEC = stack_files.from_file(root=ROOT, stack="lab")
ON = {"db1": "lab-postgres\nlab-redis\n", "lb1": "/var/lib/colorway/lab\n", "mon1": "lab-prometheus\n"}


def leftovers(*, silent=(), spec=SPEC):
    asked, said = {}, []

    def reach(host, text, *arguments, limit):
        assert text == host_script("leftovers")
        assert limit > 90, "the script waits that long for a volume"
        asked[host.name] = arguments
        failed = host.name in silent
        return Said(
            host=host,
            code=255 if failed else 0,
            output="" if failed else ON.get(host.name, ""),
            errors="ssh: connect: No route to host\n" if failed else "",
            seconds=1,
        )

    return Leftovers(spec=spec, say=said.append, reach=reach), asked, said


def test_data_goes_on_every_host_by_exact_names():
    made, asked, said = leftovers()
    made.remove()
    assert set(asked) == {host.name for host in SPEC.settings.hosts}, "a store that moved has left its volume"
    assert asked["app1"][:2] == ("remove", "/var/lib/colorway/lab")
    assert {"lab-postgres", "lab-redis", "lab-prometheus"} <= set(asked["app1"][2:])
    assert said == [
        "removed on lb1: /var/lib/colorway/lab",
        "removed on db1: lab-postgres, lab-redis",
        "removed on mon1: lab-prometheus",
    ]


def test_where_data_could_not_be_removed_is_an_error_that_says_what_goes_on():
    made, _, said = leftovers(silent=("db1",))
    with pytest.raises(ColorwayError) as caught:
        made.remove()
    assert str(caught.value).splitlines() == [
        "lab: the data on db1 stays: ssh: connect: No route to host",
        "Everything else is removed. Once that is mended: colorway down lab --data",
    ]
    assert "removed on mon1: lab-prometheus" in said, "one that is silent keeps nobody up"


def test_what_stays_is_named_and_nothing_is_touched():
    made, asked, said = leftovers(silent=("lb2",))
    made.tell()
    assert {arguments[0] for arguments in asked.values()} == {"look"}
    assert said == [
        "kept on lb1: /var/lib/colorway/lab",
        "kept on db1: lab-postgres, lab-redis",
        "kept on mon1: lab-prometheus",
        "what is kept on lb2 nobody knows: ssh: connect: No route to host",
        "`colorway down lab --data` removes it",
    ]


def test_generations_that_were_tried_and_left_go_too():
    made, asked, _ = leftovers(spec=replicated_spec())
    made.remove()
    assert {"lab-postgres-db1", "lab-postgres.#-db1", "lab-postgres.#-db2"} <= set(asked["db1"]), (
        "the file says generation 1, and those that a restore made and a revert left have higher numbers"
    )


def test_who_is_asked_before_data_goes_reads_what_goes():
    made, asked, said = leftovers(silent=("lb2",))
    made.warn()
    assert {arguments[0] for arguments in asked.values()} == {"look"}, "nothing is changed by a question"
    assert said == [
        "goes from lb1: /var/lib/colorway/lab",
        "goes from db1: lab-postgres, lab-redis",
        "goes from mon1: lab-prometheus",
        "what goes from lb2 nobody knows: ssh: connect: No route to host",
    ]


@pytest.fixture
def ran(tmp_path):
    """Run the script on a host whose Docker has volumes, one of which is in use for a while."""
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(
        f"""#!/bin/sh
cd {tmp_path}
case "$1 $2" in
  "volume ls") ls volumes ;;
  "volume rm")
    if [ -e in-use ]; then
      echo "Error response from daemon: remove $3: volume is in use - [0123]" >&2
      [ ! -e ends ] || rm in-use
      exit 1
    fi
    rm "volumes/$3" ;;
esac
"""
    )
    docker.chmod(0o755)
    (tmp_path / "volumes").mkdir()
    for volume in ("lab-redis", "lab-two-redis", "other"):
        (tmp_path / "volumes" / volume).touch()
    directory = tmp_path / "colorway" / "lab"
    (directory / "load-balancer").mkdir(parents=True)

    def run(what, *volumes, patience=90, place=None):
        text = host_script("leftovers").replace("/var/lib/colorway/", f"{tmp_path}/colorway/").replace("sleep 1", ":")
        text = text.replace("+ 90 ))", f"+ {patience} ))")
        return subprocess.run(
            ["/bin/sh", "-euc", text, "colorway", what, str(place or directory), *volumes],
            env={"PATH": f"{docker.parent}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_the_script_removes_what_is_named_and_nothing_that_begins_like_it(ran, tmp_path):
    (tmp_path / "in-use").touch()
    (tmp_path / "ends").touch()
    looked = ran("look", "lab-redis", "lab-postgres")
    assert looked.stdout.split() == ["lab-redis", f"{tmp_path}/colorway/lab"], looked.stderr
    assert (tmp_path / "volumes" / "lab-redis").exists()
    removed = ran("remove", "lab-redis", "lab-postgres")
    assert removed.stdout == looked.stdout, "it waits until the last task has ended"
    assert sorted(path.name for path in (tmp_path / "volumes").iterdir()) == ["lab-two-redis", "other"]
    assert list((tmp_path / "colorway").iterdir()) == []
    again = ran("remove", "lab-redis", "lab-postgres")
    assert (again.returncode, again.stdout) == (0, "")


def test_the_script_finds_every_generation_and_nothing_that_is_called_like_one(ran, tmp_path):
    others = (
        "lab-redis.2-db1",
        "lab-postgres.2-db10",
        "lab-postgres.x-db1",
        "lab-postgresx2-db1",
        "my-lab-postgres.2-db1",
    )
    for name in ("lab-postgres-db1", "lab-postgres.2-db1", "lab-postgres.12-db1", *others):
        (tmp_path / "volumes" / name).touch()
    given = ("lab-postgres-db1", "lab-postgres.2-db1", "lab-postgres.#-db1")
    looked = ran("look", *given).stdout.split()
    assert looked[:-1] == ["lab-postgres-db1", "lab-postgres.12-db1", "lab-postgres.2-db1"], "each once"
    removed = ran("remove", *given)
    assert removed.stdout.split() == looked, removed.stderr
    there = {path.name for path in (tmp_path / "volumes").iterdir()}
    assert there == {*others, "lab-redis", "lab-two-redis", "other"}


def test_the_script_says_what_holds_a_volume_and_goes_nowhere_else(ran, tmp_path):
    (tmp_path / "in-use").touch()
    failed = ran("remove", "lab-redis", patience=0)
    assert failed.returncode == 1
    assert "lab-redis: volume is in use" in failed.stderr
    assert (tmp_path / "colorway" / "lab").exists()
    for place in ("/", f"{tmp_path}/colorway/", f"{tmp_path}/volumes"):
        refused = ran("remove", place=place)
        assert refused.returncode == 1
        assert "is no directory of a stack" in refused.stderr
