"""The lab of another stack: its hosts and settings, and nothing that is secret."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from colorway.config import stack_files
from colorway.engine.session import built_by_host
from colorway.errors import ColorwayError
from colorway.lab import rehearsal
from colorway.lab.host import has_published_key
from colorway.spec import names
from colorway.spec.stack import Environment, StackSettings
from tests.program.stacks import run_spec, run_stack
from tests.support.recorder import SERVICE, Recording

ROOT = Path(__file__).resolve().parents[2]
RENTED = ("production", "preproduction", "staging", "portal-production", "portal-staging")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("platforms", "releases", "images", "config"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    for file in ROOT.glob("Pulumi*.yaml"):
        (tmp_path / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def rehearsed(like: str, settings: StackSettings, *, backed_up: Collection[str] = ()) -> rehearsal.Rehearsal:
    said = {"platform": settings.platform, "overrides": settings.overrides}
    return rehearsal.Rehearsal(like=like, settings=settings, backed_up=backed_up, **said)


def without_backups(overrides: Mapping[str, Any]) -> dict[str, Any]:
    found = copy.deepcopy(dict(overrides))
    for store in found.get("data-stores", {}).values():
        if "backup" in store:
            store.update({"backup": None, "verify": None})
    return found


@pytest.mark.parametrize("like", RENTED)
def test_a_rehearsal_has_the_hosts_roles_and_settings_of_its_stack(
    project: Path, like: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rehearsal.os, "cpu_count", lambda: 64)
    assert rehearsal.write(project, like)
    name = rehearsal.stack_name(like)
    theirs = stack_files.from_file(root=project, stack=like).settings
    ours = stack_files.from_file(root=project, stack=name).settings
    assert [(host.name, host.roles) for host in ours.hosts] == [(host.name, host.roles) for host in theirs.hosts]
    for key in ("platform", "domains", "versions", "traffic"):
        assert getattr(ours, key) == getattr(theirs, key), f"{key} is what is rehearsed"
    assert ours.overrides == without_backups(theirs.overrides), (
        "so are overrides, all but what opens a bucket of theirs"
    )
    assert ours.environment is Environment.LAB
    assert not ours.network.encrypted, "many a kernel in a container has no ESP"
    assert all(has_published_key(host) for host in ours.hosts), "or the lab's hosts would be strangers"
    text = (project / stack_files.stack_file(name)).read_text(encoding="utf-8")
    assert "secure:" not in text, "no secret of theirs is in it"
    assert not ours.registries


@pytest.mark.parametrize("like", RENTED)
def test_the_program_makes_a_rehearsal_of_what_it_makes_of_the_stack(project: Path, like: str):
    rehearsal.write(project, like)
    ours = run_spec(stack_files.from_file(root=project, stack=rehearsal.stack_name(like)))
    spec = stack_files.from_file(root=project, stack=like)
    backups = {
        f"{name}-service"
        for store in spec.backed_up
        for name in (names.verify(store), *(names.backup(store, one.host.name) for one in spec.members(store)))
    }

    def services(found: Recording) -> set[str]:
        return {one.name for one in found.resources if one.type == SERVICE}

    # No authority can prove names that only a lab has.
    left_out = backups | {f"{names.certbot(host.name)}-service" for host in spec.load_balancers}
    assert services(ours) == services(run_stack(like)) - left_out


@pytest.mark.parametrize("like", RENTED)
def test_nothing_is_brought_to_hosts_that_pull_from_a_registry(project: Path, like: str):
    rehearsal.write(project, like)
    spec = stack_files.from_file(root=project, stack=rehearsal.stack_name(like))
    assert not any(built_by_host(spec).values()), "and what a color that is off would run has no reference at all"


def test_a_rehearsal_has_the_members_of_its_stack_and_leaves_its_bucket_alone(project: Path):
    rehearsal.write(project, "production")
    theirs, ours = (stack_files.from_file(root=project, stack=stack) for stack in ("production", "production-lab"))
    assert theirs.backed_up, "or there is nothing to leave alone"
    assert not ours.backed_up, "with made-up secrets the archive would fail, and the gate shut every migration out"
    for store in theirs.replicated_stores:
        assert [one.name for one in ours.members(store)] == [one.name for one in theirs.members(store)]
    assert "# Nothing is backed up: " in (project / "Pulumi.production-lab.yaml").read_text(encoding="utf-8")


def test_backups_that_the_platform_itself_wants_are_left_out_too(project: Path):
    settings = stack_files.from_file(root=project, stack="staging").settings.model_copy(update={"overrides": {}})
    text = rehearsed("staging", settings, backed_up=["postgres"]).lab()
    overrides = YAML(typ="safe").load(text)["config"]["colorway:overrides"]
    assert overrides == {"data-stores": {"postgres": {"backup": None, "verify": None}}}


def test_what_is_built_here_is_brought_to_the_hosts_that_may_run_it():
    spec = stack_files.from_file(root=ROOT, stack="lab")
    wanted = {host: {image.partition(":")[0] for image in images} for host, images in built_by_host(spec).items()}
    assert wanted["lb1"] == {"colorway/nginx", "colorway/mtail"}
    assert wanted["app1"] == {"colorway/demo"}
    assert wanted["db1"] == {"colorway/postgres", "colorway/redis"}


def test_what_a_user_has_changed_in_it_stays(project: Path):
    rehearsal.write(project, "staging")
    file = project / "Pulumi.staging-lab.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    assert not rehearsal.write(project, "staging")
    assert file.read_text(encoding="utf-8").endswith("# mine\n")


def test_hosts_that_are_no_longer_those_of_the_stack_are_said(project: Path):
    rehearsal.write(project, "staging")
    assert not rehearsal.is_behind(project, "staging")
    file = project / "Pulumi.staging.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("roles: [database]", "roles: [database, web]"), encoding="utf-8")
    assert rehearsal.is_behind(project, "staging")


def test_what_is_set_on_hosts_is_rehearsed_and_what_no_cable_carries_is_not(project: Path):
    file = project / "Pulumi.staging.yaml"
    more = "  colorway:network: {mtu: 8950}\n  colorway:bootstrap: {ssh: false, open: [{port: 9100, protocol: udp}]}\n"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("  colorway:hosts:\n", f"{more}  colorway:hosts:\n"), encoding="utf-8")
    rehearsal.write(project, "staging")
    theirs = stack_files.from_file(root=project, stack="staging").settings
    ours = stack_files.from_file(root=project, stack="staging-lab").settings
    assert ours.bootstrap == theirs.bootstrap
    assert ours.network.mtu == 1500


def test_a_name_that_has_no_room_for_its_lab_leaves_no_file(project: Path):
    like = "s" * 38
    (project / "Pulumi.staging.yaml").rename(project / f"Pulumi.{like}.yaml")
    with pytest.raises(ColorwayError, match=rf"^Pulumi.{like}-lab.yaml: the stack's name must be .*, at most 40$"):
        rehearsal.write(project, like)
    assert not (project / f"Pulumi.{like}-lab.yaml").exists()


@pytest.mark.parametrize(
    ("like", "why"),
    [("local", "is this machine's"), ("lab", "is a lab already"), ("nowhere", "Pulumi.nowhere.yaml")],
)
def test_what_has_no_hosts_of_its_own_cannot_be_rehearsed(project: Path, like: str, why: str):
    with pytest.raises(ColorwayError, match=why):
        rehearsal.write(project, like)
    assert not (project / f"Pulumi.{like}-lab.yaml").exists(), "and nothing is written"


def test_its_addresses_are_not_those_that_the_overlay_hides(project: Path):
    settings = stack_files.from_file(root=project, stack="production").settings
    hidden = settings.network.model_copy(update={"range": rehearsal._LABS[0].supernet(new_prefix=17)})
    text = rehearsed("production", settings.model_copy(update={"network": hidden})).lab()
    assert "address: 10.78." in text
    first = int(text.split("address: 10.78.")[1].split(".")[0])
    assert first >= 128, "10.78.0.0/17 is taken"


@pytest.mark.parametrize("like", RENTED)
def test_all_of_a_stack_is_rehearsed_on_this_machine_alone(project: Path, like: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rehearsal.os, "cpu_count", lambda: 64)
    name = rehearsal.stack_name(like, rehearsal.HERE)
    written = rehearsal.write(project, like, where=rehearsal.HERE)
    assert written == (stack_files.stack_file(name),)
    theirs = stack_files.from_file(root=project, stack=like)
    ours = stack_files.from_file(root=project, stack=name)
    assert ours.is_local
    assert ours.platform.services == {
        service: said.model_copy(update={"placement": ours.platform.services[service].placement})
        for service, said in theirs.platform.services.items()
    }, "every service with all that it says but its hosts, of which there is one"
    assert not ours.replicated_stores
    assert ours.settings.domains == theirs.settings.domains
    assert ours.settings.network.range != theirs.settings.network.range, "beside other stacks of this machine"


def test_rehearsals_on_one_machine_keep_out_of_each_others_way(project: Path):
    for like in RENTED:
        rehearsal.write(project, like, where=rehearsal.HERE)
    specs = [stack_files.from_file(root=project, stack=f"{like}-here") for like in RENTED]
    ports = [port for one in specs for port in (one.platform.edge.http_port, one.platform.edge.https_port)]
    assert len({*ports}) == len(ports)
    assert len({one.settings.network.range for one in specs}) == len(specs)


@pytest.mark.parametrize("like", RENTED)
def test_nothing_of_a_rehearsal_may_use_more_processors_than_its_machine_has(
    project: Path, like: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rehearsal.os, "cpu_count", lambda: 1)
    rehearsal.write(project, like)
    theirs, ours = (stack_files.from_file(root=project, stack=stack).inventory() for stack in (like, f"{like}-lab"))
    assert max(one.cpus for one in theirs.declared) > 1, "or there is nothing to show"
    assert max(one.cpus for one in ours.declared) == 1, "Docker refuses a task that may use more than there is"
