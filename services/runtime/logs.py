"""
Logging: structlog and the standard library's logging in one stream, one line for each fact, redacted.

JSON unless the stream is a terminal. `set_up` is called once, by the process's entry point; everything else
takes `events()` and calls it with a name of the catalogue (services/runtime/log_events.py) and facts.
"""

import logging
import re
import sys
from collections.abc import Collection, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import orjson
import structlog
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.typing import EventDict, Processor, WrappedLogger

from services.runtime.clock import Clock, now_ms
from services.runtime.log_events import EventName
from services.runtime.redaction import PASSING_KEYS, Fact, error_text, error_trace, passing

Level = Literal["debug", "info", "warning", "error"]

_LEVELS: dict[Level, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_DOTTED = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")

# Everybody on the internet can make uvicorn warn (invalid requests, a line each): those are counted instead.
_QUIETER = {"uvicorn.error": logging.ERROR, "uvicorn.access": logging.CRITICAL}


class EventLog:
    """Logs facts by the name of the catalogue; a misspelt name doesn't type-check."""

    def __init__(self, logger: WrappedLogger) -> None:
        self._logger = logger

    def debug(self, event: EventName, **facts: Fact) -> None:
        """Log what only helps to find a mistake."""
        self._logger.debug(event, **facts)

    def info(self, event: EventName, **facts: Fact) -> None:
        """Log a fact of the business or of the process's life."""
        self._logger.info(event, **facts)

    def warning(self, event: EventName, **facts: Fact) -> None:
        """Log what heals by itself but should be known."""
        self._logger.warning(event, **facts)

    def error(self, event: EventName, **facts: Fact) -> None:
        """Log what a person must look at."""
        self._logger.error(event, **facts)

    def failed(self, event: EventName, error: BaseException, **facts: Fact) -> None:
        """Log what a person must look at, with *error*'s type, text if it quotes no data, and frames."""
        self._logger.error(event, exc_info=error, **facts)


def events() -> EventLog:
    """Return the log of facts; it follows a later `set_up` too."""
    return EventLog(structlog.get_logger())


@contextmanager
def bound(
    *,
    lead_id: str | None = None,
    shard: str | None = None,
    system: str | None = None,
    topic: str | None = None,
    partition: int | None = None,
    trace_id: str | None = None,
) -> Generator[None]:
    """Put these on every line logged inside the block, also from tasks started in it."""
    given = {
        "lead_id": lead_id,
        "shard": shard,
        "system": system,
        "topic": topic,
        "partition": partition,
        "trace_id": trace_id,
    }
    with bound_contextvars(**{key: value for key, value in given.items() if value is not None}):
        yield


def set_up(
    *,
    json: bool | None = None,
    level: Level = "info",
    stream: TextIO | None = None,
    allow: Collection[str] = (),
    clock: Clock = now_ms,
) -> None:
    """
    Route all logging of the process to one stream. Calling it again replaces the earlier set-up.

    Args:
        json: One JSON object a line; None means JSON unless *stream* is a terminal.
        level: Our own lines below it are dropped. The libraries' lines pass from warning on.
        stream: Standard error unless given; standard output belongs to the commands.
        allow: Further keys to pass. This is the opt-in for personal data such as ``name``; e-mail
            addresses and secrets are cut out of these, too.
        clock: For the timestamp.
    """
    out = stream if stream is not None else sys.stderr
    as_json = json if json is not None else not out.isatty()
    shaping = _processors(frozenset(allow) | PASSING_KEYS, clock)
    render: Processor = _to_json if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[merge_contextvars, _name_level, *shaping, render],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Bridge([merge_contextvars, *shaping, render], out)]
    root.setLevel(logging.WARNING)
    for name, quieter in _QUIETER.items():
        logging.getLogger(name).setLevel(quieter)


class _Bridge(logging.Handler):
    """Turns a library's log record into an event and sends it the same way as ours."""

    def __init__(self, processors: Collection[Processor], stream: TextIO) -> None:
        super().__init__()
        self._processors = tuple(processors)
        self._write = structlog.WriteLogger(stream)

    def emit(self, record: logging.LogRecord) -> None:
        """Log the first line of the text; asyncio's further lines are reprs, which may hold anything."""
        try:
            lines = record.getMessage().splitlines()
            facts: EventDict = {"event": "library.logged", "level": record.levelname.lower()}
            facts |= {"logger": record.name, "message": lines[0] if lines else ""}
            if record.exc_info and record.exc_info[1] is not None:
                facts["exc_info"] = record.exc_info[1]
            shaped: Any = facts
            for processor in self._processors:
                shaped = processor(None, record.levelname.lower(), shaped)
            self._write.msg(shaped)
        except Exception:  # noqa: BLE001 - logging's own contract: a handler reports, it doesn't raise
            self.handleError(record)


def _processors(allowed: frozenset[str], clock: Clock) -> list[Processor]:
    def stamp(_: WrappedLogger, __: str, facts: EventDict) -> EventDict:
        instant = datetime.fromtimestamp(clock() / 1000, UTC).isoformat(timespec="milliseconds")
        return {"timestamp": instant, "level": facts.pop("level"), "event": facts.pop("event"), **facts}

    def redact(_: WrappedLogger, __: str, facts: EventDict) -> EventDict:
        return passing(facts, allowed)

    return [_name_event, _show_error, stamp, redact]


def _name_level(_: WrappedLogger, method: str, facts: EventDict) -> EventDict:
    facts["level"] = method
    return facts


def _name_event(_: WrappedLogger, __: str, facts: EventDict) -> EventDict:
    if not _DOTTED.fullmatch(str(facts.get("event"))):
        facts["event"] = "log.misnamed"
    return facts


def _show_error(_: WrappedLogger, __: str, facts: EventDict) -> EventDict:
    given = facts.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given
    if isinstance(error, tuple):
        error = error[1]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(error, BaseException):
        facts["error_type"] = type(error).__name__
        facts["error"] = error_text(error)
        facts["traceback"] = error_trace(error)
    return facts


def _to_json(_: WrappedLogger, __: str, facts: EventDict) -> str:
    return orjson.dumps(facts, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
