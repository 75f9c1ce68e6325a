"""
The tables of a file, each validated by itself: a broken one is None, the others can still be checked.

So one reading of the file finds a wrong type in one section and a wrong reference in another.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from services.configuration.document import Document
from services.configuration.explain import words_for
from services.configuration.mistakes import did_you_mean
from services.configuration.names import ALL, heading
from services.configuration.places import KeyPath
from services.configuration.sections import Section

S = TypeVar("S", bound=Section)


@dataclass(frozen=True, slots=True)
class Entry(Generic[S]):
    """One valid element of a list of tables, with its path."""

    path: KeyPath
    value: S


def check_names(document: Document, required: Iterable[str]) -> None:
    """Report each section of *document* that no service reads, and each *required* one that isn't there."""
    for key in document.data:
        if key not in ALL:
            guess = did_you_mean(key, ALL) or f"known here: {', '.join(ALL)}"
            document.report((key,), "unknown section", guess)
    for key in required:
        if key not in document.data:
            document.report(
                (), f"the section {heading(key)} is missing", "add it; `tasuki init` writes a whole file"
            )


def read_table(
    document: Document, key: str, model: type[S], *, required: bool = False, apart: Collection[str] = ()
) -> S | None:
    """
    Return the section *key*, None where it is broken, or required and missing.

    Args:
        document: The file; what is wrong is reported into it.
        key: The heading.
        model: The section's shape.
        required: Whether a missing section is None instead of all defaults; `check_names` reports it.
        apart: Keys that hold lists of tables, which `read_elements` reads one by one.
    """
    if required and key not in document.data:
        return None
    value: Any = document.data.get(key, {})
    if not isinstance(value, dict):
        document.report((key,), "must be a table", f"write it under a heading of its own: [{key}]")
        return None
    rest = {name: each for name, each in cast("dict[str, Any]", value).items() if name not in apart}
    return _validated(document, (key,), model, rest)


def read_elements(document: Document, path: KeyPath, model: type[S]) -> Iterator[Entry[S]]:
    """Yield the valid elements of the list of tables at *path*; the others are reported into *document*."""
    value: Any = document.data
    for key in path:
        value = cast("dict[str, Any]", value).get(str(key), []) if isinstance(value, dict) else []
    if not isinstance(value, list):
        document.report(
            path, "must be a list of tables", f"write each under a heading [[{'.'.join(map(str, path))}]]"
        )
        return
    for index, element in enumerate(cast("list[Any]", value)):
        found = _validated(document, (*path, index), model, element)
        if found is not None:
            yield Entry((*path, index), found)


def read_named(document: Document, key: str, model: type[S]) -> Iterator[Entry[S]]:
    """Yield the valid tables of the section *key*, which has one for each name; see `read_elements`."""
    value: Any = document.data.get(key, {})
    if not isinstance(value, dict):
        document.report((key,), "must be tables with a name each", f"write each under a heading [{key}.name]")
        return
    for name, element in cast("dict[str, Any]", value).items():
        found = _validated(document, (key, name), model, element)
        if found is not None:
            yield Entry((key, name), found)


def _validated(document: Document, path: KeyPath, model: type[S], value: object) -> S | None:
    try:
        return model.model_validate(value)
    except ValidationError as errors:
        for error in errors.errors(include_url=False):
            if _follows(error):
                continue
            problem, mend = words_for(error, model)
            # pydantic marks what is wrong with a table's key itself by an element of its own.
            document.report((*path, *(each for each in error["loc"] if each != "[key]")), problem, mend)
        return None


def _follows(error: ErrorDetails) -> bool:
    """Return whether *error* is told elsewhere: of a list whose elements are wrong pydantic also says that it is short."""
    there: Any = error["input"]
    return error["type"] == "too_short" and len(there) >= error.get("ctx", {}).get("min_length", 0)
