"""Which value each side is to have, when both had a say. Pure, and the same for either order of arrival."""

from typing import NamedTuple

from services.sync.domain.records import Scalar, Side
from services.sync.domain.register import Register, is_blank
from services.sync.domain.rules import Policy


class Outcome(NamedTuple):
    """
    What a field is to be on each side.

    `rule` names why. `winner` None: nobody has a say ("unsaid": each side stays as it is), both say the
    same, or each keeps its own. `conflict`: a value lost, or stands against another.
    """

    ma: Scalar
    sfa: Scalar
    winner: Side | None
    rule: str
    conflict: bool = False

    def on(self, side: Side) -> Scalar:
        """Return the wanted value on *side*."""
        return self.ma if side is Side.MA else self.sfa


UNSAID = Outcome(None, None, None, "unsaid")


def resolve(
    policy: Policy, ma: Register, sfa: Register, *, tie_order: tuple[Side, Side], skew_ms: int
) -> Outcome:
    """
    Return what the field is to be, from what each side said last.

    Equal values are never a conflict. A side that never had a value cannot win or lose; one whose value
    somebody cleared can.
    """
    if not ma.speaks:
        return Outcome(sfa.said, sfa.said, Side.SFA, "only-source") if sfa.speaks else UNSAID
    if not sfa.speaks:
        return Outcome(ma.said, ma.said, Side.MA, "only-source")
    if ma.said == sfa.said or (is_blank(ma.said) and is_blank(sfa.said)):
        return Outcome(ma.said, sfa.said, None, "equal")
    if policy is Policy.FILL_BLANK and not (is_blank(ma.said) or is_blank(sfa.said)):
        return Outcome(ma.said, sfa.said, None, "fill-blank", conflict=True)
    winner, rule = _WINNERS[policy](ma, sfa, tie_order, skew_ms)
    won, lost = (ma.said, sfa.said) if winner is Side.MA else (sfa.said, ma.said)
    return Outcome(won, won, winner, rule, conflict=not is_blank(lost))


def _always_ma(_ma: Register, _sfa: Register, _order: tuple[Side, Side], _skew: int) -> tuple[Side, str]:
    return Side.MA, "ma"


def _always_sfa(_ma: Register, _sfa: Register, _order: tuple[Side, Side], _skew: int) -> tuple[Side, str]:
    return Side.SFA, "sfa"


def _latest(ma: Register, sfa: Register, order: tuple[Side, Side], skew_ms: int) -> tuple[Side, str]:
    if abs(ma.said_at - sfa.said_at) <= skew_ms:
        return order[0], "latest:tie"
    return (Side.MA if ma.said_at > sfa.said_at else Side.SFA), "latest"


def _fill_blank(ma: Register, _sfa: Register, _order: tuple[Side, Side], _skew: int) -> tuple[Side, str]:
    return (Side.SFA if is_blank(ma.said) else Side.MA), "fill-blank"


def _max(ma: Register, sfa: Register, order: tuple[Side, Side], skew_ms: int) -> tuple[Side, str]:
    if is_blank(ma.said) or is_blank(sfa.said):
        return (Side.SFA if is_blank(ma.said) else Side.MA), "max"
    if isinstance(ma.said, int | float) and isinstance(sfa.said, int | float):
        return (Side.MA if ma.said > sfa.said else Side.SFA), "max"
    return _latest(ma, sfa, order, skew_ms)


def _never_loosen(ma: Register, sfa: Register, _order: tuple[Side, Side], _skew: int) -> tuple[Side, str]:
    """Of True and what isn't, True wins; blank and False are the same consent, and False says it plainly."""
    if ma.said or sfa.said:
        return (Side.MA if ma.said else Side.SFA), "never-loosen"
    return (Side.SFA if is_blank(ma.said) else Side.MA), "never-loosen"


_WINNERS = {
    Policy.MA: _always_ma,
    Policy.SFA: _always_sfa,
    Policy.LATEST: _latest,
    Policy.FILL_BLANK: _fill_blank,
    Policy.MAX: _max,
    Policy.NEVER_LOOSEN: _never_loosen,
}
