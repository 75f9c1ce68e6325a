"""Asks a running service how it does, and shows it: the parts of `tasuki status`."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias, cast
from zoneinfo import ZoneInfo

import httpx2
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.cli.backfill import progress
from services.errors import Misconfigured, Retryable

Json: TypeAlias = Mapping[str, Any]
PATIENCE_S = 10.0
UNKNOWN = "unknown"

_UNAUTHORISED = frozenset({401, 403})


class NoService(Retryable):
    """No service of ours answers there."""


def ask(address: str, api_key: str | None, *, command: str = "tasuki up") -> Json:
    """
    Return what ``GET /status`` at *address* says; *command* starts who should answer there.

    Raises:
        NoService: Nobody answers there, or somebody else.
        Misconfigured: The service refuses the key.
    """
    headers = {} if api_key is None else {"authorization": f"Bearer {api_key}"}
    mend = f"start it with `{command}`, or name another address with --url"
    try:
        answer = httpx2.get(f"{address.rstrip('/')}/status", headers=headers, timeout=PATIENCE_S)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise NoService(f"no service answers at {address} ({type(error).__name__}): {mend}") from error
    if answer.status_code in _UNAUTHORISED:
        raise Misconfigured(
            f"the service at {address} refuses: set TASUKI_API_KEY, or TASUKI_FEED_KEY_… for the KPIs, to the key it was given"
        )
    try:
        found: object = answer.json()
    except ValueError:
        found = None
    if not answer.is_success or not isinstance(found, dict) or "ready" not in found:
        raise NoService(f"what answers at {address} ({answer.status_code}) is no tasuki: {mend}")
    return cast("Json", found)


def show(found: Json, console: Console, *, time_zone: str) -> None:
    """Print *found*; times are in *time_zone*."""
    zone = ZoneInfo(time_zone)
    print_head(found, console, "tasuki")
    print_table(
        console,
        ("system", "circuit", "leads that wait"),
        [
            (system, "closed" if each["condition"] == "ok" else "open", figure(each["dirty"]))
            for system, each in found["systems"].items()
        ],
    )
    _quotas(found["quotas"], console, zone)
    print_table(
        console,
        ("stream", "last told"),
        [
            (f"{each['system']} {each['channel']}", f"{each['age_ms'] / 1000:.0f} s ago")
            for each in found["streams"]
        ],
    )

    _sweeps(found, console, zone)


def _sweeps(found: Json, console: Console, zone: ZoneInfo) -> None:
    """Print what sweeps found, and how the first filling does; a service of another version may not tell."""
    rows = [
        (
            f"{each['system']} {each['object']}",
            _time(each["ended_at"], zone) if each["running"] is None else f"now ({each['running']})",
            figure(each["read"]),
            figure(each["others"]),
        )
        for each in found.get("sweeps") or ()
    ]
    print_table(console, ("sweep", "ended at", "read", "not as known"), rows)
    drift: Mapping[str, int] = found.get("drift") or {}
    print_table(
        console,
        ("drift found and repaired", "times"),
        [(name, figure(count)) for name, count in drift.items()],
    )
    echoes: Mapping[str, int] = found.get("echoes") or {}
    print_table(
        console,
        ("our own writes that came back", "times"),
        [(name, figure(count)) for name, count in echoes.items()],
    )
    if found.get("backfill") is not None:
        console.print(Text(f"backfill: {progress(found['backfill'])}\n"))


def print_head(found: Json, console: Console, name: str) -> None:
    """Print what all services say: readiness, and the topics they read."""
    ready = Text("ready", style="green") if found["ready"] else Text("not ready", style="bold red")
    console.print(Text.assemble(f"{name} {found['version']}: ", ready))
    for each in found["reasons"]:
        console.print(Text(f"  {each}", style="yellow"))
    console.print()
    print_table(
        console,
        ("topic", "shards", "lag", "outbox"),
        [
            (topic, str(len(each["partitions"])), figure(each["lag"]), figure(each["outbox"]))
            for topic, each in found["topics"].items()
        ],
    )
    lost: Mapping[str, int] = {topic: each.get("rolled_back", 0) for topic, each in found["topics"].items()}
    for topic, times in lost.items():
        if times:
            text = f"{topic}: the store lost a shard's last writes {figure(times)} times since the start; read again"
            console.print(Text(f"{text}\n", style="yellow"))


def _quotas(quotas: list[Json] | None, console: Console, zone: ZoneInfo) -> None:
    if quotas is None:
        console.print(Text("the vendors' limits: unknown, the store doesn't answer\n", style="yellow"))
        return
    rows = [
        (
            f"{each['system']} {each['limit']}",
            figure(each["left"]),
            figure(each["most"]),
            figure(each["ours"], none="-"),
            _time(each["told_at"], zone),
        )
        for each in quotas
    ]
    print_table(console, ("limit", "left", "of", "ours now", "told at"), rows)
    for words in dict.fromkeys(why for each in quotas for why in each["held"].values()):
        held = [name for each in quotas for name, why in each["held"].items() if why == words]
        console.print(Text(f"{', '.join(held)} wait: {words}", style="yellow"))


def print_table(console: Console, headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print *rows*, if there are any."""
    if not rows:
        return
    table = Table(*headings, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
    console.print()


def figure(value: int | None, *, none: str = UNKNOWN) -> str:
    """Return *value* for people; *none* where nobody knows it."""
    return none if value is None else f"{value:,}"


def _time(instant: int | None, zone: ZoneInfo) -> str:
    if instant is None:
        return "never"
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=instant)
    return f"{moment.astimezone(zone):%H:%M:%S}"
