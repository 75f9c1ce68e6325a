"""
Fights: somebody's automation that sets a value back each time tasuki has written it.

A fight is counted where a value is sent again because what stands there changed since it was sent. After so many
rounds within the window the value is left alone until it would be another, or somebody has it retried.
"""

from services.sync.domain.lead import Fight, Lead, field_key
from services.sync.domain.records import Side
from services.sync.domain.register import Register
from services.sync.domain.rules import Rules


def fought(lead: Lead, side: Side, slot: str, name: str, register: Register, at: int, rules: Rules) -> bool:
    """
    Take in that a value that was sent before is sent again at *at*, over what *register* says stands there.

    Returns:
        Whether that was once too often.
    """
    key = field_key(side, slot, name)
    fight = lead.fights.get(key)
    if fight is not None and fight.over_at == register.there_at:
        return False  # tried again after a failure: nobody set it back
    if fight is None or at - fight.since_at > rules.fight_window_ms:
        fight = Fight(0, at, register.there_at)
    fight = lead.fights[key] = Fight(fight.rounds + 1, fight.since_at, register.there_at)
    return rules.fight_rounds > 0 and fight.rounds % rules.fight_rounds == 0


def given_up(lead: Lead, key: str, rules: Rules) -> bool:
    """Return whether the fight of the field *key* was given up: a last write that is taken doesn't revive it."""
    fight = lead.fights.get(key)
    return fight is not None and 0 < rules.fight_rounds <= fight.rounds
