"""Where the Pulumi CLI comes from, with fake executables in place of pulumi and go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from colorway.engine import cli_binary
from colorway.engine.cli_binary import OLDEST, PINNED, find_or_build
from colorway.errors import ColorwayError
from colorway.machine.progress import silent

GO = r"""#!/bin/sh
# $FAKE_GO_LOG: one line per call. A file named `fail`, `hang` or `slow` beside this script changes the build.
here=$(dirname "$0")
echo "$1 $CGO_ENABLED $GOWORK" >> "$here/calls"
case "$1" in
env) cat "$here/version" 2>/dev/null || echo go1.26.8 ;;
list)
    cp go.mod "$here/go.mod"
    echo "go: downloading example.com/a v1.0.0" >&2
    echo "go: downloading example.com/b v1.0.0" >&2
    printf 'false\ntrue\ntrue\ntrue\n' ;;
build)
    echo "$@" > "$here/argv"
    while [ "$1" != -o ]; do shift; done
    echo a >&2; echo b >&2
    if [ -e "$here/fail" ]; then echo "go: Get \"https://user:pw@proxy.invalid/x\": no such host" >&2; exit 1; fi
    : > "$2"
    if [ -e "$here/hang" ]; then echo started > "$here/started"; sleep 1000; fi
    if [ -e "$here/wait" ]; then cat "$here/wait" > /dev/null; fi
    printf '#!/bin/sh\necho v%s\n' "$VERSION" > "$2"; chmod +x "$2"
    echo c >&2 ;;
esac
"""


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def bin_directory(tmp_path, monkeypatch):
    """An otherwise empty PATH, an empty cache, no internet."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")
    monkeypatch.setattr(cli_binary.shutil, "which", lambda name: _which(name, directory))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("VERSION", str(PINNED))
    monkeypatch.setattr(cli_binary, "is_reachable", lambda _url: False)
    return directory


def _which(name, directory):
    return str(directory / name) if (directory / name).is_file() else None


@pytest.fixture
def go(bin_directory):
    executable(bin_directory / "go", GO)
    return bin_directory


@pytest.fixture
def home(tmp_path):
    return tmp_path / "cache" / "colorway" / "pulumi" / str(PINNED)


def pulumi(path: Path, version: object) -> Path:
    return executable(path, f"#!/bin/sh\necho v{version}\n")


@pytest.mark.parametrize("version", [PINNED, PINNED.bump_minor(), PINNED.bump_patch()])
def test_a_new_enough_cli_on_path_is_taken(bin_directory, version):
    wanted = pulumi(bin_directory / "pulumi", version)
    assert find_or_build(progress=silent) == wanted, "the user's own CLI comes first"


@pytest.mark.parametrize("version", ["3.1.0", f"{OLDEST}-dev.1", OLDEST.bump_major(), "nonsense"])
def test_another_version_on_path_is_said_and_passed_over(bin_directory, home, version):
    pulumi(bin_directory / "pulumi", version)
    cached = pulumi(home / "pulumi", PINNED)
    told = []
    found = find_or_build(progress=lambda what, _count=None, *, lasting=False: told.append((what, lasting)))
    assert found == cached, "the cache comes after PATH"
    [(sentence, lasting)] = told
    assert lasting, "the user must be able to read it afterwards"
    assert str(bin_directory / "pulumi") in sentence, "which binary"
    assert str(OLDEST) in sentence, "what would be right"


def test_a_binary_that_cannot_run_is_passed_over(bin_directory, home):
    executable(bin_directory / "pulumi", "\x7fELF of another machine")
    cached = pulumi(home / "pulumi", PINNED)
    assert find_or_build(progress=silent) == cached, "a broken binary on PATH must not stop anybody"


def test_without_path_internet_and_go_one_sentence_says_so(bin_directory):
    with pytest.raises(ColorwayError) as caught:
        find_or_build(progress=silent)
    message = str(caught.value)
    assert "\n" not in message, "one sentence"
    for part in ("on PATH", "cannot be reached", "no Go toolchain", "install Pulumi or Go first"):
        assert part in message, f"{part!r} is one of the ways that failed, or the cure"


def test_an_old_go_is_refused_before_it_downloads_anything(go):
    (go / "version").write_text("go1.19.8\n")
    with pytest.raises(ColorwayError, match=r"go1\.19\.8.*needs 1\.21 or newer"):
        find_or_build(progress=silent)
    assert (go / "calls").read_text().split()[0] == "env", "only its version was asked for"
    assert len((go / "calls").read_text().splitlines()) == 1, "and nothing else"


def test_it_is_compiled_once_and_then_cached(go, home):
    first = find_or_build(progress=silent)
    second = find_or_build(progress=silent)
    assert first == second == home / "pulumi", "the cache is the only place"
    answer = subprocess.run([first, "version"], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == f"v{PINNED}", "it runs"
    assert (go / "calls").read_text().splitlines() == ["env  ", "list 0 off", "build 0 off"], "one compile, no cgo"
    assert sorted(entry.name for entry in home.iterdir()) == ["lock", "pulumi"], "no work directory is left"


def test_the_wrapper_module_pins_the_version_and_prunes_the_graph(go):
    find_or_build(progress=silent)
    module = (go / "go.mod").read_text()
    assert f"require github.com/pulumi/pulumi/pkg/v3 v{PINNED}" in module, "the pinned version"
    assert "replace github.com/atotto/clipboard => github.com/tgummerer/clipboard" in module, "as Pulumi's own module"
    assert "\ngo 1.21\n" in module, "without a go line the unpruned module graph is fetched for ten minutes"
    argv = (go / "argv").read_text()
    assert "-mod=mod" in argv, "go.sum is written on the way"
    assert f"version.Version={PINNED}" in argv, "otherwise `pulumi version` says nothing useful"


def test_progress_counts_modules_and_packages(go):
    told = []
    find_or_build(progress=lambda what, count=None, *, lasting=False: told.append((what, str(count), lasting)))
    counts = [count for what, count, _ in told if count != "None"]
    assert counts[:2] == ["1 module", "2 modules"], "downloads, whose number nobody knows beforehand"
    assert [count.split(" (")[0] for count in counts[2:]] == [
        "package 2 of 4",
        "package 3 of 4",
        "package 4 of 4",
    ], "what the build cache holds is already behind"


@pytest.mark.parametrize("cached", [0, 700, 1684])
def test_the_time_share_runs_from_zero_to_one_without_a_step_back(cached):
    amount = cli_binary._Amount(packages=1685, cached=cached)
    shares = [amount.count(compiled).share for compiled in range(1685 - cached + 1)]
    assert shares[0] == 0, "nothing of this run is behind at its start"
    assert shares[-1] == pytest.approx(1), "all of it at the end"
    assert shares == sorted(shares), "time does not run backwards"


def test_a_failed_build_says_why_without_the_proxys_password(go, home):
    (go / "fail").touch()
    with pytest.raises(ColorwayError) as caught:
        find_or_build(progress=silent)
    assert "no such host" in str(caught.value), "go's own last words"
    assert "pw" not in str(caught.value), "a proxy's address may carry credentials"
    assert [entry.name for entry in home.iterdir()] == ["lock"], "nothing half built is left"


def test_a_killed_build_leaves_no_binary_and_the_next_one_cleans_up(go, home):
    os.mkfifo(go / "started")
    (go / "hang").touch()
    script = (
        "from colorway.engine import cli_binary; cli_binary.is_reachable = lambda url: False;"
        "from colorway.machine.progress import silent; cli_binary.find_or_build(progress=silent)"
    )
    run = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "PATH": f"{go}:/usr/bin:/bin"})
    assert (go / "started").read_text() == "started\n", "the build is under way"
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert not (home / "pulumi").exists(), "what is in the cache is whole or absent"
    (go / "hang").unlink()
    assert find_or_build(progress=silent).is_file(), "the lock of a dead process is free"
    assert not list(home.glob("building-*")), "the killed run's work directory is removed"
    for orphan in _compilers(go):
        os.killpg(os.getpgid(orphan), signal.SIGKILL)


def _compilers(go):
    """Process numbers of the fake compilers that still run."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and str(go / "go").encode() in _command_line(entry)
    ]


def _command_line(process):
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def test_an_interrupted_build_takes_the_compiler_with_it(go, home):
    (go / "hang").touch()

    def interrupt(_what, count=None, *, lasting=False):
        if count is not None and count.unit == "package":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_or_build(progress=interrupt)
    assert _compilers(go) == [], "otherwise all cores go on compiling for nobody"
    assert [entry.name for entry in home.iterdir()] == ["lock"], "no half binary, no work directory"


def test_two_runs_compile_once(go):
    os.mkfifo(go / "wait")
    second_waits = threading.Event()
    results = []

    def progress(what, _count=None, *, lasting=False):
        if what.startswith("Waiting for another"):
            second_waits.set()

    runs = [threading.Thread(target=lambda: results.append(find_or_build(progress=progress))) for _ in range(2)]
    for run in runs:
        run.start()
    assert second_waits.wait(20), "the second run says that it waits"
    (go / "wait").write_text("go on")
    for run in runs:
        run.join(20)
    assert len(set(results)) == 1, "both get the same binary"
    assert (go / "calls").read_text().count("build") == 1, "compiled once"


INSTALLER = """
import os, pathlib, sys
root = pathlib.Path(sys.argv[1], "bin"); root.mkdir(parents=True)
for name in ("pulumi", "pulumi-language-python"):
    (root / name).write_text("#!/bin/sh\\necho v" + sys.argv[2] + "\\n"); (root / name).chmod(0o755)
"""


def test_the_official_installer_comes_before_the_compiler(go, home, monkeypatch):
    monkeypatch.setattr(cli_binary, "is_reachable", lambda _url: True)
    monkeypatch.setattr(cli_binary, "_INSTALL", INSTALLER)
    found = find_or_build(progress=silent)
    assert found == home / "pulumi", "one place for both kinds"
    assert (found.resolve().parent / "pulumi-language-python").is_file(), "the language hosts lie beside the binary"
    assert not (go / "calls").exists(), "nothing was compiled"


def test_a_failed_installer_is_no_reason_to_give_up(go, home, monkeypatch):
    monkeypatch.setattr(cli_binary, "is_reachable", lambda _url: True)
    monkeypatch.setattr(cli_binary, "_INSTALL", "raise SystemExit('no curl here')")
    told = []
    find_or_build(progress=lambda what, *_count, **_lasting: told.append(what))
    assert any("the official installer failed (no curl here)" in line for line in told), (
        "the user hears why it takes long"
    )


def test_a_command_that_takes_too_long_ends_with_all_it_started(tmp_path):
    script = executable(tmp_path / "slow", f"#!/bin/sh\nsleep 1000 & echo $! > {tmp_path}/child\nwait\n")
    result = cli_binary.run_bounded([script], seconds=0.5)
    assert result.returncode == -signal.SIGKILL, "its time was over"
    child = int((tmp_path / "child").read_text())
    assert not Path(f"/proc/{child}/cmdline").exists() or not Path(f"/proc/{child}/cmdline").read_bytes(), (
        "a download must not go on behind the user's back"
    )


def test_an_unreachable_server_is_known_at_once():
    assert not cli_binary.is_reachable("http://127.0.0.1:9"), "nobody listens there"


def test_a_relative_cache_home_is_ignored(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert cli_binary.cache_directory() == Path.home() / ".cache" / "colorway", "the XDG rule: absolute or ignored"
