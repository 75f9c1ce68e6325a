"""The languages that a play speaks."""

from typing import Literal, TypeAlias

Language: TypeAlias = Literal["ja", "en"]
