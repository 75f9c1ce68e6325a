"""The crowd: leads that come and live, and the people of sales who work what appears on their desks."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from services.cli.demo.hands import Hands
from services.cli.demo.life import (
    LOST,
    Deed,
    Edits,
    Entered,
    Grows,
    Handling,
    Judgement,
    Life,
    OptsOut,
    Step,
)
from services.cli.demo.population import handling, life
from services.cli.demo.sight import Handoff, SalesPerson, Sight
from services.cli.demo.truth import Track
from services.cli.stage.portals import PEOPLE
from services.sync.domain.records import Side
from services.sync.domain.rules import Rules

_LOOK_S = 0.1
_STATUS_WORKING = "Working - Contacted"


class Over(Exception):
    """The lives have been stopped."""


@dataclass(slots=True)
class Crowd:
    """
    Everybody in the demo but tasuki.

    Args:
        users: The sales tool's users: id → e-mail address.
        rate: Leads that come each second.
    """

    hands: Hands
    rules: Rules
    users: dict[str, str]
    seed: int
    rate: float
    tracks: dict[str, Track] = field(default_factory=dict[str, Track])
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    sight: Sight = field(init=False)
    _group: asyncio.TaskGroup = field(init=False)

    async def live(self) -> None:
        """Let people come until `stop`; returns when everybody has stopped in the middle of what they did."""
        random = Random(self.seed)
        number = 0
        async with asyncio.TaskGroup() as self._group:
            with suppress(Over):
                while True:
                    number += 1
                    self._start(self._lives(life(self.seed, number)))
                    await self._pause(random.expovariate(self.rate))

    def stop(self) -> None:
        """Stop all lives where they are."""
        self.stopping.set()

    def take_task(self, task: Handoff) -> None:
        """An MQL lies on a rep's desk."""
        if not self.stopping.is_set():
            self._start(self._works(task))

    def take_opportunity(self, deal: Handoff) -> None:
        """An opportunity lies on a desk of field sales."""
        if not self.stopping.is_set():
            chosen = self._handling(deal)
            self._start(self._sells(deal.id, chosen, self.users.get(deal.owner_id)))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        self._group.create_task(_until_over(work))

    async def _pause(self, seconds: float) -> None:
        """Wait; raise Over when the lives are stopped meanwhile. Nothing is ever broken off within an act."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
        if self.stopping.is_set():
            raise Over

    async def _until(self, there: Callable[[], bool]) -> None:
        while not there():
            await self._pause(_LOOK_S)

    # A lead's own life

    async def _lives(self, who: Life) -> None:
        track = self.tracks[who.email] = Track(who, self.rules.scoring, dict(who.fields))
        if who.made_by is Side.SFA:
            track.entered = self.hands.make_lead(who.fields, self._rep_of(who)) is not None
            await self._until(lambda: who.email in self.sight.contacts)
        else:
            self.hands.make_contact(who.fields)
        for step in who.steps:
            await self._steps(track, step)
            if track.recycled:
                return

    async def _steps(self, track: Track, step: Step) -> None:
        await self._pause(step.wait_s)
        contact = self.sight.contacts.get(track.life.email)
        if contact is None or track.life.email in self.sight.gone or track.recycled:
            return
        self._do(track, contact, step.deed)

    def _do(self, track: Track, contact: str, deed: Deed) -> None:
        person = self.sight.sales.get(track.life.email)
        match deed:
            case Grows():
                count = track.counts[deed.counter] + deed.by
                if self.hands.change_contact(contact, {deed.counter: count}):
                    track.grown(deed.counter, deed.by)
            case Entered():
                if person is None:
                    known = {"email", "last_name", "first_name", "company"}
                    fields = {name: value for name, value in track.life.fields.items() if name in known}
                    track.entered = self.hands.make_lead(fields, self._rep_of(track.life)) is not None
            case OptsOut():
                self._opts_out(track, contact, person, deed.side)
            case Edits():
                self._edits(track, contact, person, deed)

    def _opts_out(self, track: Track, contact: str, person: SalesPerson | None, side: Side) -> None:
        if side is Side.MA or person is None:
            done = self.hands.change_contact(contact, {"opted_out": True})
        else:
            done = self.hands.change_person(person, {"opted_out": True})
        track.opted_out = track.opted_out or done

    def _edits(self, track: Track, contact: str, person: SalesPerson | None, deed: Edits) -> None:
        here, there = (deed.fields, deed.against) if deed.side is Side.MA else (deed.against, deed.fields)
        if here and self.hands.change_contact(contact, dict(here)):
            track.edited(here)
        if there and person is not None:
            self.hands.change_person(person, dict(there))

    def _rep_of(self, who: Life) -> str:
        return PEOPLE[who.number % len(PEOPLE)][0]

    async def _returns(self, track: Track) -> None:
        """Somebody that sales gave back warms up once more."""
        for step in track.life.return_steps:
            await self._pause(step.wait_s)
            contact = self.sight.contacts.get(track.life.email)
            if contact is not None and track.life.email not in self.sight.gone:
                self._do(track, contact, step.deed)

    # Sales

    def _track_of(self, handoff: Handoff) -> Track | None:
        return self.tracks.get(handoff.email)

    def _handling(self, handoff: Handoff) -> Handling:
        track = self._track_of(handoff)
        if track is None:  # somebody that the viewer made by hand
            return handling(Random(handoff.lead_id))
        return track.life.handlings[min(handoff.cycle, len(track.life.handlings)) - 1]

    async def _works(self, task: Handoff) -> None:
        """A rep sees the task, calls, and judges."""
        chosen, track = self._handling(task), self._track_of(task)
        person, rep = task.person, self.users.get(task.owner_id)
        await self._pause(chosen.answers_after_s)
        self.hands.log_call(person, chosen.call, rep)
        self.hands.close_task(task.id, rep)
        if person.object == "Lead":
            self.hands.change_person(person, {"sfa_status": _STATUS_WORKING, **chosen.corrects}, rep)
        if chosen.opts_out and self.hands.change_person(person, {"opted_out": True}, rep) and track:
            track.opted_out = True
        await self._pause(chosen.pace_s)
        if chosen.judgement is Judgement.QUALIFIED and chosen.converts and person.object == "Lead":
            deal = self.hands.convert(person, Judgement.QUALIFIED.value, rep)
            if deal is not None:
                await self._sells(deal, chosen, rep)
            return
        judged = self.hands.change_person(person, {"sfa_status": chosen.judgement.value}, rep)
        if judged and chosen.judgement is Judgement.RECYCLED and track is not None:
            track.given_back()
            await self._returns(track)

    async def _sells(self, deal: str, chosen: Handling, rep: str | None) -> None:
        """Field sales moves an opportunity along its way."""
        for stage in chosen.stages:
            await self._pause(chosen.pace_s)
            fields: dict[str, str | int | float | bool | None] = {"stage": stage}
            if stage == LOST:
                fields["lost_reason"] = chosen.lost_reason
            else:
                fields["amount"] = chosen.amount
            self.hands.change_opportunity(deal, fields, rep)


async def _until_over(work: Awaitable[None]) -> None:
    with suppress(Over):
        await work
