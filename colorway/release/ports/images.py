"""Images on all nodes before anything starts: a start is then no download, and a wrong digest stops nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from colorway.errors import ColorwayError
from colorway.swarm.connections import RefusedError

AT_ONCE = 4
"""Nodes that pull at the same time."""


@dataclass(frozen=True)
class BuiltHere:
    """Images that are built on the machine that runs them."""

    def pull(self, references: Sequence[str]) -> tuple[str, ...]:
        """Pull nothing, and say why."""
        return (f"{len(references)} images are built on this machine; nothing to pull.",)


class Node(Protocol):
    """A host's Docker; see `colorway.swarm.services.Swarm`."""

    def pull(self, reference: str) -> None:
        """Bring an image to the host.

        Raises:
            RefusedError: it cannot be had there.
            NoAnswerError: Docker does not answer.
        """


@dataclass(frozen=True)
class RegistryImages:
    """Images that every node pulls from its registry."""

    nodes: Callable[[], Mapping[str, Node]]
    """Asked for each node by the host's name."""

    def pull(self, references: Sequence[str]) -> tuple[str, ...]:
        """Pull images on all nodes, those that are there already included: that costs one question.

        Raises:
            ColorwayError: names the first node that cannot get an image, which one, and what its registry said.
            NoAnswerError: a node's Docker does not answer.
        """
        nodes = self.nodes()
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            for problem in pool.map(lambda node: _pull(node[0], node[1], references), nodes.items()):
                if problem:
                    raise ColorwayError(problem)
        return (f"{len(references)} images are on {len(nodes)} nodes.",)


def _pull(host: str, node: Node, references: Sequence[str]) -> str | None:
    """Pull images on one node; return what went wrong."""
    for reference in references:
        try:
            node.pull(reference)
        except RefusedError as error:
            return f"{host}: cannot pull {reference}: {error.said}; check the manifest, and colorway:registries"
    return None
