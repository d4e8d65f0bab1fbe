"""What stands before the two members of a MariaDB store is told, as text: HAProxy, which leads to the primary."""

from __future__ import annotations

from colorway.render.templates import fill_in
from colorway.spec.platform_spec import PlatformSpec


def primary_entry(spec: PlatformSpec, name: str, *, port: int) -> str:
    """Return the file of the HAProxy before a store's members; it listens on `port`.

    Args:
        spec: The stack, whose file says which member is the primary.
        name: The store's name.
        port: Where services find it.
    """
    primary, main = spec.primaries[name], spec.store_ports(name).main
    members = [
        {"name": one.host.name, "address": one.host.address, "port": main, "leads": one.host.name == primary}
        for one in spec.members(name)
    ]
    return fill_in("stores/mariadb-entry.cfg.j2", members=members, port=port)
