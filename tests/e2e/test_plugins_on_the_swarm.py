"""Every recorded scenario again, with the real engine on a real swarm.

By default the offline plugins run; with COLORWAY_PLUGINS=official the PATH is left alone, so that the engine takes
the official ones, and the recordings are checked instead.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import pulumi
import pulumi_command as command
import pulumi_docker as docker
import pytest
from pulumi import automation as auto

from colorway.engine import plugins
from offline_plugins.executables import write_executables
from tests.contract.programs import (
    COMMAND,
    CONFIG,
    LABEL,
    NETWORK,
    SECRET,
    SERVICE,
    STUBBORN,
    Declared,
    command_program,
    docker_program,
    recorded,
)
from tests.support.every_service import every_service
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("engine"), pytest.mark.full]

OFFICIAL = os.environ.get(plugins.VARIABLE) == plugins.PluginKind.OFFICIAL
OFFICIAL_FOLDER = "COLORWAY_OFFICIAL_PLUGINS"
OF_SWARMS = ("docker", "command")
"""What is here; the official one of Cloudflare has nothing to do with a swarm."""
CLASSES: Mapping[str, Callable[..., pulumi.CustomResource]] = {
    NETWORK: docker.Network,
    SECRET: docker.Secret,
    CONFIG: docker.ServiceConfig,
    SERVICE: docker.Service,
    COMMAND: command.local.Command,
}
TOOLS = ("sh", "sleep", "true", "false", "touch", "test")
PREFIX = "contract-"
NO_ID = re.compile(r"\b([0-9a-f]{64}|[a-z0-9]{25})\b")
DOCKER_SCENARIOS = recorded("docker-scenarios")["scenarios"]
COMMAND_SCENARIOS = recorded("command-scenarios")["scenarios"]
Declare = Callable[[Callable[[str, str], Any]], Iterable[Declared]]


def run(*arguments: str, stdin: bytes | None = None) -> str:
    return subprocess.run(arguments, check=True, capture_output=True, input=stdin).stdout.decode()


def image_archive() -> bytes:
    """A tar with a shell and a few programs of this machine, and the libraries that they need."""
    files = [Path(shutil.which(tool) or "").resolve() for tool in TOOLS]
    for tool in list(files):
        libraries = re.findall(r"(/\S+) \(0x", run("ldd", str(tool)))
        files.extend(Path(library) for library in libraries)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", dereference=True) as archive:
        for file in dict.fromkeys(files):
            archive.add(file, arcname=str(file).lstrip("/"))
        for tool in TOOLS:
            archive.add(shutil.which(tool) or "", arcname=f"bin/{tool}")
    return buffer.getvalue()


def remove_leftovers() -> None:
    """Remove what a failed test or a killed run left: its networks hold the addresses that the recordings name."""
    for kind in ("service", "secret", "config", "network", "volume"):
        # Not `--filter name=`: it misses networks now and then.
        names = filter(is_ours, run("docker", kind, "ls", "--format", "{{.Name}}").split())
        labeled = run("docker", kind, "ls", "--filter", f"label={LABEL}", "--format", "{{.Name}}").split()
        for name in {*names, *labeled}:
            # A network or volume is in use until the last task of a removed service has gone.
            wait_until(lambda kind=kind, name=name: gone(kind, name), limit=60, what=f"{kind} {name} is removed")


def is_ours(name: str) -> bool:
    return name.startswith(PREFIX)


def gone(kind: str, name: str) -> bool:
    done = subprocess.run(["docker", kind, "rm", name], check=False, capture_output=True)
    return done.returncode == 0 or re.search(b"not found|[Nn]o such", done.stderr) is not None


@pytest.fixture(scope="module")
def lab_images(swarm: None) -> Iterator[None]:
    remove_leftovers()
    archive = image_archive()
    for tag in ("lab:1", "lab:2"):
        run("docker", "import", "-", tag, stdin=archive)
    yield
    remove_leftovers()
    run("docker", "image", "rm", "--force", "lab:1", "lab:2")


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_executables(tmp_path_factory.mktemp("plugins"), python=Path(sys.executable))


class Events:
    """What the engine announced and did, in the words of the recordings."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []
        self.errors: list[str] = []

    def __call__(self, event: auto.EngineEvent) -> None:
        if event.resource_pre_event:
            self._step("start", event.resource_pre_event.metadata, detailed=True)
        elif event.res_outputs_event and not event.res_outputs_event.planning:
            self._step("done", event.res_outputs_event.metadata)
        elif event.res_op_failed_event:
            self._step("failed", event.res_op_failed_event.metadata)
        elif event.diagnostic_event and event.diagnostic_event.severity == "error":
            text = masked(re.sub(r"<\{%.*?%\}>", "", event.diagnostic_event.message))
            # The engine's own, since 3.260; the recordings are older, and the plugins have no part in it.
            if text.strip() != "Resource monitor has terminated, shutting down":
                self.errors.append(text)

    def _step(self, step: str, metadata: auto.StepEventMetadata, *, detailed: bool = False) -> None:
        if metadata.op is auto.OpType.SAME or metadata.type.startswith("pulumi:"):
            return
        entry: dict[str, Any] = {"step": step, "op": metadata.op.value, "name": metadata.urn.rpartition("::")[2]}
        if detailed and metadata.diffs:
            entry["diffs"] = sorted(metadata.diffs)
            entry["detailed"] = {
                path: {"kind": diff.diff_kind.value, "input": diff.input_diff}
                for path, diff in (metadata.detailed_diff or {}).items()
            }
        self.steps.append(entry)


def masked(text: str) -> str:
    return NO_ID.sub("ID", text).strip()


def by_resource(steps: Sequence[Mapping[str, Any]]) -> Mapping[str, list[Mapping[str, Any]]]:
    """The steps of each resource in their order; the order among resources is nobody's promise."""
    result: dict[str, list[Mapping[str, Any]]] = {}
    for step in steps:
        if step["step"] != "error":
            clean = {key: sorted(value) if key == "diffs" else value for key, value in step.items()}
            result.setdefault(step["name"], []).append(clean)
    return result


class Replay:
    """A stack whose program changes from scenario to scenario."""

    def __init__(self, directory: Path, *, stack: str, path: str, program: Callable[[], None] | None = None) -> None:
        self.declare: Declare = lambda _: ()
        for name in ("state", "work"):
            (directory / name).mkdir(exist_ok=True)
        environment = {
            "PULUMI_BACKEND_URL": (directory / "state").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "replay",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PATH": path,
        }
        options = auto.LocalWorkspaceOptions(work_dir=str(directory / "work"), env_vars=environment)
        self.stack = auto.create_or_select_stack(
            stack_name=stack,
            project_name="contract",
            program=program or self._program,
            opts=options,
        )

    def _program(self) -> None:
        host = docker.Provider("swarm", host="unix:///var/run/docker.sock")
        made: dict[str, pulumi.CustomResource] = {}
        for declared in self.declare(lambda name, output: getattr(made[name], output)):
            arguments = {re.sub(r"([A-Z])", r"_\1", name).lower(): value for name, value in declared.inputs.items()}
            provider = host if declared.type.startswith("docker:") else None
            made[declared.name] = CLASSES[declared.type](
                declared.name,
                opts=pulumi.ResourceOptions(provider=provider),
                **arguments,
            )

    def run(self, operation: str) -> tuple[bool, Events, float]:
        """Preview or update; says whether it succeeded, what happened, and how many seconds it took."""
        events, started = Events(), time.monotonic()
        try:
            getattr(self.stack, operation)(on_event=events)
        except auto.CommandError:
            return False, events, time.monotonic() - started
        return True, events, time.monotonic() - started

    def replay(self, scenario: Mapping[str, Any]) -> None:
        """Run a scenario and compare every run of it with the recording."""
        for number, expected in enumerate(scenario["runs"]):
            ok, events, seconds = self.run(expected["op"])
            where = f"{scenario['scenario']}, run {number} ({expected['op']}, {seconds:.1f} s)"
            assert ok == expected["ok"], f"{where}: {events.errors}"
            assert by_resource(events.steps) == by_resource(expected["events"]), f"{where}: what is announced and done"
            told = [masked(event["text"]) for event in expected["events"] if event["step"] == "error"]
            assert events.errors == told, f"{where}: the words of the failure"

    def state(self) -> Mapping[str, Any]:
        """The state in the words of the recordings."""
        deployment = self.stack.export_stack().deployment
        resources = {}
        for resource in deployment["resources"]:
            if resource["type"].startswith("pulumi:"):
                continue
            inputs, outputs = resource.get("inputs", {}), resource.get("outputs", {})
            summary: Any = "in state"
            if resource["type"] == SERVICE:
                container = inputs["taskSpec"]["containerSpec"]
                summary = {"image_in": container["image"], "env_in": container["env"]}
            if resource["type"] == COMMAND:
                summary = {"stdout": outputs["stdout"], "stderr": outputs["stderr"]}
            if resource.get("initErrors"):
                summary = {"initErrors": [masked(text) for text in resource["initErrors"]], **summary}
            resources[resource["urn"].rpartition("::")[2]] = summary
        return {"pendingOperations": len(deployment.get("pending_operations") or []), "resources": resources}


def expected_state(scenario: Mapping[str, Any]) -> Mapping[str, Any]:
    state = scenario["state"]
    resources = {
        name: {**summary, "initErrors": [masked(text) for text in summary["initErrors"]]}
        if isinstance(summary, dict) and "initErrors" in summary
        else summary
        for name, summary in state["resources"].items()
    }
    return {**state, "resources": resources}


@pytest.fixture(scope="module")
def path(offline: Path, pulumi_cli: Path) -> str:
    parts = [str(pulumi_cli.parent), os.environ["PATH"]]
    return os.pathsep.join(parts if OFFICIAL else [str(offline), *parts])


@pytest.fixture(scope="module")
def make_replay(
    path: str, tmp_path_factory: pytest.TempPathFactory, lab_images: None
) -> Iterator[Callable[..., Replay]]:
    """Makes a stack; at the end everything of it is destroyed, and what that leaves is removed with the images."""
    made: list[Replay] = []
    # The Automation API looks for the CLI on the PATH of this process.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", path)

        def make(stack: str, *, program: Callable[[], None] | None = None) -> Replay:
            made.append(Replay(tmp_path_factory.mktemp(stack), stack=stack, path=path, program=program))
            return made[-1]

        yield make
        for replay in made:
            with suppress(auto.CommandError):
                replay.stack.refresh()
                replay.stack.destroy()


@pytest.fixture(scope="module")
def prefix() -> str:
    return f"{PREFIX}{uuid.uuid4().hex[:6]}-"


@pytest.fixture(scope="module")
def docker_replay(make_replay: Callable[..., Replay]) -> Replay:
    return make_replay("docker")


@pytest.fixture(scope="module")
def command_replay(make_replay: Callable[..., Replay]) -> Replay:
    return make_replay("command")


def services(prefix: str) -> list[str]:
    lines = run("docker", "service", "ls", "--format", "{{.Name}} {{.Replicas}} {{.Image}}").splitlines()
    return sorted(line.removeprefix(prefix) for line in lines if line.startswith(prefix))


@pytest.mark.parametrize("scenario", DOCKER_SCENARIOS, ids=lambda scenario: scenario["scenario"])
def test_docker_resources_go_as_recorded(scenario: Mapping[str, Any], docker_replay: Replay, prefix: str) -> None:
    if scenario["scenario"] == "delete":
        # The recorded program ignored the signal to stop; ours does so only now.
        for container in run("docker", "ps", "--quiet", "--filter", f"name={prefix}").split():
            run("docker", "exec", container, "touch", STUBBORN)
    docker_replay.declare = lambda refer: docker_program(scenario["program"], refer, prefix=prefix)
    docker_replay.replay(scenario)
    assert docker_replay.state() == expected_state(scenario), "what state keeps"
    # A scale to zero is done for the plugin while the last task still stops.
    wait_until(
        lambda: services(prefix) == scenario["swarm"],
        limit=30,
        what=f"the swarm runs {scenario['swarm']}",
    )


@pytest.mark.parametrize("scenario", COMMAND_SCENARIOS, ids=lambda scenario: scenario["scenario"])
def test_commands_go_as_recorded(scenario: Mapping[str, Any], command_replay: Replay) -> None:
    command_replay.declare = lambda _: command_program(scenario["program"])
    command_replay.replay(scenario)
    assert command_replay.state() == expected_state(scenario), "what state keeps"


def test_a_refresh_leaves_nothing_to_do_for_any_kind_of_service(
    make_replay: Callable[..., Replay], prefix: str
) -> None:
    replay = make_replay("every", program=lambda: every_service(prefix, image="lab:1"))
    ok, events, _ = replay.run("up")
    assert ok, events.errors
    for step in ("after the first `up`", "after a refresh"):
        ok, events, _ = replay.run("preview")
        assert ok, events.errors
        assert events.steps == [], f"{step} there is nothing to do"
        replay.run("refresh")


def official_folders() -> list[Path]:
    """Where the official plugins lie: a folder that is named, or the cache of the CLI."""
    named = os.environ.get(OFFICIAL_FOLDER)
    if named:
        return [Path(named)]
    cache = Path(os.environ.get("PULUMI_HOME", Path.home() / ".pulumi")) / "plugins"
    versions = {name: metadata.version(f"pulumi-{name}") for name in OF_SWARMS}
    return [cache / f"resource-{name}-v{version}" for name, version in versions.items()]


@pytest.fixture(scope="module")
def official() -> list[Path]:
    folders = official_folders()
    for name in OF_SWARMS:
        if not any((folder / f"pulumi-resource-{name}").is_file() for folder in folders):
            where = ", ".join(map(str, folders))
            pytest.skip(f"there is no official {name} plugin in {where}; {OFFICIAL_FOLDER} names a folder")
    return folders


def both_kinds(prefix: str, *, image: str) -> Declare:
    """A program with every type of resource, in more than one form."""
    # The image cannot be pulled, and where the start of a task waits until that has failed, 20 s are not enough.
    # Nor is the recorded 1 s for a health check: two that a busy machine answers later end a task.
    service = {"image": image, "labels": {"x": "y"}, "replicas": 2, "timeout": "3m", "patience": "30s"}
    docker_words = {"net2": True, "svc": service}
    command_words = {"create": "cat; echo made", "stdin": "a", "environment": {"K": "v"}, "triggers": ["1"]}
    mounts = [
        {"target": "/data", "source": f"{prefix}data", "type": "volume"},
        {"target": "/scratch", "type": "tmpfs", "tmpfsOptions": {"sizeBytes": 1048576}},
        {"target": "/host/hostname", "source": "/etc/hostname", "type": "bind", "readOnly": True},
    ]
    container = {"image": image, "commands": ["sleep"], "args": ["3600"], "init": True, "mounts": mounts}

    def declare(refer: Callable[[str, str], Any]) -> Iterator[Declared]:
        yield from docker_program(docker_words, refer, prefix=prefix)
        yield from command_program({"cmd": command_words})
        networks = [{"id": refer("net", "id"), "aliases": ["b", "a"]}]
        inputs = {
            "name": f"{prefix}everywhere",
            "taskSpec": {"containerSpec": container, "networksAdvanceds": networks},
            "mode": {"global": True},
            "endpointSpec": {"mode": "dnsrr"},
        }
        yield Declared(type=SERVICE, name="everywhere", inputs=inputs)

    return declare


@pytest.fixture(scope="module")
def paths(offline: Path, official: list[Path], pulumi_cli: Path) -> Mapping[str, str]:
    """The PATH with which the engine takes one kind of plugin or the other."""
    rest = [str(pulumi_cli.parent), os.environ["PATH"].replace(str(offline), "")]
    return {
        "offline": os.pathsep.join([str(offline), *rest]),
        "official": os.pathsep.join([*map(str, official), *rest]),
    }


@pytest.mark.usefixtures("make_replay")
@pytest.mark.parametrize(("first", "second"), [("offline", "official"), ("official", "offline")])
def test_state_made_with_one_plugin_is_unchanged_with_the_other(
    first: str,
    second: str,
    paths: Mapping[str, str],
    tmp_path: Path,
    prefix: str,
) -> None:
    one, other = (Replay(tmp_path, stack="both", path=paths[kind]) for kind in (first, second))
    for image, maker, reader in (("lab:1", one, other), ("lab:2", other, one)):
        maker.declare = reader.declare = both_kinds(f"{prefix}{first}-", image=image)
        ok, events, _ = maker.run("up")
        assert ok, f"made with {image}: {events.errors}"
        for operation in ("preview", "up"):
            ok, events, _ = reader.run(operation)
            assert ok, f"{operation} with the other plugin: {events.errors}"
            assert events.steps == [], f"{operation} with the other plugin finds nothing to do"
    one.stack.destroy()
