"""The program on a spec, and on a stack's own file."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any

from ruamel.yaml import YAML

from colorway.spec.platform_spec import PlatformSpec
from tests.support.recorder import Recording, run_program
from tests.support.specs import ROOT

STACKS = sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in ROOT.glob("Pulumi.*.yaml"))
"""Every stack of the project."""


@cache
def program() -> ModuleType:
    """Return `__main__.py` as a module."""
    found = importlib.util.spec_from_file_location("colorway_program", ROOT / "__main__.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def value_of(secret: str) -> str:
    """Return the value that tests give a secret; nothing else may look like it."""
    return f"the-value-of-{secret}"


def run_spec(spec: PlatformSpec, *, preview: bool = False) -> Recording:
    """Declare the platform of a spec, with a value for each of its secrets."""
    config = {f"secrets:{name}": value_of(name) for name in spec.platform.secrets}
    return run_program(
        lambda: program().platform(spec), stack=spec.stack, config=config, secret_keys=list(config), preview=preview
    )


def config_of(stack: str) -> dict[str, Any]:
    """Return what a stack's file says under `config:`."""
    return dict(YAML(typ="safe").load(ROOT / f"Pulumi.{stack}.yaml")["config"])


def run_stack(stack: str, *, preview: bool = False, changes: Mapping[str, Any] | None = None) -> Recording:
    """Run the whole program on a stack's file; its encrypted values are replaced by made-up ones.

    Args:
        stack: Name of the stack.
        preview: Whether ids and outputs of scripts are unknown.
        changes: Keys of the file with other values.
    """
    config = {**config_of(stack), **(changes or {})}
    secret = [key for key, value in config.items() if isinstance(value, Mapping) and set(value) == {"secure"}]
    as_engine = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    as_engine.update({key: value_of(key.split(":", 1)[1]) for key in secret})
    return run_program(program().main, stack=stack, config=as_engine, secret_keys=secret, preview=preview)
