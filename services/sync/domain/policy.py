"""Which value each side is to have, when both had a say. Pure, and the same for either order of arrival."""

from dataclasses import dataclass

from services.sync.domain.lead import NEVER, Register, order_key
from services.sync.domain.records import Scalar, Side
from services.sync.domain.rules import Policy


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What a field is to be on each side.

    `winner` None: nobody said anything, or both said the same. `rule` names why; `conflict` says that both
    sides had a value and they differed.
    """

    ma: Scalar
    sfa: Scalar
    winner: Side | None
    rule: str
    conflict: bool = False

    def on(self, side: Side) -> Scalar:
        """Return the wanted value on *side*."""
        return self.ma if side is Side.MA else self.sfa


def is_blank(value: Scalar) -> bool:
    """Return whether *value* counts as not filled in."""
    return value is None or value == ""


def resolve(
    policy: Policy, ma: Register, sfa: Register, *, tie_order: tuple[Side, Side], skew_ms: int
) -> Outcome:
    """
    Return what the field is to be, from what each side said last.

    Equal values are never a conflict. A side that never said anything cannot win or lose.
    """
    if sfa.said_at == NEVER:
        return Outcome(ma.said, ma.said, None if ma.said_at == NEVER else Side.MA, "only-source")
    if ma.said_at == NEVER:
        return Outcome(sfa.said, sfa.said, Side.SFA, "only-source")
    if ma.said == sfa.said:
        return Outcome(ma.said, sfa.said, None, "equal")
    if policy is Policy.FILL_BLANK:
        return _fill_blank(ma, sfa)
    winner, rule = _WINNERS[policy](ma, sfa, tie_order, skew_ms)
    value = ma.said if winner is Side.MA else sfa.said
    return Outcome(value, value, winner, rule, conflict=True)


def _fill_blank(ma: Register, sfa: Register) -> Outcome:
    if is_blank(ma.said):
        return Outcome(sfa.said, sfa.said, Side.SFA, "fill-blank")
    if is_blank(sfa.said):
        return Outcome(ma.said, ma.said, Side.MA, "fill-blank")
    return Outcome(ma.said, sfa.said, None, "fill-blank", conflict=True)


def _always_ma(_ma: Register, _sfa: Register, _order: tuple[Side, Side], _skew: int) -> tuple[Side, str]:
    return Side.MA, "ma"


def _always_sfa(_ma: Register, _sfa: Register, _order: tuple[Side, Side], _skew: int) -> tuple[Side, str]:
    return Side.SFA, "sfa"


def _latest(ma: Register, sfa: Register, order: tuple[Side, Side], skew_ms: int) -> tuple[Side, str]:
    if abs(ma.said_at - sfa.said_at) <= skew_ms:
        return order[0], "latest:tie"
    return (Side.MA if ma.said_at > sfa.said_at else Side.SFA), "latest"


def _max(ma: Register, sfa: Register, order: tuple[Side, Side], skew_ms: int) -> tuple[Side, str]:
    if is_blank(ma.said) or is_blank(sfa.said):
        return (Side.SFA if is_blank(ma.said) else Side.MA), "max"
    if isinstance(ma.said, int | float) and isinstance(sfa.said, int | float):
        return (Side.MA if ma.said > sfa.said else Side.SFA), "max"
    return _latest(ma, sfa, order, skew_ms)


def _never_loosen(ma: Register, sfa: Register, _order: tuple[Side, Side], _skew: int) -> tuple[Side, str]:
    if bool(ma.said) == bool(sfa.said):  # blank on one side, False on the other: say it plainly on both
        return max(
            (Side.MA, Side.SFA), key=lambda s: order_key((ma if s is Side.MA else sfa).said)
        ), "never-loosen"
    return (Side.MA if ma.said else Side.SFA), "never-loosen"


_WINNERS = {
    Policy.MA: _always_ma,
    Policy.SFA: _always_sfa,
    Policy.LATEST: _latest,
    Policy.MAX: _max,
    Policy.NEVER_LOOSEN: _never_loosen,
}
