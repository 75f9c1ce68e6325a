"""Which value a field gets: every policy against every situation."""

import pytest

from services.sync.domain.policy import Outcome, resolve
from services.sync.domain.records import Scalar, Side
from services.sync.domain.register import Register
from services.sync.domain.rules import Policy

MA, SFA = Side.MA, Side.SFA
SKEW = 10

# What MA said and when, what SFA said and when. 0: never said anything; CLEARED: had a value, then none.
CLEARED = "cleared"
SITUATIONS: dict[str, tuple[Scalar, int, Scalar, int]] = {
    "nobody": (None, 0, None, 0),
    "both blank": (None, 100, "", 200),
    "only ma": (7, 100, None, 0),
    "only sfa": (None, 0, 7, 100),
    "equal": (7, 100, 7, 900),
    "ma, sfa blank": (7, 100, None, 900),
    "sfa, ma blank": (None, 900, 7, 100),
    "ma later": (5, 900, 7, 100),
    "sfa later": (7, 100, 5, 900),
    "ma later by the skew": (5, 110, 7, 100),
    "ma later by more than the skew": (5, 111, 7, 100),
    "sfa later by the skew": (7, 100, 5, 110),
    "sfa cleared later": (7, 100, CLEARED, 900),
    "ma cleared later": (CLEARED, 900, 7, 100),
    "ma cleared earlier": (CLEARED, 100, 7, 900),
    "both cleared": (CLEARED, 100, CLEARED, 900),
}

SAME = dict.fromkeys(["nobody", "both blank"], Outcome(None, None, None, "unsaid")) | {
    "only ma": Outcome(7, 7, MA, "only-source"),
    "only sfa": Outcome(7, 7, SFA, "only-source"),
    "ma, sfa blank": Outcome(7, 7, MA, "only-source"),
    "sfa, ma blank": Outcome(7, 7, SFA, "only-source"),
    "equal": Outcome(7, 7, None, "equal"),
    "both cleared": Outcome(None, None, None, "equal"),
}
"""Where the policy doesn't matter."""

TABLE: dict[Policy, dict[str, Outcome]] = {
    Policy.MA: {
        "ma later": Outcome(5, 5, MA, "ma", conflict=True),
        "sfa later": Outcome(7, 7, MA, "ma", conflict=True),
        "ma later by the skew": Outcome(5, 5, MA, "ma", conflict=True),
        "ma later by more than the skew": Outcome(5, 5, MA, "ma", conflict=True),
        "sfa later by the skew": Outcome(7, 7, MA, "ma", conflict=True),
        "sfa cleared later": Outcome(7, 7, MA, "ma"),
        "ma cleared later": Outcome(None, None, MA, "ma", conflict=True),
        "ma cleared earlier": Outcome(None, None, MA, "ma", conflict=True),
    },
    Policy.SFA: {
        "ma later": Outcome(7, 7, SFA, "sfa", conflict=True),
        "sfa later": Outcome(5, 5, SFA, "sfa", conflict=True),
        "ma later by the skew": Outcome(7, 7, SFA, "sfa", conflict=True),
        "ma later by more than the skew": Outcome(7, 7, SFA, "sfa", conflict=True),
        "sfa later by the skew": Outcome(5, 5, SFA, "sfa", conflict=True),
        "sfa cleared later": Outcome(None, None, SFA, "sfa", conflict=True),
        "ma cleared later": Outcome(7, 7, SFA, "sfa"),
        "ma cleared earlier": Outcome(7, 7, SFA, "sfa"),
    },
    Policy.LATEST: {
        "ma later": Outcome(5, 5, MA, "latest", conflict=True),
        "sfa later": Outcome(5, 5, SFA, "latest", conflict=True),
        "ma later by the skew": Outcome(7, 7, SFA, "latest:tie", conflict=True),
        "ma later by more than the skew": Outcome(5, 5, MA, "latest", conflict=True),
        "sfa later by the skew": Outcome(5, 5, SFA, "latest:tie", conflict=True),
        "sfa cleared later": Outcome(None, None, SFA, "latest", conflict=True),
        "ma cleared later": Outcome(None, None, MA, "latest", conflict=True),
        "ma cleared earlier": Outcome(7, 7, SFA, "latest"),
    },
    Policy.FILL_BLANK: {
        "ma later": Outcome(5, 7, None, "fill-blank", conflict=True),
        "sfa later": Outcome(7, 5, None, "fill-blank", conflict=True),
        "ma later by the skew": Outcome(5, 7, None, "fill-blank", conflict=True),
        "ma later by more than the skew": Outcome(5, 7, None, "fill-blank", conflict=True),
        "sfa later by the skew": Outcome(7, 5, None, "fill-blank", conflict=True),
        "sfa cleared later": Outcome(7, 7, MA, "fill-blank"),
        "ma cleared later": Outcome(7, 7, SFA, "fill-blank"),
        "ma cleared earlier": Outcome(7, 7, SFA, "fill-blank"),
    },
    Policy.MAX: {
        "ma later": Outcome(7, 7, SFA, "max", conflict=True),
        "sfa later": Outcome(7, 7, MA, "max", conflict=True),
        "ma later by the skew": Outcome(7, 7, SFA, "max", conflict=True),
        "ma later by more than the skew": Outcome(7, 7, SFA, "max", conflict=True),
        "sfa later by the skew": Outcome(7, 7, MA, "max", conflict=True),
        "sfa cleared later": Outcome(7, 7, MA, "max"),
        "ma cleared later": Outcome(7, 7, SFA, "max"),
        "ma cleared earlier": Outcome(7, 7, SFA, "max"),
    },
}


def _said(value: Scalar, at: int) -> Register:
    register = Register()
    if value == CLEARED:
        register.observe("before", at - 50, own=False)
        register.observe(None, at, own=False)
    elif at:
        register.observe(value, at, own=False)
    return register


def _resolve(policy: Policy, situation: tuple[Scalar, int, Scalar, int], first: Side = SFA) -> Outcome:
    ma, ma_at, sfa, sfa_at = situation
    return resolve(policy, _said(ma, ma_at), _said(sfa, sfa_at), tie_order=(first, first.other), skew_ms=SKEW)


@pytest.mark.parametrize("policy", TABLE)
@pytest.mark.parametrize("name", SITUATIONS)
def test_each_policy_decides_each_situation(policy: Policy, name: str) -> None:
    """The table above, row by row."""
    assert _resolve(policy, SITUATIONS[name]) == (SAME | TABLE[policy])[name]


@pytest.mark.parametrize("first", Side)
def test_a_tie_falls_by_the_order_of_the_rules(first: Side) -> None:
    """Two changes closer than the skew are simultaneous; the configured side wins."""
    outcome = _resolve(Policy.LATEST, ("M", 105, "S", 100), first)

    assert (outcome.winner, outcome.rule) == (first, "latest:tie")
    assert outcome.ma == outcome.sfa == {MA: "M", SFA: "S"}[first]


@pytest.mark.parametrize(
    ("ma", "sfa", "both", "winner", "conflict"),
    [
        ((True, 100), (False, 900), True, MA, True),
        ((False, 900), (True, 100), True, SFA, True),
        ((True, 100), (CLEARED, 900), True, MA, False),
        ((False, 100), (CLEARED, 900), False, MA, False),
        ((CLEARED, 900), (False, 100), False, SFA, False),
        ((True, 100), (None, 0), True, MA, False),
        ((None, 900), (False, 100), False, SFA, False),
    ],
)
def test_an_opt_out_wins_whatever_the_times(
    *, ma: tuple[Scalar, int], sfa: tuple[Scalar, int], both: bool, winner: Side, conflict: bool
) -> None:
    """True on either side is True on both; a blank and False are the same consent."""
    outcome = _resolve(Policy.NEVER_LOOSEN, (*ma, *sfa))

    assert (outcome.ma, outcome.sfa, outcome.winner, outcome.conflict) == (both, both, winner, conflict)


def test_texts_have_no_maximum_so_the_latest_counts() -> None:
    """`max` over what isn't a number falls back to the later change."""
    assert _resolve(Policy.MAX, ("many", 900, "few", 100)) == Outcome(
        "many", "many", MA, "latest", conflict=True
    )
