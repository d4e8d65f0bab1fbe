"""The errors that a user can cause; each ends as one sentence on the terminal."""

from __future__ import annotations


class ColorwayError(Exception):
    """Base of every error that the command line prints without a traceback.

    The message is one sentence or a list of lines: where it is, what is wrong, what would be right.
    """

    hint: str = ""
    """What helps beside that, for whoever ran the command by hand; empty = nothing."""
