"""Load balancers of real hosts behind Cloudflare: past it nobody comes in, by the firewall and by TLS."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from colorway.lab.switch import Switch
from tests.support.clone import Clone
from tests.support.cloudflare import FakeCloudflare, Right
from tests.support.labs import DOMAIN, FEW, NETWORK, OURS, address, bare, lab, on_host
from tests.support.specs import ZONE

pytestmark = [pytest.mark.area("edge"), pytest.mark.needs("losetup"), pytest.mark.full]

OF_CLOUDFLARE = "173.245.48.9"
STRANGER = "198.51.100.9"
WHO = (f"{NETWORK}.1", OF_CLOUDFLARE)
"""Somebody of the private network, and Cloudflare."""
PORT = 8443
TIMED_OUT = 28
"""What curl ends with where nobody answers."""


@contextmanager
def elsewhere(*addresses: str) -> Iterator[None]:
    """Have this machine's end of the lab's cable be somebody else, too; its hosts' answers come back this way."""
    cable = Switch(stack=OURS.name, folder=Path(), network=IPv4Network(f"{NETWORK}.0/24")).cable
    for one in addresses:
        subprocess.run(["ip", "address", "add", f"{one}/32", "dev", cable], check=True)
    try:
        yield
    finally:
        for one in addresses:
            subprocess.run(["ip", "address", "delete", f"{one}/32", "dev", cable], check=True)


def ask(source: str, *headers: str, shown: Path | None = None) -> tuple[int, str, str]:
    """Ask the load balancer as somebody; return curl's exit code, the status and the answer."""
    certificate = ["--cert", str(shown)] if shown else []
    run = subprocess.run(
        ["curl", "--silent", "--insecure", "--max-time", "10", "--interface", source, *certificate,
         *(word for one in headers for word in ("--header", one)), "--write-out", "\n%{http_code}",
         "--resolve", f"{DOMAIN}:{PORT}:{address(11)}", f"https://{DOMAIN}:{PORT}/whoami"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    body, _, status = run.stdout.rpartition("\n")
    return run.returncode, status, body


def lock_down(clone: Clone, before: str, after: str) -> str:
    clone.edit(clone.stack_file.name, rf"^  colorway:{before}.*$", f"  colorway:{after}", subject="Lock down")
    return clone.up().output


@pytest.mark.timeout(1800)
def test_who_comes_past_cloudflare_is_refused_by_the_firewall_and_by_tls(
    empty_machine: None, pulumi_cli: Path, tmp_path: Path
):
    with FakeCloudflare() as fake, bare(tmp_path / "clone", hosts=FEW) as made:
        fake.add_zone(DOMAIN, identifier=ZONE)
        clone = made.having(CLOUDFLARE_BASE_URL=fake.url, CLOUDFLARE_API_TOKEN=fake.add_token(*Right))
        clone.versions(blue="1.0.0", green="2.0.0")
        clone.traffic(50)
        lab(clone, "up")
        clone.up()
        with elsewhere(OF_CLOUDFLARE, STRANGER):
            assert ask(STRANGER)[:2] == (0, "200"), "without a zone everybody comes in"

            # Addresses that nobody asks: the fake keeps them, and nobody resolves a name here.
            public = r"\1, public-address: 203.0.113.11,"
            clone.edit(clone.stack_file.name, r"(name: lb1, address: [0-9.]+),", public, subject="Have an address")
            zone = f'zones: {{main: "{ZONE}"}}\n  colorway:network:'
            clone.edit(clone.stack_file.name, r"^  colorway:network:", f"  colorway:{zone}", subject="Have a zone")
            said = clone.up(code=1).output
            assert "write colorway:lock-down: ready" in said, "users would be refused until Cloudflare shows it"
            lock_down(clone, "zones:", f'zones: {{main: "{ZONE}"}}\n  colorway:lock-down: ready')
            assert ask(STRANGER)[:2] == (0, "200"), "nobody is refused yet"

            [given] = fake.asked("POST", "/origin_tls_client_auth")
            shown = tmp_path / "shown.pem"
            shown.touch(mode=0o600)
            shown.write_text(given.body["certificate"] + given.body["private_key"])
            assert ask(OF_CLOUDFLARE, shown=shown)[:2] == (0, "200")

            lock_down(clone, "lock-down:", "lock-down: closed")
            clone.settled()
            assert ask(STRANGER)[0] == TIMED_OUT, "the firewall drops who is not Cloudflare"
            assert ask(STRANGER, shown=shown)[0] == TIMED_OUT
            assert ask(OF_CLOUDFLARE)[:2] == (0, "403"), "another customer of Cloudflare's has no certificate of ours"
            assert ask(f"{NETWORK}.1")[:2] == (0, "403"), "whom the firewall lets in, TLS does not"
            assert ask(OF_CLOUDFLARE, shown=shown)[:2] == (0, "200")

            forged = [f"CF-Connecting-IP: 203.0.113.{number}" for number in range(20)]
            met = [[json.loads(ask(who, one, shown=shown)[2])["color"] for one in forged] for who in WHO]
            assert [len(set(colors)) for colors in met] == [1, 2], "the word of Cloudflare counts, and nobody else's"

            private = given.body["private_key"].splitlines()[1]
            look = 'grep -rlF -e "$1" /etc /root /tmp /var/lib/colorway 2>/dev/null || :'
            assert [on_host(clone, host, "sh", "-c", look, "colorway", private) for host in FEW] == [""] * 3
            state = subprocess.run(
                ["grep", "-rlF", "-e", private, str(clone.path)], capture_output=True, text=True, check=False
            ).stdout
            assert state == "", "it is encrypted wherever it is kept"

            lock_down(clone, "lock-down:", "lock-down: open")
            assert ask(STRANGER)[:2] == (0, "200")
            assert fake.asked("DELETE", "/origin_tls_client_auth"), "Cloudflare shows it no more"
