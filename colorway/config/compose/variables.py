"""`${VARIABLES}` of Compose files, and the files that give them values."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from dotenv import dotenv_values

from colorway.config.compose.said import Place, Remarks, Said
from colorway.config.documents import Problem
from colorway.config.stack_files import ConfigError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-?+]")
_UNSET = re.compile("\ue000([A-Za-z0-9_]+)\ue001")
"""Stands for the value of a variable that nothing sets; such characters are in no honest file."""


def unset(text: str) -> list[str]:
    """Return the variables without a value that a text names."""
    return _UNSET.findall(text)


def without_unset(text: str) -> str:
    """Return a text as Compose has it where variables have no value: with nothing in their place."""
    return _UNSET.sub("", text)


def values_of(text: str) -> dict[str, str]:
    """Return what a file of variables sets, as `docker compose --env-file` reads it."""
    found = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Variables:
    """The values that variables have, and a question for each that has none."""

    values: Mapping[str, str]
    remarks: Remarks
    missing: list[Problem] = field(default_factory=list)
    """Variables that a file requires and nothing sets."""
    asked: dict[tuple[str, Place], str] = field(default_factory=dict)
    """Where variables without a value are asked for: path by variable and place."""

    def filled(self, said: Said, path: str = "") -> Said:
        """Return what is said with the values of its variables; keys stay, as Compose leaves them."""
        if isinstance(said.value, Mapping):
            below = {key: self.filled(one, f"{path}.{key}".lstrip(".")) for key, one in said.value.items()}
            return replace(said, value=below)
        if isinstance(said.value, list):
            return replace(said, value=[self.filled(one, path) for one in said.value])
        if isinstance(said.value, str):
            return replace(said, value=self.fill(said.value, said.place, path))
        return said

    def fill(self, text: str, place: Place, path: str) -> str:
        """Return a text with the values of its variables; `$$` is one dollar."""
        result, position = [], 0
        while (dollar := text.find("$", position)) >= 0:
            result.append(text[position:dollar])
            filled, position = self._one(text, dollar, place, path)
            result.append(filled)
        return "".join([*result, text[position:]])

    def given(self, name: str, place: Place, path: str) -> str:
        """Return a variable's value, or what stands for it until somebody gives it one."""
        if name in self.values:
            return self.values[name]
        self.asked.setdefault((name, place), path)
        return f"\ue000{name}\ue001"

    def _one(self, text: str, dollar: int, place: Place, path: str) -> tuple[str, int]:
        """Return what a dollar means, and where the text goes on."""
        after = dollar + 1
        if text.startswith("$", after):
            return "$", after + 1
        if plain := _NAME.match(text, after):
            return self.given(plain[0], place, path), plain.end()
        end = _closing(text, after)
        name = _NAME.match(text, after + 1) if text.startswith("{", after) else None
        if end is None or name is None:
            return "$", after
        operator = _OPERATOR.match(text, name.end())
        if operator is None:
            return self.given(name[0], place, path), end + 1
        rest = text[operator.end() : end]
        return self._chosen(name[0], operator[0], rest, place, path), end + 1

    def _chosen(self, name: str, operator: str, rest: str, place: Place, path: str) -> str:
        value = self.values.get(name)
        counts = bool(value) if operator.startswith(":") else value is not None
        match operator[-1]:
            case "+":
                return self.fill(rest, place, path) if counts else ""
            case "-":
                return (value or "") if counts else self.fill(rest, place, path)
            case _:
                if not counts:
                    message = f"requires the variable {name}, which nothing sets; write it into a file for --env-file"
                    self.missing.append(Problem(file=place.file, line=place.line, path=path, message=message))
                return value or ""

    def answer(self, said: Said) -> None:
        """Take back the questions for what is written in one place: a secret, whose value is nobody's business here."""
        for name in unset(str(said.value)):
            self.asked.pop((name, said.place), None)

    def settle(self, said: Said) -> None:
        """Take back the questions for what a later file has replaced or reset.

        Args:
            said: What all files say together.
        """
        left = frozenset(_asked_in(said))
        for one in [one for one in self.asked if one not in left]:
            del self.asked[one]

    def ask(self) -> None:
        """Remark each variable that has no value, once."""
        for name in dict.fromkeys(one for one, _ in self.asked):
            place, path = next((place, path) for (one, place), path in self.asked.items() if one == name)
            cure = "write it into a file for --env-file, or its value into the platform file"
            self.remarks.add(place, path, f"asks for the variable {name}, which has no value here", cure)

    def refuse_missing(self) -> None:
        """Refuse files that require what nothing sets.

        Raises:
            ConfigError: one sentence for each variable.
        """
        if self.missing:
            raise ConfigError(self.missing)


def _asked_in(said: Said) -> Iterator[tuple[str, Place]]:
    """Yield the variables without a value that something names, each with its place."""
    below = said.value.values() if isinstance(said.value, Mapping) else said.items if said.text is None else ()
    for one in below:
        yield from _asked_in(one)
    yield from ((name, said.place) for name in unset(said.text or ""))


def _closing(text: str, brace: int) -> int | None:
    """Return where the brace that opens at a position is closed."""
    depth = 0
    for position in range(brace, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return position
    return None
