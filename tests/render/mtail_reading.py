"""A reading of the part of mtail's language that our program uses: nested patterns, counters, one histogram."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from tests.render.log_lines import Moves

_PATTERN = re.compile(r"/(.*)/ \{")
_COUNT = re.compile(r"(\w+)((?:\[[^]]+\])*)\+\+")
_OBSERVE = re.compile(r"(\w+)((?:\[[^]]+\])*) = \$(\w+)")
_LABEL = re.compile(r"\[(?:\$(\w+)|\"([^\"]*)\")\]")
_DECLARED = re.compile(r"(counter|histogram) (\w+)(?: by ([\w, ]+?))?(?: buckets ([\d., ]+))?")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A pattern, and what happens where it matches."""

    pattern: re.Pattern[str]
    statements: list[Block | str] = field(default_factory=list)

    def run(self, line: str, given: dict[str, str], moves: Moves) -> None:
        """Count what a line moves."""
        match = self.pattern.search(line)
        if not match:
            return
        captured = {**given, **match.groupdict()}
        for statement in self.statements:
            if isinstance(statement, Block):
                statement.run(line, captured, moves)
                continue
            count, observed = _COUNT.fullmatch(statement), _OBSERVE.fullmatch(statement)
            found = count or observed
            assert found, f"not in our part of the language: {statement}"
            if observed:
                float(captured[observed[3]])
            labels = [captured[name] if name else text for name, text in _LABEL.findall(found[2])]
            moves[(found[1], *labels)] += 1


@dataclass(frozen=True, kw_only=True)
class Program:
    """A whole program."""

    labels: dict[str, tuple[str, ...]]
    """Names of the labels of each figure."""
    buckets: tuple[float, ...]
    blocks: list[Block | str]

    def moves(self, line: str) -> Moves:
        """Return what a line moves."""
        moves: Moves = Counter()
        for block in self.blocks:
            assert isinstance(block, Block), f"outside of every pattern: {block}"
            block.run(line, {}, moves)
        return moves


def read(text: str) -> Program:
    """Read a program; anything that is not in our part of the language is an error."""
    labels: dict[str, tuple[str, ...]] = {}
    buckets: tuple[float, ...] = ()
    top: list[Block | str] = []
    open_blocks: list[list[Block | str]] = [top]
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        declared, pattern = _DECLARED.fullmatch(line), _PATTERN.fullmatch(line)
        if declared:
            labels[declared[2]] = tuple((declared[3] or "").split(", ")) if declared[3] else ()
            buckets = tuple(float(bound) for bound in declared[4].split(", ")) if declared[4] else buckets
        elif pattern:
            block = Block(pattern=re.compile(pattern[1]))
            open_blocks[-1].append(block)
            open_blocks.append(block.statements)
        elif line == "}":
            open_blocks.pop()
        else:
            open_blocks[-1].append(line)
    assert len(open_blocks) == 1, "every brace is closed"
    return Program(labels=labels, buckets=buckets, blocks=top)
