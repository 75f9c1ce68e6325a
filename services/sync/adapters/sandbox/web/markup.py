"""HTML that can't be broken by what stands in records: everything but markup is escaped."""

from collections.abc import Iterable
from html import escape
from typing import TypeAlias

_VOID = frozenset({"input", "meta", "link", "br"})


class Markup(str):
    """HTML that was made here."""

    __slots__ = ()


Child: TypeAlias = "str | Markup | Iterable[Child] | None"


def tag(name: str, /, *children: Child, **attributes: str | bool | None) -> Markup:
    """
    Return an element.

    Attributes that are None or False are left out, True ones stand without a value; a trailing underscore is
    dropped (`for_`), other underscores become hyphens (`aria_label`).
    """
    given = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{join(children)}</{name}>")


def join(children: Iterable[Child]) -> Markup:
    """Return *children* as one piece of HTML."""
    return Markup("".join(_html(each) for each in children))


def _html(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    return escape(child) if isinstance(child, str) else join(child)
