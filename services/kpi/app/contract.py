"""The settings of the KPI service, as the composition takes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from services.configuration.platform import Platform
from services.kpi.domain.notice_rules import NoticeRules
from services.kpi.domain.rules import CountingRules
from services.kpi.domain.sla.deadlines import Hours
from services.kpi.domain.sla.policy import Policy
from services.kpi.domain.windows import Window
from services.runtime.http_access import ApiKey


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSettings:
    """A sink: `url` and `secrets` come from the environment."""

    name: str
    kind: Literal["apprise", "webhook", "sales-task"] = "apprise"
    url: str = field(default="", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSettings:
    """Where the feed is served, and to whom."""

    host: str = "127.0.0.1"
    port: int = 8081
    keys: tuple[ApiKey, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotSettings:
    """What is told on `tasuki.kpi.v1`: figures over which windows, and at most how often."""

    windows: tuple[Window, ...] = (Window.LAST_30_DAYS, Window.LAST_7_DAYS, Window.TODAY)
    every_ms: int = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Platform):
    """All that the file and the environment say to the KPI service."""

    counting: CountingRules = field(default_factory=CountingRules)
    policies: tuple[Policy, ...] = ()
    calendars: Mapping[str, Hours] = field(default_factory=dict[str, Hours])
    grace_ms: int = 30_000
    timers_batch: int = 200
    promised_from: int | None = None
    notices: NoticeRules = field(default_factory=lambda: NoticeRules(sinks={}))
    sinks: tuple[SinkSettings, ...] = ()
    snapshots: SnapshotSettings = field(default_factory=SnapshotSettings)
    feed: FeedSettings = field(default_factory=FeedSettings)
