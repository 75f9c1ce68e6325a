"""
What may stand in a log line or on a span: only listed keys pass, and no secret in any of them.

Personal data is opt-in: a key that nobody listed is withheld, its name alone is shown. E-mail addresses,
phone numbers, tokens and signatures are never shown, not even in a listed key: they are cut out of the text.
A person's name cannot be recognised in free text, so text of unknown origin is not passed at all: of an
exception only the type and the place are shown unless its type is one whose text holds no data by nature.
"""

import re
import traceback
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeAlias, cast

from services.errors import ServiceError

Fact: TypeAlias = Any
"""A value of a log line: a scalar, a list or a mapping of them, or an exception."""

PASSING_KEYS: frozenset[str] = frozenset(
    """
    timestamp level event logger message traceback error error_type cause withheld
    lead_id shard service system topic partition partitions group offset begin end epoch version base_offset
    new_offset base stored wanted after outbox folder schema organisation vendor grpc said ledger record object kind sink side slot cycle channel subscription event_id outbox_id trace_id span_id
    component components host port address signal exit_code pid endpoint sample_rate file
    outcome reason mend rule policy field fields milestone stage operation status code finding severity subject
    subjects method route attempt attempts count records notifications writes reads confirmed refused deferred
    size bytes limit remaining lag batch batches operations workers leads timers duplicates total done skipped
    clocks earlier later ended begun added removed changed
    since others read usual minutes hand_over took_ms events landed
    duration_ms delay_ms wait_ms retry_after_ms age_ms silence_ms timeout_ms waited_ms per_second ratio ready live verdict
    """.split()  # noqa: SIM905 - a hundred quoted words would be harder to read
)
"""The keys that pass. Add one here only if its values can never be about a person."""

_TEXT_LIMIT = 500
_FRAME_LIMIT = 30
_CAUSE_LIMIT = 5

# Their text is made by the interpreter or by us and quotes no input; ValueError, KeyError and pydantic's
# ValidationError quote the offending value, which may be a person's.
_SPEAKING = (
    ServiceError,
    OSError,
    TypeError,
    AttributeError,
    NameError,
    ImportError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
)

_CUTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<=://)[^/\s@]+@"), "[secret]@"),
    (re.compile(r"https://hooks\.slack\.com/\S+"), "[secret]"),
    (re.compile(r"[\w.+\-%'!#$&*/=?^`{|}~]+(?:@|%40|＠)[\w\-.]+"), "[email]"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=\-]{4,}", re.IGNORECASE), r"\1 [secret]"),
    (
        re.compile(
            r"([\w\-]*(?:secret|passw|token|api[_\-]?key|signature|authorization|credential)[\w\-]*"
            r"[\"']?\s*[:=]\s*[\"']?)(?!\[secret\])[^\s\"'&,;]+",
            re.IGNORECASE,
        ),
        r"\1[secret]",
    ),
    (re.compile(r"\beyJ[\w\-]{5,}\.[\w\-]+(?:\.[\w\-]*)?"), "[secret]"),
    (re.compile(r"\b(?:pat-\w{2,3}\d?-|xox\w-|sk-|ghp_|00D\w{12,15}!)[\w.\-]+"), "[secret]"),
    # A run this long with digits in it is a key, a hash or a signature; trace ids have 32, UUIDs have dashes.
    (re.compile(r"(?<!\w)(?=(?:[^\W\d]*\d){3})[A-Za-z0-9_+=]{40,}"), "[secret]"),
    (re.compile(r"(?<![\w\-])(?:\+\d{1,3}[\- ]?|0)\d{1,4}-\d{1,4}-\d{3,4}(?![\w\-])"), "[phone]"),
)


def scrub(text: str) -> str:
    """Return *text* without e-mail addresses, phone numbers and secrets, at most 500 characters of it."""
    text = text[: 4 * _TEXT_LIMIT]
    for pattern, instead in _CUTS:
        text = pattern.sub(instead, text)
    return text if len(text) <= _TEXT_LIMIT else text[: _TEXT_LIMIT - 1] + "…"


def error_text(error: BaseException) -> str:
    """Return what *error* says if its type quotes no data, scrubbed; otherwise only its type's name."""
    if isinstance(error, _SPEAKING) and not isinstance(error, UnicodeError):
        return scrub(str(error)) or type(error).__name__
    return type(error).__name__


def error_trace(error: BaseException) -> list[str]:
    """Return *error* and its causes: for each its type and text, then its frames, the innermost last."""
    lines: list[str] = []
    for each in _causes(error):
        lines.append(f"{type(each).__name__}: {error_text(each)}")
        frames = traceback.extract_tb(each.__traceback__)[-_FRAME_LIMIT:]
        lines.extend(f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
    return lines


def passing(facts: Mapping[str, Fact], allowed: Collection[str] = PASSING_KEYS) -> dict[str, Fact]:
    """Return *facts* with only the *allowed* keys and scrubbed values; `withheld` names the keys left out."""
    kept = {key: _clean(value, allowed) for key, value in facts.items() if key in allowed}
    left_out = sorted(scrub(key) for key in facts if key not in allowed)
    if left_out:
        kept["withheld"] = left_out
    return kept


def _clean(value: Fact, allowed: Collection[str]) -> Fact:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, BaseException):
        return error_text(value)
    if isinstance(value, Mapping):
        return passing({str(key): each for key, each in value.items()}, allowed)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(each, allowed) for each in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return scrub(str(value))


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    for _ in range(_CAUSE_LIMIT):
        if found is None:
            return
        yield found
        if isinstance(found, BaseExceptionGroup) and found.exceptions:
            found = cast("BaseException", found.exceptions[0])
        else:
            found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
