"""What the store holds of a limit, as the domain sees it: what nobody told lately is unknown."""

from collections.abc import Mapping
from typing import cast

from services.sync.domain.quota import Limit, LimitKind, Standing


def standing_of(limit: Limit, fields: object, counted: int, flying: int, *, now: int) -> Standing:
    """
    Return how *limit* stands at *now* (epoch ms).

    Args:
        limit: Which.
        fields: The limit's hash, as the store's client gives it.
        counted: How many of our calls are in its window.
        flying: How many calls to the system are under way.
        now: The present.
    """
    kept = {name.decode(): int(value) for name, value in cast("Mapping[bytes, bytes]", fields).items()}
    most, told_at = kept.get("most", limit.most), kept.get("told_at")
    closed = kept.get("closed_until", 0)
    left = kept.get("left")
    ours = None if limit.kind is LimitKind.DAILY else flying
    if limit.kind is LimitKind.WINDOW:
        ours = counted
        fresh = told_at is not None and told_at <= now < told_at + limit.span_ms
        # Beyond its own span an answer says nothing any more: other apps use the same limit.
        left = most - counted - kept.get("foreign", 0) if fresh and most is not None else None
    return Standing(
        limit=limit,
        most=most,
        left=None if left is None else max(0, left),
        ours=ours,
        told_at=told_at,
        asked_at=kept.get("asked_at"),
        closed_until=closed if kept.get("closed_at", 0) <= now < closed else None,
    )
