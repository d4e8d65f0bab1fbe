"""One Pulumi stack, driven through the Automation API with the program inline."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pulumi import automation as auto
from pulumi.automation._stack import StackInitMode
from pulumi.runtime import settings
from pulumi.runtime.proto import engine_pb2
from typing_extensions import TypedDict, override

from colorway.config.documents import read_document
from colorway.config.stack_files import SECRETS, stack_file
from colorway.engine.cli_binary import DOWNLOADS, PINNED
from colorway.engine.state import (
    Deployed,
    cut_attributes,
    is_absent,
    last_whole,
    lock_owners,
    read_checkpoint,
    read_deployment,
    restore_checkpoint,
)
from colorway.errors import ColorwayError
from colorway.lab.host import has_published_key
from colorway.spec.names import ZONE_SECRET, ZONE_TOKEN
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stack import PUBLISHED_PASSPHRASE, is_published

BACKEND_URL = "PULUMI_BACKEND_URL"
PASSPHRASE = "PULUMI_CONFIG_PASSPHRASE"  # noqa: S105 - the variable's name
PASSPHRASE_FILE = f"{PASSPHRASE}_FILE"
STATE_FOLDER = ".colorway/state"
"""State of stacks that have no other backend, below the project."""
PYTHON = "COLORWAY_PYTHON"
"""Variable with the Python that scripts of the graph run."""
QUIET = {
    "PULUMI_SKIP_UPDATE_CHECK": "true",
    "PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK": "true",
    "PULUMI_SKIP_CONFIRMATIONS": "true",
}
"""The engine asks nobody and nothing outside."""


def backend_environment(spec: PlatformSpec, *, root: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that name a stack's backend and passphrase.

    What the caller's environment says wins. Else the passphrase is the published one, and the state of `local` and
    `lab` is a folder of the project. Staging and production keep theirs where `pulumi login` says; the folder only
    serves their previews where nobody has logged in, as in a clean clone (see `refuse_examples`).
    """
    wanted: dict[str, str] = {}
    if BACKEND_URL not in given and not (spec.is_guarded and _says_a_backend(root, given)):
        folder = root / STATE_FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        wanted[BACKEND_URL] = folder.as_uri()
    if not {PASSPHRASE, PASSPHRASE_FILE} & set(given):
        wanted[PASSPHRASE] = PUBLISHED_PASSPHRASE
    return wanted


def _says_a_backend(root: Path, given: Mapping[str, str]) -> bool:
    """Return whether the engine finds a backend without PULUMI_BACKEND_URL: a login, or the project's own."""
    if given.get("PULUMI_ACCESS_TOKEN"):
        return True
    project, _ = read_document(root / "Pulumi.yaml", name="Pulumi.yaml")
    home = Path(given.get("PULUMI_HOME") or Path(given.get("HOME") or Path.home()) / ".pulumi")
    try:
        login = json.loads((home / "credentials.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        login = {}
    return bool(project.section("backend").value("url") or (isinstance(login, dict) and login.get("current")))


def refuse_examples(spec: PlatformSpec, *, root: Path, offline: bool, given: Mapping[str, str] | None = None) -> None:
    """Refuse to apply staging or production with what is for examples and labs; asked before anything is changed.

    Args:
        spec: The stack.
        root: The project's folder.
        offline: Whether the offline plugins would run.
        given: The caller's environment; None = this process's.

    Raises:
        ColorwayError: one sentence with every reason and its cure.
    """
    if not spec.is_guarded:
        return
    inherited = os.environ if given is None else given
    ours = backend_environment(spec, root=root, given=inherited)
    file = stack_file(spec.stack)
    reasons = []
    if BACKEND_URL in ours:
        reasons.append(f"nothing says where its state is kept (pulumi login, or set {BACKEND_URL})")
    # Another secrets provider has no salt, and asks for no passphrase.
    document, _ = read_document(root / file, name=file)
    if document.value("encryptionsalt") and is_published({**inherited, **ours}):
        reasons.append(
            "its secrets are under the published passphrase (choose your own with "
            f"`pulumi stack change-secrets-provider passphrase --stack {spec.stack}`, and set {PASSPHRASE})"
        )
    published = [host.name for host in spec.settings.hosts if has_published_key(host)]
    if published:
        reasons.append(
            f"the host keys of {', '.join(published)} are those of a lab, which everybody has (write what "
            "`ssh-keyscan -t ed25519 ADDRESS` prints)"
        )
    if offline:
        reasons.append(
            f"the offline plugins would run (COLORWAY_PLUGINS=official asks for the others, where {DOWNLOADS} answers)"
        )
    if reasons:
        raise ColorwayError(
            f"{file}: a stack of the environment {spec.settings.environment.value} can be previewed here and not be "
            f"changed, because {', and '.join(reasons)}"
        )


def refuse_without_token(spec: PlatformSpec, *, root: Path, given: Mapping[str, str] | None = None) -> None:
    """Refuse to apply a stack with zones that nothing may change; the plugin would say so in the middle of it.

    Args:
        spec: The stack.
        root: The project's folder.
        given: The caller's environment; None = this process's.

    Raises:
        ColorwayError: neither the stack nor the environment has a token.
    """
    file = stack_file(spec.stack)
    if not spec.settings.zones or (os.environ if given is None else given).get(ZONE_TOKEN):
        return
    document, _ = read_document(root / file, name=file)
    name = f"{SECRETS}{ZONE_SECRET}"
    if name not in document.section("config").data:
        raise ColorwayError(
            f"{file}: colorway:zones: nothing may change them; make a token as docs/cloudflare.md says, then "
            f"`pulumi config set --secret {name} --stack {spec.stack}`, or set {ZONE_TOKEN}"
        )


def zone_token(stack: Stack, *, given: Mapping[str, str] | None = None) -> str | None:
    """Return the token by which a stack's zones are changed, as the program finds it; None = it cannot be read.

    Args:
        stack: The stack; decrypting its secrets takes a second.
        given: The caller's environment; None = this process's.
    """
    try:
        own = stack.configured_secrets().get(ZONE_SECRET)
    except auto.CommandError:
        # Nobody has installed it yet, or nobody can decrypt them, which whoever needs them says.
        return None
    return own or (os.environ if given is None else given).get(ZONE_TOKEN)


def backend_url(environment: Mapping[str, str]) -> str:
    """Return the backend's URL for processes with such an environment; empty where `pulumi login` decides."""
    return environment.get(BACKEND_URL) or os.environ.get(BACKEND_URL, "")


def engine_environment(
    spec: PlatformSpec, *, root: Path, path_prefix: Path | None, given: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return what is set for the engine's processes on top of the caller's environment."""
    inherited = os.environ if given is None else given
    environment = {**QUIET, PYTHON: sys.executable, **backend_environment(spec, root=root, given=inherited)}
    if path_prefix is not None:
        environment["PATH"] = os.pathsep.join([str(path_prefix), inherited.get("PATH", os.defpath)])
        environment["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
    return environment


PROJECT = "colorway"
PROGRAM = "__main__.py"
NO_CHECKPOINTS = "PULUMI_SKIP_CHECKPOINTS"
"""Set, the engine keeps no state on the way."""


class _File(TypedDict):
    backend: str
    project: str
    stack: str


class _Command(auto.PulumiCommand):
    """A CLI whose version was checked when it was found; asking it again costs 0.2 s a command."""

    def __init__(self, pulumi: Path) -> None:
        self.command = str(pulumi)
        self.version = PINNED


class _Workspace(auto.LocalWorkspace):
    """A workspace that selects nothing: every command names its stack, and a selection costs 0.4 s."""

    @override
    def select_stack(self, stack_name: str) -> None:
        return

    @override
    def export_stack(self, stack_name: str) -> auto.Deployment:
        # Without --show-secrets, which derives the key anew for half a second; nobody here reads a secret of it.
        exported = json.loads(self._run_pulumi_cmd_sync(["stack", "export", "--stack", stack_name]).stdout)
        return auto.Deployment(version=exported.get("version"), deployment=exported.get("deployment"))


class Stack(auto.Stack):
    """A stack whose `up` ends when the engine ends: what it printed came by events, so nothing is asked again."""

    @override
    def preview(self, *given: Any, **options: Any) -> auto.PreviewResult:
        # A preview's state is thrown away, and the engine puts all of it together anew after every resource:
        # 80 of 140 s of processor for 500 services. Never for an `up`, whose state is all that a killed one leaves.
        before = self.workspace.env_vars
        self.workspace.env_vars = {**before, NO_CHECKPOINTS: "true"}
        try:
            return super().preview(*given, **options)
        finally:
            self.workspace.env_vars = before

    @override
    def outputs(self) -> dict[str, auto.OutputValue]:
        return {}

    @override
    def info(self, show_secrets: bool = True) -> auto.UpdateSummary:
        now = datetime.now(tz=UTC)
        return auto.UpdateSummary(
            kind="update", start_time=now, message="", environment={}, config={}, result="succeeded", end_time=now
        )

    def secret_output(self, name: str) -> str | None:
        """Return one secret output of the last `up`, None where there is none."""
        value = self.workspace.stack_outputs(self.name).get(name)
        return None if value is None else str(value.value)

    def configured_secrets(self) -> dict[str, str]:
        """Return the secrets that the stack's file sets, decrypted, by name."""
        found = self.workspace.get_all_config(self.name)
        return {key.removeprefix(SECRETS): one.value for key, one in found.items() if key.startswith(SECRETS)}

    def deployed(self) -> Deployed:
        """Return what the state says; from its file where there is one, which saves a process of 0.3 s."""
        found = read_checkpoint(**self._file)
        return read_deployment(self.export_stack().deployment if found is None else found)

    def is_absent(self) -> bool:
        """Return whether there surely is no such stack, without asking the CLI."""
        return is_absent(**self._file)

    def written(self) -> datetime | None:
        """Return when the state was last written; None where there is none, or nobody can tell."""
        try:
            return self.deployed().written
        except auto.CommandError:
            return None

    def lock_owners(self) -> list[tuple[str, int]]:
        """Return the machine and process of every engine that holds the state's lock; see `state.lock_owners`."""
        return lock_owners(**self._file)

    def is_cut_short(self) -> bool:
        """Return whether a killed engine left the state's file unreadable."""
        return last_whole(**self._file) is not None or cut_attributes(**self._file) is not None

    def restore(self) -> str | None:
        """Put the last whole copy of such a file back; return one sentence if that was needed."""
        return restore_checkpoint(**self._file)

    def repair(self) -> None:
        """Take the references to what is gone out of the state; see `Deployed.dangling`."""
        self._run_pulumi_cmd_sync(["state", "repair", "--yes"])

    @property
    def _file(self) -> _File:
        return {"backend": backend_url(self.workspace.env_vars), "project": PROJECT, "stack": self.name}


def stack_of(*, root: Path, name: str, pulumi: Path, environment: Mapping[str, str]) -> Stack:
    """Return a handle on a stack; contacts nobody.

    Args:
        root: The project's folder.
        name: Name of the stack.
        pulumi: The CLI.
        environment: Set on top of this process's environment.
    """
    workspace = _Workspace(
        work_dir=str(root),
        program=lambda: run_program(root),
        env_vars=dict(environment),
        pulumi_command=_Command(pulumi),
    )
    return Stack(name, workspace, StackInitMode.SELECT)


def is_unknown(error: auto.CommandError) -> bool:
    """Return whether the engine says that there is no such stack."""
    words = ("no stack named", "could not find stack")
    return isinstance(error, auto.StackNotFoundError) or any(word in str(error) for word in words)


def read_state(stack: Stack, *, create: bool = True) -> Deployed:
    """Return a stack's state, and create it, empty, where there is none.

    Args:
        stack: The stack.
        create: Whether an unknown stack is created; if not, an empty state is returned.

    Raises:
        ColorwayError: the state cannot be read.
    """
    try:
        if not stack.is_absent():
            return stack.deployed()
    except auto.CommandError as error:
        if not is_unknown(error):
            raise ColorwayError(f"{stack.name}: the state cannot be read: {last_line(str(error))}") from None
    if create:
        stack.workspace.create_stack(stack.name)
    return read_deployment(None)


class _WithoutDebug:
    """An engine's log without the SDK's debug messages: eleven calls a service, each waited for, shown to nobody."""

    def __init__(self, engine: Any) -> None:  # noqa: ANN401 - a gRPC stub has no types
        self._engine = engine

    def Log(self, request: engine_pb2.LogRequest) -> None:  # noqa: N802 - gRPC's name
        if request.severity != engine_pb2.DEBUG:
            self._engine.Log(request)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stub has
        return getattr(self._engine, name)


async def run_program(root: Path) -> None:
    """Run the project's program, the same file that plain `pulumi up` runs.

    The engine imports it anew for each operation, so that a second `up` in one process sees an edit.
    """
    engine = settings.get_engine()
    if engine is not None:
        settings.SETTINGS.engine = _WithoutDebug(engine)
    location = importlib.util.spec_from_file_location("colorway_program", root / PROGRAM)
    if location is None or location.loader is None:
        raise ColorwayError(f"{PROGRAM}: cannot be loaded")
    module = importlib.util.module_from_spec(location)
    location.loader.exec_module(module)
    module.main()
    # The registrations begin here. Where none has begun at the program's end, the SDK waits for every output at once,
    # and for all of them again whenever one is there: for 500 services half of the program's time.
    await asyncio.sleep(0)


def last_line(text: str) -> str:
    """Return the last line of an error's text that says something; of a report that a crash prints, the error."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    reported = [line.removeprefix("Error:") for line in lines if line.startswith("Error: ")]
    errors = [line.removeprefix("error:") for line in lines if line.startswith("error:")]
    return (reported or errors or lines or ["no reason was given"])[-1].strip()
