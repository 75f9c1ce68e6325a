"""
One field on one side: what stands there, and what somebody last said there.

Both are functions of the set of what was seen, never of its order. That costs a little memory: a read that
tells only when the record changed (`exact` False) says something new only if another value stood there just
before, and what stood just before may come to light later.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias
from zlib import crc32

from services.sync.domain.records import Scalar

NEVER = 0
"""The instant of a register that holds nothing yet."""

UNTAKEN, UNKNOWN = 0, 1
"""Stand for the record in which a value was taken: none yet; and for that, or what was said, if it isn't known."""

REMEMBERED_SIGHTS = 6
"""
How many sights since the last certain saying are remembered in full.

Where more reads than these only confirm a value, the time it counts from moves up with them; the law of
order holds all the same.
"""

Order: TypeAlias = tuple[int, int | float, str]
Sight: TypeAlias = tuple[int, bool, Scalar]
"""When, whether somebody else than tasuki set it, and the value."""


def order_key(value: Scalar) -> Order:
    """Return what values of the same instant are ordered by: blanks, then numbers, then texts; a total order."""
    if value is None:
        return (0, 0, "")
    if isinstance(value, str):
        return (2, 0, value)
    return (1, value, type(value).__name__)


def later(value: Scalar, at: int, than: Scalar, than_at: int) -> bool:
    """Return whether (*value*, *at*) is the later of two changes; ties fall by the values' fixed order."""
    return at > than_at or (at == than_at and order_key(value) > order_key(than))


def value_hash(value: Scalar) -> int:
    """Return a 32-bit hash of *value*, the same in each process."""
    return crc32(f"{type(value).__name__}:{value}".encode())


def is_blank(value: Scalar) -> bool:
    """Return whether *value* counts as not filled in."""
    return value is None or value == ""


@dataclass(slots=True)
class Register:
    """
    One field on one side.

    `said` is what somebody other than tasuki last set there, at `said_at`; `there` is what stands there
    now whoever set it, since `there_at`. Both instants are the vendor's; NEVER means nothing is known.
    `filled_at` is the first time that anything but a blank is known to have stood there. `certain` is the
    last saying whose time is exact: nothing older matters. `sights` are what was seen after it. `sent` are
    hashes of the values that tasuki sent: the echo ledger. `sent_on` are hashes of what was said on both sides when it
    sent the last of them, and of the record in which the vendor took it since.
    """

    said: Scalar = None
    said_at: int = NEVER
    there: Scalar = None
    there_at: int = NEVER
    filled_at: int = NEVER
    certain: tuple[Scalar, int] = (None, NEVER)
    sights: tuple[Sight, ...] = ()
    sent: tuple[int, ...] = ()
    sent_on: tuple[int, int] = (0, 0)

    @property
    def speaks(self) -> bool:
        """Whether the side has a say: it set a value, or cleared one; that it never had one says nothing."""
        if self.said_at == NEVER:
            return False
        return not is_blank(self.said) or NEVER != self.filled_at < self.said_at

    @property
    def by_echo(self) -> bool:
        """Whether the latest that was heard of the field is a change that was taken for an echo."""
        at, value = self.there_at, self.there
        return at != NEVER and (at, False, value) in self.sights and (at, True, value) not in self.sights

    @property
    def by_others(self) -> bool:
        """Whether what stands there was read in a record that somebody else had changed last, then or before."""
        return (self.there_at, True, self.there) in self.sights

    @property
    def overtaken(self) -> Scalar:
        """
        What must stand there by now: `there`, but where that is an earlier write of ours, the last one that was taken.

        Its own echo isn't in yet, so its true time isn't known; it was taken after the earlier one had come to stand.
        """
        if not self.sent or not self.by_echo or (mark := value_hash(self.there)) not in self.sent[:-1]:
            return self.there
        for at, others, value in reversed(self.sights):
            if at > self.there_at and not others and value_hash(value) == self.sent[-1] != mark:
                return value
        return self.there

    def observe(self, value: Scalar, at: int, *, own: bool, exact: bool = True) -> bool:
        """Take in that the field had *value* from *at* on; return whether that was news."""
        stands = self._stand(value, at, filled_at=at)
        if exact and not own:
            return self._say(value, at) or stands
        return self._see((at, not own, value)) or stands

    def observe_last(self, value: Scalar, at: int, *, own: bool) -> bool:
        """Take in a value that no rule decides on: the latest counts, and nothing else is remembered."""
        stands = self._stand(value, at, filled_at=at)
        if own or not later(value, at, self.said, self.said_at):
            return stands
        self.said, self.said_at = self.certain = (value, at)
        return True

    def observe_consent(self, value: Scalar, at: int, *, own: bool) -> bool:
        """
        Take in an opt-out that only tightens: once somebody said True, no False unsays it, whatever its time.

        Of several Trues the first is the one to tell.
        """
        stands = self._stand(value, at, filled_at=at)
        if own or (self.said and not value):
            return stands
        if bool(value) == bool(self.said) and self.said_at != NEVER:
            newer = later(value, at, self.said, self.said_at)
            if newer == bool(value) or (at == self.said_at and value == self.said):
                return stands
        self.said, self.said_at = self.certain = (value, at)
        return True

    def confirm(self, value: Scalar, over_at: int, settled_at: int) -> bool:
        """
        Take in that tasuki's write of *value* was taken, in place of what stood there since *over_at*.

        It stands a millisecond after what it replaced, by the vendor's clock: whatever somebody did there
        since is later still, and its own echo will tell the true time. Reads of the time before *settled_at*
        (ours) may still show the old value, and say nothing by that.
        """
        stands = self._stand(value, over_at + 1, filled_at=settled_at)
        return self._see((settled_at, False, value)) or stands

    def settle(self, value: Scalar, place: int) -> None:
        """
        Note that *value*, which was sent, was taken in the record whose hash is *place*.

        If another was sent since, or it was taken in two records, it is unknown what stands there.
        """
        words, taken = self.sent_on
        if value_hash(value) != self.sent[-1]:
            self.sent_on = (UNKNOWN, taken)
        else:
            self.sent_on = (words, place if taken in (UNTAKEN, place) else UNKNOWN)

    def join(self, other: "Register", *, consent: bool = False) -> None:
        """Take in all that *other* saw of the same field, on another record of the same person; it stays as it is."""
        if other.there_at != NEVER:
            self._stand(other.there, other.there_at, filled_at=other.filled_at)
        if other.filled_at != NEVER:
            self.filled_at = min(self.filled_at or other.filled_at, other.filled_at)
        if consent:
            self._tighten(other.said, other.said_at)
            return
        if later(*other.certain, *self.certain):
            self._say(*other.certain)
        for sight in other.sights:
            self._see(sight)

    def join_sent(self, other: "Register") -> None:
        """Take over what was sent to the same field; *other* stays as it is."""
        self.sent_on = (UNKNOWN, UNKNOWN) if self.sent else other.sent_on
        self.sent = (*(each for each in other.sent if each not in self.sent), *self.sent)

    def _tighten(self, value: Scalar, at: int) -> None:
        if at != NEVER:
            there, there_at, filled_at = self.there, self.there_at, self.filled_at
            self.observe_consent(value, at, own=False)
            self.there, self.there_at, self.filled_at = there, there_at, filled_at

    def _stand(self, value: Scalar, at: int, *, filled_at: int) -> bool:
        """Take in that *value* stood there; return whether that is what stands there now."""
        if (self.filled_at == NEVER or filled_at < self.filled_at) and not is_blank(value):
            self.filled_at = filled_at
        if not later(value, at, self.there, self.there_at):
            return False
        self.there, self.there_at = value, at
        return True

    def _say(self, value: Scalar, at: int) -> bool:
        """Somebody set *value* at *at*, exactly: what was seen before can't matter any more."""
        if not later(value, at, *self.certain):
            return False
        self.certain = (value, at)
        if self.sights:
            self.sights = tuple(each for each in self.sights if later(each[2], each[0], value, at))
        return self._judge()

    def _see(self, sight: Sight) -> bool:
        """
        Somebody set a value at some time up to the sight's, or tasuki did.

        Of what is older than the remembered sights, the last of somebody's is kept, and tasuki's last
        unless that is older still.
        """
        if not later(sight[2], sight[0], *self.certain):
            return False
        kept = sorted([*self.sights, sight], key=_in_order) if self.sights else [sight]
        if any(_in_order(one) == _in_order(two) for one, two in pairwise(kept)):
            return False
        old, kept = kept[:-REMEMBERED_SIGHTS], kept[-REMEMBERED_SIGHTS:]
        last = max((each for each in old if each[1]), key=_in_order, default=None)
        echo = max((each for each in old if not each[1]), key=_in_order, default=None)
        if echo is not None and (last is None or _in_order(echo) > _in_order(last)):
            kept.insert(0, echo)
        if last is not None:
            kept.insert(0, last)
        self.sights = tuple(kept)
        return self._judge()

    def _judge(self) -> bool:
        """Work out what was last said: a sight says something if another value stood there before it."""
        said, said_at = self.certain
        before = order_key(said) if said_at != NEVER else None
        forgotten = len(self.sights) - REMEMBERED_SIGHTS
        for place, (at, others, value) in enumerate(self.sights):
            order = order_key(value)
            if others and (order != before or place < forgotten):
                said, said_at = value, at
            before = order
        if said_at == self.said_at and order_key(said) == order_key(self.said):
            return False
        self.said, self.said_at = said, said_at
        return True


def _in_order(sight: Sight) -> tuple[int, Order, bool]:
    """Of one instant and value, tasuki's own comes first: what is read of it then says nothing."""
    at, others, value = sight
    return (at, order_key(value), others)
