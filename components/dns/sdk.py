"""Cloudflare's SDK without the six hundred modules that a stack needs none of.

Importing it whole takes 3 s, more than the rest of a preview; what is used of it takes 1 s.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import types
from typing import Any, Final

from typing_extensions import override

_NAME: Final = "pulumi_cloudflare"
_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def install() -> None:
    """Let `import pulumi_cloudflare` load a class of it with the module that has it, when it is first asked for.

    Where somebody has imported the package already, that stays.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    if _NAME in sys.modules:
        return
    found = importlib.util.find_spec(_NAME)
    if found is None:
        raise ModuleNotFoundError(f"{_NAME} is not installed; run `make set-up`")
    package = _Slim(_NAME)
    package.__path__ = list(found.submodule_search_locations or ())
    package.__spec__ = found
    sys.modules[_NAME] = package


class _Slim(types.ModuleType):
    """The package, without what its `__init__` imports."""

    @override
    def __getattr__(self, name: str) -> Any:
        """Load a resource from its module, or one of its arguments.

        Raises:
            AttributeError: the SDK has no such class.
        """
        if name.startswith("__"):
            raise AttributeError(name)
        module = "_inputs" if name.endswith("Args") else _WORD.sub("_", name).lower()
        try:
            value = getattr(importlib.import_module(f"{_NAME}.{module}"), name)
        except ModuleNotFoundError:
            raise AttributeError(f"{_NAME} has no {name}") from None
        setattr(self, name, value)
        return value
