"""Which color answered a request, by the address of the task: addresses tell the colors apart."""

from __future__ import annotations

from colorway.spec import names
from colorway.spec.networks import NetworkName, subnet
from colorway.spec.platform_spec import PlatformSpec


def address_pattern(spec: PlatformSpec, name: NetworkName) -> str:
    """Return the regular expression that a network's addresses, and no others, begin with.

    The bytes that its network fixes, then the one that it fixes in part; whatever follows is free.
    """
    network = subnet(spec.settings.network.range, name)
    fixed, bits = divmod(network.prefixlen, 8)
    first, last = network.network_address.packed, network.broadcast_address.packed
    parts = [str(byte) for byte in first[:fixed]]
    if bits:
        parts.append(f"(?:{_one_of(first[fixed], last[fixed])})")
    return "".join(rf"{part}\." for part in parts)


def cache_tags(spec: PlatformSpec) -> list[tuple[str, str]]:
    """Return the patterns of `$upstream_addr` with the tag of what answered; nothing without a zone.

    The last attempt is the one that answered, also where it was the other color's as a backup. What nginx says
    itself has no tag. Shared services are of no version: theirs is purged only where somebody asks for it.
    """
    if not spec.is_behind_cloudflare:
        return []
    versions = spec.settings.versions
    tags = [(NetworkName.of(color), names.cache_tag(spec.stack, color, versions.of(color))) for color in versions.on]
    tags.append((NetworkName.SHARED, names.cache_tag(spec.stack, None, None)))
    return [(rf"(?:^| ){address_pattern(spec, network)}[0-9.:]+$", tag) for network, tag in tags]


def _one_of(first: int, last: int) -> str:
    """Return the alternatives for one number of a row, ten at a time: `[0-9]|1[0-5]`."""
    tens = [range(max(first, ten), min(last, ten + 9) + 1) for ten in range(first // 10 * 10, last + 1, 10)]
    return "|".join(f"{row[0] // 10 or ''}[{row[0] % 10}-{row[-1] % 10}]" for row in tens)
