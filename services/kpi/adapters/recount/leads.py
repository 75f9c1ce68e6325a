"""What the leads in the store amount to, one by one: which of them a difference comes from."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from schemas.topics import LIFECYCLE
from services.kpi.adapters.clock_codec import decode_clocks
from services.kpi.adapters.lead_codec import decode
from services.kpi.adapters.recount.codes import codes_of, name_of
from services.kpi.adapters.recount.compare import Difference
from services.kpi.adapters.recount.figures import Span
from services.kpi.adapters.recount.plain.by_lead import Part
from services.kpi.domain.calendar import MINUTE_MS, Calendar
from services.kpi.domain.catalogue import METRICS
from services.kpi.domain.contribution import Sums
from services.kpi.domain.contributions import Counting
from services.kpi.domain.counters import SLA_DUE, SLA_MET
from services.kpi.domain.metric import People
from services.kpi.domain.rules import CountingRules
from services.kpi.domain.sketch import bin_of
from services.runtime.keys import ShardId
from services.runtime.store import Store

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Suspect:
    """A difference with the time that its figure is of, and what each lead adds to it by the recount."""

    difference: Difference
    exact: Span
    days: Span
    parts: Mapping[str, Part]


async def explain(
    store: Store, suspects: Sequence[Suspect], rules: CountingRules, *, service: str, partitions: int
) -> None:
    """
    Name in each difference of *suspects* the first lead, by id, that adds something else in the store.

    The leads are read as they stand now: where the service went on meanwhile, one may be named for what came after.
    """
    wrong: list[dict[str, tuple[Part, Part]]] = [{} for _ in suspects]
    missing = [set(each.parts) for each in suspects]
    calendar = Calendar(rules.time_zone)
    counting = Counting(rules, calendar)
    for partition in range(partitions):
        shard = ShardId(service, LIFECYCLE.name, partition)
        async for lead_id, added in _leads(store, shard, counting):
            for place, suspect in enumerate(suspects):
                held = _part(suspect, added, calendar)
                wanted = suspect.parts.get(lead_id, Part())
                missing[place].discard(lead_id)
                if not _same(held, wanted):
                    wrong[place][lead_id] = held, wanted
    for suspect, found, absent in zip(suspects, wrong, missing, strict=True):
        found |= {lead_id: (Part(), suspect.parts[lead_id]) for lead_id in absent}
        if found:
            first = min(found)
            suspect.difference.lead = first
            held, wanted = found[first]
            suspect.difference.explained = f"in the store {_shown(held)}, by the recount {_shown(wanted)}"


async def _leads(store: Store, shard: ShardId, counting: Counting) -> AsyncGenerator[tuple[str, Sums]]:
    names = sorted({name async for name in store.names(shard, "lead:")})
    for page in _pages(names):
        ids = [name.removeprefix("lead:") for name in page]
        blobs = await store.mget([shard.key(name) for name in page])
        clocks = await store.mget([shard.key(f"clock:{each}") for each in ids])
        for lead_id, blob, state in zip(ids, blobs, clocks, strict=True):
            if blob is None:
                continue
            added = Sums()
            counting.add(added, decode(lead_id, blob)[0])
            if state is not None:
                _add_verdicts(added, state)
            yield lead_id, added


def _add_verdicts(added: Sums, state: bytes) -> None:
    for rounds in decode_clocks(state).counted.values():
        for each in rounds.values():
            for code in (SLA_DUE, SLA_MET) if each.met else (SLA_DUE,):
                what = (code, each.minute, each.segments)
                added.tallies[what] = added.tallies.get(what, 0) + 1


def _part(suspect: Suspect, added: Sums, calendar: Calendar) -> Part:
    key = suspect.difference.key
    above, below, by_days = codes_of(key)
    span = suspect.days if by_days else suspect.exact
    segment = f":{key.segment}" if key.segment else ""
    people = isinstance(METRICS[name_of(key)].formula, People)
    top = bottom = 0
    bins: list[int] = []
    for (code, minute, segments), amount in added.tallied():
        if not people and segment in segments and span.from_at <= minute * MINUTE_MS < span.to_at:
            top += amount if code in above else 0
            bottom += amount if code in below else 0
    for (field, day, segments), amount in added.spreads.items():
        if segment in segments and span.from_at <= calendar.day_start(day) < span.to_at:
            code, _, number = field.partition("/")
            if number and code in above:
                bins += [int(number)] * amount
            elif people and field.partition("~")[0] in above:
                top = 1
    return Part(top or len(bins), bottom, tuple(sorted(bins)))


def _same(held: Part, wanted: Part) -> bool:
    """Whether the store's part (durations as bins) is the recount's (in ms)."""
    bins = tuple(sorted(bin_of(each) for each in wanted.durations_ms))
    return (held.above, held.below, held.durations_ms) == (wanted.above, wanted.below, bins)


def _shown(part: Part) -> str:
    return f"{part.above} of {part.below}" if part.below else str(part.above)


def _pages(names: Sequence[str]) -> Iterable[Sequence[str]]:
    rest = iter(names)
    while page := list(islice(rest, _PAGE)):
        yield page
