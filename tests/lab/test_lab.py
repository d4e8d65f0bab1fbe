"""A lab is refused in words before anything is made, and its processes are known by more than a number."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from colorway.config import stack_files
from colorway.errors import ColorwayError
from colorway.lab.host import LabHost, private_host_key, public_host_key
from colorway.lab.lab import Lab
from colorway.lab.namespaces import Namespaces
from colorway.machine.daemon import Host
from colorway.machine.progress import silent
from tests.support.specs import ROOT

FILE = "Pulumi.lab.yaml"


@pytest.fixture(autouse=True)
def _folder_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    # Tests need not be root's.
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda tool: f"/usr/bin/{tool}")
    # Nor need their machine have control groups.
    (tmp_path / "groups" / "memory").mkdir(parents=True)
    monkeypatch.setattr("colorway.lab.groups.GROUPS", tmp_path / "groups")


@pytest.fixture
def lab():
    return Lab(spec=stack_files.from_file(root=ROOT, stack="lab"), root=ROOT)


def having(lab, number, **changes):
    """Return a lab one of whose hosts is another one."""
    hosts = list(lab.spec.settings.hosts)
    hosts[number] = hosts[number].model_copy(update=changes)
    settings = lab.spec.settings.model_copy(update={"hosts": tuple(hosts)})
    return Lab(spec=lab.spec.model_copy(update={"settings": settings}), root=ROOT)


def test_the_labs_stack_has_what_a_lab_wants(lab):
    roles = {role for host in lab.spec.settings.hosts for role in host.roles}
    assert {host.spec.name for host in lab.hosts} == {"lb1", "lb2", "app1", "app2", "db1", "db2", "mon1"}
    assert len(roles) == 5, "every role has a host"
    assert all(host.spec.host_key == public_host_key(host.spec.name) for host in lab.hosts)


def test_a_stack_of_another_environment_has_no_lab():
    production = Lab(spec=stack_files.from_file(root=ROOT, stack="production"), root=ROOT)
    with pytest.raises(ColorwayError, match=r"^Pulumi.production.yaml: colorway:environment is production, and only"):
        production.refuse()


def test_hosts_of_two_networks_are_refused(lab):
    elsewhere = having(lab, 2, address=lab.spec.settings.hosts[2].address + 256)
    with pytest.raises(ColorwayError, match=rf"^{FILE}: .* one network, here 10.77.0.0/24; of app1 that is not so$"):
        elsewhere.refuse()


def test_another_host_key_is_refused_with_the_one_to_write(lab):
    key = public_host_key("another")
    with pytest.raises(ColorwayError) as caught:
        having(lab, 0, host_key=key).up(progress=silent, images=lambda: pytest.fail("nothing is built"))
    assert str(caught.value).startswith(f"{FILE}: the host-key of lb1 is not the one")
    assert str(caught.value).endswith(f"write host-key: {public_host_key('lb1')}")


def test_who_is_not_root_and_what_is_missing_is_said(lab, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ColorwayError, match=r"^lab: only root can make the lab's hosts; run this as root$"):
        lab.refuse()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda tool: None if tool == "nsenter" else tool)
    lab.refuse()
    monkeypatch.setattr("colorway.lab.lab.this_host", lambda: Host(is_root=True, is_debian=False, has_systemd=True))
    with pytest.raises(ColorwayError, match=r"^lab: the lab needs nsenter; install them, and run this again$"):
        lab.refuse()


def test_on_debian_what_is_missing_is_installed_before_anything_is_made(lab, monkeypatch):
    installed = []
    missing = {"ip", "ssh-add", "ssh"}
    monkeypatch.setattr(shutil, "which", lambda tool: None if tool in missing else tool)

    def install(*packages, **_said):
        installed.extend(packages)
        raise ColorwayError("no network")

    monkeypatch.setattr("colorway.lab.lab.install_packages", install)
    with pytest.raises(ColorwayError, match=r"^no network$"):
        lab.up(progress=silent)
    assert installed == ["iproute2", "openssh-client"]
    assert not lab.tree.folder.exists()


def test_a_machine_that_cannot_limit_memory_is_refused(lab, tmp_path):
    (tmp_path / "groups" / "memory").rmdir()
    with pytest.raises(ColorwayError, match=r"^lab: the lab's hosts are control groups, and .* none that limit memory"):
        lab.refuse()


def test_a_host_that_is_not_there_is_refused_with_those_that_are(lab):
    with pytest.raises(
        ColorwayError, match=r"^lab: the lab has no host web1; it has lb1, lb2, app1, app2, db1, db2, mon1$"
    ):
        lab.host("web1")


def test_without_a_lab_nothing_runs_and_there_is_nothing_to_take_away(lab):
    assert not any(lab.status().values())
    assert lab.down() == []
    with pytest.raises(ColorwayError, match=r"^lab: the lab's host lb1 does not run$"):
        lab.enter("lb1", ["true"])


IMAGES = ("registry.example.com/web:1@sha256:ab", "localhost:5000/redis:8", "nginx:1")


@pytest.mark.parametrize(
    ("answering", "silent", "wanted"),
    [
        (
            (),
            "docker.io, localhost:5000, registry.example.com",
            "localhost:5000/redis:8, nginx:1, registry.example.com/",
        ),
        (("localhost:5000", "registry-1.docker.io"), "registry.example.com", "registry.example.com/web:1"),
    ],
)
def test_images_that_no_host_gets_to_are_refused_by_name(lab, monkeypatch, answering, silent, wanted):
    monkeypatch.setattr(Namespaces, "pid", 1)

    def run(host: LabHost, script: str, *registry: str) -> str:
        if "operstate" in script:
            return "down\n" if host.spec.name == "lb1" else "up\n"
        assert host.spec.name == "lb2", "lb1 is cut off, and knows of no registry"
        return "yes\n" if registry[0] in answering else ""

    monkeypatch.setattr(LabHost, "run", run)
    with pytest.raises(ColorwayError) as caught:
        lab.refuse_unreached(IMAGES)
    assert f"{FILE}: the lab's hosts get no answer from {silent}, where {wanted}" in str(caught.value)
    assert "sha256" not in str(caught.value)


def test_images_that_hosts_get_to_are_not_refused(lab, monkeypatch):
    monkeypatch.setattr(LabHost, "run", lambda *said: "yes\n" if len(said) > 2 else "up\n")
    lab.refuse_unreached(IMAGES)
    monkeypatch.setattr(Namespaces, "pid", 1)
    lab.refuse_unreached(IMAGES)


def test_a_published_key_is_one_that_openssl_reads_and_each_host_has_its_own():
    read = subprocess.run(
        ["openssl", "pkey", "-noout", "-text"],
        input=private_host_key("lb1"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "ED25519" in read.stdout
    assert public_host_key("lb1") != public_host_key("lb2")
    assert public_host_key("lb1") == public_host_key("lb1"), "or no stack's file could hold it"


@pytest.fixture
def sleeper():
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


def test_another_process_with_the_same_number_is_nobodys(tmp_path, sleeper):
    began = Path(f"/proc/{sleeper.pid}/stat").read_text().rpartition(")")[2].split()[19]
    kept = Namespaces(what="a host", folder=tmp_path)
    (tmp_path / "process").write_text(f"{sleeper.pid} {int(began) + 1}")
    assert kept.pid is None
    kept.end()
    assert sleeper.poll() is None, "whoever has the number by now is not ended"
    (tmp_path / "process").write_text(f"{sleeper.pid} {began}")
    assert kept.pid == sleeper.pid


def test_what_was_killed_and_not_yet_noticed_does_not_run(tmp_path, sleeper):
    began = Path(f"/proc/{sleeper.pid}/stat").read_text().rpartition(")")[2].split()[19]
    (tmp_path / "process").write_text(f"{sleeper.pid} {began}")
    Namespaces(what="a host", folder=tmp_path).end()
    assert Namespaces(what="a host", folder=tmp_path).pid is None
    assert not (tmp_path / "process").exists()
