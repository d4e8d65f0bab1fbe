"""What waits for what in a whole platform: a sick idle color must never block a way back."""

from __future__ import annotations

import base64
from functools import cache

import pytest

from colorway.config import stack_files
from colorway.spec.services import STOP_MARGIN
from tests.program.stacks import run_spec, value_of
from tests.support.recorder import SECRET, SERVICE, Recording
from tests.support.specs import HOST_KEY, MAIL, REMOTE_HOSTS, ROOT, small_spec

STEPS = ("check", "apply")


@cache
def at(traffic: str) -> Recording:
    """The small platform on this machine with some traffic."""
    return run_spec(small_spec(traffic=traffic))


def routing(recording, step, host="localhost"):
    return recording.one(f"routing-{step}-{host}-run")


@pytest.fixture(scope="module")
def remote():
    """Two load balancers and an application host, with users on both colors."""
    return run_spec(small_spec(hosts=REMOTE_HOSTS, traffic="90:10", settings={"environment": "staging"}))


@pytest.fixture(scope="module")
def local():
    return at("100:0")


@pytest.mark.parametrize(
    ("traffic", "served", "idle"), [("100:0", ["blue"], ["green"]), ("0:100", ["green"], ["blue"])]
)
def test_routing_waits_for_the_color_with_users_and_for_nothing_of_the_idle_one(traffic, served, idle):
    recording = at(traffic)
    for step in STEPS:
        waits = recording.waits_for(routing(recording, step))
        for color in served:
            assert {f"shop-{color}-service", f"api-{color}-service"} <= waits, (
                "users would meet tasks that are not there"
            )
        blocking = {name for name in waits for color in idle if color in name} - {f"net-{color}" for color in idle}
        assert not blocking, f"a sick {idle[0]} would block the way back to {served[0]}: {blocking}"


def test_routing_waits_for_both_colors_while_both_have_users():
    recording = at("50:50")
    waits = recording.waits_for(routing(recording, "check"))
    assert {f"{service}-{color}-service" for service in ("shop", "api") for color in ("blue", "green")} <= waits


def test_routing_waits_for_no_store_worker_or_monitor_of_its_own(local):
    direct = local.one("routing-check-localhost").depends_on
    names = {urn.rsplit("::", 1)[-1] for urn in direct}
    assert names == {
        "lb-localhost-directory-run",
        "lb-localhost-secrets-run",
        "lb-localhost-service",
        "shop-blue-service",
        "api-blue-service",
    }, "a dead Prometheus must not keep traffic where it is"
    waits = local.waits_for(routing(local, "apply"))
    assert not {"prometheus-service", "mtail-localhost-service", "worker-blue-service"} & waits


def test_every_host_has_checked_the_text_before_any_host_applies_it(remote):
    for host in ("lb1", "lb2"):
        waits = remote.waits_for(routing(remote, "apply", host))
        assert {"routing-check-lb1-run", "routing-check-lb2-run"} <= waits, (
            "a text that one host refuses would be live on the other"
        )


def test_every_host_gets_the_same_text(remote):
    texts = {remote.one(f"routing-{step}-{host}-run").inputs["stdin"] for step in STEPS for host in ("lb1", "lb2")}
    assert len(texts) == 1, "two load balancers with two texts send one user to two colors"


def test_the_text_is_no_secret_so_that_a_preview_shows_its_diff(local):
    for step in STEPS:
        assert "stdin" not in routing(local, step).secrets, "[secret] instead of the one changed line"
        assert "create" not in routing(local, step).secrets


def test_load_balancers_change_one_after_the_other(remote):
    assert "lb-lb1-service" in remote.waits_for(remote.one("lb-lb2-service")), (
        "while one is replaced, the other one serves; together they lose every request"
    )


def test_a_color_waits_for_its_migrations_and_they_wait_for_the_database(local):
    for color in ("blue", "green"):
        waits = local.waits_for(local.one(f"shop-{color}-service"))
        assert f"migrations-{color}-0001-initial-run" in waits, "the new code would meet the old schema"
        assert "postgres-service" in local.waits_for(local.one(f"migrations-{color}-0001-initial-run"))


DROPS = {"2.0.0": {"0002-drop": False}}


@pytest.mark.parametrize(
    ("versions", "migrations", "kept_back", "runs"),
    [
        ({"blue": "1.0.0", "green": "2.0.0"}, DROPS, (), False),
        ({"blue": None, "green": "2.0.0"}, DROPS, ("0002-drop",), False),
        ({"blue": None, "green": "2.0.0"}, DROPS, (), True),
        ({"blue": "2.0.1", "green": "2.0.0"}, {**DROPS, "2.0.1": DROPS["2.0.0"]}, (), True),
    ],
    ids=["both on", "the other one about to go", "alone", "known to both"],
)
def test_what_is_not_backward_compatible_waits_until_the_other_color_is_gone(versions, migrations, kept_back, runs):
    spec = small_spec(versions=versions, migrations=migrations, traffic="0:100")
    recording = run_spec(spec.model_copy(update={"kept_back": kept_back}))
    name = "migrations-green-0002-drop-run"
    assert (name in {one.name for one in recording.custom}) is runs
    held = recording.outputs["platform"]["held"]
    assert held == ({} if runs else {"0002-drop": "2.0.0"}), "whoever comes next knows that it has not run"
    if runs:
        waits = recording.waits_for(recording.one("shop-green-service"))
        assert name in waits, "on an empty database the version finds the whole schema"


def test_a_sick_shared_service_blocks_no_color_and_no_way_back():
    recording = run_spec(small_spec(traffic="90:10", overrides={"services": {"mail": MAIL}}))
    mail = recording.one("mail-service", SERVICE)
    waits = recording.waits_for(mail)
    assert {"redis-service", "hosts-labels-run", "net-shared"} <= waits
    assert not {name for name in waits if name.startswith(("shop-", "lb-", "migrations-"))}
    last = {"postgres-rolled-run", "postgres-former-login-run"}
    assert "mail-service" in recording.waits_for(recording.one("postgres-former-login-run")), "it may have the old one"
    for one in (one for one in recording.custom if one.name not in last):
        assert "mail-service" not in recording.waits_for(one), f"{one.name} would wait for what both colors share"


def test_workers_move_after_traffic(local):
    for service in ("worker", "scheduler"):
        waits = local.waits_for(local.one(f"{service}-blue-service"))
        assert "routing-apply-localhost-run" in waits, "jobs of a version that no user meets"


def test_nothing_is_placed_by_a_label_before_the_label_is_there(local):
    for name, service in local.of_type(SERVICE).items():
        assert "hosts-labels-run" in local.waits_for(service), f"{name} would wait for a node that nobody has labelled"


def test_every_task_may_finish_its_longest_request_or_job(local):
    spec = small_spec()
    for name, service in spec.platform.services.items():
        for color in spec.colors_on:
            grace = local.one(f"{name}-{color}-service").container["stopGracePeriod"]
            assert grace == {"shop": "35s", "api": "45s", "worker": "1m35s", "scheduler": "10s"}[name]
            assert service.stop_grace == service.longest_request + STOP_MARGIN


def test_remote_commands_know_the_key_of_their_host_and_hold_none_of_ours(remote):
    commands = [one for one in remote.commands if "connection" in one.inputs]
    assert len(commands) == len(remote.commands), "nothing of a remote stack runs on this machine"
    for command in commands:
        assert command.inputs["connection"]["hostKey"] == HOST_KEY, f"{command.name}: anyone in between could answer"
        assert "privateKey" not in command.text, f"{command.name}: a key would stand in state"


def test_databases_and_networks_of_staging_are_protected_and_nothing_that_a_release_replaces(remote):
    protected = {one.name for one in remote.custom if one.protect}
    assert protected == {
        "postgres-service",
        "redis-service",
        "net-blue",
        "net-green",
        "net-monitoring",
        "net-shared",
        "net-store-postgres",
        "net-store-redis",
    }, "protected resources cannot be turned off with their color"


@pytest.mark.parametrize("preview", [True, False])
def test_no_secret_value_is_anywhere_but_in_marked_swarm_secrets(preview):
    spec = small_spec(traffic="50:50")
    recording = run_spec(spec, preview=preview)
    for secret in spec.platform.secrets:
        value = value_of(secret)
        forms = (value, base64.b64encode(value.encode()).decode()[:-3])
        for one in recording.resources:
            if one.type == SECRET:
                assert one.secrets == {"data"}, f"{one.name} would stand in state as plain text"
                continue
            if one.name.endswith(("-secrets-run", "-logins-run")):
                assert one.secrets == {"stdin"}, f"{one.name} would stand in state as plain text"
                assert not [key for key, said in one.inputs.items() if key != "stdin" and value in str(said)]
                continue
            for form in forms:
                assert form not in one.text, f"{one.type} {one.name} holds the value of {secret}"


def test_the_token_never_reaches_a_command_or_its_output(local):
    token = value_of("preview-token")
    for command in local.commands:
        if command.name.endswith("-secrets-run"):
            assert token not in str({**command.inputs, "stdin": ""}), "only on standard input"
            continue
        assert token not in command.text, f"{command.name}: a failing command is printed whole"
        if command.name == "postgres-logins-run":
            assert command.secrets == {"stdin"}, "a password, and nothing that a diff would show"
            continue
        assert not command.secrets, f"{command.name}: one secret hides the diff of the whole text"


def test_the_token_is_exported_as_a_secret(local):
    assert local.outputs["preview-token"] == value_of("preview-token"), "smoke tests open the idle color with it"
    assert local.secret_outputs == {"preview-token"}, "and `platform` is plain: `status` reads it without a passphrase"


def test_a_manager_that_stands_in_runs_no_migration_again():
    usual = stack_files.from_file(root=ROOT, stack="lab")
    stand_in = usual.model_copy(update={"answering_manager": "db2"})
    ignored = {one.name: one.ignore_changes for one in run_spec(stand_in).commands}
    migrations = {name for name in ignored if name.startswith("migrations-")}
    assert migrations
    assert all(ignored[name] == ("connection",) for name in migrations), (
        "the first manager's host may be the database's, too, and a migration without it fails"
    )
    assert not any(found for name, found in ignored.items() if name not in migrations), (
        "what has to change is told the manager that answers"
    )
    assert not any(one.ignore_changes for one in run_spec(usual).commands), (
        "whoever takes a manager's place for good is asked from then on"
    )


def test_an_old_login_ends_after_all_services_and_nothing_waits_for_that(local):
    ends = local.one("postgres-former-login-run")
    waits = local.waits_for(ends)
    assert {"api-blue-service", "worker-blue-service", "postgres-rolled-run"} <= waits
    assert not [one.name for one in local.custom if "postgres-former-login-run" in local.waits_for(one)]


def test_an_old_login_ends_in_a_server_that_is_there_also_where_no_service_waits_for_it():
    images = dict.fromkeys(("1.0.0", "2.0.0"), ("shop", "api"))
    spec = small_spec(images=images, overrides={"services": {"worker": None, "scheduler": None}})
    without = {version: one.model_copy(update={"migrations": ()}) for version, one in spec.releases.items()}
    recording = run_spec(spec.model_copy(update={"releases": without}))
    assert not [one.name for one in recording.custom if one.name.startswith("migrations-")]
    waits = recording.waits_for(recording.one("postgres-former-login-run"))
    assert "postgres-service" in waits, "its first start may take longer than all services"
