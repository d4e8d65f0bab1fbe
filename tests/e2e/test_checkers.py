"""The real programs on what we render for them: nginx, promtool and mtail of our own images."""

from __future__ import annotations

import re
import subprocess
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from colorway.config import stack_files
from colorway.machine import images
from colorway.machine.progress import silent
from colorway.render.edge_secrets import ORIGIN_FILE
from colorway.render.maintenance import COOKIE_FILE, LINK_FILE
from colorway.render.monitoring import mtail, prometheus
from colorway.render.nginx import generation
from colorway.render.templates import RULES, entry, script
from colorway.spec.platform_spec import PlatformSpec
from components.x509 import new_authority, without_key
from tests.program.stacks import STACKS
from tests.render.cases import CASES, GOLDEN
from tests.render.log_lines import FOREIGN, SAMPLES, SECONDS, Moves, all_moves
from tests.support.specs import ROOT, pinned, small_spec
from tests.support.wait import wait_until

pytestmark = pytest.mark.area("edge")

Run = Callable[..., subprocess.CompletedProcess[str]]
FIGURE = re.compile(r"(?P<name>\w+?)(?P<count>_count)?\{(?P<labels>[^}]*)\} (?P<value>\d+)")
LABELS = {
    "colorway_requests_total": ("service", "color", "code"),
    "colorway_failover_total": ("service", "from", "to"),
    "colorway_log_lines_total": (),
    SECONDS: ("service", "color"),
}
TOKEN = "0123456789abcdef0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="session")
def local_images(swarm: None) -> dict[str, str]:
    """The images of the local stack by their folder under images/, built where they are missing."""
    spec = stack_files.from_file(root=ROOT, stack="local")
    wanted = {"nginx", "mtail", "prometheus"}
    return {
        folder: images.ensure_image(
            reference=reference, version=version, context=ROOT / "images" / folder, progress=silent
        )
        for reference, (folder, version) in spec.builds().items()
        if folder in wanted
    }


@pytest.fixture
def run(local_images: dict[str, str], tmp_path: Path) -> Run:
    """Run a program of an image on the files of the test's folder, which it sees at /in."""

    def in_image(folder: str, *command: str) -> subprocess.CompletedProcess[str]:
        mounts = ["--volume", f"{tmp_path}:/in:ro", "--tmpfs", "/tmp"]
        argv = ["docker", "run", "--rm", "--user", "0", "--network", "none", *mounts, local_images[folder], *command]
        return subprocess.run(argv, capture_output=True, text=True, check=False)

    return in_image


@pytest.fixture(scope="module")
def nginx(local_images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A load balancer that was just started by its entry script: with a certificate and a token, without a text."""
    folder = tmp_path_factory.mktemp("load-balancer")
    made = ["/bin/sh", "-euc", script("make-directory"), "colorway", str(folder)]
    subprocess.run(made, input=entry("nginx"), text=True, capture_output=True, check=True)
    made = ["/bin/sh", "-euc", script("edge-secrets"), "colorway", str(folder), "no-service", "8081"]
    known = f'# file preview.conf\n"~^{TOKEN}\\.blue$" blue;\n"~^{TOKEN}\\.green$" green;\n'
    known += "".join(f'# file {name}\n"~^nobody$" 1;\n' for name in (COOKIE_FILE, LINK_FILE))
    known += f"# file {ORIGIN_FILE}\n{without_key(new_authority())}"
    subprocess.run(made, input=known, text=True, capture_output=True, check=True)
    name = f"colorway-test-checkers-{uuid.uuid4().hex[:8]}"
    mounts = ["--volume", f"{folder}:/etc/colorway"]
    environment = ["--env", "COLORWAY_STATUS_PORT=8081"]
    container = ["--name", name, "--network", "none", "--read-only", "--tmpfs", "/tmp", *mounts, *environment]
    image = local_images["nginx"]
    docker("run", "--rm", "--detach", "--init", *container, image, "/bin/sh", "/etc/colorway/entry.sh")

    def inside(*command: str, text: str = "") -> subprocess.CompletedProcess[str]:
        argv = ["docker", "exec", "--interactive", name, *command]
        return subprocess.run(argv, input=text, capture_output=True, text=True, check=False)

    try:
        wait_until(
            lambda: inside("curl", "-fs", "http://127.0.0.1:8081/health").stdout == "ok",
            limit=30,
            what="nginx answers after its entry script",
        )
        yield inside
    finally:
        docker("rm", "--force", name)


def docker(*arguments: str) -> None:
    subprocess.run(["docker", *arguments], capture_output=True, check=True)


def refused(nginx: Run, text: str) -> str:
    """What nginx says against a text, empty if it takes it."""
    made = "cat >/tmp/text.conf; nginx -e stderr -t -q -c /tmp/text.conf"
    checked = nginx("/bin/sh", "-c", made, text=text)
    return checked.stderr if checked.returncode or checked.stderr else ""


def stack_spec(stack: str) -> PlatformSpec:
    return stack_files.from_file(root=ROOT, stack=stack)


@pytest.mark.parametrize("case", CASES)
def test_nginx_takes_every_golden_text_without_a_warning(nginx, case):
    assert refused(nginx, (GOLDEN / f"{case}.conf").read_text(encoding="utf-8")) == ""


@pytest.mark.parametrize("stack", STACKS)
def test_nginx_takes_the_text_of_every_stack(nginx, stack):
    assert refused(nginx, generation(stack_spec(stack)).text) == ""


def test_the_check_would_see_a_mistake(nginx):
    text = generation(small_spec(traffic="90:10")).text.replace("1% 98;", "0% 98;")
    assert "invalid percent value" in refused(nginx, text), "a check that takes everything proves nothing"


def test_nginx_takes_the_longest_names_headers_and_paths_that_the_spec_lets_through(nginx):
    domain = ".".join(["d" * 60] * 4)
    spec = small_spec(
        settings={"domains": {"main": f"{domain}.orga", "other": "example.org"}},
        overrides={
            "services": {
                "shop": {"routes": [{"path": f"/{'a' * 999}"}, {"path": "/", "domain": "other", "host": "h" * 40}]},
                "api": {"routes": [{"path": "/"}, *({"path": "/", "host": f"p{number}"} for number in range(100))]},
            },
            "edge": {"headers": {"X-Long": "a" * 4000}, "longest-body": 4096, "body-space": "32Gi"},
        },
    )
    assert refused(nginx, generation(spec).text) == "", "what nginx refuses fails in `up`, after the preview"


def test_a_load_balancer_without_a_text_says_so_and_serves_503(nginx):
    assert nginx("curl", "-s", "http://127.0.0.1:8081/generation").stdout == "none"
    answer = nginx("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1/")
    assert answer.stdout == "503", "honest, and healthy: the first generation needs a running nginx"
    live = nginx("head", "-n", "1", "/etc/colorway/current/nginx.conf").stdout
    assert live == "# colorway generation none\n", "apply reads from it what serves again when it fails"


@pytest.mark.parametrize("stack", STACKS)
def test_promtool_takes_the_configuration_of_every_stack(run, tmp_path, stack):
    (tmp_path / "prometheus.yml").write_text(prometheus(stack_spec(stack)), encoding="utf-8")
    checked = run("prometheus", "promtool", "check", "config", "/in/prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("cases", sorted((ROOT / "tests/rules").glob("*.yaml")), ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_only_then(run, tmp_path, cases):
    for path in (cases, RULES / cases.name):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True)
        copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    checked = run("prometheus", "promtool", "test", "rules", f"/in/tests/rules/{cases.name}")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("stack", STACKS)
def test_mtail_compiles_the_program_of_every_stack(run, tmp_path, stack):
    (tmp_path / "colorway.mtail").write_text(mtail(stack_spec(stack)), encoding="utf-8")
    compiled = run("mtail", "mtail", "--one_shot", "--compile_only", "--progs", "/in/colorway.mtail")
    assert compiled.returncode == 0, compiled.stdout + compiled.stderr


def figures(printed: str) -> Moves:
    """The figures that mtail prints in Prometheus's format, by name and labels."""
    found: Moves = Counter()
    for line in printed.splitlines():
        match = FIGURE.fullmatch(line)
        if match and match["name"] in LABELS and (match["name"] != SECONDS or match["count"]):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', match["labels"]))
            found[(match["name"], *(labels[label] for label in LABELS[match["name"]]))] = int(match["value"])
    return found


def test_mtail_counts_what_our_reading_of_its_program_counts(run, tmp_path):
    (tmp_path / "colorway.mtail").write_text(mtail(small_spec()), encoding="utf-8")
    lines = [*(sample.line for sample in SAMPLES), *FOREIGN]
    (tmp_path / "sample.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    counted = run(
        "mtail",
        "mtail",
        "--logtostderr",
        "--one_shot",
        "--one_shot_format=prometheus",
        "--progs=/in/colorway.mtail",
        "--logs=/in/sample.log",
    )
    assert counted.returncode == 0, counted.stderr
    assert "Runtime error" not in counted.stderr, "mtail gave a line up: whatever followed in it is not counted"
    assert figures(counted.stdout) == all_moves(), "a verdict on these figures would be another one"


def test_mtail_knows_what_is_said_of_certificates(run, tmp_path):
    tls = {"issuer": "lets-encrypt", "token": "acme-token"}
    spec = small_spec(
        settings={"environment": "staging", "tls": tls}, overrides={"edge": {"certbot-image": pinned("certbot")}}
    )
    (tmp_path / "colorway.mtail").write_text(mtail(spec), encoding="utf-8")
    said = [
        "colorway certificate=example.com served=1 own=0 failing=0 begins=1000 expires=2000",
        "colorway certificate=example.org served=0 own=1 failing=1",
    ]
    (tmp_path / "sample.log").write_text("\n".join(said) + "\n", encoding="utf-8")
    options = ["--logtostderr", "--one_shot", "--one_shot_format=prometheus", "--progs=/in/colorway.mtail"]
    counted = run("mtail", "mtail", *options, "--logs=/in/sample.log")
    assert counted.returncode == 0, counted.stderr
    line = r'^colorway_certificate_(\w+)\{domain="([a-z.]+)",[^}]*\} (\d+)$'
    assert {(one[1], one[0]): int(one[2]) for one in re.findall(line, counted.stdout, re.MULTILINE)} == {
        ("example.com", "served"): 1,
        ("example.com", "self_signed"): 0,
        ("example.com", "failing"): 0,
        ("example.com", "begins_timestamp_seconds"): 1000,
        ("example.com", "expires_timestamp_seconds"): 2000,
        ("example.org", "served"): 0,
        ("example.org", "self_signed"): 1,
        ("example.org", "failing"): 1,
    }
