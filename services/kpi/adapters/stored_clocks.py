"""How clocks stand now, read from the shards that keep them: for the notifier, so that no message says what is over."""

from collections.abc import Collection, Mapping

from schemas.topics import LIFECYCLE
from services.kpi.adapters.clock_codec import decode_clocks
from services.kpi.adapters.lead_codec import decode
from services.kpi.adapters.rulebook_codec import decode_eras
from services.kpi.domain.clock_rules import ClockRules
from services.kpi.domain.lead_clocks import clocks_of
from services.kpi.domain.notices import ClockKey, Live
from services.kpi.domain.sla.rulebook import BookEra
from services.runtime.keys import ShardId
from services.runtime.log.port import partition_of
from services.runtime.store import Command, Store


class StoredClocks:
    """
    See `Clocks` in services.kpi.application.notify. The rules are those that the shards keep.

    Args:
        service: Under whose name the clocks are kept.
        partitions: Of the lifecycle topic.
    """

    def __init__(self, store: Store, *, service: str, partitions: int) -> None:
        self._store = store
        self._shards = [ShardId(service, LIFECYCLE.name, each) for each in range(partitions)]

    async def now(self, clocks: Collection[ClockKey], at: int) -> Mapping[ClockKey, Live]:
        """See `Clocks.now`. A round that is gone has ended. Raises StoreUnavailable."""
        by_shard: dict[int, dict[str, list[ClockKey]]] = {}
        for each in clocks:
            place = partition_of(each.lead_id, len(self._shards))
            by_shard.setdefault(place, {}).setdefault(each.lead_id, []).append(each)
        found: dict[ClockKey, Live] = {}
        for place, leads in by_shard.items():
            found |= await self._of(self._shards[place], leads, at)
        return found

    async def _of(
        self, shard: ShardId, leads: Mapping[str, Collection[ClockKey]], at: int
    ) -> dict[ClockKey, Live]:
        asked: list[Command] = [("MGET", shard.key("eras"))]
        asked += [("MGET", *(shard.key(f"{kind}:{each}") for kind in ("lead", "clock"))) for each in leads]
        ((eras,), *stored) = await self._store.read(asked)
        rules = ClockRules() if eras is None else ClockRules.of(decode_eras(eras))
        found: dict[ClockKey, Live] = {}
        for (lead_id, wanted), (lead, state) in zip(leads.items(), stored, strict=True):
            if lead is None or state is None:
                continue  # not known: told as it stood
            known = clocks_of(decode(lead_id, lead)[0], decode_clocks(state), rules)
            for key in wanted:
                clock = known.get((key.cycle, key.policy))
                rounds = [] if clock is None else [each for each in clock.rounds if each.number == key.round]
                if not rounds:
                    found[key] = Live(ended=True, elapsed_ms=0, overdue_ms=0)
                for each in rounds:
                    over = each.ended_at is not None and each.ended_at <= at
                    found[key] = Live(over, each.elapsed_ms(at), each.overdue_ms(at))
        return found


async def stored_eras(store: Store, *, service: str) -> tuple[BookEra, ...]:
    """Return what was promised since when, as the first shard of *service* keeps it; nothing before its first run."""
    (eras,) = await store.mget([ShardId(service, LIFECYCLE.name, 0).key("eras")])
    return () if eras is None else tuple(decode_eras(eras))
