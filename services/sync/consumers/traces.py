"""The spans of sync's work: a lead's trace goes from the door over observe and decide to dispatch."""

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from typing import Literal

from schemas.lead import LeadChange
from services.runtime.tracing import Tracing
from services.sync.application.decide import Decided
from services.sync.application.dispatch import Plan
from services.sync.application.observe import Hint

MOST_WAITING = 10_000
"""Of so many leads the trace is remembered until they are written; an older one's write begins a new trace."""


class Traces:
    """Makes the spans and remembers, for the leads that wait for a write, whose trace that write belongs to."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._waiting: dict[str, str] = {}

    @property
    def on(self) -> bool:
        """Whether spans are made; else nobody needs to ask for any."""
        return self._tracing.on

    @contextmanager
    def observing(self, hints: Sequence[Hint]) -> Generator[Sequence[Hint]]:
        """Put a span around the observing of each of *hints*, and give them with their spans' contexts."""
        if not self.on:
            yield hints
            return
        # All are made before the first is entered: one without a parent is a root, not the child of another's.
        steps = [
            self._tracing.span("observe", parent=each.traceparent, system=each.notification.ref.system)
            for each in hints
        ]
        with ExitStack() as around:
            entered = [around.enter_context(each) for each in steps]
            yield [
                replace(hint, traceparent=step.traceparent) for hint, step in zip(hints, entered, strict=True)
            ]

    def deciding(self, event: LeadChange) -> AbstractContextManager[object]:
        """Return the span around deciding *event*; none where the event belongs to no trace."""
        if event.traceparent is None:
            return nullcontext()
        return self._tracing.span("decide", parent=event.traceparent, lead_id=event.subject)

    def decided(self, event: LeadChange, decided: Decided) -> None:
        """Note whose trace a lead's next write belongs to: that of the first change since it lacked nothing."""
        if not self.on or not decided.missing:
            return
        if not any(decided.missing.values()):
            self._waiting.pop(event.subject, None)
        elif event.traceparent is not None:
            self._waiting.setdefault(event.subject, event.traceparent)
            if len(self._waiting) > MOST_WAITING:
                del self._waiting[next(iter(self._waiting))]

    def dispatching(self, system: str, plans: Sequence[Plan]) -> AbstractContextManager[object]:
        """Return the span around sending *plans*, in the trace of the first lead that has one."""
        if not self.on:
            return nullcontext()
        parents = (self._waiting.get(plan.lead.id) for plan in plans)
        parent = next((each for each in parents if each is not None), None)
        return self._tracing.span("dispatch", parent=parent, system=system, records=len(plans))

    def calling(
        self, system: str, operation: Literal["read", "write"], count: int
    ) -> AbstractContextManager[object]:
        """
        Return the span around one *operation* on *count* records of *system*, in the trace of what asks for it.

        What is read for several notifications at once stands in the trace of one of them.
        """
        if not self.on:
            return nullcontext()
        return self._tracing.span("vendor.call", system=system, operation=operation, records=count)
