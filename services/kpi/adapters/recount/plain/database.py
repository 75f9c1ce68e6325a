"""DuckDB with the topic in it: tables of what holds, what happened when, and in which segments it counts."""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from services.errors import Misconfigured
from services.kpi.adapters.recount.plain.definitions import PAIRS
from services.kpi.adapters.recount.plain.promises import Promise
from services.kpi.domain.rules import OWNER, ROLE, TEAM, CountingRules

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MEMORY = "512MB"
_LONGEST_VALUE = 80
_LONGEST_LINE = 4 << 20
_UNSURE_MS = 120_000
"""A deadline that was so shortly before may not have been told yet."""
_TOLD = "{lead: 'VARCHAR', told: 'BIGINT', appended_at: 'BIGINT', kind: 'VARCHAR', data: 'JSON'}"


def open_database(folder: Path) -> "DuckDBPyConnection":
    """
    Return a new database in *folder*; what doesn't fit into 512 MB of memory goes to disk there.

    Raises:
        Misconfigured: DuckDB isn't installed.
    """
    try:
        import duckdb  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise Misconfigured(
            "the recount needs DuckDB: install it with `pip install 'tasuki[recount]'`"
        ) from error
    spill = folder / "spill"
    spill.mkdir()
    options: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": _MEMORY,
        "temp_directory": str(spill),
        "preserve_insertion_order": "false",
    }
    return duckdb.connect(str(folder / "recount.duckdb"), config=options)


def count(
    database: "DuckDBPyConnection",
    lines: Path,
    rules: CountingRules,
    promises: Sequence[Promise],
    *,
    due_by: int,
    told: Callable[[str], None],
) -> None:
    """
    Count what is in *lines*, see `write_topic`, into the tables ``counted`` and ``spent``.

    Args:
        database: From `open_database`.
        lines: Of the topic.
        rules: How the firm counts.
        promises: Those to recount.
        due_by: Epoch ms: what was due by then and isn't done counts as overdue; lately due, it need not yet.
        told: Told which step begins.
    """
    told("facts")
    run = database.execute
    run(
        f"CREATE TABLE told_line AS SELECT * FROM read_json(?, format='newline_delimited',"  # noqa: S608 (our own)
        f" columns={_TOLD}, maximum_object_size={_LONGEST_LINE})",
        [str(lines)],
    )
    run(_sql("facts"))
    _tell_rules(database, rules)
    told("what happened")
    run(f"SET VARIABLE customer = '{_pointer(rules.customer)}'")
    run(_sql("happened"))
    if promises:
        told("promises")
        run(f"SET VARIABLE due_by = {due_by}")
        run(f"SET VARIABLE unsure_ms = {_UNSURE_MS}")
        _judge(database, promises)
    told("segments")
    day = f"timezone('{_quoted(rules.time_zone)}', timezone('UTC', epoch_ms(happened_at)))::DATE"
    run(_sql("counted").format(segments=_segments(rules), day=day))


def _tell_rules(database: "DuckDBPyConnection", rules: CountingRules) -> None:
    """Put how the firm counts into tables."""
    _table(database, "existing(said VARCHAR)", [(each,) for each in rules.existing])
    _table(database, "team(owner VARCHAR, team VARCHAR)", list(rules.teams.items()))
    _table(database, "pair(entered VARCHAR, reached VARCHAR)", sorted(PAIRS))
    _table(database, "horizon(days BIGINT)", [(None,), *((days,) for days in rules.horizons_days)])
    signs = {_plain(said): int(sign) for said, sign in rules.outcomes.items()}
    said = [str(each) for (each,) in database.execute("SELECT DISTINCT outcome FROM deed").fetchall()]
    meant = [(each, signs[_plain(each)]) for each in said if _plain(each) in signs]
    _table(database, "outcome_sign(said VARCHAR, sign INTEGER)", meant)


def _judge(database: "DuckDBPyConnection", promises: Sequence[Promise]) -> None:
    rows = [
        (each.name, turn, _like(name), each.from_at)
        for each in promises
        for turn, names in (("start", each.starts), ("stop", each.stops), ("cancel", each.cancels))
        for name in names
    ]
    _table(database, "promise(policy VARCHAR, turn VARCHAR, pattern VARCHAR, from_at BIGINT)", rows)
    database.execute(_sql("promises"))
    deadline_of = {each.name: each.deadline_of for each in promises}
    starts = database.execute("SELECT DISTINCT policy, happened_at FROM clock_start").fetchall()
    due = [(policy, at, deadline_of[policy](at)) for policy, at in starts]
    _table(database, "deadline(policy VARCHAR, start_at BIGINT, happened_at BIGINT)", due)
    database.execute(_sql("verdicts"))


def _segments(rules: CountingRules) -> str:
    """Return the list of a lead's segments as an expression: the whole, and each dimension's value."""
    values = {
        ROLE: "standing.origin",
        TEAM: "team.team",
        OWNER: "coalesce(nullif(whose.owner, ''), standing.owner)",
    }
    parts = [
        f"'{_quoted(name)}=' || left(coalesce({value}, ''), {_LONGEST_VALUE})"
        for name in rules.dimensions
        for value in [values.get(name, f"json_extract_string(standing.segments, '{_pointer(name)}')")]
    ]
    listed = ", ".join(["''", *parts])
    return f"[{listed}]"


def _table(database: "DuckDBPyConnection", form: str, rows: Iterable[Sequence[Any]]) -> None:
    """Make a table of *rows*; as one JSON argument, since one insert a row is slow."""
    database.execute(f"CREATE TABLE {form}")
    name, _, columns = form.rstrip(")").partition("(")
    names = [each.split() for each in columns.split(",")]
    line = [dict(zip((each[0] for each in names), row, strict=True)) for row in rows]
    shape = ", ".join(f'"{column}":"{kind}"' for column, kind in names)
    database.execute(
        f"INSERT INTO {name} SELECT unnest(from_json(?, '[{{{shape}}}]'), recursive := true)",
        [orjson.dumps(line).decode()],
    )


def _plain(outcome: str) -> str:
    return unicodedata.normalize("NFKC", outcome).strip().casefold()


def _like(name: str) -> str:
    escaped = name.rstrip("*").replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped + "%" if name.endswith("*") else escaped


def _pointer(name: str) -> str:
    """Return the JSON pointer to a key, as part of a statement."""
    return "/" + _quoted(name.replace("~", "~0").replace("/", "~1"))


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _sql(name: str) -> str:
    return (files("services.kpi.adapters.recount.plain") / "sql" / f"{name}.sql").read_text("utf-8")
