"""Who a PostgreSQL's services log in as: two logins in turn, so that an old password counts until nobody has it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from colorway.spec.task.environment import EnvValue

FIRST_LOGIN = 1
"""The login that a store begins with."""
LoginNumber = Annotated[int, Field(ge=FIRST_LOGIN, le=9999, strict=True)]
"""How many logins a store has had: one more with each new password."""
OWNER = "_owner"
"""Ends the name of the role that owns a database."""
SECOND = "_2"
"""Ends the name of every second login."""
LONGEST_USER = 63 - len(OWNER)
"""Characters of a user's name, at most: PostgreSQL cuts longer names of roles off."""
_NAMES_USER = re.compile(r"USER(_?NAME)?\Z", re.IGNORECASE)
_URL_OF_USER = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^/\s:@]+)(@([^/\s:@?#]+))")


def owner(user: str) -> str:
    """Return the role that owns a store's database and all that is made in it; it cannot log in."""
    return f"{user}{OWNER}"


@dataclass(frozen=True, kw_only=True)
class Login:
    """The login of a store's user that counts now."""

    user: str
    """As the platform file calls the user."""
    number: int
    hosts: tuple[str, ...]
    """Names under which services find the store."""

    @property
    def name(self) -> str:
        """What PostgreSQL calls it: the user's own name, and in turn with it another one."""
        return self.user if self.number % 2 else f"{self.user}{SECOND}"

    def told(self, key: str, value: EnvValue) -> EnvValue:
        """Return what a variable says now that names the user; any other one as it is.

        It names the user where its own name ends with USER or USERNAME, or in a URL of the store.
        """
        text, url = value.value, _URL_OF_USER.match(value.value)
        if text == self.user and _NAMES_USER.search(key):
            return value.model_copy(update={"value": self.name})
        if url and url[2] == self.user and url[4] in self.hosts:
            return value.model_copy(update={"value": f"{url[1]}{self.name}{url[3]}{text[url.end() :]}"})
        return value


def with_logins(env: Mapping[str, EnvValue], logins: Sequence[Login]) -> dict[str, EnvValue]:
    """Return an environment in which each user of these stores is the login that counts now."""
    found = dict(env)
    for login in logins:
        found = {key: login.told(key, value) for key, value in found.items()}
    return found
