"""The service's books, read from outside while it runs: its leads, and whether anything is still under way."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from schemas.topics import INBOX, LEAD_CHANGES, LIFECYCLE, REQUESTS
from services.kpi.app.counting import SERVICE as KPI
from services.runtime.keys import ShardId
from services.runtime.log.port import Log
from services.runtime.store import Store
from services.sync.adapters.identity_index import IdentityIndex
from services.sync.adapters.lead_codec import decode
from services.sync.app import SERVICE
from services.sync.application.identify import email_claim
from services.sync.domain.lead import Lead
from services.sync.domain.records import Side

_PAGE = 1_000
_LEAD = "lead:"


@dataclass(frozen=True, slots=True)
class UnderWay:
    """What is still to be done: records not folded, events not relayed, leads that a side waits for."""

    unread: int
    outbox: int
    dirty: int

    @property
    def nothing(self) -> bool:
        """Whether the service is at quiet."""
        return self.unread == self.outbox == self.dirty == 0

    def __str__(self) -> str:
        """Return it for a person."""
        return f"{self.unread} records unread, {self.outbox} events unsent, {self.dirty} leads waiting"


class Books:
    """
    Reads the shards of sync, and how far the KPIs are.

    Args:
        log: Its log, for others to read too.
        store: Its store, likewise.
        partitions: Of each topic.
    """

    def __init__(self, *, log: Log, store: Store, partitions: int) -> None:
        self.log = log
        self.store = store
        self._partitions = partitions

    async def lead_id_of(self, email: str) -> str | None:
        """Return the lead that claimed the e-mail address, None when none did yet. Raises StoreUnavailable."""
        claim = email_claim(email)
        return (await IdentityIndex(self.store).claimed([claim])).get(claim)

    async def under_way(self) -> UnderWay:
        """Return what the service has still to do."""
        unread = 0
        commands: list[tuple[str | bytes | int, ...]] = []
        for topic in (INBOX.name, REQUESTS.name, LEAD_CHANGES.name):
            unread += await self._unread(SERVICE, topic)
            commands += [("XLEN", each.outbox_key) for each in self._shards(SERVICE, topic)]
        outboxes = await self.store.read(commands)
        dirty = await self.store.read(
            [("ZCARD", shard.key(f"dirty:{side}")) for shard in self._lead_shards() for side in Side]
        )
        return UnderWay(unread, sum(map(int, outboxes)), sum(map(int, dirty)))

    async def waiting(self, most: int = 20) -> list[str]:
        """Return the leads, up to *most* of a side and shard, that a side waits for. Raises StoreUnavailable."""
        keys = [shard.key(f"dirty:{side}") for shard in self._lead_shards() for side in Side]
        found = await self.store.read([("ZRANGE", key, 0, most - 1) for key in keys])
        return sorted({lead_id.decode() for ids in found for lead_id in ids})

    async def uncounted(self) -> int:
        """Return how many facts the KPIs don't reflect yet. Raises StoreUnavailable."""
        return await self._unread(KPI, LIFECYCLE.name)

    async def untold(self, now: int) -> int:
        """Return how many clocks' timers are due by *now*, epoch ms, or told and not yet on their topic."""
        commands: list[tuple[str | bytes | int, ...]] = []
        for shard in self._shards(KPI, LIFECYCLE.name):
            commands += [("ZCOUNT", shard.key("timers"), 0, now), ("XLEN", shard.outbox_key)]
        return sum(map(int, await self.store.read(commands)))

    async def _unread(self, service: str, topic: str) -> int:
        shards, offsets = self._shards(service, topic), await self.log.offsets(topic)
        ledgers = await self.store.read([("HGET", each.ledger_key, "offset") for each in shards])
        unread = 0
        for shard, ledger in zip(shards, ledgers, strict=True):
            bounds = offsets[shard.partition]
            done = bounds.begin if ledger is None else max(bounds.begin, int(ledger) + 1)
            unread += max(0, bounds.end - done)
        return unread

    async def leads(self) -> AsyncIterator[Lead]:
        """Yield every lead, in no order; of those that turned out to be one, the one that stays."""
        for shard in self._lead_shards():
            names = sorted({each async for each in self.store.names(shard, _LEAD)})
            for page in (names[at : at + _PAGE] for at in range(0, len(names), _PAGE)):
                blobs = await self.store.mget([shard.key(each) for each in page])
                for name, blob in zip(page, blobs, strict=True):
                    if blob is not None:
                        lead = decode(name.removeprefix(_LEAD), blob)
                        if not lead.merged_into:
                            yield lead

    def _lead_shards(self) -> list[ShardId]:
        return self._shards(SERVICE, LEAD_CHANGES.name)

    def _shards(self, service: str, topic: str) -> list[ShardId]:
        return [ShardId(service, topic, partition) for partition in range(self._partitions)]
