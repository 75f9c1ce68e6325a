"""Record ids: 15 case-sensitive characters, and the 3 that make them safe where case is lost."""

from services.sync.adapters.salesforce.sandbox.refusal import Refusal

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_POD = "5g0000"
SHORT = 15
LONG = 18


def make(prefix: str, number: int) -> str:
    """Return the 18-character id of the *number*-th record of the object with *prefix*."""
    digits = ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return widen(prefix + _POD + digits.rjust(SHORT - len(prefix) - len(_POD), "0"))


def widen(short: str) -> str:
    """
    Return the 18-character form: each further character says which of five letters are capitals.

    Source: https://help.salesforce.com/s/articleView?id=000385215
    """
    suffix = ""
    for start in range(0, SHORT, 5):
        bits = sum(1 << at for at, each in enumerate(short[start : start + 5]) if each.isupper())
        suffix += _CHECK[bits]
    return short + suffix


def normal(text: str) -> str:
    """Return *text*, an id of 15 or 18 characters, as 18. Raises Refusal (MALFORMED_ID)."""
    if len(text) not in {SHORT, LONG} or not text.isascii() or not text.isalnum():
        raise Refusal("MALFORMED_ID", f"Id not valid: {text}")
    wide = widen(text[:SHORT])
    if len(text) == LONG and wide != text:
        raise Refusal("MALFORMED_ID", f"malformed id {text}")
    return wide
