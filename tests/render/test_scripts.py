"""The shell scripts as they travel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from colorway.render.templates import TEMPLATES, entry, fill_in, script
from tests.support.wait import wait_until

SCRIPTS = sorted((TEMPLATES / "scripts").glob("*.sh"))
ENTRIES = sorted((TEMPLATES / "entry").glob("*.sh"))
CHOSEN: Mapping[str, Mapping[str, object]] = {
    "queue-member": {"program": "valkey"},
    "queue-backup": {"program": "valkey"},
    "queue-verify": {"program": "valkey"},
    "sentinel": {"program": "valkey"},
    "redis": {"program": "valkey", "use": "queue", "has_lock": True},
    "mariadb": {"has_backup": True},
    "mariadb-backup": {},
    "mariadb-member": {"restores": True},
    "mariadb-verify": {},
    "postgresql": {"extensions": ["vector"], "parameters": True, "has_backup": True},
}
"""Entry scripts whose text has choices, with those that make it longest."""
FILLED_IN = sorted((TEMPLATES / "entry").glob("*.sh.j2"))


def travelling(path: Path) -> str:
    if path in FILLED_IN:
        program = path.name.removesuffix(".sh.j2")
        return entry(program, **CHOSEN[program])
    return entry(path.stem) if path.parent.name == "entry" else script(path.stem)


def names(path: Path) -> str:
    return f"{path.parent.name}/{path.name.partition('.')[0]}"


@pytest.mark.parametrize("path", SCRIPTS + ENTRIES, ids=names)
def test_only_comment_lines_and_empty_lines_stay_at_home(path):
    kept = travelling(path).splitlines()
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.strip().startswith("#"):
            assert kept.pop(0) == line, "the script that runs is the one that is read"
    assert kept == [], "nothing is added"


@pytest.mark.parametrize("path", SCRIPTS + ENTRIES + FILLED_IN, ids=names)
def test_a_better_comment_changes_no_resource(path):
    assert "\n#" not in f"\n{travelling(path)}", (
        "a comment would be part of the command, and a new command runs on every host"
    )


@pytest.mark.parametrize("path", SCRIPTS + ENTRIES + FILLED_IN, ids=names)
def test_no_text_for_another_program_looks_like_a_comment(path):
    inside = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        begins = re.search(r"<<(\w+)$", line)
        assert not (inside and line.lstrip().startswith("#")), f"{line} would not reach the program that reads it"
        inside = begins[1] if begins else "" if line == inside else inside


def test_the_text_before_the_first_generation_has_a_name():
    assert "'colorway generation none'" in entry("nginx"), "apply says what serves again when it fails"


@pytest.mark.parametrize("path", SCRIPTS + ENTRIES + FILLED_IN, ids=names)
def test_the_shell_understands_the_script(path):
    checked = subprocess.run(["/bin/sh", "-n"], input=travelling(path), text=True, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("path", SCRIPTS, ids=names)
def test_a_script_says_in_one_line_what_it_did(path):
    last = [line for line in script(path.stem).splitlines() if line][-1]
    assert last.startswith(("echo ", "docker service logs")), "that line is what the log of an update shows"


def test_a_missing_value_is_an_error_and_no_empty_text():
    with pytest.raises(Exception, match="'load_balancers' is undefined"):
        fill_in("prometheus.yml.j2", scrape_interval="5s", rules=None)


@pytest.mark.parametrize("path", SCRIPTS + ENTRIES + FILLED_IN, ids=names)
def test_every_wait_has_a_limit(path):
    text = travelling(path)
    assert not [line for line in text.splitlines() if re.search(r"^flock (?!-w |-u )", line.strip())], (
        "whoever waits for a lock says after a time who has it"
    )
    assert "until " not in text, "a loop that nothing ends hangs `up` for ever"
    if re.search(r"^\s*docker |\$\(docker ", text, re.MULTILINE):
        assert re.search(r'^docker\(\) \{ timeout ("\$within"|60) docker "\$@"', text, re.MULTILINE), (
            "a Docker that hangs answers nothing, and no error either"
        )


@pytest.mark.parametrize("path", ENTRIES + FILLED_IN, ids=names)
def test_an_image_that_lacks_a_program_is_named_for_it(path, tmp_path):
    for name in ("dirname", "ls", "sort", "tail"):
        found = shutil.which(name)
        assert found, f"every image has {name}"
        (tmp_path / name).symlink_to(found)
    run = subprocess.run(
        ["/bin/sh", "-euc", travelling(path)],
        env={"PATH": str(tmp_path), "PGDATA": "", "MARIADB_DATA": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert re.search(r"^[a-z-]+ is missing in this image; take one that is built on Debian", run.stderr, re.MULTILINE)


@pytest.mark.parametrize("path", ENTRIES + FILLED_IN, ids=names)
def test_no_entry_script_deletes_what_it_did_not_make(path):
    program = path.name.partition(".")[0]
    deleting = [line.strip() for line in travelling(path).splitlines() if re.search(r"\brm |-delete|rmdir", line)]
    assert deleting == {
        "mariadb": [
            """trap 'rm -rf "$new"' EXIT""",
            """[ ! -d "$MARIADB_DATA" ] || rmdir "$MARIADB_DATA\"""",
        ],
        "mariadb-member": [
            'rm -f "$volume/colorway.rejoin"',
            """trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null; rm -rf "$new" """
            """${COLORWAY_WORK:+"$COLORWAY_WORK"}' EXIT""",
            """[ ! -d "$MARIADB_DATA" ] || rmdir "$MARIADB_DATA\"""",
            """rm -rf "$volume/colorway.begins" ${COLORWAY_WORK:+"$COLORWAY_WORK"}""",
            """rm -f "$sockets/waits" "$sockets/begin" "$sockets/made" "$sockets/copy\"""",
        ],
        "postgresql": [
            """"$sockets") rm -f "$pid" ;;""",
            'rm -f "$volume"/sockets/.s.PGSQL.*',
            """trap 'rm -rf "$new"' EXIT""",
            """[ ! -d "$PGDATA" ] || rmdir "$PGDATA\"""",
        ],
        "postgresql-verify": [
            """rm -rf "$new\"""",
            """rm -rf "$COLORWAY_SCRATCH"/restored.*""",
        ],
        "mariadb-verify": [
            """rm -rf "$new\"""",
            """rm -rf "$work/logs\"""",
            """rm -rf "$COLORWAY_SCRATCH"/restored.*""",
        ],
        "queue-backup": ['rm -f "$dump"'],
        "queue-verify": [
            """rm -rf "$new\"""",
            """rm -rf "$COLORWAY_SCRATCH"/restored.*""",
        ],
        "patroni": ['rm -f "$PGDATA/postmaster.pid"'],
    }.get(program, []), (
        "each of these has its reason: its own half, an empty folder, a pid file, a word, sockets, scratch of its own"
    )


def ran(text: str, *arguments: str, bin_: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a script as a host does, with programs of the test before the real ones."""
    return subprocess.run(
        ["/bin/sh", "-euc", text, "colorway", *arguments],
        input=stdin,
        text=True,
        capture_output=True,
        check=False,
        timeout=60,
        env={**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}"},
    )


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with a docker that answers nothing and lists nothing, and a ps that knows its engine for two minutes."""
    folder = tmp_path / "bin"
    folder.mkdir()
    fake(folder, "exit 0")
    fake(folder, "echo 120", name="ps")
    return folder


def fake(folder: Path, body: str, *, name: str = "docker") -> None:
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """Hold a lock as an orphaned script does."""
    lock.write_text("process 4711, which does something since yesterday\n")
    with subprocess.Popen(
        ["flock", str(lock), "sh", "-c", "echo held; read ended"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None, "it is a pipe"
        assert holder.stdout.readline() == "held\n", "the lock is taken"
        yield
        holder.communicate("\n")


def test_an_apply_that_waits_for_another_says_who_it_is(tmp_path, programs):
    text = script("routing-apply").replace("flock -w 300 9", "flock -w 0.2 9")
    with held(tmp_path / "lock"):
        run = ran(text, str(tmp_path), "lb", "8081", "5", bin_=programs, stdin="# colorway generation abc\n")
    assert run.returncode == 1
    assert "lock is still held after 300 s by process 4711, which does something since yesterday" in run.stderr
    run = ran(text, str(tmp_path), "lb", "8081", "5", bin_=programs, stdin="# colorway generation abc\n")
    assert "generation abc was not checked" in run.stderr, "with the lock it goes on"
    assert re.match(r"process \d+, which applies generation abc since 2", (tmp_path / "lock").read_text())


YOUNG = """
case "$*" in
  ps*) if [ -e {seen} ]; then echo "c1 Up 3 seconds (healthy)"; else echo "c1 Up 2 seconds (health: starting)"; fi
       touch {seen} ;;
  exec*) echo "the container was asked"; exit 7 ;;
esac
"""
"""A docker whose one container is healthy from the second look on."""


def test_an_apply_waits_until_a_task_that_has_just_begun_has_been_looked_at(tmp_path, programs):
    text = "# colorway generation abc\n"
    (tmp_path / "generations/abc").mkdir(parents=True)
    (tmp_path / "generations/abc/nginx.conf").write_text(text)
    arguments = (script("routing-apply"), str(tmp_path), "lb", "8081", "5")
    run = ran(*arguments, bin_=programs, stdin=text)
    assert "lb has 0 healthy containers on this host" in run.stderr, "where none begins, nothing is waited for"
    fake(programs, 'echo "c1 Up 2 minutes (unhealthy)"')
    run = ran(*arguments, bin_=programs, stdin=text)
    assert "lb has 0 healthy containers on this host" in run.stderr, "nor for one that was looked at"
    fake(programs, YOUNG.format(seen=tmp_path / "seen"))
    run = ran(*arguments, bin_=programs, stdin=text)
    assert "0 healthy containers" not in run.stderr, (
        "one that was let in a moment ago serves, and may turn from the one into the other between any two looks"
    )
    assert (tmp_path / "seen").exists(), "it was waited for"


HOST_THAT_STARTED = """
case "$*" in
  ps*) if [ -e {seen} ]; then echo "c1 Up 3 seconds (healthy)"; fi
       touch {seen} ;;
  exec*) echo "the container was asked"; exit 7 ;;
esac
"""
"""A docker that has no container at the first look."""


def test_an_apply_waits_for_the_task_of_an_engine_that_has_just_begun(tmp_path, programs):
    text = "# colorway generation abc\n"
    (tmp_path / "generations/abc").mkdir(parents=True)
    (tmp_path / "generations/abc/nginx.conf").write_text(text)
    fake(programs, HOST_THAT_STARTED.format(seen=tmp_path / "seen"))
    fake(programs, "echo '    7'", name="ps")
    run = ran(script("routing-apply"), str(tmp_path), "lb", "8081", "5", bin_=programs, stdin=text)
    assert "0 healthy containers" not in run.stderr, "the host has just started, and the swarm has yet to tell it"
    assert "the container was asked" in run.stderr, "it was waited for"


ASKER = """
import os, subprocess, sys, time
script, folder, moment = sys.argv[1:]
with open(f"{folder}/asker", "w") as out:
    print(os.getpid(), file=out)
words = ["/bin/sh", "-euc", script, "colorway", folder, "lb", "8081", "0"]
child = subprocess.Popen(words, stdin=subprocess.PIPE, text=True)
child.stdin.write("# colorway generation new\\n")
child.stdin.close()
print(child.pid, flush=True)
if moment == "never":
    sys.exit(child.wait())
# As an SSH server is that was killed: what it began goes on.
while not os.path.exists(f"{folder}/{moment}"):
    time.sleep(0.01)
os._exit(1)
"""
"""Begins an apply, and is gone once a fake has made a file."""


@pytest.mark.parametrize(
    ("moment", "serves", "reloads"),
    [("never", "new", 1), ("before", "old", 0), ("after", "old", 2)],
)
def test_an_apply_whose_asker_is_gone_changes_nothing(tmp_path, programs, moment, serves, reloads):
    """Whoever asked takes it for failed, and has the other load balancers go back."""
    for name in ("old", "new"):
        (tmp_path / f"generations/{name}").mkdir(parents=True)
        (tmp_path / f"generations/{name}/nginx.conf").write_text(f"# colorway generation {name}\n")
    (tmp_path / "current").symlink_to("generations/old")
    wait = f"touch {tmp_path}/{moment}; while [ -d /proc/$(cat {tmp_path}/asker) ]; do sleep 0.05; done"
    fake(
        programs,
        f"""case "$1" in
ps) {wait if moment == "before" else ":"}; echo "c1 Up 2 minutes (healthy)" ;;
exec) echo reload >>{tmp_path}/reloads
  {wait if moment == "after" else ":"} ;;
esac""",
    )
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    command = [sys.executable, "-c", ASKER, script("routing-apply"), str(tmp_path), moment]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment) as it:
        assert it.stdout is not None, "it is a pipe"
        child = Path(f"/proc/{int(it.stdout.readline())}")
        # Its end is known by the lock that it has.
        it.wait(30)
    wait_until(lambda: not child.exists(), limit=30, what="the apply ends")
    assert (tmp_path / "current").readlink() == Path(f"generations/{serves}")
    said = (tmp_path / "reloads").read_text().splitlines() if (tmp_path / "reloads").exists() else []
    assert len(said) == reloads


def test_a_migration_that_waits_for_another_says_who_it_is(tmp_path, programs):
    text = (
        script("run-once")
        .replace("/tmp/colorway-$(id -u)", f"{tmp_path}/colorway")
        .replace("$((limit + 120)) 9", "0.2 9")
    )
    with held(tmp_path / "colorway-migrate"):
        run = ran(text, "migrate", "5", "--", "image", bin_=programs)
    assert run.returncode == 1
    assert "is still held after 125 s by process 4711, which does something since yesterday" in run.stderr


@pytest.mark.parametrize("given", ['{"auths": {"r": {"auth": "hunter2"}}}', ""], ids=["logins", "none"])
def test_a_migration_has_logins_in_a_directory_of_its_own_while_its_service_is_made(tmp_path, programs, given):
    seen, temporary = tmp_path / "seen", tmp_path / "tmp"
    temporary.mkdir()
    fake(
        programs,
        f"""case "$1 $2" in
"service create") echo "${{DOCKER_CONFIG:-the own}} ${{DOCKER_HOST:-the usual}} $*" >{seen}
  if [ -d "${{DOCKER_CONFIG:-}}" ]; then
    cd "$DOCKER_CONFIG"
    {{ stat -c %a . config.json; cat config.json; }} >>{seen}
  fi ;;
"service ps") ls -A {temporary} >>{seen}; echo Complete ;;
"context inspect") echo unix:///run/colima.sock ;;
esac""",
    )
    text = script("run-once").replace("/tmp/colorway-$(id -u)", f"{tmp_path}/colorway")
    run = ran(f"TMPDIR={temporary}; export TMPDIR\n{text}", "migrate", "5", "--", "image", bin_=programs, stdin=given)
    assert run.returncode == 0, run.stderr
    first, *rest = seen.read_text().splitlines()
    directory, host, arguments = first.split(" ", 2)
    assert "--with-registry-auth" in arguments
    assert "hunter2" not in arguments, "arguments are in the list of processes"
    if given:
        assert Path(directory).parent == temporary
        assert host == "unix:///run/colima.sock", "the engine is still the one that the user chose"
        assert rest == ["700", "600", given], "nobody else's business, and gone as soon as the service is made"
    else:
        assert first.startswith("the own the usual "), "what `docker login` left on the host"
        assert rest == []
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("said", "free_at", "tries", "told"),
    [
        ("canceling statement due to lock timeout", 3, 3, "0001-initial: applied"),
        ("ERROR 1205 (HY000): Lock wait timeout exceeded", 2, 2, "0001-initial: applied"),
        (
            "canceling statement due to lock timeout",
            99,
            5,
            "gave up at a lock each time: somebody's transaction holds a",
        ),
        ("no such table", 2, 1, "migrate failed: Failed"),
    ],
)
def test_a_migration_that_gave_up_at_a_lock_is_tried_again(tmp_path, programs, said, free_at, tries, told):
    made = tmp_path / "made"
    made.touch()
    fake(
        programs,
        f"""tries=$(wc -l <{made})
case "$1 $2" in
"service create") echo one >>{made} ;;
"service ps") if [ "$tries" -ge {free_at} ]; then echo Complete; else echo Failed; fi ;;
"service logs") if [ "$tries" -ge {free_at} ]; then echo 0001-initial: applied; else echo '{said}'; fi ;;
esac""",
    )
    text = script("run-once").replace("/tmp/colorway-$(id -u)", f"{tmp_path}/colorway").replace("sleep 5", "sleep 0")
    run = ran(text, "migrate", "60", "--", "image", bin_=programs)
    assert len(made.read_text().splitlines()) == tries, "only a lock is worth waiting for"
    assert told in run.stdout + run.stderr
    assert run.returncode == (0 if "applied" in told else 1)
    assert said in run.stderr or run.returncode == 0, "with what the program said"


def test_a_task_of_an_earlier_run_that_does_not_end_is_named(tmp_path, programs):
    fake(programs, '[ "$1" != ps ] || echo 0123456789ab')
    text = script("run-once").replace("/tmp/colorway-$(id -u)", f"{tmp_path}/colorway").replace("+ 60 ))", "+ 0 ))")
    run = ran(text, "migrate", "5", "--", "image", bin_=programs)
    assert run.returncode == 1
    assert "an earlier run of migrate still works after 60 s in container 0123456789ab" in run.stderr


@pytest.mark.parametrize("name", [path.stem for path in SCRIPTS if not path.stem.endswith("-directory")])
def test_a_docker_that_hangs_is_given_up_and_named(tmp_path, programs, name):
    # The first call of each whose errors are not thrown away.
    fake(programs, 'case "$1 $2" in "service rm"|"service inspect") exit 1 ;; esac; exec sleep 60')
    (tmp_path / "generations" / "abc").mkdir(parents=True)
    (tmp_path / "generations" / "abc" / "nginx.conf").touch()
    (tmp_path / "secrets").mkdir()
    text = script(name).replace("timeout 60", "timeout 0.3").replace("within=60", "within=0.3")
    text = text.replace("/tmp/colorway-$(id -u)", f"{tmp_path}/colorway")
    arguments = {
        "await-no-tasks": ["5", "worker"],
        "await-rolled": ["5", "demo_2", "worker"],
        "run-once": ["migrate", "5"],
        "label-nodes": [],
        "settle-store": ["5", "store", "true", "file"],
        "in-member": ["5", "store", "true"],
    }
    stdin = "# colorway generation abc\n" if name.startswith("routing") else "# file a\nself a=b\n"
    stdin = "self a=b\n" if name == "label-nodes" else stdin
    run = ran(text, *arguments.get(name, [str(tmp_path), "lb", "8081", "5"]), bin_=programs, stdin=stdin)
    assert run.returncode != 0, run.stdout
    assert re.search(r"docker (service|node|ps|info|network) did not answer within (60|0.3) s", run.stderr), run.stderr


def test_labels_of_a_node_become_those_of_its_line_and_no_other_is_touched(tmp_path, programs):
    fake(
        programs,
        f"""case "$2" in
  ls) printf '%s\\n' 'Down old app2' 'Ready new app2' 'Ready other app22' 'Down lost db1' ;;
  inspect) echo 'colorway-lab-host=app2 colorway-lab-web=true colorway-lab-edge=fenced colorway-lab-two-web=true ' ;;
  update) echo "$*" >>{tmp_path}/asked ;;
esac""",
    )
    line = "{} colorway-lab-host=app2 -colorway-lab-web -colorway-lab-manager colorway-lab-monitoring=true\n"
    run = ran(script("label-nodes"), bin_=programs, stdin=line.format("app2") + line.format("db1"))
    assert run.stdout == "nodes labelled\n", run.stderr
    changes = "--label-rm colorway-lab-web --label-add colorway-lab-monitoring=true"
    assert (tmp_path / "asked").read_text().splitlines() == [
        f"node update {changes} new",
        f"node update {changes} lost",
    ], "of two nodes of a name the one that is there; a dead host's only one is labelled for when it comes back"
    unknown = ran(script("label-nodes"), bin_=programs, stdin=line.format("app3"))
    assert unknown.returncode == 1
    assert unknown.stderr == "no node of the swarm has the hostname app3\n"


def test_nodes_that_have_their_labels_are_left_alone(tmp_path, programs):
    fake(
        programs,
        f"""case "$2" in
  ls) echo 'Ready id app1' ;;
  inspect) echo 'colorway-lab-host=app1 colorway-lab-web=true ' ;;
  update) touch {tmp_path}/asked ;;
esac""",
    )
    ran(
        script("label-nodes"),
        bin_=programs,
        stdin="app1 colorway-lab-host=app1 colorway-lab-web=true -colorway-lab-x\n",
    )
    assert not (tmp_path / "asked").exists(), "every change of a node makes the swarm look at all its tasks"


def test_secrets_of_nginx_are_replaced_whole_and_stay_where_nothing_runs_yet(tmp_path, programs):
    (tmp_path / "secrets").mkdir()
    for token in ("first", "second", "second"):
        text = f"# file preview.conf\nthe {token} map\n# file users\nthe users\n"
        run = ran(script("edge-secrets"), str(tmp_path), "lb", "8081", bin_=programs, stdin=text)
        assert run.stdout == "secrets of nginx are in place\n", run.stderr
        current = tmp_path / "secrets" / "current"
        assert (current / "preview.conf").read_text() == f"the {token} map\n"
        assert (current / "users").read_text() == "the users\n"
        digest = current.readlink().name
        assert (current / "answer.conf").read_text() == f"return 200 {digest};\n", "what says which ones are live"
        assert {path.name for path in (tmp_path / "secrets").iterdir()} == {"current", digest}, "no old one is left"
        assert (current / "preview.conf").stat().st_mode & 0o077 == 0, "nobody else's business"


def test_an_authority_that_the_live_text_names_stays_until_the_next_text_does_not(tmp_path, programs):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "current").mkdir()
    live = tmp_path / "current" / "nginx.conf"
    fake(programs, "")

    def names_after(stdin: str) -> set[str]:
        run = ran(script("edge-secrets"), str(tmp_path), "lb", "8081", bin_=programs, stdin=stdin)
        assert run.returncode == 0, run.stderr
        return {path.name for path in (tmp_path / "secrets" / "current").iterdir()}

    preview = "# file preview.conf\nthe map\n"
    assert "origin-ca.pem" in names_after(f"{preview}# file origin-ca.pem\nthe authority\n")
    live.write_text("ssl_client_certificate /etc/colorway/secrets/current/origin-ca.pem;\n")
    assert "origin-ca.pem" in names_after(preview), "nginx could not be reloaded, and the way back would be closed"
    live.write_text("")
    assert "origin-ca.pem" not in names_after(preview)


def test_secrets_that_nginx_does_not_take_are_taken_back_without_its_words(tmp_path, programs):
    (tmp_path / "secrets" / "before").mkdir(parents=True)
    (tmp_path / "secrets" / "current").symlink_to("before")
    (tmp_path / "current").mkdir()
    (tmp_path / "current" / "nginx.conf").write_text("include /etc/colorway/secrets/current/preview.conf;\n")
    fake(programs, '[ "$1" != ps ] || { echo 0123456789ab; exit 0; }; echo hunter2 is no map >&2; exit 1')
    run = ran(
        script("edge-secrets"), str(tmp_path), "lb", "8081", bin_=programs, stdin="# file preview.conf\nhunter2\n"
    )
    assert run.returncode == 1
    assert run.stderr == "nginx in lb does not take the secrets; it knows the earlier ones again\n"
    assert (tmp_path / "secrets" / "current").readlink().name == "before"


def test_a_falling_color_that_was_never_there_holds_nobody_up(programs):
    # As docker does it: an empty line for people, and the error beside it.
    fake(programs, 'case "$1 $2" in "service inspect") echo; exit 1 ;; "service scale") exit 1 ;; esac')
    run = ran(script("await-no-tasks"), "5", "demo-worker-green", bin_=programs)
    assert run.returncode == 0, f"the first `up` of a stack with one color has no other workers: {run.stderr}"


LOST = """
case "$1 $2" in
  "service ls") echo worker ;;
  "service inspect") echo 0 ;;
  "service ps") printf '%s\\n' 'worker.1|app1|Shutdown 4 seconds ago' '{task}' ;;
  "node ls") printf '%s\\n' 'Ready app1' 'Down app2' 'Down app3' 'Ready app3' 'Unknown app4' ;;
esac
"""


def test_what_ran_on_a_host_that_the_swarm_has_lost_is_not_waited_for(programs):
    fake(programs, LOST.format(task="worker.2|app2|Running 3 minutes ago"))
    run = ran(script("await-no-tasks"), "0", "worker", bin_=programs)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        "not waited for, because the swarm has lost the host: worker.2 on app2",
        "no task is alive of: worker",
    ], "nobody would ever hear of its end, and a release would end for it"


@pytest.mark.parametrize("where", ["app1", "app3", "app4", ""], ids=["there", "anew", "nobody knows", "nowhere yet"])
def test_what_may_still_work_is_waited_for(programs, where):
    fake(programs, LOST.format(task=f"worker.2|{where}|Running 3 minutes ago"))
    run = ran(script("await-no-tasks"), "0", "worker", bin_=programs)
    assert run.returncode == 1, "two schedulers at once are worse than a release that stops"
    assert "still alive after 0 s: worker.2 (Running)" in run.stderr


def test_tasks_that_are_replaced_are_waited_for_and_the_present_ones_are_not(tmp_path, programs):
    fake(
        programs,
        f"""case "$1 $2" in
  "service ls") echo demo-api-blue ;;
  "node ls") printf '%s\\n' 'Ready app1' 'Down app2' ;;
  "service ps") echo x >>{tmp_path}/asked
    echo 'api.1|app1|Running|Running 3 seconds ago'
    echo 'api.2|app2|Shutdown|Running 3 hours ago'
    [ "$(wc -l <{tmp_path}/asked)" -gt 2 ] || echo 'api.1|app1|Shutdown|Running 2 minutes ago'
    echo 'api.1|app1|Shutdown|Shutdown 3 hours ago' ;;
esac""",
    )
    run = ran(script("await-rolled"), "20", "demo_2", "demo-api-blue", "demo-api-green", bin_=programs)
    assert run.stdout == "no task that is replaced is alive of: demo-api-blue demo-api-green\n", run.stderr
    assert (tmp_path / "asked").read_text() == "x\nx\nx\n", "until it ended; of a lost host nobody will hear an end"
    (tmp_path / "asked").unlink()
    run = ran(script("await-rolled"), "0", "demo_2", "demo-api-blue", bin_=programs)
    assert run.returncode == 1
    assert run.stderr == "tasks that are replaced are still alive after 0 s: api.1(Running)\n"


def test_a_replaced_task_is_waited_for_on_a_host_that_is_there_anew(programs):
    fake(
        programs,
        """case "$1 $2" in
  "service ls") echo demo-api-blue ;;
  "node ls") printf '%s\\n' 'Down app3' 'Ready app3' ;;
  "service ps") echo 'api.1|app3|Shutdown|Running 2 minutes ago' ;;
esac""",
    )
    run = ran(script("await-rolled"), "0", "demo_2", "demo-api-blue", bin_=programs)
    assert run.returncode == 1, "the swarm keeps the node that it was before, and its task still has the old password"


MEMBERS = """{"members": [
{"name": "db1", "role": "%s", "state": "running", "api_url": "https://h:8008", "tags": {"nofailover": true}, "lag": 0},
{"name": "db2", "role": "%s", "state": "%s", "api_url": "https://i:8008"}], "scope": "store"}"""


@pytest.mark.parametrize(
    ("roles", "leads"),
    [
        (("leader", "sync_standby", "streaming"), "db1"),
        (("replica", "leader", "running"), "db2"),
        (("replica", "leader", "starting"), ""),
        (("replica", "replica", "streaming"), ""),
    ],
)
def test_a_store_is_settled_by_the_leader_that_its_members_name(tmp_path, programs, roles, leads):
    (tmp_path / "patroni.yml").write_text("name: db1\nrestapi:\n  listen: h:8008\n  connect_address: h:8008\netcd3:\n")
    fake(programs, '[ "$1" != ps ] || { echo abc; exit; }; while [ "$1" != sh ]; do shift; done; exec "$@"')
    answer = "HTTP/1.0 200 OK\n\n" + (MEMBERS % roles).replace("\n", "")
    (programs / "openssl").write_text(f"#!/bin/sh\ncase \"$*\" in *' h:8008') cat <<'E'\n{answer}\nE\nesac\n")
    (programs / "openssl").chmod(0o755)
    run = ran(
        script("settle-store").replace("sleep 1", "sleep 0.1"),
        *("1", "store", 'echo "told $1: $(cat)"', str(tmp_path / "patroni.yml")),
        bin_=programs,
        stdin="passwords",
    )
    if leads:
        assert run.stdout == f"told {tmp_path}/patroni.yml: passwords\n{leads} leads\n", run.stderr
    else:
        assert run.returncode == 1, "nobody takes writes"
        assert "none of the members of store's data store leads" in run.stderr
        assert "told" not in run.stdout
