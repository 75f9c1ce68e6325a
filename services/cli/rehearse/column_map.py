"""The column map: which columns of a firm's CSV say what, as a small TOML file."""

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)
from pydantic_core import ErrorDetails

from services.cli.rehearse.moments import wrong_format
from services.configuration.currencies import CURRENCIES
from services.errors import Misconfigured
from services.sync.domain.rules import Milestone

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def _duration(text: object) -> timedelta:
    if isinstance(text, str) and text[:-1].isdigit() and text[-1:] in _UNITS:
        return timedelta(seconds=int(text[:-1]) * _UNITS[text[-1]])
    raise ValueError('must be a duration such as "1s", "30m", "24h" or "90d"')


Duration = Annotated[timedelta, BeforeValidator(_duration)]


def _formats(given: object) -> object:
    return (given,) if isinstance(given, str) else given


def _usable(forms: tuple[str, ...]) -> tuple[str, ...]:
    for form in forms:
        if (problem := wrong_format(form)) is not None:
            raise ValueError(problem)
    return forms


Formats = Annotated[tuple[str, ...], BeforeValidator(_formats), AfterValidator(_usable)]
"""strptime formats, one or several; none takes what is unambiguous by itself."""


class Part(BaseModel):
    """A part of the map; unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LeadsMap(Part):
    """
    How a row of the leads' file becomes a person in the marketing tool.

    Texts with ``{column}`` are filled from the row: ``"{first} {last}"``, ``"{id:.8}@example.com"``; a text
    without braces that names a column stands for that column, any other is taken as it is. `id` tells leads
    apart. `at` is when the person was made; `every` puts so much between one row and the next, for files that
    tell no times. `fields` are canonical fields of tasuki.toml, `behaviour` counters that grow to a number,
    or to that in a column, at `at`, so that the score gets there.
    """

    id: str
    at: str
    at_format: Formats = ()
    every: Duration = timedelta()
    fields: dict[str, str] = Field(default_factory=dict[str, str])
    behaviour: dict[str, int | str] = Field(default_factory=dict[str, "int | str"])


class Step(Part):
    """
    One milestone of a deal: sales sets the stage that means it, `before` or `after` the time of the row.

    `at` left out is the time of the lead. A row whose `at` is empty didn't get there. `fields` are canonical
    fields of the opportunity set at the same time; `when` takes the step only for rows whose cells are so, or
    one of those.
    """

    milestone: Milestone
    at: str | None = None
    before: Duration = timedelta()
    after: Duration = timedelta()
    fields: dict[str, str] = Field(default_factory=dict[str, str])
    when: dict[str, str | list[str]] = Field(default_factory=dict[str, "str | list[str]"])


class DealsMap(Part):
    """How a row of the deals' file becomes what sales does with the lead whose id is `lead`."""

    lead: str
    at_format: Formats = ()
    steps: list[Step] = Field(min_length=1)


class ColumnMap(Part):
    """
    The whole map.

    `time_zone` is that of times without an offset, `currency` that of amounts. `encoding` is that of the files,
    ``auto`` finds out. `empty` are cells that say nothing, such as "Select" or "-".
    """

    time_zone: str = "Asia/Tokyo"
    currency: str = "JPY"
    encoding: str = "auto"
    empty: list[str] = Field(default_factory=list[str])
    leads: LeadsMap
    deals: DealsMap | None = None

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{name!r} is no time zone; for instance Asia/Tokyo") from error
        return name

    @field_validator("encoding")
    @classmethod
    def _decodable(cls, name: str) -> str:
        try:
            b"".decode("utf-8" if name == "auto" else name)
        except LookupError as error:
            raise ValueError(
                f"{name!r} is no text encoding; for instance auto, cp932, euc_jp, cp1252"
            ) from error
        return name

    @field_validator("currency")
    @classmethod
    def _coined(cls, code: str) -> str:
        if code not in CURRENCIES:
            raise ValueError(f"{code!r} is no currency of ISO 4217; for instance JPY")
        return code


def load_map(path: Path) -> ColumnMap:
    """
    Return the map in *path*.

    Raises:
        Misconfigured: With every mistake, each with its key.
    """
    try:
        return ColumnMap.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise Misconfigured(f"{path}: can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        hint = "a key with other than plain letters, digits, - and _ needs quotes, and so does each text"
        raise Misconfigured(f"{path}: isn't TOML: {error}; {hint}") from error
    except ValidationError as error:
        lines = [f"{path}: {_place(each['loc'])}: {_problem(each)}" for each in error.errors()]
        raise Misconfigured("\n".join(lines)) from error


def _place(loc: tuple[int | str, ...]) -> str:
    """Return a key as the file has it: ``deals.steps[2].milestone``."""
    place = ""
    for part in loc:
        # What follows the key only names one of the types that a value may have.
        if part in {"int", "str", "list[str]"}:
            continue
        place += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return place.lstrip(".")


def _problem(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key; docs/rehearse.md has them all"
    if error["type"] == "missing":
        return "is missing"
    return error["msg"].removeprefix("Value error, ")
