"""Certificates of two load balancers on hosts of their own: each asks the authority itself, from nothing."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from colorway.render.certificates import FOLDER, KEY
from colorway.spec import names
from tests.support.clone import Clone, as_user_of
from tests.support.cloudflare import FakeCloudflare, Right
from tests.support.labs import DOMAIN, FOUR, NETWORK, address, bare, lab, on_host, says
from tests.support.pebble import Pebble, pebble_image, self_signed
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("edge"), pytest.mark.needs("losetup"), pytest.mark.full]

OTHER = "colorway-shop.example"
MACHINE = f"{NETWORK}.1"
CLOUDFLARE = "api.cloudflare.com"
FIRST_PORT = 19660
"""Of Pebble's."""
PORT = 8443
BALANCERS = {"lb1": address(11), "lb2": address(12)}
SOON = 420
"""Seconds: two lineages one after the other, 20 s each for DNS, and both hosts on one machine."""


@contextmanager
def authority(folder: Path) -> Iterator[tuple[Pebble, FakeCloudflare, str]]:
    """Run Pebble and what hosts take for Cloudflare; yield both, and whom hosts have to trust."""
    pebble = Pebble(
        image=pebble_image(folder / "image"), folder=folder / "pebble", first_port=FIRST_PORT, address=MACHINE
    )
    self_signed(folder, "cloudflare", name=f"DNS:{CLOUDFLARE}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cloudflare.crt", folder / "cloudflare.key")
    with FakeCloudflare(address=MACHINE, port=443, tls=context, tell=pebble.tell) as fake:
        pebble.start()
        try:
            yield pebble, fake, pebble.trusted.read_text() + (folder / "cloudflare.crt").read_text()
        finally:
            pebble.close()


def shown(host: str, name: str, *, root: str | None) -> str:
    """Return what a load balancer shows under a name, as PEM; refused where the root that signs it is another one."""
    context = ssl.create_default_context(cadata=root)
    if root is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((BALANCERS[host], PORT), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname=name) as tls,
    ):
        return ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True) or b"")


def key_of(clone: Clone, host: str, domain: str) -> str:
    """Return the private key of what a load balancer shows."""
    path = f"{names.directory(clone.stack)}/load-balancer/{FOLDER}/{domain}/current/{KEY}"
    return on_host(clone, host, "cat", path)


@pytest.mark.timeout(2400)
def test_two_load_balancers_get_a_certificate_of_each_domain_from_nothing(
    empty_machine: None, pulumi_cli: Path, tmp_path: Path
):
    with bare(tmp_path / "clone", hosts=FOUR) as clone:
        clone.versions(blue="1.0.0", green=None)
        # Nobody looks at what is shown under a name that nothing answers.
        routes = "    routes: [{path: /}, {domain: shop, path: /}]"
        clone.edit("platforms/demo.yaml", r"^    routes: \[\{path: /\}\]$", routes, subject="Answer under both")
        domains = f"  colorway:domains: {{main: {DOMAIN}, shop: {OTHER}}}"
        clone.edit(clone.stack_file.name, r"^  colorway:domains: .*$", domains, subject="Have two domains")
        lab(clone, "up")
        # Where a stack has secrets of its own, it exists.
        clone.up()
        with authority(tmp_path) as (pebble, fake, trusted):
            for domain in (DOMAIN, OTHER):
                fake.add_zone(domain)
            for host in BALANCERS:
                on_host(clone, host, "sh", "-c", f"echo {MACHINE} {CLOUDFLARE} >>/etc/hosts")
            (clone.path / "config").mkdir(exist_ok=True)
            (clone.path / "config/authority.pem").write_text(trusted)
            token = fake.add_token(Right.DNS_WRITE, Right.ZONE_READ)
            as_user_of(clone, pulumi_cli, "config", "set", "--secret", "secrets:acme-token", said=token)
            tls = f"{{issuer: acme, directory: '{pebble.directory}', ca: config/authority.pem, token: acme-token}}"
            line = f"{domains}\n  colorway:tls: {tls}"
            clone.edit(clone.stack_file.name, r"^  colorway:domains: .*$", line, subject="Have certificates")
            clone.up()
            for host in BALANCERS:
                assert shown(host, DOMAIN, root=None), "users wait for no authority"

            def are_issued() -> bool:
                found = says(clone)["certificates"]
                return len(found) == 2 * len(BALANCERS) and all(one["issuer"] for one in found)

            try:
                wait_until(are_issued, limit=SOON, what="an authority has issued all four", every=3)
            except AssertionError as error:
                raise AssertionError(f"{error}: {says(clone)['certificates']}") from None
            root = pebble.root()
            every = {(host, domain) for host in BALANCERS for domain in (DOMAIN, OTHER)}
            served = {(host, name): shown(host, name, root=root) for host, name in every}
            assert len(set(served.values())) == len(every), "each load balancer has its own, of each domain"
            shown("lb2", f"anything.{OTHER}", root=root)

            keys = {key_of(clone, host, domain) for host, domain in every}
            assert len(keys) == len(every)
            secrets = [token, *(key.splitlines()[1] for key in keys)]
            everywhere = "".join(path.read_text(errors="replace") for path in clone.path.rglob("*") if path.is_file())
            assert not [one for one in secrets if one in everywhere], "nothing of them is in state, logs or files"
            services = on_host(clone, "db1", "docker", "service", "ls", "--quiet").split()
            known = on_host(clone, "db1", "docker", "service", "inspect", *services)
            assert not [one for one in secrets if one in known]
            clone.settled()
            said = clone.run("status", clone.stack).output
            assert f"certificate: {OTHER} on lb2: by Pebble Intermediate CA" in said, said
