"""One-line edits of a stack file: exactly one line changes; comments, order and spacing stay."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from colorway.config.documents import parse_document
from colorway.errors import ColorwayError
from colorway.spec.traffic import Color, Traffic, Versions

TRAFFIC = "colorway:traffic"
VERSIONS = "colorway:versions"
EXAMPLES = {
    TRAFFIC: "colorway:traffic: {blue: 90, green: 10, active: blue}",
    VERSIONS: 'colorway:versions: {blue: "1.8.2", green: "1.9.0"}',
}
"""What the lines look like."""
_VALUE = r"""(?:"[^"]*"|'[^']*'|[^\s,{}"']+)"""


class EditError(ColorwayError):
    """A stack file that cannot be edited by changing one line."""


@dataclass(frozen=True)
class TrafficEdit:
    """A new traffic line."""

    traffic: Traffic

    def of(self, text: str, *, name: str) -> str:
        """Return a stack file's text with this line."""
        return with_traffic(text, self.traffic, name=name)


@dataclass(frozen=True)
class VersionsEdit:
    """A new versions line."""

    versions: Versions

    def of(self, text: str, *, name: str) -> str:
        """Return a stack file's text with this line."""
        return with_versions(text, self.versions, name=name)


Edit = TrafficEdit | VersionsEdit


def with_traffic(text: str, traffic: Traffic, *, name: str = "the stack file") -> str:
    """Return a stack file's text with another traffic line.

    Args:
        text: The whole file.
        traffic: What the line shall say.
        name: Name of the file, for errors.

    Raises:
        EditError: the line is missing, doubled, or not a mapping on one line.
    """
    values = {color.value: str(traffic.of(color)) for color in Color} | {"active": traffic.active.value}
    return _edited(text, TRAFFIC, values, wanted=traffic.model_dump(mode="json"), name=name)


def with_versions(text: str, versions: Versions, *, name: str = "the stack file") -> str:
    """Return a stack file's text with another versions line; see `with_traffic`."""
    wanted = versions.model_dump(mode="json")
    values = {color: "null" if version is None else f'"{version}"' for color, version in wanted.items()}
    return _edited(text, VERSIONS, values, wanted=wanted, name=name)


def recognized(before: str, after: str, *, name: str) -> Edit | None:
    """Return the edit that this module would have made to get from one text to the other, None if it is another."""
    settings = _settings(after)
    for key, model, edit in ((TRAFFIC, Traffic, TrafficEdit), (VERSIONS, Versions, VersionsEdit)):
        try:
            found = edit(model.model_validate(settings.get(key)))  # type: ignore[arg-type]
            if found.of(before, name=name) == after and before != after:
                return found
        except (ValidationError, EditError):
            continue
    return None


def why_not(text: str, *, name: str) -> str | None:
    """Return why a stack file cannot be edited line by line, None where it can."""
    settings = _settings(text)
    try:
        with_traffic(text, Traffic.model_validate(settings.get(TRAFFIC)), name=name)
        with_versions(text, Versions.model_validate(settings.get(VERSIONS)), name=name)
    except (EditError, ValidationError) as error:
        return str(error) if isinstance(error, EditError) else f"{name}: {TRAFFIC} or {VERSIONS} is wrong"
    return None


def _edited(text: str, key: str, values: Mapping[str, str], *, wanted: Mapping[str, Any], name: str) -> str:
    lines = text.splitlines(keepends=True)
    ours = re.compile(rf"""(?P<head>\s+["']?{key}["']?\s*:\s*){{(?P<body>[^{{}}#]*)}}(?P<tail>\s*(?:\s#.*)?\s*)""")
    begins = re.compile(rf"""\s+["']?{key}["']?\s*:""")
    found = [number for number, line in enumerate(lines) if begins.match(line)]
    if len(found) != 1:
        raise EditError(f"{name}: {'there is no line' if not found else 'there are two lines'} {key}; {_cure(key)}")
    number = found[0]
    match = ours.fullmatch(lines[number])
    body = match and _with_values(match["body"], values)
    if not match or body is None:
        raise EditError(f"{name}:{number + 1}: {key} is no mapping on one line; {_cure(key)}")
    lines[number] = f"{match['head']}{{{body}}}{match['tail']}"
    result = "".join(lines)
    if _settings(result) != {**_settings(text), key: dict(wanted)}:
        raise EditError(f"{name}:{number + 1}: {key} cannot be changed without changing something else; {_cure(key)}")
    return result


def _with_values(body: str, values: Mapping[str, str]) -> str | None:
    """Put values into a flow mapping's inside; None where it does not have exactly these keys."""
    keys = re.findall(rf"""["']?([\w-]+)["']?\s*:\s+{_VALUE}\s*(?:,|$)""", body)
    if sorted(keys) != sorted(values):
        return None
    for key, value in values.items():
        pattern = re.compile(rf"""((?:^|,)\s*["']?{key}["']?\s*:\s+)({_VALUE})""")
        found = pattern.search(body)
        if found is None:
            return None
        body = f"{body[: found.start(2)]}{_in_style_of(found[2], value)}{body[found.end(2) :]}"
    return body


def _in_style_of(old: str, new: str) -> str:
    """Keep single quotes where the file has them; a value that stays keeps its spelling."""
    if new.strip('"') == old.strip("'\"") and old[0] in "'\"" and new[0] == '"':
        return old
    return f"'{new[1:-1]}'" if old[0] == "'" and new[0] == '"' else new


def _settings(text: str) -> dict[str, Any]:
    document, _ = parse_document(text, name="")
    return dict(document.section("config").data)


def _cure(key: str) -> str:
    return f"write it once, below config, like this: {EXAMPLES[key]}"
