"""The shape of [feed]: where the KPIs are served, and to whom."""

from typing import Annotated, Literal

from pydantic import Field

from services.configuration.quantities import Slug, Text, WebAddress, Whole
from services.configuration.sections import Section


class KeyEntry(Section):
    """A key for the feed; the key itself is in the environment: `TASUKI_FEED_KEY_<NAME>`."""

    name: Slug = Field(description="What it is for: `dashboard`.")
    role: Literal["read", "operate"] = Field(
        default="read", description="`read`, or `operate`, which may read too."
    )


class FeedSection(Section):
    """Where the KPIs are served; see `docs/feed.md`."""

    host: Text = Field(
        default="127.0.0.1", description="Address to listen on; one that others can reach needs a key."
    )
    port: Annotated[Whole, Field(ge=0, le=65_535)] = Field(
        default=8081, description="Port to listen on; 0 takes a free one."
    )
    public_url: WebAddress | None = Field(
        default=None, description="Where people reach it; left out: `http://<host>:<port>`."
    )
    keys: tuple[KeyEntry, ...] = Field(default=(), description="Who may read; none: this machine alone.")
