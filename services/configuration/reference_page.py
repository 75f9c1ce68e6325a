"""Makes the reference of the configuration from the models, so that the page never says what the code doesn't."""

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from enum import Enum
from inspect import cleandoc
from pathlib import Path
from typing import Any, Final, Literal, Protocol, get_args, get_origin, runtime_checkable

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from services.configuration.explain import keys_of, models_in
from services.configuration.quantities import GUARDED

_PLAIN: Final = {
    str: "text",
    int: "whole number",
    float: "number",
    Decimal: "number",
    bool: "true or false",
}


@runtime_checkable
class Written(Protocol):
    """What a type says of how its values are written."""

    @property
    def words(self) -> str:
        """What the reference says of the type."""
        ...

    def show(self, value: Any) -> str:
        """Return *value* as the file writes it."""
        ...


def variables(meanings: Mapping[str, str]) -> str:
    """Return the table of environment variables with their *meanings*."""
    rows = "".join(f"| `{name}` | {cell(text)} |\n" for name, text in meanings.items())
    return f"| variable | what it is |\n|---|---|\n{rows}"


def section(heading: str, model: type[BaseModel], level: str = "##") -> Iterator[str]:
    """Yield the part of the page for *model*, and one for each table in it."""
    text = cleandoc(model.__doc__ or "")
    rows = "".join(_row(key, field) for key, field in keys_of(model).items())
    yield (
        f"{level} `{heading}`\n\n{text}\n\n| key | type | default | what it is |\n|---|---|---|---|\n{rows}"
    )
    for key, field in keys_of(model).items():
        for below in models_in(field.annotation):
            is_list = get_origin(field.annotation) is tuple
            name = heading.strip("[]")
            yield from section(f"[[{name}.{key}]]" if is_list else f"{name}.{key}", below, "###")


def _row(key: str, field: FieldInfo) -> str:
    return f"| `{key}` | {cell(_type(field))} | {cell(_default(field))} | {cell(field.description or '')} |\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value is PydanticUndefined or value in ((), {}):
        return ""
    for mark in field.metadata:
        if isinstance(mark, Written):
            return f"`{mark.show(value)}`"
    return f"`{_toml(value)}`"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value.value if isinstance(value, Enum) else value}"'
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(each) for each in value)}]"  # pyright: ignore[reportUnknownVariableType] - shown
    return str(value)


def _type(field: FieldInfo) -> str:
    return _words(field.annotation, field.metadata)


def _words(annotation: Any, marks: list[Any]) -> str:
    """Return what the reference calls a type; *marks* are what Annotated adds to it."""
    for mark in marks:
        if isinstance(mark, Written):
            return mark.words
    origin, arguments = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return _words(arguments[0], [*marks, *_flat(arguments[1:])])
    if origin is Literal:
        return ", ".join(f'`"{each}"`' for each in arguments)
    if origin is tuple:
        inner = _words(arguments[0], [])
        return "list of tables, see below" if inner.startswith("table") else f"list of: {inner}"
    if origin is dict:
        return f"table: {_words(arguments[0], [])} → {_words(arguments[1], [])}"
    if arguments:
        return " or ".join(_words(each, marks) for each in arguments if each is not type(None))
    return _scalar(annotation, marks)


def _scalar(annotation: Any, marks: list[Any]) -> str:
    if issubclass(annotation, BaseModel):
        short = any(isinstance(mark, BeforeValidator) for mark in marks)
        return "name or table, see below" if short else "table, see below"
    if issubclass(annotation, Enum):
        return ", ".join(f'`"{each.value}"`' for each in annotation)
    named = [GUARDED.get(getattr(mark, "func", None), "") for mark in marks]
    if any(named):
        return "".join(named)
    return _PLAIN[annotation] + "".join(_bounds(marks))


def _bounds(marks: list[Any]) -> Iterator[str]:
    least = next((each.ge for each in marks if isinstance(each, Ge)), None)
    above = next((each.gt for each in marks if isinstance(each, Gt)), None)
    most = next((each.le for each in marks if isinstance(each, Le)), None)
    below = next((each.lt for each in marks if isinstance(each, Lt)), None)
    if least is not None:
        yield f", {least}"
    if above is not None:
        yield f", above {above}"
    if most is not None:
        yield f" to {most}"
    elif below is not None:
        yield f", below {below}"
    elif least is not None:
        yield " at least"


def _flat(marks: Iterable[Any]) -> Iterator[Any]:
    """Yield *marks*; those that a Field holds, one by one."""
    for mark in marks:
        yield from mark.metadata if isinstance(mark, FieldInfo) else [mark]


def cell(text: str) -> str:
    """Return *text* as it can stand in a table's cell."""
    return " ".join(text.replace("|", "\\|").split())


def write_or_check(target: Path, page: Callable[[], str], arguments: list[str]) -> int:
    """Write *page* to *target*, or with ``--check`` return 1 when it isn't what would be written."""
    parser = argparse.ArgumentParser(description=f"Generate docs/{target.name} from the models.")
    parser.add_argument(
        "--check", action="store_true", help="write nothing, say whether the page is up to date"
    )
    wanted = page()
    if parser.parse_args(arguments).check:
        current = target.read_text(encoding="utf-8") if target.exists() else ""
        return 0 if current == wanted else 1
    target.parent.mkdir(exist_ok=True)
    target.write_text(wanted, encoding="utf-8")
    return 0
