"""Environment variables: what may be said in the open, and how Swarm is told it word for word."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, model_validator

from colorway.spec.base import ShortSpec
from colorway.spec.fields import Shape

OWN_PREFIX = "COLORWAY_"
"""Begins the variables that every task gets from colorway itself."""
SHORTEST_TOKEN = 24
"""Shorter runs of letters and digits are names more often than secrets."""
LEAST_ENTROPY = 3.0
"""Bits for each character of a random token: hexadecimal digits have up to 4, words below 3 repeat themselves."""
LEAST_CHANGES = 0.25
"""Share of neighbors of another class (digit, small letter, capital): words and dates have few, tokens many."""
_KNOWN_SECRETS = re.compile(
    r"""
    -----BEGIN\ [A-Z ]*PRIVATE\ KEY
    | (?<![A-Za-z0-9]) (?:
        sk-[A-Za-z0-9_-]{16} | [rs]k_(?:live|test)_[A-Za-z0-9]{10}      # OpenAI, Anthropic; Stripe
        | gh[opsur]_[A-Za-z0-9]{20} | github_pat_[A-Za-z0-9_]{20} | glpat-[A-Za-z0-9_-]{16}
        | (?:AKIA|ASIA)[A-Z0-9]{16} | AIza[A-Za-z0-9_-]{30}             # Amazon; Google
        | xox[a-z]-[A-Za-z0-9-]{8} | hf_[A-Za-z0-9]{20} | npm_[A-Za-z0-9]{20} | pypi-[A-Za-z0-9_-]{20}
        | SG\.[A-Za-z0-9_-]{16} | dckr_pat_[A-Za-z0-9_-]{16} | hv[sb]\.[A-Za-z0-9_-]{16}
        | eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8}                     # a signed JSON token
    )
    """,
    re.VERBOSE,
)
_URL_OF_HOST = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/\s@]*@)?([^/\s:@?#]+)")
_URL_WITH_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/\s@:]*:[^/\s@]+@")
_TOKEN = re.compile(rf"[A-Za-z0-9+/_-]{{{SHORTEST_TOKEN},}}")
_PUBLIC = re.compile(
    r"sha(?:256|384|512)[:-][A-Za-z0-9+/=]+"
    r"|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    r"|(?:ssh|ecdsa)-[a-z0-9-]+\ [A-Za-z0-9+/=]+"
    r"|-----BEGIN\ (?:CERTIFICATE|PUBLIC\ KEY)-----[A-Za-z0-9+/=\s]*"
)
"""Looks random and opens nothing: digests, UUIDs, public keys, certificates."""
_PLACEHOLDER = re.compile(
    r"\{\{\s*(?:\.Service\.(?:ID|Name)|\.Node\.(?:ID|Hostname)|\.Node\.Platform\.(?:OS|Architecture)"
    r'|\.Task\.(?:ID|Name|Slot)|index \.Service\.Labels "[^"{}]+"|"\{\{")\s*\}\}'
)
PLAIN_CURE = "or write {value: …, plain: true} where it opens nothing"


def looks_secret(value: str) -> bool:
    """Return whether a text has a known form of a secret in it, or a long token that looks random."""
    if _KNOWN_SECRETS.search(value):
        return True
    rest = _PUBLIC.sub(" ", value)
    return any(_is_random(match[0]) for match in _TOKEN.finditer(rest))


def has_url_with_password(value: str) -> bool:
    """Return whether a text has a URL with a password in it."""
    return bool(_URL_WITH_PASSWORD.search(value))


def _is_random(token: str) -> bool:
    characters = [character for character in token if character.isalnum()]
    if (
        len(characters) < SHORTEST_TOKEN
        or not any(map(str.isdigit, characters))
        or not any(map(str.isalpha, characters))
    ):
        return False
    shares = [count / len(characters) for count in Counter(characters).values()]
    entropy = -sum(share * math.log2(share) for share in shares)
    changes = sum(_class(one) != _class(other) for one, other in itertools.pairwise(characters))
    return entropy >= LEAST_ENTROPY and changes >= LEAST_CHANGES * (len(characters) - 1)


def _class(character: str) -> int:
    return 0 if character.isdigit() else 1 + character.isupper()


def _check_name(value: str) -> str:
    if value.startswith(OWN_PREFIX):
        raise ValueError(f"is set by colorway itself; choose a name that does not begin with {OWN_PREFIX}")
    return value


def _text_of_scalar(value: Any) -> Any:  # noqa: ANN401 - whatever YAML made of it
    if value is None:
        raise ValueError(
            'is null, which leaves out a variable that a layer below has, and none has it; an empty text is ""'
        )
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        raise ValueError("is a number with a fraction and would lose its zeros; put it in quotes")  # noqa: TRY004
    return str(value) if isinstance(value, int) else value


def _check_text(value: str) -> str:
    if "\0" in value:
        raise ValueError("has a NUL character, which no environment can hold; leave it out")
    return value


EnvName = Annotated[
    str,
    Shape(r"[A-Za-z_][A-Za-z0-9_]*", "is no variable name; use letters, digits and _, for example LOG_LEVEL"),
    AfterValidator(_check_name),
]
"""Name of an environment variable."""
EnvText = Annotated[
    str, BeforeValidator(_text_of_scalar, json_schema_input_type=str | int | bool), AfterValidator(_check_text)
]
"""Text of an environment variable; a number or a truth value is its text."""


class EnvValue(ShortSpec):
    """Value of an environment variable; every `docker inspect` shows it, so nothing secret may be in it."""

    short: ClassVar[str] = "value"

    value: EnvText
    """The text; braces are braces."""
    plain: bool = False
    """Whether a value that looks like a secret opens nothing, and may be seen."""
    template: bool = False
    """Whether Swarm fills in its placeholders, such as {{.Task.Slot}}."""

    @model_validator(mode="after")
    def _opens_nothing(self) -> EnvValue:
        if not self.plain and has_url_with_password(self.value):
            raise ValueError(
                "is a URL with a password in it, and every `docker inspect` would show it; list the password under "
                f"`secrets` and hand the program its file, {PLAIN_CURE}"
            )
        if not self.plain and looks_secret(self.value):
            raise ValueError(
                "looks like a secret, and every `docker inspect` would show it; list it under `secrets` and hand the "
                f"program its file, {PLAIN_CURE}"
            )
        if self.template and "{{" in _PLACEHOLDER.sub("", self.value):
            raise ValueError(
                "has braces that Swarm cannot fill in; known: {{.Node.Hostname}}, {{.Node.ID}}, {{.Service.ID}}, "
                "{{.Service.Name}}, {{.Task.ID}}, {{.Task.Name}}, {{.Task.Slot}}"
            )
        return self

    @property
    def in_swarm(self) -> str:
        """What Swarm is told, so that the task gets what the file says.

        Swarm takes every variable for a template of Go: `{{` begins an action, unless an action prints it.
        """
        return self.value if self.template else self.value.replace("{{", '{{"{{"}}')


def named_host(key: str, value: str) -> str | None:
    """Return the host that a variable names: in a URL, or where its name ends with HOST."""
    url = _URL_OF_HOST.match(value)
    if url:
        return url[1]
    return value.partition(":")[0] if key.endswith("HOST") else None


def in_swarm(env: dict[str, EnvValue]) -> dict[str, str]:
    """Return an environment as Swarm is told it."""
    return {name: value.in_swarm for name, value in env.items()}
