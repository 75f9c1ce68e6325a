"""The column map: which columns of a firm's CSV say what, as a small TOML file."""

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from services.errors import Misconfigured
from services.sync.domain.rules import Milestone

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def _duration(text: object) -> timedelta:
    if isinstance(text, str) and text[:-1].isdigit() and text[-1:] in _UNITS:
        return timedelta(seconds=int(text[:-1]) * _UNITS[text[-1]])
    raise ValueError('must be a duration such as "1s", "30m", "24h" or "90d"')


Duration = Annotated[timedelta, BeforeValidator(_duration)]


class Part(BaseModel):
    """A part of the map; unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LeadsMap(Part):
    """
    How a row of the leads' file becomes a person in the marketing tool.

    Texts with ``{column}`` are filled from the row: ``"{first} {last}"``, ``"{id:.8}@example.com"``; a text
    without braces that names a column stands for that column, any other is taken as it is. `id` tells leads
    apart. `at` is when the person was made. `fields` are canonical fields of tasuki.toml, `behaviour`
    counters that grow to a number at `at`, so that the score gets there.
    """

    id: str
    at: str
    at_format: str | None = Field(default=None, description="strptime format; ISO 8601 when left out")
    fields: dict[str, str] = Field(default_factory=dict[str, str])
    behaviour: dict[str, int] = Field(default_factory=dict[str, int])


class Step(Part):
    """
    One milestone of a deal: sales sets the stage that means it, `before` or `after` the time of the row.

    `fields` are canonical fields of the opportunity set at the same time; `when` takes the step only for
    rows whose cells are so.
    """

    milestone: Milestone
    at: str
    before: Duration = timedelta()
    after: Duration = timedelta()
    fields: dict[str, str] = Field(default_factory=dict[str, str])
    when: dict[str, str] = Field(default_factory=dict[str, str])


class DealsMap(Part):
    """How a row of the deals' file becomes what sales does with the lead whose id is `lead`."""

    lead: str
    at_format: str | None = None
    steps: list[Step] = Field(min_length=1)


class ColumnMap(Part):
    """The whole map. `time_zone` is that of times without an offset."""

    time_zone: str = "Asia/Tokyo"
    encoding: Literal["auto"] = "auto"
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


def load_map(path: Path) -> ColumnMap:
    """
    Return the map in *path*.

    Raises:
        Misconfigured: With every mistake, each with its key.
    """
    try:
        return ColumnMap.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise Misconfigured(f"{path}: can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: isn't TOML: {error}") from error
    except ValidationError as error:
        lines = [f"{path}: {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise Misconfigured("\n".join(lines)) from error
