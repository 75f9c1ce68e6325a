"""
A strict parser for the part of SOQL that a connector needs.

``SELECT fields FROM object [WHERE …] [ORDER BY …] [LIMIT n]``, with = != < <= > >= LIKE IN NOT IN, AND, OR,
NOT and brackets. As the vendor does, it refuses AND and OR side by side without brackets.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias, TypeVar

from services.sync.adapters.salesforce.sandbox.refusal import CallError

T = TypeVar("T")

Literal: TypeAlias = str | int | float | bool | None
"""Datetimes come as epoch ms, dates as texts."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """``field operator value``; for IN and NOT IN several values."""

    field: str
    operator: str
    values: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Junction:
    """``AND`` or ``OR`` of its parts, ``NOT`` of its one part."""

    operator: str
    parts: tuple["Condition", ...]


Condition: TypeAlias = Comparison | Junction


@dataclass(frozen=True, slots=True)
class Order:
    """One key to sort by. Nulls come first unless told otherwise, as the vendor has it."""

    field: str
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query."""

    fields: tuple[str, ...]
    source: str
    where: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None


_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')"
    r"|(?P<instant>\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|[+-]\d{2}:?\d{2}))"
    r"|(?P<day>\d{4}-\d{2}-\d{2})"
    r"|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<word>[A-Za-z_][\w.]*)"
    r"|(?P<sign>!=|<=|>=|[=<>(),]))"
)
_COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "\\": "\\", "'": "'", '"': '"'}


def parse(text: str) -> Query:
    """Return the query in *text*. Raises CallError (MALFORMED_QUERY)."""
    return _Parser(text).query()


def _malformed(detail: str) -> CallError:
    return CallError(400, "MALFORMED_QUERY", detail)


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0

    def query(self) -> Query:
        self._expect("SELECT")
        fields = self._separated(self._name)
        self._expect("FROM")
        source = self._name()
        where = self._condition() if self._accept("WHERE") else None
        order: tuple[Order, ...] = ()
        if self._accept("ORDER"):
            self._expect("BY")
            order = tuple(self._separated(self._order))
        limit = self._limit() if self._accept("LIMIT") else None
        if self._at < len(self._tokens):
            raise _malformed(f"unexpected token: {self._tokens[self._at][1]}")
        return Query(tuple(fields), source, where, order, limit)

    def _condition(self) -> Condition:
        parts = [self._operand()]
        joined: str | None = None
        while (word := self._peek_word()) in {"AND", "OR"}:
            if joined not in {None, word}:
                raise _malformed(f"unexpected token: {word} (AND and OR need brackets)")
            joined = word
            self._at += 1
            parts.append(self._operand())
        return parts[0] if joined is None else Junction(joined, tuple(parts))

    def _operand(self) -> Condition:
        if self._accept("NOT"):
            return Junction("NOT", (self._operand(),))
        if self._sign("("):
            inner = self._condition()
            self._need_sign(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Comparison:
        field = self._name()
        if self._accept("NOT"):
            self._expect("IN")
            return Comparison(field, "NOT IN", self._list())
        if self._accept("IN"):
            return Comparison(field, "IN", self._list())
        if self._accept("LIKE"):
            return Comparison(field, "LIKE", (self._literal(),))
        kind, text = self._next()
        if kind != "sign" or text not in _COMPARISONS:
            raise _malformed(f"unexpected token: {text}")
        return Comparison(field, text, (self._literal(),))

    def _list(self) -> tuple[Literal, ...]:
        self._need_sign("(")
        values = tuple(self._separated(self._literal))
        self._need_sign(")")
        return values

    def _order(self) -> Order:
        field = self._name()
        descending = self._accept("DESC")
        if not descending:
            self._accept("ASC")
        nulls_last = False
        if self._accept("NULLS"):
            nulls_last = self._accept("LAST")
            if not nulls_last:
                self._expect("FIRST")
        return Order(field, descending, nulls_last)

    def _limit(self) -> int:
        kind, text = self._next()
        if kind != "number" or not text.isdecimal():
            raise _malformed(f"unexpected token: {text}")
        return int(text)

    def _separated(self, one: Callable[[], T]) -> list[T]:
        found = [one()]
        while self._sign(","):
            found.append(one())
        return found

    def _literal(self) -> Literal:
        kind, text = self._next()
        if kind == "text":
            return re.sub(r"\\(.)", lambda each: _escape(each[1]), text[1:-1])
        if kind == "instant":
            return _instant(text)
        if kind == "day":
            return text
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind == "word" and text.lower() in {"true", "false", "null"}:
            return {"true": True, "false": False, "null": None}[text.lower()]
        raise _malformed(f"unexpected token: {text}")

    def _name(self) -> str:
        kind, text = self._next()
        if kind != "word":
            raise _malformed(f"unexpected token: {text}")
        return text

    def _peek_word(self) -> str | None:
        if self._at < len(self._tokens) and self._tokens[self._at][0] == "word":
            return self._tokens[self._at][1].upper()
        return None

    def _accept(self, word: str) -> bool:
        found = self._peek_word() == word
        self._at += found
        return found

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            raise _malformed(f"expecting {word}")

    def _sign(self, sign: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at] == ("sign", sign)
        self._at += found
        return found

    def _need_sign(self, sign: str) -> None:
        if not self._sign(sign):
            raise _malformed(f"expecting {sign}")

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise _malformed("unexpected end of query")
        self._at += 1
        return self._tokens[self._at - 1]


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise _malformed(f"unexpected character at {at}: {text[at : at + 20]!r}")
        at = match.end()
        yield match.lastgroup, match[match.lastgroup]


def _escape(character: str) -> str:
    if character not in _ESCAPES:
        raise _malformed(f"invalid string literal escape: \\{character}")
    return _ESCAPES[character]


def _instant(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _malformed(f"invalid datetime: {text}") from None
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))
