"""Asks the sync service how it does, at the address at which it takes webhooks."""

from collections.abc import Mapping
from typing import Any, cast

import httpx2

from services.errors import Retryable

_WITHIN_S = 1.5


class SyncStatus:
    """
    Asks ``GET /status``.

    Args:
        url: Where the sync service answers, without the path.
        key: Its API key, where it has one.
    """

    def __init__(self, url: str, key: str | None) -> None:
        self._http = httpx2.AsyncClient(
            base_url=url, timeout=_WITHIN_S, headers={} if key is None else {"X-Api-Key": key}
        )

    async def __call__(self) -> Mapping[str, Any] | None:
        """
        Return how it does, as the dashboard shows it; what it doesn't say is left out.

        Raises:
            Retryable: It doesn't answer, or not with its status.
        """
        try:
            answer = await self._http.get("/status")
            answer.raise_for_status()
            return _shown(cast("Mapping[str, Any]", answer.json()))
        except (httpx2.HTTPError, ValueError) as error:
            raise Retryable(f"the sync service gives no status: {error}") from error

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()


def _shown(said: Mapping[str, Any]) -> Mapping[str, Any]:
    systems: Mapping[str, Mapping[str, Any]] = said["systems"]
    topics: Mapping[str, Mapping[str, Any]] = said["topics"]
    lags = [each.get("lag") for each in topics.values()]
    return {
        "ready": said["ready"],
        "reasons": said["reasons"],
        "systems": {
            name: {"condition": each["condition"], "reason": each["reason"], "waiting": each["dirty"]}
            for name, each in systems.items()
        },
        "latency": said.get("latency"),
        "drift": _drift(said),
        "queue": None if None in lags else sum(cast("list[int]", lags)),
    }


def _drift(said: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return how many differences sweeps found and had repaired, and when the last one ended; None: none ended yet."""
    ended = [each["ended_at"] for each in said.get("sweeps") or () if each.get("ended_at") is not None]
    if not ended or said.get("drift") is None:
        return None
    return {"found": sum(said["drift"].values()), "checked_at": max(ended)}
