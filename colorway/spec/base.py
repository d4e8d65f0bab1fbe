"""The one base of every model that is read from a user's file."""

from __future__ import annotations

import ast
import difflib
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Self, TypeVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, ErrorDetails, InitErrorDetails, PydanticCustomError, core_schema
from typing_extensions import override

Mistake = tuple[tuple[str, ...], str]
"""A path below the value that is looked at, and one sentence about what stands there."""


class MistakesError(ValueError):
    """All that is wrong between the parts of one value; pydantic alone would stop at the first."""

    def __init__(self, found: Iterable[Mistake]) -> None:
        self.found = tuple(dict.fromkeys(found))
        super().__init__("; ".join(sentence for _, sentence in self.found))


def refuse(found: Iterable[Mistake]) -> None:
    """Raise one error about all mistakes; do nothing where there are none.

    Raises:
        MistakesError: there is at least one.
    """
    error = MistakesError(found)
    if error.found:
        raise error


def twice(key: str, values: Sequence[object]) -> list[Mistake]:
    """Return the entries of a list that an earlier one says already."""
    return [
        ((key, str(index)), "is listed twice; leave one out")
        for index, value in enumerate(values)
        if value in values[:index]
    ]


def to_kebab(field: str) -> str:
    """Return the YAML spelling of a field name: `start_period` is written `start-period`."""
    return field.replace("_", "-")


class StrictSpec(BaseModel):
    """Immutable model that refuses unknown keys and wrong types, so a typo fails when the file is read.

    Inputs are hidden in errors: a misplaced secret must not come back in a message.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        alias_generator=to_kebab,
        validate_by_name=True,
        validate_by_alias=True,
        allow_inf_nan=False,
    )


def descriptions(model: type[BaseModel]) -> Mapping[str, str]:
    """Return what the docstrings below a model's fields say, by the field's name.

    Pydantic would read and parse the source of every model whenever one is imported: a third of the time that all of
    them take.
    """
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if base is StrictSpec or not issubclass(base, StrictSpec):
            continue
        [written] = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        for field, text in pairwise(written.body if isinstance(written, ast.ClassDef) else ()):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
                found[field.target.id] = inspect.cleandoc(str(ast.literal_eval(text.value)))
    return {name: said for name, said in found.items() if name in model.model_fields}


class ShortSpec(StrictSpec):
    """A model that may be written as the value of one of its keys: `name` for `{name: name}`."""

    short: ClassVar[str]
    """The key."""

    @model_validator(mode="wrap")
    @classmethod
    def _long_form(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401 - plain data
        if isinstance(value, Mapping | cls):
            return handler(value)
        try:
            return handler({cls.short: value})
        except ValidationError as error:
            # Nobody wrote the key, so no mistake is said of it.
            details = [_again(detail, skip=1) for detail in error.errors(include_url=False)]
            raise ValidationError.from_exception_data(error.title, details, hide_input=True) from None

    @classmethod
    @override
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Say both forms in the JSON schema."""
        found = handler(schema)
        whole = handler.resolve_ref_schema(found)
        long = dict(whole)
        description = {"description": long.pop("description")} if "description" in long else {}
        whole.clear()
        whole.update({**description, "anyOf": [long["properties"][cls.short], long]})
        return found


Entry = TypeVar("Entry")
Check = Callable[[Mapping[str, Entry], bool], Sequence[Mistake]]
"""Looks at the entries that are well formed; told whether these are all."""


def checked_entries(
    value: object, validate: Callable[[object], dict[str, Entry]], *, check: Check[Entry]
) -> dict[str, Entry]:
    """Return the validated mapping.

    Args:
        value: What the file says.
        validate: Pydantic's own validation of the mapping.
        check: The rules between the entries, or between an entry and the rest of the file.

    Raises:
        ValidationError: an entry is wrong; with the mistakes that `check` found in the others.
        MistakesError: only `check` found something.
    """
    try:
        entries = validate(value)
    except ValidationError as error:
        found = check(_well_formed(value, validate), False)  # noqa: FBT003 - a callback's parameters have no names
        raise _with_mistakes(error, found) from None
    found = check(entries, True)  # noqa: FBT003 - same
    if found:
        raise MistakesError(found)
    return entries


def _well_formed(value: object, validate: Callable[[object], dict[str, Entry]]) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for key, entry in value.items() if isinstance(value, Mapping) else ():
        try:
            entries |= validate({key: entry})
        except ValidationError:
            continue
    return entries


def _with_mistakes(error: ValidationError, found: Sequence[Mistake]) -> ValidationError:
    details = [_again(detail) for detail in error.errors(include_url=False)]
    if found:
        details.append(InitErrorDetails(type="value_error", loc=(), input=None, ctx={"error": MistakesError(found)}))
    return ValidationError.from_exception_data(error.title, details, hide_input=True)


def _again(detail: ErrorDetails, *, skip: int = 0) -> InitErrorDetails:
    """Return a mistake so that it can be raised again, without the first parts of its place."""
    said = detail["type"]
    kind: str | PydanticCustomError = said
    if kind not in get_args(core_schema.ErrorType):  # one of pydantic's own types, which its core does not know
        kind = PydanticCustomError(said, detail["msg"])
    return InitErrorDetails(type=kind, loc=detail["loc"][skip:], input=detail["input"], ctx=detail.get("ctx", {}))


def nearest(wanted: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like the wanted one, None where none is."""
    near = difflib.get_close_matches(wanted, sorted(known), n=1, cutoff=0.7)
    return near[0] if near else None


def hint(wanted: str, known: Iterable[str]) -> str:
    """Return a question with the nearest known name, or the list of all; never the wanted name itself."""
    names = sorted(known)
    near = nearest(wanted, names)
    return f"did you mean {near}?" if near else f"known: {', '.join(names) or 'none'}"
