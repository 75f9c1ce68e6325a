"""
A dry run of the first filling: everything is read, identified and decided as it will be, and nothing is kept.

The same code does it as in earnest, over an identity and leads that live in memory; what is known already is read
from the store. Nothing is written to a vendor, nor to the store.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from schemas.lead import LeadChange, LeadObserved
from services.runtime.clock import Clock
from services.sync.application.circuit import make_circuits
from services.sync.application.decide import Decide
from services.sync.application.gate import Gate
from services.sync.application.identify import ERASED, Identify, Identity
from services.sync.application.moving import Moving
from services.sync.application.observe import Found, Observe
from services.sync.application.ports import Connector, Place
from services.sync.application.sweep import Sweep, Walk
from services.sync.domain.company import rules_of
from services.sync.domain.lead import Lead
from services.sync.domain.lifecycle import trace
from services.sync.domain.preview import Line, company_lines, lines
from services.sync.domain.records import RecordRef, Side


class Stored(Protocol):
    """The leads that stand in the store."""

    async def load(self, lead_ids: Collection[str]) -> Mapping[str, Lead]:
        """Return those of the leads that are known. Raises StoreUnavailable."""
        ...


class Overlay:
    """
    See `Identity`: the inner one's links and claims, and over them those that this run would make.

    `fresh_links` and `fresh_claims` are those since `begin`.
    """

    def __init__(self, inner: Identity) -> None:
        self._inner = inner
        self._links: dict[RecordRef, str] = {}
        self._claims: dict[str, str] = {}
        self._told: dict[RecordRef, set[str]] = {}
        self.begin()

    def begin(self) -> None:
        """Forget which links and claims were made lately; they stay."""
        self.fresh_links: dict[RecordRef, str] = {}
        self.fresh_claims: dict[str, str] = {}

    def put(self, links: Mapping[RecordRef, str], claims: Mapping[str, str]) -> None:
        """Make *links* and *claims*."""
        self._links.update(links)
        self.fresh_links.update(links)
        self._claims.update(claims)
        self.fresh_claims.update(claims)

    async def links(self, refs: Sequence[RecordRef]) -> Mapping[RecordRef, str]:
        """See `Identity.links`."""
        made = {ref: self._links[ref] for ref in refs if ref in self._links}
        return {**await self._inner.links(refs), **made}

    async def claim(self, candidates: Mapping[str, str]) -> Mapping[str, str]:
        """See `Identity.claim`."""
        known = await self.claimed(list(candidates))
        self.put({}, {claim: lead_id for claim, lead_id in candidates.items() if claim not in known})
        return {each: known.get(each) or self._claims[each] for each in candidates}

    async def claimed(self, claims: Sequence[str]) -> Mapping[str, str]:
        """See `Identity.claimed`."""
        made = {each: self._claims[each] for each in claims if each in self._claims}
        return {**await self._inner.claimed(claims), **made}

    async def link(self, links: Mapping[RecordRef, str]) -> None:
        """See `Identity.link`."""
        self.put(links, {})

    async def adopt(self, links: Mapping[RecordRef, str]) -> Mapping[RecordRef, str]:
        """See `Identity.adopt`."""
        known = await self.links(list(links))
        self.put({ref: lead_id for ref, lead_id in links.items() if ref not in known}, {})
        return {**links, **known}

    async def told(self, refs: Sequence[RecordRef]) -> Mapping[RecordRef, frozenset[str]]:
        """See `Identity.told`."""
        found = dict(await self._inner.told(refs))
        for ref in refs:
            if ref in self._told:
                found[ref] = found.get(ref, frozenset()) | self._told[ref]
        return found

    async def tell(self, tellings: Mapping[RecordRef, str]) -> None:
        """See `Identity.tell`."""
        for ref, company_id in tellings.items():
            self._told.setdefault(ref, set()).add(company_id)

    async def take(self, claims: Mapping[str, str]) -> None:
        """See `Identity.take`."""
        self.put({}, claims)

    async def release(self, lead_ids: Collection[str], claims: Sequence[str]) -> None:
        """See `Identity.release`."""
        del lead_ids, claims


@dataclass(slots=True)
class PageRead:
    """
    What a page brought, all that is needed to go on after it: which step, where the next page begins (None: the next
    step), how many records, what was told of which lead, and whose they are.
    """

    step: int
    next: Place | None
    read: int
    unrelated: int
    events: list[LeadObserved] = field(default_factory=list[LeadObserved])
    links: dict[RecordRef, str] = field(default_factory=dict[RecordRef, str])
    claims: dict[str, str] = field(default_factory=dict[str, str])


class DryRun:
    """
    Reads both systems and says what a filling would do.

    Args:
        steps: What is read, in order: a system and one of its objects.
        keep: Told of each page when it is taken in, so that the run can go on after it.
        hand_over: Whether what qualified long ago would be handed over.
        until: When it began, epoch ms: what changes later isn't read.
    """

    def __init__(
        self,
        *,
        steps: Sequence[tuple[Connector, str]],
        identity: Identity,
        stored: Stored,
        decide: Decide,
        encode: Callable[[Lead], bytes],
        decode: Callable[[str, bytes], Lead],
        clock: Clock,
        until: int,
        hand_over: bool,
        keep: Callable[[PageRead], None] = lambda _page: None,
    ) -> None:
        self._steps = steps
        self._overlay = Overlay(identity)
        self._stored = stored
        self._decide = decide
        self._moving = Moving(decide, encode, decode)
        self._encode = encode
        self._decode = decode
        self._until = until
        self._hand_over = hand_over
        self._keep = keep
        self._leads: dict[str, bytes] = {}
        self._events: list[LeadObserved] = []
        self._step, self._place = 0, Place(0)
        self.read: dict[str, int] = {}
        self.unrelated = 0
        connectors = {each.system: each for each, _ in steps}
        observe = Observe(
            connectors=connectors,
            gates={each: Gate(clock) for each in connectors},
            circuits=make_circuits(connectors.keys(), clock).reads,
            identify=Identify(self._overlay),
            clock=clock,
            companies=decide.rules.companies,
        )
        self._sweep = Sweep(observe=observe, known=self, folder=decide.folder, append=self._take, clock=clock)

    async def resume(self, pages: Sequence[PageRead]) -> None:
        """Take in *pages* that an earlier run read."""
        for page in pages:
            self._overlay.put(page.links, page.claims)
            self._events = []
            await self._fold(page.events)
            self._move_on(page)

    async def page(self) -> bool:
        """Read one page; return whether there is another. Raises what `Sweep.page` does."""
        if self._step >= len(self._steps):
            return False
        connector, name = self._steps[self._step]
        history = None if self._hand_over else self._until
        walk = Walk(
            object=name,
            place=self._place,
            until=self._until,
            cause="backfill",
            sure_until=0,
            history_until=history,
        )
        self._overlay.begin()
        self._events = []
        swept = await self._sweep.page(connector, walk)
        told = {each.data.ref.id for each in self._events}
        page = PageRead(
            self._step,
            swept.next,
            swept.read,
            max(0, swept.others - len(told)),
            self._events,
            self._overlay.fresh_links,
            self._overlay.fresh_claims,
        )
        self._move_on(page)
        self._keep(page)
        return self._step < len(self._steps)

    def _move_on(self, page: PageRead) -> None:
        connector, name = self._steps[page.step]
        key = f"{connector.system}:{name}"
        self.read[key] = self.read.get(key, 0) + page.read
        self.unrelated += page.unrelated
        if page.next is None:
            self._step, self._place = page.step + 1, Place(0)
        else:
            self._step, self._place = page.step, page.next

    def lines(self) -> Iterator[Line]:
        """Yield what there is to say of each lead that was met, see `services.sync.domain.preview`."""
        rules, of_companies = self._decide.rules, rules_of(self._decide.rules)
        for lead_id, data in self._leads.items():
            lead = self._decode(lead_id, data)
            if lead.merged_into:
                continue
            lacks = {side: self._decide.lacks(lead, side) for side in Side}
            if lead.is_company:
                yield from company_lines(lead, lacks, of_companies)
            else:
                yield from lines(lead, trace(lead, rules), lacks, rules)

    # What is known, as the sweep asks for it

    async def leads(self, refs: Sequence[RecordRef]) -> Mapping[RecordRef, Lead]:
        """See `Known.leads`."""
        links = await self._overlay.links(refs)
        known = await self._load({each.removesuffix(ERASED) for each in links.values()})
        return {ref: lead for ref, each in links.items() if (lead := known.get(each.removesuffix(ERASED)))}

    async def settled(self, within_ms: int) -> bool:
        """See `Known.settled`."""
        del within_ms
        return True

    async def room(self, within_ms: int) -> None:
        """See `Known.room`; beside a dry run nothing is at work."""

    async def _load(self, lead_ids: Collection[str]) -> dict[str, Lead]:
        mine = {each: self._decode(each, self._leads[each]) for each in lead_ids if each in self._leads}
        others = [each for each in lead_ids if each not in mine]
        return {**mine, **(await self._stored.load(others) if others else {})}

    async def _take(self, found: Sequence[Found]) -> None:
        await self._fold([each.event for each in found if isinstance(each.event, LeadObserved)])

    async def _fold(self, events: Sequence[LeadObserved]) -> None:
        """Take *events* into their leads and companies, and what these tell each other, until there is no more."""
        self._events += events
        waiting = deque[tuple[str, LeadChange]]((each.subject, each) for each in events)
        leads = await self._load({each.subject for each in events})
        touched: set[str] = set()
        while waiting:
            subject, event = waiting.popleft()
            if subject not in leads:
                leads |= await self._load({subject})
            step = self._moving.take(leads.get(subject) or Lead(subject), event, f"dry-{event.id}")
            leads[subject] = step.lead
            touched.add(subject)
            waiting += step.sent
            if step.decided is not None and step.decided.linked is not None:
                await self._overlay.link({step.decided.linked: subject})
        for each in touched:
            self._leads[each] = self._encode(leads[each])
