"""Promises as the recount takes them: those whose clock runs straight from its start to its end."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """
    One policy. Names of facts are as in the configuration, with ``*`` for any ending.

    Args:
        name: Of the policy.
        starts, stops, cancels: Which facts begin it, fulfil it, and end it without a verdict.
        from_at: Nothing is promised before, epoch ms.
        deadline_of: The deadline of a clock that started at an instant, epoch ms.
    """

    name: str
    starts: tuple[str, ...]
    stops: tuple[str, ...]
    cancels: tuple[str, ...]
    from_at: int
    deadline_of: Callable[[int], int]


@dataclass(frozen=True, slots=True)
class Promises:
    """Which promises are recounted; `left_out` says of each other one why it isn't."""

    recounted: tuple[Promise, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict[str, str])
