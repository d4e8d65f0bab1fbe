"""Certificates by a real certbot of a real authority, for two real load balancers: from nothing, renewed, refused."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from colorway.config import stack_files
from colorway.machine import images
from colorway.machine.progress import silent
from colorway.render.certificates import certbot_arguments, certify, certify_arguments, shown_arguments
from colorway.render.templates import entry, nginx_script
from colorway.spec import names
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.certificates import ShownCertificate, parsed
from components.load_balancer.certificates import CAPABILITIES, TOKEN_FILE
from tests.support.cloudflare import FakeCloudflare, Right
from tests.support.containers import docker
from tests.support.edge import Edge, Ports, running_edge
from tests.support.pebble import LIFETIME, Pebble, limited_authority, pebble_image
from tests.support.specs import ROOT, pinned, small_spec
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("edge"), pytest.mark.timeout(600)]

DOMAINS = {"main": "example.com", "other": "example.org"}
PORTS = (Ports(http=19580, https=19543, status=19581), Ports(http=19590, https=19553, status=19591))
FIRST_PORT = 19560
"""Of Pebble's."""
SOON = 150
"""Seconds in which whatever is awaited comes, on a machine that has other things to do."""


def spec_of(directory: str) -> PlatformSpec:
    """Return a stack whose certificates an authority issues."""
    return small_spec(
        settings={
            "environment": "staging",
            "domains": DOMAINS,
            "tls": {"issuer": "acme", "directory": directory, "token": "acme-token", "email": "ops@example.com"},
        },
        overrides={
            "edge": {"certbot-image": pinned("certbot")},
            "services": {"api": {"routes": [{"path": "/", "host": "portal"}, {"path": "/", "domain": "other"}]}},
        },
    )


@dataclass(kw_only=True)
class Certbot:
    """What has certificates issued for one load balancer, as the swarm runs it."""

    edge: Edge
    image: str
    api: str
    token: str
    trusts: Path
    folder: Path
    spec: PlatformSpec
    name: str = field(default_factory=lambda: f"colorway-test-certbot-{uuid.uuid4().hex[:8]}")

    def start(self, spec: PlatformSpec | None = None, *, token: str | None = None, period: int = 3) -> None:
        """Start it, instead of the one that runs; `period` is how often it asks whether something is due, seconds."""
        self.stop()
        self.folder.mkdir(exist_ok=True)
        (self.folder / "token").write_text(token or self.token, encoding="ascii")
        (self.folder / "entry.sh").write_text(entry("certbot"), encoding="utf-8")
        told = list(certbot_arguments(spec or self.spec))
        told[2] = self._port
        pauses = {"PAUSE": "2", "PERIOD": str(period), "TICK": "1", "PROPAGATION": "1"}
        docker(
            *("run", "--detach", "--init", "--name", self.name, "--network", "host", "--read-only", "--tmpfs", "/tmp"),
            *("--cap-drop", "ALL", *(f"--cap-add={one}" for one in CAPABILITIES)),
            *("--volume", f"{self.edge.folder}/certs:/etc/colorway/certs", "--volume", f"{self.name}:/etc/letsencrypt"),
            *("--volume", f"{self.edge.folder}/run:/etc/colorway/run"),
            *("--volume", f"{self.folder}/token:/run/secrets/{TOKEN_FILE}:ro"),
            *("--volume", f"{self.folder}/entry.sh:/entry.sh:ro", "--volume", f"{self.trusts}:/trusted.pem:ro"),
            *("--env", "COLORWAY_CA=/trusted.pem", "--env", f"CLOUDFLARE_API_URL={self.api}"),
            *(f"--env=COLORWAY_{key}={value}" for key, value in pauses.items()),
            *(self.image, "/bin/sh", "/entry.sh", *told),
        )

    @property
    def _port(self) -> str:
        """Where the load balancer listens here, beside the other one."""
        return str(self.edge.listens.https)

    def stop(self) -> None:
        """End it; its account and what it was given stay."""
        docker("rm", "--force", self.name, check=False)

    def close(self) -> None:
        """Remove it with all that it has."""
        self.stop()
        docker("volume", "rm", "--force", self.name, check=False)

    def logs(self) -> str:
        return docker("logs", self.name)

    def shown(self, lineage: str = "example.com") -> ShownCertificate:
        """Return what `status` reads of a lineage."""
        told = (self._port, *shown_arguments(self.spec)[1:])
        said = docker("exec", self.edge.name, "/bin/sh", "-uc", nginx_script("certificates-shown"), "colorway", *told)
        return next(one for one in parsed(self.spec, "lb1", said) if one.lineage == lineage)

    def has_issued(self, lineage: str) -> bool:
        """Return whether an authority has signed what is chosen for a lineage."""
        return self.shown(lineage).issuer is not None

    def failure(self, lineage: str, *words: str) -> tuple[str, str]:
        """Wait until a try has failed for a reason with certain words, and return what `status` says of it."""
        found: list[tuple[str, str]] = []

        def is_said() -> bool:
            problem = self.shown(lineage).problem
            found[:] = [problem] if problem and all(word in problem[0] for word in words) else []
            return bool(found)

        try:
            wait_until(is_said, limit=SOON, what=f"the reason is written down, with the words {words}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {self.shown(lineage)}\n{self.logs()}") from None
        return found[0]


def served(edge: Edge, name: str) -> x509.Certificate:
    """Return what a new connection is shown under a name."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", edge.listens.https), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname=name) as tls,
    ):
        shown = tls.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown)


def chosen(edge: Edge, lineage: str) -> x509.Certificate:
    """Return what a lineage's link leads to; nginx may show the one before for some seconds."""
    return x509.load_pem_x509_certificate((edge.folder / "certs" / lineage / "current" / "fullchain.pem").read_bytes())


def stays(edge: Edge, lineage: str, certificate: x509.Certificate) -> None:
    """Check that a certificate is still the one that is chosen, and shown."""
    assert chosen(edge, lineage) == certificate, "what there is stays"
    wait_until(lambda: served(edge, lineage) == certificate, limit=SOON, what="nginx shows it")


def asked(edge: Edge, name: str, *, trusts: str) -> int:
    """Return the status of a request whose certificate is checked, chain and name; on a new connection."""
    context = ssl.create_default_context(cadata=trusts)
    with (
        socket.create_connection(("127.0.0.1", edge.listens.https), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname=name) as tls,
    ):
        connection = http.client.HTTPConnection(name)
        connection.sock = tls
        connection.request("GET", "/")
        return connection.getresponse().status


@pytest.fixture(scope="module")
def fake_and_pebble(swarm: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FakeCloudflare, Pebble]]:
    folder = tmp_path_factory.mktemp("authority")
    pebble = Pebble(image=pebble_image(folder / "image"), folder=folder / "pebble", first_port=FIRST_PORT)
    try:
        pebble.start()
        with FakeCloudflare(tell=pebble.tell) as fake:
            for domain in DOMAINS.values():
                fake.add_zone(domain)
            yield fake, pebble
    finally:
        pebble.close()


@pytest.fixture(scope="module")
def pairs(
    fake_and_pebble: tuple[FakeCloudflare, Pebble], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Certbot]]:
    """Two load balancers from nothing, each with what has its certificates issued, which has not begun yet."""
    fake, pebble = fake_and_pebble
    context = ROOT / "images" / "certbot"
    reference = names.local_image("certbot", stack_files.digest_of(context))
    image = images.ensure_image(reference=reference, version=None, context=context, progress=silent)
    token = fake.add_token(Right.ZONE_READ, Right.DNS_WRITE)
    spec = spec_of(pebble.directory)
    with ExitStack() as stack:
        made = []
        for number, ports in enumerate(PORTS):
            edge = stack.enter_context(running_edge(tmp_path_factory.mktemp("edge"), spec, ports=ports))
            certbot = Certbot(
                edge=edge,
                image=image,
                api=fake.url,
                token=token,
                trusts=pebble.trusted,
                folder=tmp_path_factory.mktemp("certbot") / str(number),
                spec=spec,
            )
            stack.callback(certbot.close)
            made.append(certbot)
        yield made


@pytest.fixture(scope="module")
def issued(pairs: list[Certbot], fake_and_pebble: tuple[FakeCloudflare, Pebble]) -> list[Certbot]:
    """The same with certificates of the authority, and nothing that asks for newer ones."""
    for one in pairs:
        one.start()
    for one in pairs:
        for lineage in DOMAINS.values():
            what = f"{lineage} is issued\n{one.logs()}"
            wait_until(partial(Certbot.has_issued, one, lineage), limit=SOON, what=what)
    return pairs


def test_the_first_request_is_served_by_a_certificate_of_its_own(pairs):
    for one in pairs:
        for domain in DOMAINS.values():
            shown = served(one.edge, domain)
            assert shown.issuer == shown.subject, "nobody has signed it"
            own = (one.edge.folder / "certs" / domain / "current" / "fullchain.pem").read_text()
            assert asked(one.edge, domain, trusts=own) == 200
            assert one.shown(domain).issuer is None
            assert one.shown(domain).problem is None, "that it is not there yet is no mistake"


def test_then_the_issued_chain_is_served_for_each_domain_and_the_names_below_it(issued, fake_and_pebble):
    _, pebble = fake_and_pebble
    root = pebble.root()
    for one in issued:
        for domain in DOMAINS.values():
            wait_until(
                lambda one=one, domain=domain: served(one.edge, domain).issuer != served(one.edge, domain).subject,
                limit=SOON,
                what="nginx shows it without a reload",
            )
        assert asked(one.edge, "example.com", trusts=root) == 200
        assert asked(one.edge, "portal.example.com", trusts=root) == 200
        told = {name: served(one.edge, name) for name in (*DOMAINS.values(), "portal.example.com")}
        assert told["example.com"] == told["portal.example.com"] != told["example.org"]
        assert "Pebble" in (one.shown().issuer or "")
    serials = {served(one.edge, domain).serial_number for one in issued for domain in DOMAINS.values()}
    assert len(serials) == 4, "each load balancer has its own"


def test_no_key_and_no_token_is_where_others_look(issued):
    for one in issued:
        key = one.edge.folder / "certs" / "example.com" / "current" / "privkey.pem"
        assert (key.stat().st_mode & 0o777, key.stat().st_gid) == (0o640, 65534)
        told = one.logs() + docker("inspect", one.name) + docker("top", one.name, "-eo", "pid,args")
        assert one.token not in told
        assert "PRIVATE KEY" not in told
        ini = docker("exec", one.name, "stat", "-c", "%a %T", "/tmp/cloudflare.ini")
        assert ini.split()[0] == "600"
        assert docker("exec", one.name, "stat", "-f", "-c", "%T", "/tmp") == "tmpfs"


def test_mtail_is_told_when_it_ends(issued):
    line = re.compile(
        r"^colorway certificate=example\.org served=1 own=0 failing=0 begins=[0-9]+ expires=([0-9]+)$", re.MULTILINE
    )

    def told(one: Certbot) -> list[str]:
        return line.findall((one.edge.folder / "run" / "access.log").read_text())

    for one in issued:
        wait_until(partial(lambda one: bool(told(one)), one), limit=SOON, what="it is said")
        assert abs(int(told(one)[-1]) - time.time()) < 2 * LIFETIME, "in seconds after 1970, as Prometheus has them"


@pytest.mark.full
def test_renewals_fail_no_handshake(issued, fake_and_pebble):
    _, pebble = fake_and_pebble
    root, edge = pebble.root(), issued[0].edge
    first, seen, failures = served(edge, "example.com").serial_number, set[int](), list[str]()
    done, counted, guard = threading.Event(), [0], threading.Lock()
    context = ssl.create_default_context(cadata=root)

    def ask_on_and_on() -> None:
        while not done.is_set():
            begun = time.monotonic()
            try:
                with (
                    socket.create_connection(("127.0.0.1", edge.listens.https), timeout=60) as plain,
                    context.wrap_socket(plain, server_hostname="example.com") as tls,
                ):
                    shown = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")
                with guard:
                    seen.add(shown.serial_number)
                    counted[0] += 1
            except OSError as error:
                with guard:
                    failures.append(str(error))
            # 300 in a second, all of them together, as far as the machine has them.
            done.wait(max(0.0, 12 / 300 - (time.monotonic() - begun)))

    started = time.monotonic()
    with ThreadPoolExecutor(12) as users:
        for _ in range(12):
            users.submit(ask_on_and_on)
        try:
            wait_until(lambda: len(seen - {first}) >= 2, limit=400, what=f"two renewals\n{issued[0].logs()}")
        finally:
            done.set()
    rate = counted[0] / (time.monotonic() - started)
    print(f"{counted[0]} handshakes, {rate:.0f} a second, {len(seen)} certificates")
    assert failures == [], f"of {counted[0]} handshakes"


@pytest.mark.full
def test_what_fails_leaves_the_certificate_and_says_why(issued, fake_and_pebble, tmp_path):
    fake, _ = fake_and_pebble
    first, second = issued
    for one in issued:
        one.stop()
    lasting = chosen(first.edge, "example.org")
    first.start(spec_of("https://127.0.0.1:1/dir"))
    first.failure("example.org", "127.0.0.1")
    wait_until(lambda: first.logs().count("example.org: ") >= 2, limit=SOON, what="it is tried again")

    wrong = fake.add_token(Right.DNS_WRITE, zones=[])
    first.start(token=wrong)
    said, helps = first.failure("example.org", "loudflare")
    assert helps == "pulumi config set --secret secrets:acme-token --stack test, then colorway up test"
    assert wrong not in said + first.logs()

    with limited_authority(tmp_path / "limited") as directory:
        second.trusts = tmp_path / "limited" / "limited.crt"
        second.start(spec_of(directory))
        second.failure("example.org", "too many")
    stays(first.edge, "example.org", lasting)


def test_a_pair_that_does_not_match_is_not_shown(issued):
    one = issued[0]
    # It asks once, so that it does not heal what is broken here before it looks at it.
    one.start(period=600)
    wait_until(lambda: "sleep" in docker("top", one.name, "-eo", "pid,args"), limit=SOON, what="it has asked")
    before = chosen(one.edge, "example.org")
    line = (
        "cd /etc/letsencrypt/*/live/example.org; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 "
        "-nodes -days 9 -subj /CN=x -keyout /tmp/key -out /tmp/new 2>/dev/null; cat /tmp/new >cert.pem; "
        "cat /tmp/new >fullchain.pem"
    )
    docker("exec", one.name, "sh", "-euc", line)
    one.failure("example.org", "does not belong to the key beside it, so the one before is shown")
    stays(one.edge, "example.org", before)


def test_a_lineage_that_is_not_whole_holds_up_no_generation_and_heals(issued, fake_and_pebble):
    _, pebble = fake_and_pebble
    one = issued[1]
    one.stop()
    command = ("exec", one.edge.name, "/bin/sh", "-euc", certify(), "colorway", *certify_arguments(one.spec))
    docker(*command)
    current = one.edge.folder / "certs" / "example.org" / "current"
    other = one.edge.folder / "certs" / "example.com" / "current"
    (current / "privkey.pem").write_bytes((other / "privkey.pem").read_bytes())
    docker(*command)
    assert (current / "self-signed").exists(), "a way back must not wait for who repairs it"
    # What certbot has may be out of date by now, so that it has to ask anew.
    one.trusts = pebble.trusted
    one.start()
    wait_until(lambda: not (current / "self-signed").exists(), limit=SOON, what="an issued one is shown again")
    key = serialization.load_pem_private_key((current / "privkey.pem").read_bytes(), password=None)
    assert chosen(one.edge, "example.org").public_key() == key.public_key()


def test_what_a_new_connection_gets_counts_and_not_what_lies_on_the_disk(issued):
    one = issued[0]
    log = one.edge.folder / "run" / "access.log"
    before = len(log.read_text())

    def told(what: str) -> bool:
        return f"colorway certificate=example.com served={what}" in log.read_text()[before:]

    # It asks at once whether something is due, and not again for as long as this takes: a new pair would heal it.
    one.start(period=3600)
    wait_until(lambda: told("1"), limit=SOON, what="mtail is told what is shown")
    key = one.edge.folder / "certs" / "example.com" / "current" / "privkey.pem"
    text = key.read_bytes()
    # What only root reads, nginx's workers cannot show; a new file, since they keep the old one while it stays.
    key.unlink()
    key.write_bytes(text)
    key.chmod(0o600)
    wait_until(lambda: one.shown().leaf is None, limit=SOON, what="nginx looks at the file again")
    problem = one.shown().problem
    assert problem is not None
    assert problem[0].startswith("load balancer lb1 shows no certificate under example.com: ")
    assert problem[1] == "docker service logs --tail 50 test-lb-lb1", "nginx says there why"
    wait_until(lambda: told("0"), limit=SOON, what="mtail is told, too")
