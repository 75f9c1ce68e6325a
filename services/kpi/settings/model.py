"""The configuration as the KPI service holds it: checked, frozen, in the domain's words."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from services.configuration.platform import Platform
from services.kpi.domain.goals import Goals
from services.kpi.domain.metric import Target
from services.kpi.domain.notice_rules import NoticeRules, SinkRule
from services.kpi.domain.rules import CountingRules
from services.kpi.domain.sla.deadlines import Hours
from services.kpi.domain.sla.policy import Policy
from services.kpi.domain.windows import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSettings:
    """
    A sink of alerts: `kind` is ``apprise``, ``webhook`` or ``sales-task``; `rule` says how it is fed.

    `address` is None for tasks, and where secrets weren't asked for. `secrets` sign a webhook's messages: the one in
    use, then the one before while it is being replaced.
    """

    name: str
    kind: str
    rule: SinkRule
    address: SecretStr | None = None
    secrets: tuple[SecretStr, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedKey:
    """A key of the feed: what it is for, ``read`` or ``operate``, and the key; None where secrets weren't asked for."""

    name: str
    role: str
    secret: SecretStr | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSettings:
    """Where the feed listens, and who may read it. `public_url` is where people reach it, without a slash at its end."""

    host: str
    port: int
    public_url: str
    keys: tuple[FeedKey, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotSettings:
    """Figures over which windows are told, 1 or more, and at most how often."""

    windows: tuple[Window, ...]
    every_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Platform):
    """
    All that tasuki.toml and the environment say to the KPI service.

    Args:
        counting: How is counted.
        targets: By metric and role (``sdr``, ``bdr``): the catalogue's, or the firm's own; none where there is none.
        goals: The firm's goal, if it names one.
        policies: The promises, with names that differ.
        calendars: Those that promises may name.
        grace_ms: So long a timer waits for facts that are in the log and not yet read.
        timers_batch: So many timers fire in one commit at most.
        promised_from: Promises are held from this instant on; None: from the installation's first on.
        snapshots: What is told on `tasuki.kpi.v1`.
        notices: The rules of the notifier, those of the sinks among them.
        sinks: In the order of the file.
        feed: The feed's server.
    """

    counting: CountingRules
    targets: Mapping[tuple[str, str], Target]
    goals: Goals | None
    policies: tuple[Policy, ...]
    calendars: Mapping[str, Hours]
    grace_ms: int
    timers_batch: int
    promised_from: int | None
    snapshots: SnapshotSettings
    notices: NoticeRules
    sinks: tuple[SinkSettings, ...]
    feed: FeedSettings
