"""Delivers webhook events: signed, in batches, several at a time, repeated until they are taken."""

import asyncio
import hmac
from base64 import b64encode
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from random import Random
from typing import Any

import httpx2
import orjson

from services.runtime.clock import now_ms
from services.sync.adapters.hubspot.sandbox.settings import Delivery
from services.sync.adapters.sandbox.faults import FaultSource

FIRST_RETRY_MS = 60_000
"""HubSpot says only that ten retries spread over 24 hours: they double from a minute on."""

_DECODED = {
    "%3A": ":",
    "%2F": "/",
    "%3F": "?",
    "%40": "@",
    "%21": "!",
    "%24": "$",
    "%27": "'",
    "%28": "(",
    "%29": ")",
    "%2A": "*",
    "%2C": ",",
    "%3B": ";",
}


@dataclass(slots=True)
class Parcel:
    """Events that travel together, and how often that was tried."""

    events: list[dict[str, Any]]
    attempt: int = 0


@dataclass(slots=True)
class Deliveries:
    """What became of the deliveries: requests sent, repeated, failed; events given up on."""

    sent: int = 0
    retries: int = 0
    failed: int = 0
    events: int = 0
    abandoned: int = 0


class Courier:
    """Carries events to the receiver."""

    def __init__(self, secret: str, delivery: Delivery, faults: FaultSource) -> None:
        self._secret = secret.encode()
        self.delivery = delivery
        self._faults = faults
        self._random = Random(delivery.max_concurrent)
        self._fresh: list[dict[str, Any]] = []
        self._queue: deque[Parcel] = deque()
        self._active: dict[asyncio.Task[None], Parcel] = {}
        self._held: dict[asyncio.TimerHandle, Parcel] = {}
        self._flushing = False
        self._client: httpx2.AsyncClient | None = None
        self._last_event = 3_816_000_000
        self.figures = Deliveries()

    @property
    def undelivered(self) -> int:
        """How many events are still to be taken by the receiver."""
        parcels = (*self._queue, *self._held.values(), *self._active.values())
        return len(self._fresh) + sum(len(each.events) for each in parcels)

    def start(self) -> None:
        """Open the connections."""
        limits = httpx2.Limits(max_connections=self.delivery.max_concurrent + 2)
        self._client = httpx2.AsyncClient(
            timeout=self.delivery.timeout_ms / 1000, limits=limits, trust_env=False
        )

    async def stop(self) -> None:
        """Drop what is under way and close."""
        for timer in self._held:
            timer.cancel()
        for task in self._active:
            task.cancel()
        await asyncio.gather(*self._active, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def clear(self) -> None:
        """Drop what waits to be delivered, and the figures; what is under way goes on."""
        for timer in self._held:
            timer.cancel()
        self._held.clear()
        self._queue.clear()
        self._fresh.clear()
        self.figures = Deliveries()

    def retarget(self, delivery: Delivery) -> None:
        """Deliver by other settings from now on."""
        self.delivery = delivery

    def offer(self, events: Iterable[dict[str, Any]]) -> None:
        """Take *events* for delivery within a few milliseconds."""
        if self.delivery.target_url is None or self._client is None:
            return
        for event in events:
            event["eventId"] = self._number()
            if self._faults.strikes(self._faults.faults.shuffle):
                self._later(50 + 450 * self._random.random(), Parcel([event]))
            else:
                self._fresh.append(event)
        if self._fresh and not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_later(self.delivery.coalesce_ms / 1000, self._flush)

    def _number(self) -> int:
        """Return an event id; HubSpot doesn't promise that they are unique, so some aren't."""
        if not self._faults.strikes(self._faults.faults.duplicate):
            self._last_event += 1
        return self._last_event

    def _flush(self) -> None:
        self._flushing = False
        fresh, self._fresh = self._fresh, []
        size = self.delivery.max_events
        for start in range(0, len(fresh), size):
            parcel = Parcel(fresh[start : start + size])
            self._queue.append(parcel)
            if self._faults.strikes(self._faults.faults.duplicate):
                self._later(100 * self._random.random(), Parcel(list(parcel.events)))
        self._pump()

    def _later(self, delay_ms: float, parcel: Parcel) -> None:
        def due() -> None:
            self._held.pop(timer, None)
            self._queue.append(parcel)
            self._pump()

        timer = asyncio.get_running_loop().call_later(delay_ms / 1000, due)
        self._held[timer] = parcel

    def _pump(self) -> None:
        while self._queue and len(self._active) < self.delivery.max_concurrent:
            parcel = self._queue.popleft()
            task = asyncio.create_task(self._send(parcel))
            self._active[task] = parcel
            task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._active.pop(task, None)
        if not task.cancelled():
            task.result()
            self._pump()

    async def _send(self, parcel: Parcel) -> None:
        self.figures.sent += 1
        self.figures.retries += parcel.attempt > 0
        if await self._taken(parcel):
            self.figures.events += len(parcel.events)
            return
        self.figures.failed += 1
        if parcel.attempt >= self.delivery.max_retries and self.delivery.give_up:
            self.figures.abandoned += len(parcel.events)
            return
        delay = self._delay(parcel.attempt)
        parcel.attempt += 1
        self._later(delay, parcel)

    def _delay(self, attempt: int) -> float:
        spread = 0.5 + self._random.random()
        doubled = FIRST_RETRY_MS * 2 ** min(attempt, self.delivery.max_retries)
        delay = doubled * spread * self.delivery.time_factor
        cap = self.delivery.max_retry_delay_ms
        return delay if cap is None else min(delay, cap * spread)

    async def _taken(self, parcel: Parcel) -> bool:
        target = self.delivery.target_url
        if target is None or self._client is None:
            return False
        body = orjson.dumps([{**each, "attemptNumber": parcel.attempt} for each in parcel.events])
        headers = signed(self._secret, self.delivery.public_url or target, body, now_ms())
        try:
            response = await self._client.post(target, content=body, headers=headers)
        except httpx2.HTTPError:
            return False
        return response.is_success


def signed(secret: bytes, url: str, body: bytes, now: int) -> dict[str, str]:
    """
    Return the headers of a webhook request to *url*, signed at *now*, epoch ms.

    Source: https://developers.hubspot.com/docs/api/webhooks/validating-requests
    """
    for code, character in _DECODED.items():
        url = url.replace(code, character)
    text = b"POST" + url.encode() + body + str(now).encode()
    return {
        "Content-Type": "application/json",
        "User-Agent": "HubSpot Connect 2.0 (sandbox)",
        "X-HubSpot-Signature-Version": "v1",
        "X-HubSpot-Signature": sha256(secret + body).hexdigest(),
        "X-HubSpot-Request-Timestamp": str(now),
        "X-HubSpot-Signature-v3": b64encode(hmac.digest(secret, text, "sha256")).decode(),
    }
