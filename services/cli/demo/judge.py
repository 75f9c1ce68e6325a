"""The verdict: are the two tools equal, and is everything there that the lives must have led to?"""

from collections.abc import Collection, Container, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from services.cli.demo.board import Board
from services.cli.demo.figures import Kpis
from services.cli.demo.truth import Track, expected_on_both, must_qualify
from services.cli.stage.books import Books
from services.cli.stage.companies import compare_companies_of
from services.cli.stage.export import name_of
from services.cli.stage.look import compare_opportunities, people
from services.cli.stage.stage import Stage
from services.cli.stage.verdict import Comparison, Person, compare
from services.sync.application.identify import email_claim
from services.sync.domain.records import Side


class What(StrEnum):
    """What a loss is about."""

    PERSON = "person"
    HANDOFF = "handoff"
    CONSENT = "consent"


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that a life must have led to and that isn't there."""

    email: str
    about: What
    why: str

    def __str__(self) -> str:
        """Return it for a person."""
        return f"{self.email}: {self.why}"


@dataclass(slots=True)
class Verdict:
    """
    What came of the demo.

    `leads` is how many lived, `qualified` and `opted_out` how many of them must be an MQL and opted out;
    `known` is how many leads tasuki holds, `kpis` what came of its figures and alerts.
    """

    comparison: Comparison
    leads: int
    known: int
    qualified: int
    opted_out: int
    losses: list[Loss] = field(default_factory=list[Loss])
    dead_letters: int = 0
    kpis: Kpis = field(default_factory=Kpis)

    def kept(self, about: What, expected: int) -> int:
        """Return how many of *expected* leads lost nothing of what *about* says."""
        return expected - len({each.email for each in self.losses if each.about is about})

    @property
    def good(self) -> bool:
        """Whether the two tools are equal, nothing is lost, and figures and alerts are right."""
        return self.synced and not self.kpis.faults

    @property
    def synced(self) -> bool:
        """Whether the two tools are equal and nothing is lost."""
        return self.comparison.equal and not self.losses and not self.dead_letters


async def judge(
    stage: Stage, books: Books, tracks: Collection[Track], gone: Container[str], board: Board, kpis: Kpis
) -> Verdict:
    """
    Compare the two tools with each other and with what the lives in *tracks* were.

    Nothing is expected of those whose address is in *gone*: the viewer deleted or renamed them.
    """
    ma, sfa = await people(stage)
    lived = [each for each in tracks if each.life.email not in gone]
    known = [email_claim(name_of(lead)) async for lead in books.leads()]
    settings = stage.settings
    comparison = compare(
        ma,
        sfa,
        rules=settings.rules,
        maps={Side.MA: settings.ma_fields, Side.SFA: settings.sfa_fields},
        expected={email_claim(each.life.email) for each in lived if expected_on_both(each)},
    )
    await compare_opportunities(stage, ma, sfa, comparison)
    await compare_companies_of(stage, comparison)
    by_name = {Side.MA: {each.name: each for each in ma}, Side.SFA: {each.name: each for each in sfa}}
    losses = [loss for each in lived for loss in losses_of(each, by_name, board)]
    names = set(known)
    losses += [
        Loss(each.life.email, What.PERSON, "isn't known to tasuki")
        for each in lived
        if email_claim(each.life.email) not in names
    ]
    return Verdict(
        comparison=comparison,
        leads=len(tracks),
        known=len(known),
        qualified=sum(map(must_qualify, lived)),
        opted_out=sum(each.opted_out for each in lived),
        losses=losses,
        dead_letters=len(board.dead_letters),
        kpis=kpis,
    )


def losses_of(track: Track, by_name: Mapping[Side, Mapping[str, Person]], board: Board) -> Iterator[Loss]:
    """Yield what the life must have led to and isn't there."""
    email = track.life.email
    there = {side: by_name[side].get(email_claim(email)) for side in Side}
    ma, sfa = there[Side.MA], there[Side.SFA]
    if ma is None:
        yield Loss(email, What.PERSON, "doesn't stand in marketing")
    if sfa is None and expected_on_both(track):
        yield Loss(email, What.PERSON, "doesn't stand in sales")
    ids = {each.lead_id for each in there.values() if each is not None and each.lead_id}
    if len(ids) > 1:
        yield Loss(email, What.PERSON, f"carries different ids of ours: {' and '.join(sorted(ids))}")
    if track.opted_out:
        for side, person in there.items():
            if person is not None and not person.fields.get("opted_out"):
                where = "marketing" if side is Side.MA else "sales"
                yield Loss(email, What.CONSENT, f"opted out, but not in {where}")
    if sfa is not None and must_qualify(track):
        yield from _handoff_losses(track, sfa, board)


def _handoff_losses(track: Track, sfa: Person, board: Board) -> Iterator[Loss]:
    email = track.life.email
    if not sfa.fields.get("mql_at"):
        yield Loss(email, What.HANDOFF, "qualified, but sales doesn't see an MQL")
    for cycle in range(1, track.qualifications + 1):
        if not board.was_handed_over(email, cycle):
            yield Loss(email, What.HANDOFF, f"qualified in cycle {cycle}, but no task was put on a desk")
