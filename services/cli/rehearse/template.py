"""The map's texts: a column's name, a text with columns in braces, or a fixed text."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

_BRACES = re.compile(r"\{([^{}:]+)(?::\.(\d+))?\}")
_LIKE = 0.8


def columns_in(template: str, columns: Iterable[str]) -> Sequence[str]:
    """Return the names that *template* takes from a row; those that *columns* lacks too."""
    if template in set(columns):
        return (template,)
    return () if template.startswith("=") else tuple(each[1] for each in _BRACES.finditer(template))


def filled(template: str, cells: Mapping[str, str]) -> str:
    """Return *template* filled from *cells*, which have all its columns; ``=text`` is the text."""
    if template in cells:
        return cells[template]
    if template.startswith("="):
        return template[1:]

    def cell(match: re.Match[str]) -> str:
        name, most = match.group(1), match.group(2)
        return cells[name][: int(most)] if most else cells[name]

    return _BRACES.sub(cell, template)


def mistaken(template: str, columns: Sequence[str], *, fixed: bool) -> str | None:
    """
    Return what is wrong with *template* for a file with *columns*, None if nothing is.

    *fixed* says that a text without any column makes sense. One that is nearly a column's name is told all the
    same: a misspelt name would silently stand in every row.
    """
    unknown = [each for each in columns_in(template, columns) if each not in columns]
    if unknown:
        return f"{unknown[0]!r} is no column{_guess(unknown[0], columns)}"
    if columns_in(template, columns) or template.startswith("="):
        return None
    guess = _guess(template, columns)
    if guess and fixed:
        return f"{template!r} is no column{guess} If the text itself is meant, write {'=' + template!r}."
    return None if fixed else f"{template!r} is no column{guess or _all(columns)}"


def _guess(name: str, columns: Sequence[str]) -> str:
    folded = {_folded(each): each for each in columns}
    near = get_close_matches(_folded(name), folded, n=1, cutoff=_LIKE)
    return f'; did you mean "{folded[near[0]]}"?' if near else ""


def _all(columns: Sequence[str]) -> str:
    return f"; the file has {', '.join(columns)}"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold().replace(" ", "").replace("_", "")
