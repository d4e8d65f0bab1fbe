"""JSON schemas of the files that a user edits, for editors; made from the models.

`python -m colorway.config.schema` writes them. They know the shape of a file, not the rules between its parts.
"""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema
from typing_extensions import override

from colorway.config.stack_files import NAMESPACE, SECRETS, TOP_LEVEL
from colorway.spec.base import StrictSpec, descriptions
from colorway.spec.fields import go_duration
from colorway.spec.platform_file import PlatformFile
from colorway.spec.release import ReleaseManifest
from colorway.spec.stack import StackSettings

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = Path(__file__).resolve().parents[2] / "schema"
OVERRIDE = "Override"
"""Begins the definitions of a platform of which nothing is required."""


class _AsWritten(GenerateJsonSchema):
    """Describes each key, and shows a default as somebody would write it in the file."""

    @override
    def model_schema(self, schema: core_schema.ModelSchema) -> Schema:
        found = super().model_schema(schema)
        model = schema["cls"]
        for name, text in descriptions(model).items():
            key = model.model_fields[name].alias or name
            found["properties"][key] = {"description": text, **found["properties"][key]}
        return found

    @override
    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return go_duration(dft)
        if isinstance(dft, BaseModel):
            return dft.model_dump(mode="json", by_alias=True, exclude_none=True)
        if isinstance(dft, tuple):
            return [self.encode_default(entry) for entry in dft]
        return super().encode_default(dft)


def platform_schema() -> Schema:
    """Return the schema of `platforms/<name>.yaml`."""
    return _of(PlatformFile, "A platform of colorway")


def release_schema() -> Schema:
    """Return the schema of `releases/<platform>/<version>.yaml`."""
    return _of(ReleaseManifest, "A version of a platform")


def stack_schema() -> Schema:
    """Return the schema of `Pulumi.<stack>.yaml`: the engine's keys, our settings, the secrets."""
    settings = _of(StackSettings, "")
    definitions = settings.pop("$defs") | _overrides()
    settings["properties"]["overrides"] = {
        "$ref": f"#/$defs/{OVERRIDE}PlatformFile",
        "description": settings["properties"]["overrides"]["description"],
    }
    config = {
        "type": "object",
        "properties": {
            f"{NAMESPACE}{key}": _as_the_engine_writes(value) for key, value in settings["properties"].items()
        },
        "required": [f"{NAMESPACE}{key}" for key in settings["required"]],
        "patternProperties": {
            f"^{SECRETS}[a-z]([a-z0-9-]*[a-z0-9])?$": {"$ref": "#/$defs/EncryptedSecret"},
            f"^(?!{NAMESPACE}|{SECRETS})[A-Za-z0-9-]+:.+$": True,
        },
        "additionalProperties": False,
    }
    text = {"type": "string"}
    engine: Schema = {key: text for key in TOP_LEVEL if key not in {"config", "environment"}}
    return {
        "$schema": DIALECT,
        "title": "A stack of colorway",
        "type": "object",
        "properties": {"config": config, **engine, "environment": True},
        "required": ["config"],
        "additionalProperties": False,
        "$defs": definitions
        | {
            "EncryptedSecret": {
                "description": "Made by `pulumi config set --secret`.",
                "type": "object",
                "properties": {"secure": text},
                "required": ["secure"],
                "additionalProperties": False,
            }
        },
    }


def schemas() -> dict[str, Schema]:
    """Return every schema by the name of its file."""
    return {
        "platform.schema.json": platform_schema(),
        "release.schema.json": release_schema(),
        "stack.schema.json": stack_schema(),
    }


def schema_text(schema: Schema) -> str:
    """Return a schema as the text of its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _of(model: type[StrictSpec], title: str) -> Schema:
    schema = model.model_json_schema(by_alias=True, schema_generator=_AsWritten)
    return {"$schema": DIALECT, **_strict(schema), "title": title}


def _as_the_engine_writes(value: Schema) -> Schema:
    """Let a whole number be in quotes: `pulumi config set` puts it there."""
    if value.get("type") != "integer":
        return value
    return value | {"type": ["integer", "string"], "pattern": "^[0-9]+$"}


def _strict(node: Any) -> Any:  # noqa: ANN401 - JSON
    """Refuse keys that no pattern knows, and leave out pydantic's titles: editors would show them as descriptions."""
    if isinstance(node, list):
        return [_strict(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    named = {"properties", "$defs"}
    strict = {
        key: {name: _strict(value) for name, value in below.items()} if key in named else _strict(below)
        for key, below in node.items()
        if key != "title"
    }
    if "patternProperties" in strict:
        strict.setdefault("additionalProperties", False)
    return strict


def _overrides() -> Schema:
    """Return the definitions of a platform of which any part may be left out."""
    schema = platform_schema()
    definitions = schema.pop("$defs")
    definitions["PlatformFile"] = {key: value for key, value in schema.items() if key not in {"$schema", "title"}}
    return {f"{OVERRIDE}{name}": _partial(copy.deepcopy(definition)) for name, definition in definitions.items()}


def _partial(node: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(node, list):
        return [_partial(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    if "oneOf" in node:  # what tells the forms apart is required of a platform, and may be left out here
        node.pop("discriminator", None)
        node["anyOf"] = node.pop("oneOf")
    if "$ref" in node:
        node["$ref"] = node["$ref"].replace("#/$defs/", f"#/$defs/{OVERRIDE}")
    for key in ("required", "minProperties", "default"):
        if not isinstance(node.get(key), dict):
            node.pop(key, None)
    return {key: _partial(value) for key, value in node.items()}


def main() -> None:
    """Write the schemas."""
    FOLDER.mkdir(exist_ok=True)
    for name, schema in schemas().items():
        (FOLDER / name).write_text(schema_text(schema), encoding="utf-8")


if __name__ == "__main__":
    main()
