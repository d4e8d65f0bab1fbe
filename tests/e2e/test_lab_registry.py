"""Hosts pull from a registry with a password by themselves: images pinned by digest, and nothing where it is silent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from colorway.spec import names
from tests.support.labs import FEW, NETWORK, OURS, bare, lab, on_host
from tests.support.registry import also_at, running_registry
from tests.support.shop import PASSWORD, USER, Shop, needles

pytestmark = [pytest.mark.area("hosts"), pytest.mark.needs("losetup"), pytest.mark.full]
MACHINE = f"{NETWORK}.1"
TRUST = 'mkdir -p "/etc/docker/certs.d/$1"; cat >"/etc/docker/certs.d/$1/ca.crt" <<END\n{certificate}END\n'
"""As who has a registry of one's own does it on each host."""


@pytest.mark.timeout(1800)
def test_hosts_pull_from_a_registry_with_a_password(empty_machine: None, pulumi_cli: Path, tmp_path: Path):
    with (
        bare(tmp_path / "clone", hosts=FEW) as clone,
        running_registry(tmp_path / "registry", user=USER, password=PASSWORD) as registry,
    ):
        lab(clone, "up")
        shop = Shop(clone=clone, registry=registry, pulumi=pulumi_cli, folder=tmp_path)
        with also_at(registry, MACHINE, folder=tmp_path) as certificate:
            shop.write(OURS.file)
            for host in FEW:
                trust = TRUST.format(certificate=certificate)
                on_host(clone, host, "sh", "-euc", trust, "colorway", registry.host)
            shop.up()
            assert registry.let_in > 10
            assert registry.refused == 0
            for host in FEW:
                form = "{{.Repository}}@{{.Digest}}"
                there = on_host(clone, host, "docker", "image", "ls", "--digests", "--format", form).split()
                pinned = (clone.path / "releases/shop/1.yaml").read_text()
                assert [image for image in there if image.partition("@")[2] in pinned], f"{host}: {there}"
            assert "nothing changes" in shop.up()

            second = shop.push("2")
            (clone.path / "releases/shop/2.yaml").write_text(f"images: {{shop: {second}}}\n")
            clone.git("add", "--all")
            clone.versions(blue="1", green="2")

        before = services(shop)
        said = shop.up(code=1)
        assert f"the lab's hosts get no answer from {registry.host}" in said
        assert "nothing was changed" in said
        assert services(shop) == before

        with also_at(registry, MACHINE, folder=tmp_path):
            registry.password = "another"
            said = shop.up(code=1)
            assert f"the registry {registry.host} refuses the login of colorway:registries" in said
            assert {name: services(shop)[name] for name in before} == before, "who runs already needs no registry"
            registry.password = PASSWORD
            shop.up()
            assert f"{clone.stack}-shop-green" in services(shop)
        look = 'grep -rlF -e "$1" /etc /root /tmp /var/lib/colorway 2>/dev/null || :'
        texts = [on_host(clone, host, "sh", "-c", look, "colorway", PASSWORD) for host in FEW]
        assert not any(texts), "no host keeps the password in a file of ours"
        assert not [needle for needle in needles(PASSWORD) if needle in "\n".join(shop.said).encode()]


def services(shop: Shop) -> dict[str, int]:
    """Return the version of each service in the lab's swarm, which any update counts up."""
    label = f"label={names.STACK_LABEL}={shop.clone.stack}"
    listed = on_host(shop.clone, "db1", "docker", "service", "ls", "-q", "--filter", label).split()
    found = json.loads(on_host(shop.clone, "db1", "docker", "service", "inspect", *listed))
    return {one["Spec"]["Name"]: one["Version"]["Index"] for one in found}
