"""The executables: found by the engine, started, and gone when the engine is gone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from offline_plugins.executables import write_executables

VERSIONS = {"docker": "pulumi-docker", "command": "pulumi-command"}
# As the engine: it starts the plugin as a child and reads the port from its first line.
ENGINE = """
import subprocess, sys
plugin = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
print(plugin.pid, plugin.stdout.readline().decode().strip(), flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def executables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_executables(tmp_path_factory.mktemp("bin"), python=Path(sys.executable))


@pytest.fixture
def engine(executables: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that started the command plugin from a folder that has nothing to do with it."""
    process = subprocess.Popen(
        [sys.executable, "-c", ENGINE, str(executables / "pulumi-resource-command"), "127.0.0.1:1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    yield process
    process.kill()
    process.communicate()


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


@pytest.mark.parametrize("name", VERSIONS)
def test_a_plugin_answers_on_the_port_that_it_prints(name: str, executables: Path) -> None:
    process = subprocess.Popen([executables / f"pulumi-resource-{name}", "127.0.0.1:1"], stdout=subprocess.PIPE)
    try:
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            version = stub.GetPluginInfo(empty_pb2.Empty()).version
            schema = stub.GetSchema(provider_pb2.GetSchemaRequest()).schema
        assert version == metadata.version(VERSIONS[name]), "the version of the SDK beside which it runs"
        assert f'"name": "{name}"' in schema
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 0, "the engine interrupts a plugin that it is done with"


def test_a_plugin_does_not_outlive_the_engine(engine: subprocess.Popen[str]) -> None:
    pid = int(engine.stdout.readline().split()[0])
    assert alive(pid)
    engine.kill()
    assert wait_until_gone(pid), "a plugin without its engine would hold its port and wait for ever"


def test_a_plugin_in_the_middle_of_a_command_does_not_outlive_the_engine(
    engine: subprocess.Popen[str],
    tmp_path: Path,
) -> None:
    pid, port = (int(number) for number in engine.stdout.readline().split())
    started = tmp_path / "started"
    request = provider_pb2.CreateRequest(urn="urn:pulumi:s::p::command:local:Command::run")
    request.properties.update({"create": f"echo $$ > {started}.new; mv {started}.new {started}; exec sleep 60"})
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = provider_pb2_grpc.ResourceProviderStub(channel).Create.future(request)
        while not started.exists():
            assert not call.done(), "the command is running"
            time.sleep(0.01)
        engine.kill()
        assert wait_until_gone(pid), "whatever it is doing"
        # As recorded: what a command has started is nobody's child then, and goes on.
        script = int(started.read_text())
        assert alive(script)
        os.kill(script, signal.SIGKILL)


def test_the_commands_of_a_plugin_see_the_environment_of_the_engine(engine: subprocess.Popen[str]) -> None:
    _, port = (int(number) for number in engine.stdout.readline().split())
    request = provider_pb2.CreateRequest(urn="urn:pulumi:s::p::command:local:Command::run")
    request.properties.update({"create": "echo ${PYTHONPATH-none} $PWD"})
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        answer = provider_pb2_grpc.ResourceProviderStub(channel).Create(request)
    expected = os.environ.get("PYTHONPATH", "none")
    assert answer.properties["stdout"].split()[0] == expected, "nothing is added for the plugin's own sake"


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    directory = write_executables(tmp_path / "bin", python=Path(sys.executable))
    before = {path.name: (path.stat().st_ino, path.read_text()) for path in directory.iterdir()}
    assert write_executables(directory, python=Path(sys.executable)) == directory
    assert {path.name: (path.stat().st_ino, path.read_text()) for path in directory.iterdir()} == before


def test_another_interpreter_replaces_the_executables(tmp_path: Path) -> None:
    directory = write_executables(tmp_path / "bin", python=Path("/old/python"))
    write_executables(directory, python=Path("/new folder/python"))
    text = (directory / "pulumi-resource-docker").read_text()
    assert "exec '/new folder/python' " in text, "quoted, for folders may have spaces"
    assert "/old/python" not in text


def test_concurrent_writers_leave_whole_files(tmp_path: Path) -> None:
    directory = tmp_path / "bin"
    start = threading.Barrier(8)

    def write(number: int) -> None:
        start.wait()
        write_executables(directory, python=Path(f"/python{number % 2}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    names = [f"pulumi-resource-{name}" for name in ("cloudflare", "command", "docker")]
    assert sorted(path.name for path in directory.iterdir()) == names
    for path in directory.iterdir():
        assert path.read_text().startswith("#!/bin/sh\n"), "never half a file"
        assert os.access(path, os.X_OK)


def test_a_folder_of_the_program_does_not_shadow_the_plugin(executables: Path, tmp_path: Path) -> None:
    for name in ("colorway", "grpc", "pulumi"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('shadowed')")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    process = subprocess.Popen(
        [executables / "pulumi-resource-docker"],
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        env=environment,
    )
    try:
        assert process.stdout.readline().strip().isdigit(), "modules of the working directory are not looked at"
    finally:
        process.kill()
        process.communicate()
    shutil.rmtree(tmp_path / "grpc")
