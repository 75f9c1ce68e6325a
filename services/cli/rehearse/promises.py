"""The promises that a rehearsal holds its history to: read from a file, and told to a receiver of its own."""

import secrets
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from services.cli import settings as both
from services.cli.stage.receiver import PATH, Receiver
from services.configuration.mistakes import ConfigurationErrors, did_you_mean, listed
from services.errors import Misconfigured
from services.runtime.clock import Clock
from services.sync.settings import demo_document
from services.sync.settings.demo import DEMO_ENVIRONMENT

TABLES: Final = ("sla", "calendars", "people", "roles", "kpi")
"""What the file may hold, in the form that `tasuki.toml` has it."""

_SINK: Final = "rehearsal"
_SECRET: Final = "TASUKI_SINK_REHEARSAL_SECRET"  # noqa: S105 (the name of a variable)
_URL: Final = "TASUKI_SINK_REHEARSAL_URL"
_NOWHERE: Final = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class Promises:
    """
    Promises and what they name, as sections of tasuki.toml.

    Args:
        sections: As the file has them.
        secret: Signs the alerts.
    """

    sections: Mapping[str, Any]
    secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    def overrides(self, first_at: int) -> Mapping[str, Any]:
        """Return the sections for a history that begins at *first_at*: held from then on, each alert told."""
        day = datetime.fromtimestamp(first_at / 1000, UTC).date() - timedelta(days=1)
        kpi = {"promised_from": day, **self.sections.get("kpi", {})}
        sink = {
            "name": _SINK,
            "kind": "webhook",
            "window": "1s",
            "most_alerts": 500,
            "most_waiting": 1_000_000,
        }
        return {**self.sections, "kpi": kpi, "sinks": [sink], "alerts": {"default": [_SINK]}}

    def environ(self, port: int) -> Mapping[str, str]:
        """Return the variables by which the service finds a receiver at *port*."""
        return {_URL: f"http://127.0.0.1:{port}{PATH}", _SECRET: self.secret}

    def receiver(self, clock: Clock) -> Receiver:
        """Return what takes the alerts."""
        return Receiver(secret=self.secret, language="en", time_zone="UTC", clock=clock)


def load_promises(path: Path, folder: Path) -> Promises:
    """
    Return the promises in *path*.

    Args:
        path: TOML with `[[sla]]` and what they name, as in tasuki.toml.
        folder: Where the rehearsal works.

    Raises:
        Misconfigured: With every mistake.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise Misconfigured(f"{path}: can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: isn't TOML: {error}") from error
    promises = Promises(found)
    mistakes = [*_foreign(found), *_mistakes(promises, folder)]
    if mistakes:
        raise Misconfigured("\n".join(f"{path}: {each}" for each in mistakes))
    return promises


def _foreign(found: Mapping[str, Any]) -> Iterable[str]:
    for name in found.keys() - set(TABLES):
        guess = did_you_mean(name, TABLES)
        yield f"{name}: isn't part of promises, which are {listed(TABLES)}" + (f"; {guess}" if guess else "")
    if not found.get("sla"):
        yield "has no [[sla]]: nothing is promised"


def _mistakes(promises: Promises, folder: Path) -> Iterable[str]:
    """Yield what is wrong with them in the tasuki.toml of the rehearsal; lines aren't those of the file."""
    known = Promises({name: value for name, value in promises.sections.items() if name in TABLES})
    text = demo_document(
        hubspot_url=_NOWHERE,
        salesforce_url=_NOWHERE,
        pubsub="127.0.0.1:9",
        data_folder=folder,
        overrides=known.overrides(0),
    )
    try:
        both.loads(text, {**DEMO_ENVIRONMENT, **known.environ(9)}, file="", folder=folder)
    except ConfigurationErrors as errors:
        for each in errors.mistakes:
            yield f"{each.key}: {each.problem}; {each.mend}"
