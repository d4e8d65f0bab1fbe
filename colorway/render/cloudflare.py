"""Where Cloudflare asks load balancers from: the one reader of `config/cloudflare-ranges.txt`.

A list in the project and not the published one: a preview asks nobody, and what is believed and let in changes with a
commit only. `.github/workflows/cloudflare-ranges.yml` says when the two differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from colorway.errors import ColorwayError

FILE = "config/cloudflare-ranges.txt"
"""The list, in the project: a network a line."""
FEWEST = {4: 10, 6: 5}
"""Networks of each version of IP that a whole list has at least; the published one had 15 and 7 for years."""
WIDEST = {4: 12, 6: 28}
"""Shortest prefixes that a list may have: a slip such as 104.0.0.0/1 would let half of the internet in."""
ROOT = Path(__file__).resolve().parents[2]

Network = IPv4Network | IPv6Network


class RangesError(ColorwayError):
    """A list of Cloudflare's networks that nobody may be believed by."""


@cache
def cloudflare_ranges() -> tuple[Network, ...]:
    """Return the networks that Cloudflare asks from.

    Raises:
        RangesError: the list is missing, short or malformed, so that nothing is rendered by it.
    """
    try:
        text = (ROOT / FILE).read_text(encoding="utf-8")
    except OSError:
        raise RangesError(f"{FILE}: cannot be read; take it back from git") from None
    return ranges_of(text)


def ranges_of(text: str) -> tuple[Network, ...]:
    """Return the networks of a list, in its order.

    Args:
        text: A network a line; empty lines and those that begin with # do not count.

    Raises:
        RangesError: a line is no network of the internet, or a network is missing or there twice.
    """
    found = tuple(_networks(text))
    for version, fewest in FEWEST.items():
        number = sum(one.version == version for one in found)
        if number < fewest:
            raise RangesError(
                f"{FILE}: has {number} networks of IPv{version}, and Cloudflare has at least {fewest}; write all of "
                f"https://www.cloudflare.com/ips-v{version}"
            )
    return found


def of_version(version: int, networks: Sequence[Network]) -> tuple[str, ...]:
    """Return those of one version of IP, as nginx and nftables write them."""
    return tuple(str(one) for one in networks if one.version == version)


def _networks(text: str) -> Iterator[Network]:
    seen: set[Network] = set()
    for number, line in enumerate(text.splitlines(), start=1):
        said = line.strip()
        if not said or said.startswith("#"):
            continue
        try:
            network = ip_network(said)
        except ValueError:
            raise RangesError(f"{FILE}:{number}: is no network; write one a line, such as 104.16.0.0/13") from None
        if network.prefixlen < WIDEST[network.version] or not network.is_global:
            raise RangesError(f"{FILE}:{number}: is more than Cloudflare's own addresses; write what it publishes")
        if network in seen:
            raise RangesError(f"{FILE}:{number}: is there twice; leave one out")
        seen.add(network)
        yield network
