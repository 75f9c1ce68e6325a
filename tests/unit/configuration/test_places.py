"""The index of places: every way of writing TOML, and the law that every key of the data has its place."""

import tomllib
from collections.abc import Iterator
from typing import Any, cast

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from services.configuration.places import KeyPath, Place, Places

EVERYTHING = '''\
# a comment with [brackets] and key = value
title = "a [not a table] # not a comment"
"quoted key".sub = 1
plain.dotted . spaced = 2
'lit.eral' = 3

text = """
[trap]
fake = 1
with \\""" escaped and ""quotes"""""
raw = \'\'\'
[[trap]]
it's = raw\\\'\'\'\'\'
after = 4
numbers = [ 1, 2, # [ ] comment
   3,
   [ "a,]", 'b' ],
   { deep = [ { deeper = true } ] },
]
inline = { a = 1, b.c = { d = "}" }, "e f" = [] }
when = 2026-01-02 03:04:05

[table]
key = 1 # the end
  [table.nested."with dot.s"]
  key = 2

[[list]]
name = "first"
[list.sub]
key = 1
[[list.inner]]
key = 1
[[list.inner]]
key = 2

[[list]]
name = "second"
[[list.inner]]
  key = 3
[ late . header ]
key = 5
'''


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        (("title",), 2, 1),
        (("quoted key",), 3, 1),
        (("quoted key", "sub"), 3, 14),
        (("plain", "dotted", "spaced"), 4, 16),
        (("lit.eral",), 5, 1),
        (("text",), 7, 1),
        (("raw",), 11, 1),
        (("after",), 14, 1),
        (("numbers", 0), 15, 13),
        (("numbers", 1), 15, 16),
        (("numbers", 2), 16, 4),
        (("numbers", 3), 17, 4),
        (("numbers", 3, 1), 17, 13),
        (("numbers", 4), 18, 4),
        (("numbers", 4, "deep"), 18, 6),
        (("numbers", 4, "deep", 0, "deeper"), 18, 17),
        (("inline", "a"), 20, 12),
        (("inline", "b"), 20, 19),
        (("inline", "b", "c"), 20, 21),
        (("inline", "b", "c", "d"), 20, 27),
        (("inline", "e f"), 20, 38),
        (("when",), 21, 1),
        (("table",), 23, 1),
        (("table", "key"), 24, 1),
        (("table", "nested", "with dot.s"), 25, 3),
        (("table", "nested", "with dot.s", "key"), 26, 3),
        (("list",), 28, 1),
        (("list", 0), 28, 1),
        (("list", 0, "name"), 29, 1),
        (("list", 0, "sub"), 30, 1),
        (("list", 0, "sub", "key"), 31, 1),
        (("list", 0, "inner", 0, "key"), 33, 1),
        (("list", 0, "inner", 1), 34, 1),
        (("list", 0, "inner", 1, "key"), 35, 1),
        (("list", 1), 37, 1),
        (("list", 1, "name"), 38, 1),
        (("list", 1, "inner", 0), 39, 1),
        (("list", 1, "inner", 0, "key"), 40, 3),
        (("late", "header"), 41, 1),
        (("late", "header", "key"), 42, 1),
    ],
)
def test_a_key_is_found_where_it_is_written(path: KeyPath, line: int, column: int) -> None:
    """Nested tables, lists of tables, inline tables, dotted keys and texts over lines all keep the count."""
    assert Places(EVERYTHING).of(path) == Place(line, column)


def test_an_unknown_path_is_placed_at_its_nearest_parent() -> None:
    """A key that is missing is pointed at through its table, one without a table through the file."""
    places = Places(EVERYTHING)

    assert places.of(("list", 1, "missing", "deeper")) == Place(37, 1)
    assert places.of(("nowhere",)) == Place(1, 1)


def test_the_example_is_valid_and_every_key_of_it_is_indexed() -> None:
    """No key of the example's data lacks a place of its own."""
    _check_every_place(EVERYTHING)


SCALARS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["[x]", "a = 1", "# no", '"""', "'''", "\\", "\n[t]\nk = 1\n", "}", "]", ","]),
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False),
    st.booleans(),
)
KEYS = st.one_of(
    st.sampled_from(["a", "b", "name", "a.b", "a b", '"', "[x]", "#", "日本", ""]), st.text(max_size=6)
)
VALUES = st.recursive(
    SCALARS,
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(KEYS, below, max_size=3)),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_every_key_of_any_document_has_its_place(data: dict[str, Any]) -> None:
    """Whatever TOML a writer makes, each path of its data stands where the index says."""
    _check_every_place(tomlkit.dumps(data))


@given(st.lists(st.tuples(KEYS, SCALARS), min_size=1, max_size=6, unique_by=lambda pair: pair[0]))
def test_texts_over_several_lines_do_not_shift_what_follows(pairs: list[tuple[str, Any]]) -> None:
    """A document whose texts are written in the long form keeps every key's place."""
    document = tomlkit.document()
    for key, value in pairs:
        long = isinstance(value, str) and "\r" not in value
        document.add(tomlkit.key(key), tomlkit.string(value, multiline=True) if long else tomlkit.item(value))

    _check_every_place(document.as_string())


def _check_every_place(text: str) -> None:
    text = text.replace("\r\n", "\n")
    places, starts = Places(text), [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    seen: dict[Place, KeyPath] = {}
    for path in _paths(tomllib.loads(text), ()):
        place = places.of(path)
        rest = text[starts[place.line - 1] + place.column - 1 :]
        if isinstance(path[-1], str) and not rest.startswith("["):
            assert next(iter(tomllib.loads(rest[: _end_of_key(rest)] + " = 0"))) == path[-1]
        if not rest.startswith("["):
            assert place not in seen or seen[place] == path[: len(seen[place])], (path, seen[place])
        seen.setdefault(place, path)


def _end_of_key(rest: str) -> int:
    if rest[0] not in "\"'":
        return next(at for at, character in enumerate(rest) if not (character.isalnum() or character in "_-"))
    at = 1
    while rest[at] != rest[0]:
        at += 2 if rest[at] == "\\" and rest[0] == '"' else 1
    return at + 1


def _paths(value: Any, path: KeyPath) -> Iterator[KeyPath]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, below in cast("dict[str, Any]", value).items():
            yield from _paths(below, (*path, key))
    elif isinstance(value, list):
        for index, below in enumerate(cast("list[Any]", value)):
            yield from _paths(below, (*path, index))
