"""Plan: what the state will be after an update, and whether the resource must be replaced for it.

Follows the official provider's rules property by property, because its quirks are visible: an object that
changes anywhere gets an empty map where there was none, which the preview shows as an added `sysctl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from offline_plugins.docker.equivalence import equivalent, filled, repaired
from offline_plugins.docker.fields import LEAVES, SETS, Field, Fields, Kind
from offline_plugins.docker.sets import checksum, shown
from offline_plugins.values import UNKNOWN, Properties, Value, contains_unknown


@dataclass(frozen=True, slots=True)
class Plan:
    """The state that an update aims at."""

    state: Properties
    changed: bool
    replaces: bool


def plan(
    fields: Fields,
    *,
    prior: Properties | None,
    inputs: Properties,
    ignored: Sequence[str] = (),
) -> Plan:
    """Plan the way from the prior state to the inputs.

    Args:
        fields: the properties of the resource.
        prior: the state; None for a resource that does not exist yet.
        inputs: the checked inputs, without internal properties.
        ignored: paths whose changes are not looked at, such as `options` or `taskSpec.placement`.
    """
    proposed = _proposed(fields, prior or {}, inputs)
    for path in ignored:
        _ignore(path.split("."), prior or {}, proposed)
    planner = _Planner(exists=prior is not None)
    before = filled(fields, prior or {})
    state: Properties = {
        name: planner.value(field, before.get(name), proposed.get(name)) for name, field in fields.items()
    }
    if prior is not None and not planner.touched:
        return Plan(prior, changed=False, replaces=False)
    state = repaired(fields, state, proposed, applied=False)
    if prior is not None and equivalent(fields, prior, state):
        return Plan(prior, changed=False, replaces=planner.replaces)
    return Plan(state, changed=True, replaces=planner.replaces)


def _proposed(fields: Fields, prior: Properties, inputs: Properties) -> Properties:
    """The inputs, with what only the daemon decides taken from the state."""
    result: Properties = {}
    for name, field in fields.items():
        value, old = inputs.get(name), prior.get(name)
        if value is None and field.computed:
            result[name] = old
        elif field.kind is Kind.BLOCK and not field.whole and isinstance(value, dict):
            result[name] = _proposed(field.content, old if isinstance(old, dict) else {}, value)
        else:
            result[name] = value
    return result


def _ignore(path: list[str], prior: Value, proposed: Value) -> None:
    if not isinstance(proposed, dict):
        return
    old = prior.get(path[0]) if isinstance(prior, dict) else None
    if len(path) == 1:
        proposed[path[0]] = old
    else:
        _ignore(path[1:], old, proposed.get(path[0]))


@dataclass(slots=True)
class _Planner:
    """Plans one value after the other and notes what it met."""

    exists: bool
    touched: bool = False
    replaces: bool = False

    def value(  # noqa: PLR0911 - one per kind of value
        self,
        field: Field,
        old: Value,
        new: Value,
        *,
        element: bool = False,
        fresh: bool = False,
    ) -> Value:
        """The planned value of one property.

        Args:
            field: the property.
            old: its value in the state, with zeros for nothing.
            new: its proposed value.
            element: it belongs to an element of a set.
            fresh: it belongs to an object that did not exist.
        """
        if field.kind in LEAVES:
            return self._leaf(field, old, new, element=element)
        if new is UNKNOWN or (field.kind is Kind.TEXT_MAP and contains_unknown(new)):
            return self._unknown(field)
        fresh = fresh or not self.exists
        says_nothing = field.kind in SETS or (fresh and field.kind is Kind.TEXT_MAP)
        if field.computed and (new is None or (not new and says_nothing)):
            return self._unknown(field) if fresh else old
        if field.kind is Kind.TEXT_MAP:
            return self._map(field, old, new)
        if field.kind is Kind.BLOCK:
            return self._block(field, old, new, element=element)
        if field.kind is Kind.BLOCKS:
            return self._blocks(field, old, new, element=element)
        if field.kind is Kind.BLOCK_SET:
            return self._block_set(field, old, new)
        return self._texts(field, old, new, element=element)

    def _note(self, field: Field) -> None:
        self.touched = True
        self.replaces = self.replaces or field.replaces

    def _unknown(self, field: Field) -> Value:
        self._note(field)
        return UNKNOWN

    def _leaf(self, field: Field, old: Value, new: Value, *, element: bool) -> Value:
        if new is None and field.default is not None and not (element and old is not None):
            new = field.default
        if new is UNKNOWN:
            return self._unknown(field)
        before = _as_text(old)
        after = _as_text(field.zero if new is None and old is not None else new)
        if before == after and not element and (before or self.exists or not field.computed):
            return old
        if field.computed and old is not None and (new is None or (before and not after)):
            return old
        if before != after:
            self._note(field)
        if new is None and old is not None:
            self.touched = True
            return None
        if after:
            return new
        nothing = "" if field.kind is Kind.TEXT else None
        return UNKNOWN if field.computed else nothing

    def _texts(self, field: Field, old: Value, new: Value, *, element: bool) -> Value:
        olds, news = _list(old), _list(new)
        if field.kind is Kind.TEXT_SET:
            olds, news = shown(field, olds), shown(field, news)
        if olds != news:
            self._note(field)
            return news
        if not news and (element or (new is not None and field.kind is Kind.TEXTS and not self.exists)):
            return []
        return old

    def _map(self, field: Field, old: Value, new: Value) -> Value:
        if (old or {}) == (new or {}):
            return old
        self._note(field)
        return new or {}

    def _block(self, field: Field, old: Value, new: Value, *, element: bool) -> Value:
        if (old is None) != (new is None):
            self._note(field)
        if old is None and new is None:
            return None
        content = self._content(field, old, new, element=element)
        if field.whole and all(item is None or item == [] for item in content.values()):
            # An object that says nothing is stored without even the empty sets in it.
            content = {
                name: content[name] if item.kind is not Kind.BLOCK_SET else None for name, item in field.content.items()
            }
        return None if new is None else content

    def _content(self, field: Field, old: Value, new: Value, *, element: bool) -> Properties:
        olds = old if isinstance(old, dict) else {}
        news = new if isinstance(new, dict) else {}
        return {
            name: self.value(item, olds.get(name), news.get(name), element=element, fresh=old is None)
            for name, item in field.content.items()
        }

    def _blocks(self, field: Field, old: Value, new: Value, *, element: bool) -> Value:
        olds, news = _list(old), _list(new)
        if len(olds) != len(news):
            self._note(field)
        planned: list[Value] = []
        for index in range(max(len(olds), len(news))):
            before = olds[index] if index < len(olds) else None
            after = news[index] if index < len(news) else None
            content = self._content(field, before, after, element=element)
            if index < len(news):
                planned.append(content)
        return planned

    def _block_set(self, field: Field, old: Value, new: Value) -> Value:
        olds = {checksum(field, element): element for element in _list(old)}
        news = _list(new)
        codes = [None if contains_unknown(element) else checksum(field, element) for element in news]
        if new is not None and set(codes) == set(olds):
            return shown(field, _list(old))
        if len(olds) != len(news):
            self._note(field)
        for code in olds.keys() - set(codes):
            self.touched = True
            self._content(field, olds[code], None, element=True)
        planned: list[Value] = []
        for code_or_none, element in zip(codes, news, strict=True):
            self.touched = self.touched or code_or_none not in olds
            before = olds.get(code_or_none) if code_or_none is not None else None
            planned.append(self._content(field, before, element, element=True))
        return shown(field, planned)


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []


def _as_text(value: Value) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return "" if value is None else str(value)
