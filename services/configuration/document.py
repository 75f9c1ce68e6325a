"""A configuration file as read: its data, where each key stands, and the list of mistakes found so far."""

import re
import tomllib
from typing import Any, cast

from services.configuration.mistakes import ConfigurationErrors, Mistake
from services.configuration.places import KeyPath, Places

_NAME = re.compile(r"[^\W\d][\w-]*")
_AT = re.compile(r" ?\(at (?:line (\d+), column (\d+)|end of document)\)$")
_HINTS = (
    ("Cannot overwrite", "each key may be written once in its table; a list of tables needs [[…]]"),
    ("Cannot declare", "each table may be written once; a list of tables needs [[…]]"),
    ("Cannot mutate", "an inline table { … } can't be added to elsewhere; write all of it in one place"),
    (
        "Invalid value",
        'a text needs quotes: key = "value"; a list is [ … ], true and false are written small',
    ),
    ("Invalid statement", "a line is [heading], key = value, or # a comment"),
    ("Expected '='", "a line is [heading], key = value, or # a comment"),
    ("Expected \"'", "a closing quote is missing"),
    ("Expected newline", "one key = value on each line; is a quote or a # missing?"),
    ("Expected ']'", "close the heading: [name], or [[name]] for a list of tables"),
    ("Illegal character", "is a closing quote missing on this line?"),
    ("Unescaped", 'a backslash in "…" is written \\\\; or use single quotes, which take it as it is'),
    ("Unterminated", "a closing quote is missing"),
    ("Unclosed", "a closing bracket is missing"),
)
_SYNTAX_MEND = "see https://toml.io/en/v1.0.0"


class Document:
    """
    The parsed file *file*, as the person named it.

    Args:
        text: Its content.

    Raises:
        ConfigurationErrors: The text isn't TOML; one mistake, since nothing after it can be trusted.
    """

    def __init__(self, text: str, *, file: str) -> None:
        self.file = file
        self.mistakes: list[Mistake] = []
        self._settled: set[KeyPath] = set()
        text = text.removeprefix("\ufeff").replace("\r\n", "\n")
        try:
            self.data: dict[str, Any] = tomllib.loads(text)
            self._places = Places(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigurationErrors([self._syntax_mistake(str(error), text)]) from None
        except (ValueError, RecursionError):
            # tomllib lets these two through: a number of thousands of digits, brackets nested in hundreds.
            raise ConfigurationErrors(
                [self._syntax_mistake("a number is too long, or brackets are nested too deeply", text)]
            ) from None

    def settle(self, path: KeyPath, problem: str, mend: str) -> None:
        """Report as `report`, and take no more mistakes at *path*: what follows from the first isn't news."""
        self.report(path, problem, mend)
        self._settled.add(path)

    def report(self, path: KeyPath, problem: str, mend: str) -> None:
        """Add a mistake at *path*, or at its nearest parent that the file names."""
        if path in self._settled:
            return
        place = self._places.of(path)
        self.mistakes.append(
            Mistake(
                file=self.file,
                key=self.label(path),
                line=place.line,
                column=place.column,
                problem=problem,
                mend=mend,
            )
        )

    def value(self, *path: str | int) -> object:
        """Return what stands at *path*, of whatever type; None where nothing does."""
        here: Any = self.data
        for key in path:
            here = _step(here, key)
        return here

    def line(self, path: KeyPath) -> int:
        """Return the line on which *path* stands."""
        return self._places.of(path).line

    def label(self, path: KeyPath) -> str:
        """Return *path* for people: list elements by their `name` or else their number, from 0."""
        label, here = "", cast("Any", self.data)
        for key in path:
            here = _step(here, key)
            if isinstance(key, int):
                name: object = _step(here, "name")
                label += f"[{name if isinstance(name, str) and _NAME.fullmatch(name) else key}]"
            else:
                label += f".{key}" if label else key
        return label

    def _syntax_mistake(self, message: str, text: str) -> Mistake:
        at = _AT.search(message)
        line, column = (int(at[1]), int(at[2])) if at and at[1] else (text.rstrip("\n").count("\n") + 1, None)
        hint = next((mend for start, mend in _HINTS if message.startswith(start)), _SYNTAX_MEND)
        return Mistake(
            file=self.file,
            line=line,
            column=column,
            problem=f"is not valid TOML: {_AT.sub('', message)}",
            mend=hint,
        )


def _step(value: Any, key: str | int) -> Any:
    if isinstance(value, dict) and isinstance(key, str):
        return cast("dict[str, Any]", value).get(key)
    if isinstance(value, list) and isinstance(key, int):
        elements = cast("list[Any]", value)
        return elements[key] if key < len(elements) else None
    return None
