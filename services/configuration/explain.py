"""What pydantic found wrong, in words for the person who wrote the file: the problem and its mend."""

import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from services.configuration.mistakes import did_you_mean, listed

KeyPath = tuple[str | int, ...]
Words = tuple[str, str]
"""The problem and its mend."""

_SHOWN = 40
_KINDS: Final = {
    bool: "true or false",
    str: "text",
    int: "whole number",
    float: "number",
    dict: "table",
    list: "list",
}


def keys_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the keys of *model* as the file writes them, with pydantic's description of each."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that *annotation* names, however wrapped."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


def words_for(error: ErrorDetails, model: type[BaseModel]) -> Words:
    """Return the problem and its mend for one of pydantic's findings on *model*."""
    explain = _EXPLANATIONS.get(error["type"], _otherwise)
    return explain(error, _model_at(model, error["loc"][:-1]))


def _model_at(model: type[BaseModel], path: KeyPath) -> type[BaseModel] | None:
    """Return the model of the table at *path*, None where the keys are the user's own."""
    here: type[BaseModel] | None = model
    for key in path:
        if isinstance(key, str):
            field = keys_of(here).get(key) if here else None
            here = next(models_in(field.annotation), None) if field else None
    return here


def _own(error: ErrorDetails, _model: type[BaseModel] | None) -> Words:
    context = error.get("ctx", {})
    return str(context["problem"]), str(context["mend"])


def _unknown(error: ErrorDetails, model: type[BaseModel] | None) -> Words:
    key = str(error["loc"][-1])
    known = list(keys_of(model)) if model else []
    return "unknown key", did_you_mean(key, known) or f"known here: {', '.join(known)}"


def _missing(error: ErrorDetails, model: type[BaseModel] | None) -> Words:
    key = str(error["loc"][-1])
    field = keys_of(model).get(key) if model else None
    return "is missing", f"add it: {field.description}" if field else "add it"


def _choice(error: ErrorDetails, _model: type[BaseModel] | None) -> Words:
    choices = re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))
    value = error["input"]
    guess = did_you_mean(value, choices) if isinstance(value, str) else ""
    allowed = f"one of {listed(choices)}" if len(choices) > 1 else listed(choices)
    return f"{_shown(value)} is not known here", f"{guess}; write {allowed}" if guess else f"write {allowed}"


def _bounds(text: str, key: str) -> Callable[[ErrorDetails, type[BaseModel] | None], Words]:
    def explain(error: ErrorDetails, _model: type[BaseModel] | None) -> Words:
        return f"{_shown(error['input'])} is out of bounds", f"{text} {error.get('ctx', {}).get(key)}"

    return explain


def _length(text: str, key: str) -> Callable[[ErrorDetails, type[BaseModel] | None], Words]:
    def explain(error: ErrorDetails, _model: type[BaseModel] | None) -> Words:
        context = error.get("ctx", {})
        there = context.get("actual_length")
        problem = "is empty" if there == 0 else f"has {there if there is not None else 'too many'} elements"
        return problem, f"{text} {context.get(key)}"

    return explain


def _type(kind: str, example: str) -> Callable[[ErrorDetails, type[BaseModel] | None], Words]:
    def explain(error: ErrorDetails, _model: type[BaseModel] | None) -> Words:
        return f"must be a {kind}, not {_shown(error['input'])}", f"write it like {example}"

    return explain


def _otherwise(error: ErrorDetails, _model: type[BaseModel] | None) -> Words:
    return error["msg"][:1].lower() + error["msg"][1:], "see the reference of the configuration"


def _shown(value: object) -> str:
    """Return *value* for a message: its kind and, if it's short, itself."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        return f'the text "{value[:_SHOWN]}{"…" if len(value) > _SHOWN else ""}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}" if isinstance(value, float) or abs(value) < 10**18 else "a huge number"
    name = next((words for kind, words in _KINDS.items() if isinstance(value, kind)), "date or time")
    return f"a {name}"


_LIST: Final = _type("list", '["a", "b"]')
_TABLE: Final = _type("table", '{ key = "value" }, or under a [heading] of its own')
_EXPLANATIONS: Final[Mapping[str, Callable[[ErrorDetails, type[BaseModel] | None], Words]]] = {
    "tasuki": _own,
    "extra_forbidden": _unknown,
    "missing": _missing,
    "enum": _choice,
    "literal_error": _choice,
    "too_short": _length("give at least", "min_length"),
    "too_long": _length("give at most", "max_length"),
    "greater_than": _bounds("give more than", "gt"),
    "less_than": _bounds("give less than", "lt"),
    "greater_than_equal": _bounds("give at least", "ge"),
    "less_than_equal": _bounds("give at most", "le"),
    "string_type": _type("text in quotes", 'key = "value"'),
    "int_type": _type("whole number", "key = 100, without quotes"),
    "float_type": _type("number", "key = 0.5, without quotes"),
    "finite_number": _type("number", "key = 0.5, without quotes"),
    "bool_type": _type("true or false", "key = true, without quotes"),
    "tuple_type": _LIST,
    "list_type": _LIST,
    "dict_type": _TABLE,
    "model_type": _TABLE,
    "model_attributes_type": _TABLE,
}
