"""The roles of a PostgreSQL: an owner that cannot log in, and two logins in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import pulumi

from colorway.render import replication
from colorway.render.templates import script, store_script
from colorway.spec import names
from colorway.spec.fields import whole_seconds
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.services import ServiceSpec
from colorway.spec.stores import PostgresqlSpec
from colorway.spec.traffic import Color
from components.database.authority import OwnPassword
from components.remote import HostScript

FIRST_LEADER = timedelta(minutes=5)
"""How long a first member may take to lead; a recovery after a loss of power reads its whole log."""
BEGUN_WITHIN = timedelta(hours=6)
"""How long it may take where it begins from data that exists: a backup, or a copy."""
MARGIN = timedelta(seconds=60)
"""How much longer than its stop grace a task may be there."""


def open_login(
    logical: str,
    spec: PlatformSpec,
    store: str,
    *,
    password: pulumi.Input[str],
    pool: OwnPassword | None = None,
    opts: pulumi.ResourceOptions,
) -> HostScript:
    """Return the step that gives a store its database, the owner of that, and the login that counts now.

    Of several members it waits for a leader, and tells it what all have, and by which password `pool` asks. The other
    login stays as it is. A password that has changed under a login with sessions is refused.
    """
    wanted = _wanted(spec, store)
    extensions = " ".join(wanted.extensions) if wanted.is_replicated else ""
    if pool is None:
        return _told(logical, spec, store, scripts=("logins",), more=[extensions], stdin=password, opts=opts)
    return _told(
        logical,
        spec,
        store,
        scripts=("settings", "logins"),
        more=[replication.settings(wanted), extensions],
        stdin=pulumi.Output.concat(pool.text, "\n", password),
        opts=opts,
    )


class FormerLogins(pulumi.ComponentResource):
    """Lets each PostgreSQL's other login in no more, once all tasks that had it are gone.

    It comes after all services, of both colors: while one of them does not start, both logins count. Nothing waits for
    it.
    """

    def __init__(self, name: str, spec: PlatformSpec, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("colorway:data:FormerLogins", name, None, opts)
        for store, login in spec.logins.items():
            services = _users(spec, store)
            longest = max((one.stop_grace for one in services.values()), default=timedelta())
            gone = HostScript(
                f"{store}-rolled",
                spec.manager,
                script=script("await-rolled"),
                arguments=[str(whole_seconds(longest + MARGIN)), login.name, *services],
                opts=pulumi.ResourceOptions(parent=self),
            )
            then = pulumi.ResourceOptions(parent=self, depends_on=[gone])
            _told(f"{store}-former-login", spec, store, scripts=("close",), more=[], stdin=None, opts=then)
        self.register_outputs({})


def _users(spec: PlatformSpec, store: str) -> Mapping[str, ServiceSpec]:
    """Return the services that use a store, also of a color that is off, by their names in the swarm."""
    every: dict[Color | None, Mapping[str, ServiceSpec]] = {color: spec.colored(color) for color in Color}
    every[None] = spec.shared
    return {
        names.service(spec.stack, name, color): service
        for color, services in every.items()
        for name, service in services.items()
        if store in service.uses
    }


def _wanted(spec: PlatformSpec, store: str) -> PostgresqlSpec:
    wanted = spec.platform.data_stores[store]
    if not isinstance(wanted, PostgresqlSpec):
        raise TypeError(f"{store} is no PostgreSQL")
    return wanted


def _told(
    logical: str,
    spec: PlatformSpec,
    store: str,
    *,
    scripts: Sequence[str],
    more: Sequence[str],
    stdin: pulumi.Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> HostScript:
    """Run scripts, one after the other, in a member of a store, which tell the one that takes writes something."""
    wanted, members, ports = _wanted(spec, store), spec.members(store), spec.store_ports(store)
    called, login = spec.generation(store), spec.logins[store].name
    begins_empty = spec.kept(store).begins_from is None and wanted.source is None
    how = "members" if wanted.is_replicated else "one"
    text = "".join(store_script(f"postgresql-{one}") for one in (how, *scripts))
    ways = [
        replication.CONFIG,
        ",".join(str(one.host.address) for one in members),
        ",".join(str(ports.main) for _ in members),
    ]
    return HostScript(
        logical,
        members[0].host,
        script=script("settle-store" if wanted.is_replicated else "in-member"),
        arguments=[
            str(whole_seconds(FIRST_LEADER if begins_empty else BEGUN_WITHIN)),
            names.service(spec.stack, members[0].name),
            text,
            *(ways if wanted.is_replicated else ()),
            wanted.database,
            wanted.user,
            login,
            *more,
            # Nobody reads it: another generation has to be told, too.
            *([called] if called != store else []),
        ],
        stdin=stdin,
        opts=opts,
    )
