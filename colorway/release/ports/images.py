"""Images on all nodes before anything starts: a start is then no download, and a wrong digest stops nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from docker.errors import DockerException
from requests.exceptions import RequestException

from colorway.errors import ColorwayError

AT_ONCE = 4
"""Nodes that pull at the same time."""


@dataclass(frozen=True)
class BuiltHere:
    """Images that are built on the machine that runs them."""

    def pull(self, references: Sequence[str]) -> tuple[str, ...]:
        """Pull nothing, and say why."""
        return (f"{len(references)} images are built on this machine; nothing to pull.",)


@dataclass(frozen=True)
class RegistryImages:
    """Images that every node pulls from its registry."""

    nodes: Callable[[], Mapping[str, Any]]
    """Asked for the `docker.APIClient` of each node by the host's name."""

    def pull(self, references: Sequence[str]) -> tuple[str, ...]:
        """Pull images on all nodes, those that are there already included: that costs one question.

        Raises:
            ColorwayError: names the first node that cannot get an image, which one, and what its registry said.
        """
        nodes = self.nodes()
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            for problem in pool.map(lambda node: _pull(node[0], node[1], references), nodes.items()):
                if problem:
                    raise ColorwayError(problem)
        return (f"{len(references)} images are on {len(nodes)} nodes.",)


def _pull(host: str, api: Any, references: Sequence[str]) -> str | None:  # noqa: ANN401 - docker-py is untyped
    """Pull images on one node; return what went wrong."""
    for reference in references:
        repository, _, digest = reference.partition("@")
        try:
            # With the digest as the tag the daemon pulls exactly that image.
            api.pull(_without_tag(repository), tag=digest)
            api.inspect_image(reference)
        except (DockerException, RequestException, OSError) as error:
            reason = str(getattr(error, "explanation", None) or type(error).__name__)
            return f"{host}: cannot pull {reference}: {reason}; check the manifest, and the host's login there"
    return None


def _without_tag(repository: str) -> str:
    """Return `registry:5000/crm` for `registry:5000/crm:1.9.0`."""
    path, slash, name = repository.rpartition("/")
    return f"{path}{slash}{name.partition(':')[0]}"
