"""A register of a lead as a few small integers, see services.sync.adapters.lead_codec."""

from collections.abc import Iterator
from typing import Any

from services.sync.adapters.lead_tables import Tabled, Tables, records
from services.sync.domain.register import NEVER, Register, Sight, order_key

# What a register consists of: its shape. One that is not there is 0.
_IS, _THERE, _SAID, _SAID_THERE, _FILLED, _FILLED_THEN, _SIGHTS, _SENT = (1 << bit for bit in range(8))


def write_register(w: Tables, register: Register, flat: list[Any]) -> None:
    """Append *register* to *flat*: its shape, then what the shape names, in the order of the bits."""
    place, shape = len(flat), _IS
    flat.append(shape)
    there, there_at, said, said_at = register.there, register.there_at, register.said, register.said_at
    if there_at != NEVER:
        shape |= _THERE
        flat += (w.value(there), w.instant(there_at))
    if said_at != NEVER:
        if said_at == there_at and said == there and type(said) is type(there):
            shape |= _SAID_THERE
        else:
            shape |= _SAID
            flat += (w.value(said), w.instant(said_at))
    if register.filled_at != NEVER:
        if register.filled_at == there_at:
            shape |= _FILLED_THEN
        else:
            shape |= _FILLED
            flat.append(w.instant(register.filled_at))
    if register.sights:
        shape |= _SIGHTS
        flat.append(_sights(w, register))
    if register.sent:
        shape |= _SENT
        flat.append(register.sent)
    flat[place] = shape


def read_register(t: Tabled, shape: int, parts: Iterator[Any]) -> Register:
    """Return the register of *shape* whose other parts come next in *parts*."""
    instants, values = t
    register = Register()
    if shape & _THERE:
        register.there, register.there_at = values[next(parts)], instants[next(parts)]
    if shape & _SAID_THERE:
        register.said, register.said_at = register.there, register.there_at
    elif shape & _SAID:
        register.said, register.said_at = values[next(parts)], instants[next(parts)]
    if shape & _FILLED_THEN:
        register.filled_at = register.there_at
    elif shape & _FILLED:
        register.filled_at = instants[next(parts)]
    if shape & _SIGHTS:
        _read_sights(t, next(parts), register)
    else:
        register.certain = (register.said, register.said_at)
    if shape & _SENT:
        register.sent = tuple(next(parts))
    return register


def _sights(w: Tables, register: Register) -> list[int]:
    certain, certain_at = register.certain
    flat = [w.value(certain), w.instant(certain_at)]
    for at, _, others, value in register.sights:
        flat += (w.instant(at) * 2 + others, w.value(value))
    return flat


def _read_sights(t: Tabled, flat: list[int], register: Register) -> None:
    instants, values = t
    register.certain = (values[flat[0]], instants[flat[1]])
    sights: list[Sight] = []
    for code, place in records(2, flat[2:]):
        value = values[place]
        sights.append((instants[code // 2], order_key(value), bool(code % 2), value))
    register.sights = tuple(sights)
