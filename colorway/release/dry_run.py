"""The plan of a release for people: every step, and every commit with its diff."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from colorway.release.situation import Situation
from colorway.release.steps import Bake, Commit, Done, Ending, Freeze, Refuse, Step
from colorway.spec.fields import go_duration


def describe(situation: Situation, steps: Sequence[Step]) -> tuple[str, ...]:
    """Return a plan, a line each; commits with subject, diff and body."""
    text, told = situation.text, []
    for step in steps:
        match step:
            case Commit():
                after = step.edit.of(text, name=situation.file)
                told += _commit(step, text, after, situation.file)
                text = after
            case Bake():
                told.append(f"- {step.sentence} for {go_duration(step.time)} or longer; a bad verdict goes back")
            case Done() | Refuse() | Freeze():
                told += ending_lines(step)
            case _:
                told.append(f"- {step.sentence}")
    return tuple(told)


def ending_lines(ending: Ending) -> tuple[str, ...]:
    """Return how a run ended, a line each."""
    match ending:
        case Done():
            return (ending.summary, *(f"but: {remark}" for remark in ending.remarks))
        case Refuse():
            return (ending.reason, f"helps: {ending.cure}")
        case Freeze():
            return (f"held: {ending.reason}", f"helps: {ending.cure}")


def _commit(step: Commit, before: str, after: str, file: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), file, file, lineterm="", n=0)
    return [f"- commit: {step.message.subject}", *(f"    {line}" for line in list(lines)[2:] if line[0] in "+-")]
