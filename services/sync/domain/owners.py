"""
Owners by their e-mail address on each side, where the two systems don't know them by the same.

Each side keeps its own addresses; a value is turned into the other side's when the two are compared. So an owner who
stands for several others is not read back as an edit.
"""

from dataclasses import replace

from services.sync.domain.records import Scalar, Side
from services.sync.domain.register import Register, is_blank
from services.sync.domain.rules import Rules


def seen_from(register: Register, name: str, side: Side, rules: Rules) -> Register:
    """Return what the other side holds of the field *name* as *side* would have it."""
    if name not in rules.owner_fields or not rules.owners:
        return register
    said, there = (as_on(side, each, rules) for each in (register.said, register.there))
    return replace(register, said=said, there=there)


def as_on(side: Side, owner: Scalar, rules: Rules) -> Scalar:
    """Return *owner* of the other side as *side* has it: by the table, else the default, else the same address."""
    if is_blank(owner):
        return owner
    return rules.owners[side].get(str(owner).lower()) or rules.owner_default.get(side) or owner
