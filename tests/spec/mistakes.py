"""A mistake: one edit of one file, and the exact lines that an operator reads about it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.spec.project_files import FILES


@dataclass(frozen=True)
class Line:
    """One line of an error."""

    text: str
    """What follows the place."""
    at: str | None = None
    """Text of the line of the file that it points to; none = no line is named."""
    nth: int = 1
    """Which of the lines with that text."""
    file: str | None = None
    """File that it points to; none = the edited one."""


class Case:
    """One edit and its error."""

    def __init__(self, name: str, file: str, old: str, new: str, *lines: Line) -> None:
        self.name = name
        self.file = file
        self.lines = lines
        assert old in FILES[file], f"{name}: {file} has no {old!r} to replace"
        self.text = FILES[file].replace(old, new, 1)

    @property
    def error(self) -> list[str]:
        """The lines of the error."""
        return [self._line(line) for line in self.lines]

    def _line(self, line: Line) -> str:
        file = line.file or self.file
        if line.at is None:
            return f"{file}: {line.text}"
        text = self.text if file == self.file else FILES[file]
        numbers = [number for number, content in enumerate(text.splitlines(), 1) if line.at in content]
        assert len(numbers) >= line.nth, f"{self.name}: {file} has no line {line.nth} with {line.at!r}"
        return f"{file}:{numbers[line.nth - 1]}: {line.text}"
