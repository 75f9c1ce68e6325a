"""
The envelope of every event: CloudEvents 1.0, structured JSON.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

EpochMs = Annotated[int, Field(ge=-62_135_596_800_000, le=253_402_300_799_999)]
"""An instant: epoch milliseconds, UTC, between the years 0001 and 9999."""

Scalar = str | int | float | bool | None
"""A field's canonical value. Money is integer minor units, a calendar day is YYYY-MM-DD."""


class Open(BaseModel):
    """A part of an event: fields that this version does not know are kept and written out again."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)


class Envelope(Open):
    """CloudEvents context attributes. `time` is RFC 3339; `traceparent` is W3C Trace Context."""

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(min_length=1, description="Unique within its source; a repeated id is the same event.")
    source: str = Field(min_length=1, description="Who says so, for instance /tasuki/sync.")
    subject: str = Field(min_length=1, description="What it is about: a lead_id or system:object:id.")
    time: str = Field(min_length=20, description="When it happened, RFC 3339, UTC.")
    datacontenttype: Literal["application/json"] = "application/json"
    traceparent: str | None = None


def adapter(kind: Any) -> TypeAdapter[Any]:
    """Return the decoder and encoder of *kind*, a model or an annotated union."""
    return TypeAdapter(kind)
