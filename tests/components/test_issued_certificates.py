"""What has certificates issued: one beside each load balancer, with a token that is a secret, awaited by nothing."""

from __future__ import annotations

import pulumi
import pytest

from colorway.config.stack_files import ConfigError
from colorway.outputs import platform_outputs
from components.load_balancer.certificates import CA_PATH, Certificates
from components.secrets import MissingSecretError
from tests.components.pieces import constraints, secret_files
from tests.program.stacks import run_stack
from tests.support.recorder import SERVICE, run_program
from tests.support.specs import REMOTE_HOSTS, pinned, small_spec

ISSUED = {"issuer": "lets-encrypt", "token": "acme-token"}


PRIVATE = {"issuer": "acme", "directory": "https://ca.example.com/dir", "ca": "config/root.pem", "token": "acme-token"}


def spec(*, files=None, **tls):
    return small_spec(
        files=files,
        hosts=REMOTE_HOSTS,
        settings={"environment": "staging", "tls": tls or ISSUED},
        overrides={"edge": {"certbot-image": pinned("certbot")}},
    )


@pytest.fixture(scope="module")
def production():
    return run_stack("production")


def test_there_is_one_on_each_load_balancers_host(production):
    found = production.of_type(SERVICE).values()
    for host in ("lb1", "lb2"):
        [made] = [one for one in found if one.inputs["name"] == f"production-certbot-{host}"]
        assert f"node.labels.colorway-production-host=={host}" in constraints(made)
        assert secret_files(made) == ["acme-token"]
        mounts = {one["target"]: (one["type"], one.get("source")) for one in made.container["mounts"]}
        assert mounts["/etc/colorway/certs"] == ("bind", "/var/lib/colorway/production/load-balancer/certs")
        assert mounts["/etc/letsencrypt"] == ("volume", f"production-certbot-{host}")
        assert mounts["/tmp"][0] == "tmpfs", "the token is in a file there"
        assert made.container["readOnly"] is True
        assert "the-value-of-acme-token" not in str(made.inputs), "neither argument nor environment"


def test_nothing_waits_for_an_authority(production):
    its = [one for one in production.resources if "certbot" in one.name or one.name.startswith("certificates")]
    others = [one for one in production.resources if one not in its]
    assert len(its) > 3
    assert not production.waits_for(*others) & {one.name for one in its}


def test_prometheus_has_the_rules_by_which_it_alerts(production):
    [made] = [one for one in production.of_type(SERVICE).values() if one.inputs["name"] == "production-prometheus"]
    assert {one["fileName"] for one in made.container["configs"]} == {
        "/etc/prometheus/prometheus.yml",
        "/etc/prometheus/rules/certificates.yaml",
    }


def test_a_stack_without_an_authority_has_nothing_of_it():
    found = run_stack("local")
    assert "prometheus-rules-certificates" not in {one.name for one in found.resources}
    assert not [one.name for one in found.resources if "certbot" in one.name or one.name.startswith("certificates")]


def test_the_root_of_an_own_authority_is_a_file_beside_it():
    root = {"config/root.pem": b"-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n"}
    told = spec(files=root, **PRIVATE)
    found = run_program(
        lambda: Certificates("certificates", told, configured=lambda _: pulumi.Output.from_input("a-token"))
    )
    [made] = [one for one in found.of_type(SERVICE).values() if one.inputs["name"] == "test-certbot-lb1"]
    at = {one["fileName"] for one in made.container["configs"]}
    assert at == {"/colorway-entry.sh", CA_PATH}
    assert made.container["env"]["COLORWAY_CA"] == CA_PATH


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "names a file that the project does not have; write its path below the project's folder"),
        ({"config/root.pem": b"x"}, "names a file without a certificate; write the authority's root into it, as PEM"),
    ],
)
def test_a_root_that_is_none_is_said(files, said):
    with pytest.raises(ConfigError, match=f"tls.ca: {said}"):
        spec(files=files, **PRIVATE)


def test_a_token_that_is_not_set_is_said_with_its_cure():
    with pytest.raises(MissingSecretError, match=r"secret acme-token, .* config set --secret secrets:acme-token"):
        run_program(lambda: Certificates("certificates", spec(), configured=lambda _: None))


def test_outputs_name_what_is_there():
    said = platform_outputs(spec(), generation="abc")
    assert {one["service"] for one in said["services"]} >= {"test-certbot-lb1", "test-certbot-lb2"}
    assert said["issuer"] == "lets-encrypt"
