"""
Where each key of a TOML text stands: line and column of every table, key and list element.

tomllib gives values without places. This index reads the text a second time, only after tomllib took it;
so it need not judge the text, and a key path of the parsed data always finds its place here.
"""

import re
import tomllib
from bisect import bisect_right
from dataclasses import dataclass
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""The way to a value in the parsed data: keys, and indices of list elements counted from 0."""

_GAP = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_BLANK = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_TEXT = re.compile(
    r'"""(?:\\[\s\S]|[^\\])*?"""(?:"{0,2})'
    r"|'''[\s\S]*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
)
_OTHER_SCALAR = re.compile(r"[^,\]}#\n]+")


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in a text; both count from 1, columns in characters."""

    line: int
    column: int


class Places:
    """
    The places of all keys of *text*, which must be valid TOML with its line ends as ``\\n``.

    Raises:
        RecursionError: The text nests deeper than Python's stack.
    """

    def __init__(self, text: str) -> None:
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._offsets = _Scanner(text).offsets

    def of(self, path: KeyPath) -> Place:
        """Return where *path* stands, or its nearest parent that the text names; the start for ()."""
        while path and path not in self._offsets:
            path = path[:-1]
        return self.at(self._offsets.get(path, 0))

    def at(self, offset: int) -> Place:
        """Return the place of the character at *offset*."""
        line = bisect_right(self._line_starts, offset)
        return Place(line, offset - self._line_starts[line - 1] + 1)


class _Scanner:
    """Walks over valid TOML once, noting for each key path the offset at which it is first written."""

    def __init__(self, text: str) -> None:
        self.offsets: dict[KeyPath, int] = {}
        self._text = text
        self._at = 0
        self._lengths: dict[KeyPath, int] = {}  # how many tables each list of tables has so far
        self._document()

    def _document(self) -> None:
        table: KeyPath = ()
        self._skip(_GAP)
        while self._at < len(self._text):
            if self._next("[["):
                table = self._header(2)
            elif self._next("["):
                table = self._header(1)
            else:
                self._pair(table)
            self._skip(_GAP)

    def _header(self, brackets: int) -> KeyPath:
        start = self._at
        self._at += brackets
        keys = [key for key, _ in self._keys()]
        self._at += brackets
        path: KeyPath = ()
        for key in keys[:-1]:
            path = self._inside((*path, key), start)
        path = (*path, keys[-1])
        if brackets == 1:
            return self._inside(path, start)
        self._lengths[path] = self._lengths.get(path, 0) + 1
        return self._inside(path, start)

    def _inside(self, path: KeyPath, start: int) -> KeyPath:
        """Note *path*; for a list of tables return the path of its last one, which is what a header means."""
        self.offsets.setdefault(path, start)
        if path in self._lengths:
            path = (*path, self._lengths[path] - 1)
            self.offsets.setdefault(path, start)
        return path

    def _pair(self, table: KeyPath) -> None:
        path = table
        for key, offset in self._keys():
            path = (*path, key)
            self.offsets.setdefault(path, offset)
        self._at += 1  # the equals sign
        self._skip(_BLANK)
        self._value(path)

    def _keys(self) -> list[tuple[str, int]]:
        """Read a dotted key and the blanks around it; return its parts with their offsets."""
        keys: list[tuple[str, int]] = []
        while True:
            self._skip(_BLANK)
            start = self._at
            if self._text[start] in "\"'":
                self._skip(_TEXT)
                keys.append((_decoded(self._text[start : self._at]), start))
            else:
                self._skip(_BARE_KEY)
                keys.append((self._text[start : self._at], start))
            self._skip(_BLANK)
            if not self._next("."):
                return keys
            self._at += 1

    def _value(self, path: KeyPath) -> None:
        if self._next("["):
            self._array(path)
        elif self._next("{"):
            self._inline_table(path)
        else:
            self._skip(_TEXT if self._text[self._at] in "\"'" else _OTHER_SCALAR)

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        index = 0
        while not self._closes("]"):
            self.offsets[(*path, index)] = self._at
            self._value((*path, index))
            index += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        while not self._closes("}"):
            self._pair(path)

    def _closes(self, bracket: str) -> bool:
        """Step over blanks, comments and a comma, then over *bracket* if it comes; return whether it did."""
        self._skip(_GAP)
        if self._next(","):
            self._at += 1
            self._skip(_GAP)
        if not self._next(bracket):
            return False
        self._at += 1
        return True

    def _next(self, mark: str) -> bool:
        return self._text.startswith(mark, self._at)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        self._at = match.end() if match else self._at


def _decoded(quoted: str) -> str:
    """Return what a quoted key means; tomllib knows the escapes."""
    return next(iter(tomllib.loads(f"{quoted} = 0")))
