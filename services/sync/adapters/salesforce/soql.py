"""SOQL text: literals that cannot break out, and ``IN`` lists cut so that a GET stays within its limit."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

MAX_LIST_LENGTH = 9_000
"""
Encoded length of one ``IN`` list. URI and headers together may have 16,384 bytes; the field list needs room.

Source: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm (414, 431)
"""

UNLIMITED = 1_000_000

_ESCAPES = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
}


def text(value: str) -> str:
    """
    Return *value* as a SOQL string literal.

    Source: https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/
    sforce_api_calls_soql_select_quotedstringescapes.htm
    """
    return "'" + "".join(_ESCAPES.get(each, each) for each in value) + "'"


def instant(at: int) -> str:
    """Return *at*, epoch ms, as a SOQL datetime literal (unquoted, UTC)."""
    moment = datetime.fromtimestamp(at // 1000, UTC)
    return f"{moment.replace(tzinfo=None).isoformat()}.{at % 1000:03d}Z"


def lists(values: Iterable[str], *, limit: int = MAX_LIST_LENGTH) -> Iterator[str]:
    """Yield *values* as ``('a','b')``, without repeats, as many lists as the length limit asks for."""
    chunk: list[str] = []
    length = 0
    for value in dict.fromkeys(values):
        literal = text(value)
        size = len(quote(literal, safe="")) + 3
        if chunk and length + size > limit:
            yield "(" + ",".join(chunk) + ")"
            chunk, length = [], 0
        chunk.append(literal)
        length += size
    if chunk:
        yield "(" + ",".join(chunk) + ")"


def select(fields: Sequence[str], source: str, where: str = "", tail: str = "") -> str:
    """Return a query for *fields*, without repeats, of *source*."""
    parts = [f"SELECT {', '.join(dict.fromkeys(fields))} FROM {source}"]  # noqa: S608 -- SOQL; values enter through `text`
    if where:
        parts.append(f"WHERE {where}")
    if tail:
        parts.append(tail)
    return " ".join(parts)
