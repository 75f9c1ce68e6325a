"""`tasuki recount`: the KPIs counted a second time by other means, beside what the service has counted."""

import asyncio
import csv
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from services.cli.exits import ExitCode
from services.cli.invocation import ConfigOption, invocation_of, quiet_logging
from services.cli.screen import standard_error, standard_output
from services.errors import Misconfigured
from services.kpi.settings import Settings
from services.runtime.clock import now_ms
from services.runtime.log.port import Log
from services.runtime.store import Store

if TYPE_CHECKING:
    from services.kpi.adapters.recount import Difference, Key, Recounted, Value

_SERVICE = "kpi"
_SHOWN = 50
_COLUMNS = (
    *("metric", "reading", "window", "segment"),
    *("served", "served_of", "served_median_ms", "served_p90_ms"),
    *("recounted", "recounted_of", "recounted_median_ms", "recounted_p90_ms"),
)


class Format(StrEnum):
    """How the differences are printed."""

    TABLE = "table"
    JSON = "json"


def recount(
    context: typer.Context,
    config: ConfigOption = None,
    output: Annotated[
        Format, typer.Option("--format", help="How the differences are printed.")
    ] = Format.TABLE,
    csv_file: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write every figure here, as served and as recounted."),
    ] = None,
) -> None:
    """
    Count every KPI a second time, from the whole topic of facts by plain SQL, and compare with the service's counters.

    It only reads; the service may run meanwhile. Ends with 0 when nothing differs, with 1 when something does.
    """
    quiet_logging()
    settings = invocation_of(context).configured(config, need_secrets=False).kpi
    found = asyncio.run(_recount(settings, csv_file))
    if output is Format.JSON:
        typer.echo(orjson.dumps(_plain(found), option=orjson.OPT_INDENT_2).decode())
    else:
        _show(found, standard_output())
    raise typer.Exit(ExitCode.NEGATIVE if found.differences else ExitCode.OK)


async def _recount(settings: Settings, csv_file: Path | None) -> "Recounted":
    from services.kpi.adapters.recount import Basis  # noqa: PLC0415 - see `up`
    from services.kpi.adapters.recount import recount as count_again  # noqa: PLC0415
    from services.kpi.adapters.stored_clocks import stored_eras  # noqa: PLC0415
    from services.kpi.domain.clock_rules import ClockRules  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with _opened(settings) as (log, store):
        eras = await stored_eras(store, service=_SERVICE)
        promises = ClockRules.of(eras) if eras else None
        basis = Basis(service=_SERVICE, rules=settings.counting, promises=promises, now=now_ms())
        with Progress(*columns, console=standard_error(), transient=True) as progress, _rows(csv_file) as row:
            task = progress.add_task("counters", total=None)

            def told(what: str, done: int, total: int) -> None:
                progress.update(task, description=what, completed=done, total=total or None)

            return await count_again(log, store, basis, told=told, row=row)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncGenerator[tuple[Log, Store]]:
    """Give the log and the store, whether the service runs or not."""
    from services.configuration.parts import make_log, make_store, needs_embedded, topic_specs  # noqa: PLC0415
    from services.runtime.valkey_server import EmbeddedServer  # noqa: PLC0415

    async with AsyncExitStack() as stack:
        url = None
        if needs_embedded(settings):
            url = (await stack.enter_async_context(EmbeddedServer(settings.data_folder))).url
        log, store = make_log(settings, url), make_store(settings, url)
        stack.push_async_callback(log.close)
        stack.push_async_callback(store.close)
        await store.start()
        await log.start()
        await log.ensure_topics(topic_specs(settings.log.partitions))
        yield log, store


@contextmanager
def _rows(file: Path | None) -> "Generator[Callable[[Key, Value | None, Value | None], None]]":
    """Give what writes each figure as a line of CSV; nothing without a file. Raises Misconfigured."""
    if file is None:
        yield lambda _key, _served, _recounted: None
        return
    try:
        out = file.open("w", encoding="utf-8-sig", newline="")
    except OSError as error:
        raise Misconfigured(f"{file}: can't be written: {error.strerror or error}") from error
    with out:
        writer = csv.writer(out)
        writer.writerow(_COLUMNS)
        yield lambda key, served, recounted: writer.writerow((*key, *_cells(served), *_cells(recounted)))


def _cells(value: "Value | None") -> tuple[object, ...]:
    return ("", "", "", "") if value is None else tuple("" if each is None else each for each in value)


def _plain(found: "Recounted") -> dict[str, Any]:
    return {
        "differences": [
            {
                **each.key._asdict(),
                "served": None if each.served is None else each.served._asdict(),
                "recounted": None if each.recounted is None else each.recounted._asdict(),
                "lead": each.lead,
                "explained": each.explained,
            }
            for each in found.differences
        ],
        "figures": found.figures,
        "records": found.records,
        "seconds": round(found.seconds, 3),
        "offsets": {str(partition): offset for partition, offset in found.offsets.items()},
        "left_out": dict(found.left_out),
    }


def _show(found: "Recounted", console: Console) -> None:
    if found.differences:
        table = Table("metric", "reading", "window", "segment", "service", "recount", "first lead")
        for each in found.differences[:_SHOWN]:
            table.add_row(*each.key, _said(each.served), _said(each.recounted), _lead(each))
        console.print(table, markup=False)
        if len(found.differences) > _SHOWN:
            console.print(f"… and {len(found.differences) - _SHOWN} more; --csv has all figures")
    for name, reason in found.left_out.items():
        console.print(f"promise {name} isn't recounted: {reason}; nor is the SLA attainment", markup=False)
    console.print(
        f"{found.records} facts, {found.figures} figures, {len(found.differences)} differences; {found.seconds:.1f} s"
    )
    if all(offset < 0 for offset in found.offsets.values()):
        console.print("the service has counted nothing yet")


def _said(value: "Value | None") -> str:
    if value is None:
        return "–"
    if value.median_ms is not None:
        return f"{value.numerator}: median {value.median_ms} ms, p90 {value.p90_ms} ms"
    return str(value.numerator) if value.denominator is None else f"{value.numerator} of {value.denominator}"


def _lead(difference: "Difference") -> str:
    return f"{difference.lead}: {difference.explained}" if difference.lead else "–"
