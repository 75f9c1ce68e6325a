"""
Registers of a lead as a flat list of small integers, see services.sync.adapters.lead_codec.

Each begins with its shape, which says what follows; one that isn't there is 0. Most of the time that it takes
to load and keep a lead goes by here: hence the short ways for the two shapes that most registers have, and
one loop for all of them.
"""

from typing import Any

from services.sync.adapters.lead_tables import ODD, Tabled, Tables
from services.sync.domain.register import NEVER, Register, Sight

_IS, _THERE, _SAID, _SAID_THERE, _FILLED, _FILLED_THEN, _SIGHTS, _SENT = (1 << bit for bit in range(8))
WORD = _IS | _THERE | _SAID_THERE | _FILLED_THEN
"""What somebody said stands there, and nothing else ever did."""


def write_register(w: Tables, register: Register, flat: list[Any]) -> None:
    """Append *register* to *flat*: its shape, then what the shape names, in the order of the bits."""
    instants, values = w.instants, w.values
    there, there_at = register.there, register.there_at
    said, said_at, filled_at = register.said, register.said_at, register.filled_at
    place = values[there if type(there) not in ODD else (type(there), there)]
    same = said_at == there_at and said == there and type(said) is type(there)
    if same and filled_at == there_at != NEVER and not register.sights and not register.sent:
        flat += (WORD, place, instants[there_at])
        return
    shape, first = _IS, len(flat)
    flat.append(shape)
    if there_at != NEVER:
        shape |= _THERE
        flat += (place, instants[there_at])
    if said_at != NEVER:
        shape |= _SAID_THERE if same else _SAID
        if not same:
            flat += (w.value(said), instants[said_at])
    if filled_at != NEVER:
        shape |= _FILLED_THEN if filled_at == there_at else _FILLED
        if filled_at != there_at:
            flat.append(instants[filled_at])
    if register.sights:
        shape |= _SIGHTS
        certain, certain_at = register.certain
        flat += (len(register.sights), w.value(certain), instants[certain_at])
        for at, others, value in register.sights:
            flat += (instants[at] * 2 + others, w.value(value))
    if register.sent:
        shape |= _SENT
        flat.append((*register.sent_on, *register.sent))
    flat[first] = shape


def read_registers(t: Tabled, flat: list[Any], count: int) -> list[Any]:
    """Return what *flat* holds, in turn the value of a name and its *count* registers, None where there is none."""
    instants, values = t
    found: list[Any] = []
    place, end, step = 0, len(flat), count + 1
    while place < end:
        shape: int = flat[place]
        if len(found) % step == 0:
            found.append(values[shape])  # no shape: each record begins with its name
            place += 1
        elif shape == WORD:
            spot: int = flat[place + 2]
            value, at = values[flat[place + 1]], instants[spot]
            found.append(Register(value, at, value, at, at, (value, at)))
            place += 3
        elif shape:
            register, place = _read_register(t, flat, place + 1, shape)
            found.append(register)
        else:
            found.append(None)
            place += 1
    return found


def _read_register(t: Tabled, flat: list[Any], place: int, shape: int) -> tuple[Register, int]:
    """Return the register of *shape* that goes on at *place* of *flat*, and the place after it."""
    instants, values = t
    register = Register()
    if shape & _THERE:
        register.there, register.there_at = values[flat[place]], instants[flat[place + 1]]
        place += 2
    if shape & _SAID_THERE:
        register.said, register.said_at = register.there, register.there_at
    elif shape & _SAID:
        register.said, register.said_at = values[flat[place]], instants[flat[place + 1]]
        place += 2
    if shape & _FILLED_THEN:
        register.filled_at = register.there_at
    elif shape & _FILLED:
        register.filled_at = instants[flat[place]]
        place += 1
    register.certain = (register.said, register.said_at)
    if shape & _SIGHTS:
        place = _read_sights(t, flat, place, register)
    if shape & _SENT:
        words, over, *sent = flat[place]
        register.sent_on, register.sent = (words, over), tuple(sent)
        place += 1
    return register, place


def _read_sights(t: Tabled, flat: list[Any], place: int, register: Register) -> int:
    """Read what was seen after what is certain; return the place after it."""
    instants, values = t
    end = place + 3 + 2 * flat[place]
    register.certain = (values[flat[place + 1]], instants[flat[place + 2]])
    sights: list[Sight] = []
    for each in range(place + 3, end, 2):
        code = int(flat[each])
        sights.append((instants[code >> 1], code & 1 == 1, values[flat[each + 1]]))
    register.sights = tuple(sights)
    return end
