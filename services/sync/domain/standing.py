"""
One field on a side where a lead has several records: what stands in the one that is written to, what was said in any.

Each record's changes are judged by what stood in that record. A duplicate's value that is only read again says nothing
against the other's, and what a person changes in a duplicate is that person's word.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from services.sync.domain.register import NEVER, Register, order_key


def together(registers: Sequence[Register], stands: Register, ledger: Register, *, consent: bool) -> Register:
    """
    Return a side's field, a copy.

    Args:
        registers: The field in each of the side's records; those that took each other's place are one.
        stands: The one of the record that stands for the lead.
        ledger: Holds what was sent to the side.
        consent: Somebody opted out: no later word unsays it.
    """
    said = _opt_out(registers) if consent else _last_word(registers)
    filled = [each.filled_at for each in registers if each.filled_at != NEVER]
    return Register(
        said=said.said,
        said_at=said.said_at,
        there=stands.there,
        there_at=stands.there_at,
        filled_at=min(filled, default=NEVER),
        certain=stands.certain,
        sights=stands.sights,
        sent=ledger.sent,
        sent_on=ledger.sent_on,
    )


def as_one(registers: Iterable[Register], *, consent: bool) -> list[Register]:
    """
    Return the field in a record, and in those whose place it took, as one register, a copy, if there is any.

    What is read of it afterwards is what somebody chose to keep, of all that stood in either.
    """
    found = [*registers]
    if len(found) > 1:
        joined = replace(found[0])
        for each in found[1:]:
            joined.join(each, consent=consent)
        found = [joined]
    return found


def latest(registers: Iterable[Register]) -> Register:
    """Return the register of what came to stand last."""
    return max(registers, key=lambda each: (each.there_at, order_key(each.there)), default=_NOTHING)


def _last_word(registers: Iterable[Register]) -> Register:
    """Return the register of who spoke last. A record in which the field never held anything says nothing."""
    speaking = (each for each in registers if each.speaks)
    return max(speaking, key=lambda each: (each.said_at, order_key(each.said)), default=_NOTHING)


def _opt_out(registers: Sequence[Register]) -> Register:
    """Return the register of the first opt-out."""
    said = (each for each in registers if each.said)
    first = min(said, key=lambda each: (each.said_at, order_key(each.said)), default=None)
    return _last_word(registers) if first is None else first


_NOTHING = Register()
