"""What a stack leaves on its hosts once its services are gone: volumes and directories, kept unless they shall go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from colorway.errors import ColorwayError
from colorway.hosts.reach import Reach, everywhere, over_ssh
from colorway.render.templates import host_script
from colorway.spec import names
from colorway.spec.platform_spec import PlatformSpec

_GONE_WITHIN = 180
"""Seconds for a host's answer: a volume is in use until the last task that had it has ended."""


@dataclass(frozen=True, kw_only=True)
class Leftovers:
    """The data of one stack on hosts that are not this machine."""

    spec: PlatformSpec
    say: Callable[[str], None]
    """Prints one line."""
    reach: Reach = over_ssh

    def remove(self) -> None:
        """Remove the stack's volumes and its directory on every host of its file; a second time does no more.

        Raises:
            ColorwayError: names each host that could not be asked or did not do it; on the others it is done.
        """
        found, failed = self._ask("remove")
        for host, things in found.items():
            self.say(f"removed on {host}: {', '.join(things)}")
        if failed:
            told = "\n".join(f"{self.spec.stack}: the data on {host} stays: {why}" for host, why in failed.items())
            again = f"Everything else is removed. Once that is mended: colorway down {self.spec.stack} --data"
            raise ColorwayError(f"{told}\n{again}")

    def warn(self) -> None:
        """Say what of which host `remove` would remove; nothing is changed."""
        found, failed = self._ask("look")
        for host, things in found.items():
            self.say(f"goes from {host}: {', '.join(things)}")
        for host, why in failed.items():
            self.say(f"what goes from {host} nobody knows: {why}")

    def tell(self) -> None:
        """Say what stays where, and what removes it; nothing is changed."""
        found, failed = self._ask("look")
        for host, things in found.items():
            self.say(f"kept on {host}: {', '.join(things)}")
        for host, why in failed.items():
            self.say(f"what is kept on {host} nobody knows: {why}")
        if found or failed:
            self.say(f"`colorway down {self.spec.stack} --data` removes it")

    def _ask(self, what: str) -> tuple[dict[str, list[str]], dict[str, str]]:
        """Return what there was on each host, and why a host did not say; volumes are looked for on all of them.

        One that moved to another host has left its volume where it was. Of a store's generations all are found, also
        those that were tried and left, of which no file says anything.
        """
        text = host_script("leftovers")
        volumes = dict.fromkeys([*(volume.name for volume in self.spec.inventory().volumes), *self._generations()])
        answers = everywhere(
            self.spec.settings.hosts,
            lambda host: self.reach(host, text, what, self.spec.directory, *volumes, limit=_GONE_WITHIN),
        )
        found = {host: said.output.split() for host, said in answers.items() if said.output.strip()}
        return found, {host: said.last_words for host, said in answers.items() if said.code}

    def _generations(self) -> Iterator[str]:
        for store in self.spec.stores_of_generations:
            for member in self.spec.members(store):
                yield names.later_volumes(self.spec.stack, store, member.host.name)
