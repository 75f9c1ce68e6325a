"""What an opportunity is worth, in whichever currency it is asked for. Pure."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from services.sync.domain.lead import Opportunity
from services.sync.domain.money import NoRate, minor
from services.sync.domain.records import Scalar
from services.sync.domain.rules import Rules

SAID_AMOUNT = "amount.said"
SAID_CURRENCY = "amount.currency"
"""An opportunity's amount as sales has it, a decimal number as text, and its currency's code: told apart, kept apart."""


def worth(deal: Opportunity, rules: Rules, currency: str | None = None) -> int | None:
    """
    Return what *deal* is worth, minor units of *currency* (the firm's), None where that isn't known.

    By the rates of the day on which it closes, in the firm's time zone of the day on which its amount was entered where
    it says nothing of that. Rounded once.

    Raises:
        NoRate: There is none of its currency.
    """
    to = currency or rules.currency
    known = _said(deal, rules)
    if known is None:
        return None
    amount, of, at = known
    return amount if of == to else rules.rates.convert(amount, of, to, _closes(deal, at, rules))


def _said(deal: Opportunity, rules: Rules) -> tuple[int, str, int] | None:
    """Return the amount in minor units, of which currency, and since when it stands."""
    plain, said = deal.fields.get("amount"), deal.fields.get(SAID_AMOUNT)
    if said is None:
        amount = None if plain is None else plain.there
        if plain is None or not isinstance(amount, int) or isinstance(amount, bool):
            return None
        return amount, rules.currency, plain.there_at
    number, told = _number(said.there), deal.fields.get(SAID_CURRENCY)
    if number is None:
        return None
    of = rules.deal_currency if told is None else told.there
    if not isinstance(of, str) or not of:
        raise NoRate("no rate of an amount whose currency isn't told")
    return minor(number, of.upper()), of.upper(), said.there_at


def _number(text: Scalar) -> Decimal | None:
    try:
        number = Decimal(str(text)) if text not in (None, "") else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() else None


def _closes(deal: Opportunity, at: int, rules: Rules) -> str:
    register = deal.fields.get("close_on")
    if register is not None and isinstance(register.there, str) and register.there:
        return register.there
    moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at)
    return moment.astimezone(ZoneInfo(rules.time_zone)).date().isoformat()


def lacks_rate(deal: Opportunity, rules: Rules) -> str | None:
    """Return why what *deal* is worth isn't known though sales says an amount, None where it is."""
    try:
        worth(deal, rules)
        worth(deal, rules, rules.sales_currency)
    except NoRate as error:
        return str(error)
    return None
