"""Mistakes in YAML itself, and what an operator reads about each."""

from __future__ import annotations

from tests.spec.mistakes import Case, Line
from tests.spec.project_files import DEMO, FILES

CASES = (
    Case(
        "key twice",
        DEMO,
        "    replicas: 2",
        "    replicas: 2\n    replicas: 3",
        Line("has the key replicas twice in one mapping; leave one out", at="replicas: 3"),
    ),
    Case(
        "tab",
        DEMO,
        "    replicas: 2",
        "\treplicas: 2",
        Line("has a tab here; YAML is indented with spaces", at="replicas"),
    ),
    Case(
        "colon too many",
        DEMO,
        "LOG_LEVEL: info",
        "LOG_LEVEL: a: b",
        Line("has a colon too many here, or the wrong indentation; put the value in quotes", at="LOG_LEVEL"),
    ),
    Case(
        "quote not closed",
        DEMO,
        "LOG_LEVEL: info",
        'LOG_LEVEL: "info',
        Line("is no valid YAML; check indentation, quotes and colons here and above", at="health: {command"),
    ),
    Case(
        "bracket not closed",
        DEMO,
        "[python3, -m, demo, web]",
        "[python3, -m, demo, web",
        Line("opens a [ or { here that is not closed, or lacks a comma in it; complete it", at="command"),
    ),
    Case(
        "undefined alias",
        DEMO,
        "LOG_LEVEL: info",
        "LOG_LEVEL: *level",
        Line("uses an alias (*) without its anchor (&); write the anchor above, or the value itself", at="LOG_LEVEL"),
    ),
    Case(
        "reserved character",
        DEMO,
        "LOG_LEVEL: info",
        "LOG_LEVEL: @info",
        Line("begins a value here with a character that YAML reserves; put it in quotes", at="LOG_LEVEL"),
    ),
    Case(
        "two documents",
        DEMO,
        "services:\n",
        "---\nservices:\n",
        Line("is several documents; leave the line --- between them out", at="---"),
    ),
    Case(
        "indentation",
        DEMO,
        "    replicas: 2",
        "   replicas: 2",
        Line("is no valid YAML; check indentation, quotes and colons here and above", at="replicas"),
    ),
    Case(
        "key that is a number",
        DEMO,
        "LOG_LEVEL: info",
        "8080: info",
        Line("services.web.env: has a key that is no text; put it in quotes", at="8080: info"),
    ),
    Case(
        "YAML tag",
        DEMO,
        "LOG_LEVEL: info",
        "LOG_LEVEL: !!binary aGk=",
        Line(
            "services.web.env.LOG_LEVEL: is written with a YAML tag (!); write it plainly, text in quotes",
            at="LOG_LEVEL",
        ),
    ),
    Case(
        "alias that contains itself",
        DEMO,
        "    env:\n",
        "    env: &e\n      SELF: *e\n",
        Line(
            "services.web.env.SELF: is null, which leaves out a variable that a layer below has, and none has it; "
            'an empty text is ""',
            at="SELF: *e",
        ),
    ),
    Case(
        "list at the top",
        DEMO,
        FILES[DEMO],
        "- images\n",
        Line("must be a mapping: keys, each with a value", at="- images"),
    ),
    Case(
        "text at the top", DEMO, FILES[DEMO], "hello\n", Line("must be a mapping: keys, each with a value", at="hello")
    ),
    Case(
        "empty platform file",
        DEMO,
        FILES[DEMO],
        "",
        Line("services: is missing: services by name"),
        Line("edge: is missing: the load balancers"),
        Line("monitoring: is missing: what is measured"),
    ),
    Case(
        "NUL character",
        DEMO,
        "LOG_LEVEL: info",
        "LOG_LEVEL: in\x00fo",
        Line("is no valid YAML; check indentation, quotes and colons"),
    ),
)
