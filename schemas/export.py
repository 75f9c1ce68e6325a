"""
Write the published language to `schemas/published`, or check that what is committed there is it.

    python -m schemas.export            write
    python -m schemas.export --check    exit 1 with a diff where the committed files differ, or break
    python -m schemas.export --freeze   also keep new event types in `baseline/`, never to be broken again

`json/<type>.json` is one JSON Schema an event type, `asyncapi.json` the topics, `baseline/<type>.json` each
schema as it was first published. A frozen file is not written again: who must break makes a new type (`.v2`).
"""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff
from pathlib import Path

from schemas.asyncapi import asyncapi
from schemas.evolution import breaks
from schemas.json_schema import Json, event_schemas

PUBLISHED = Path(__file__).parent / "published"
JSON = "json"
BASELINE = "baseline"


def render(document: Json) -> str:
    """Return *document* as text, always the same for the same document."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def published() -> dict[str, str]:
    """Return every generated file: its path below `published/`, and its text."""
    files = {f"{JSON}/{name}.json": render(schema) for name, schema in event_schemas().items()}
    return files | {"asyncapi.json": render(asyncapi())}


def write(folder: Path) -> None:
    """Bring the generated files in *folder* up to date; files of types that are gone are removed."""
    wanted = published()
    for path in _stale(folder, wanted):
        path.unlink()
    for name, text in wanted.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def freeze(folder: Path) -> list[str]:
    """Keep the schema of each event type that has no baseline yet; return these types."""
    fresh = [name for name in event_schemas() if not _frozen(folder, name).exists()]
    for name in fresh:
        _frozen(folder, name).parent.mkdir(parents=True, exist_ok=True)
        _frozen(folder, name).write_text(render(event_schemas()[name]), encoding="utf-8")
    return fresh


def differences(folder: Path) -> Iterator[str]:
    """Yield the lines of a diff from what is in *folder* to what is generated now."""
    wanted = published()
    for path in _stale(folder, wanted):
        yield f"{path.relative_to(folder).as_posix()}: no event type is published there any more"
    for name, text in wanted.items():
        path = folder / name
        committed = path.read_text(encoding="utf-8") if path.exists() else ""
        yield from unified_diff(
            committed.splitlines(), text.splitlines(), f"committed/{name}", f"generated/{name}", lineterm=""
        )


def broken(folder: Path) -> Iterator[str]:
    """Yield how what is generated now breaks with the baseline in *folder*, a line each."""
    current = event_schemas()
    for path in sorted((folder / BASELINE).glob("*.json")):
        if path.stem not in current:
            yield f"{path.stem}: the event type is gone; records of it are still on the topic"
            continue
        frozen: Json = json.loads(path.read_text(encoding="utf-8"))
        yield from (f"{path.stem}: {each}" for each in breaks(frozen, current[path.stem]))


def _frozen(folder: Path, name: str) -> Path:
    return folder / BASELINE / f"{name}.json"


def _stale(folder: Path, wanted: Mapping[str, str]) -> list[Path]:
    return [each for each in sorted((folder / JSON).glob("*.json")) if f"{JSON}/{each.name}" not in wanted]


def main(arguments: Sequence[str] | None = None, folder: Path = PUBLISHED) -> int:
    """Run the command; return the exit code."""
    parser = ArgumentParser(prog="python -m schemas.export", description="Publish the events' schemas.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where anything differs")
    parser.add_argument("--freeze", action="store_true", help="also freeze event types that are new")
    options = parser.parse_args(arguments)
    failures = list(broken(folder))
    if options.check:
        failures += differences(folder)
    else:
        write(folder)
        if options.freeze:
            sys.stdout.writelines(f"{name}: frozen\n" for name in freeze(folder))
    sys.stdout.writelines(f"{line}\n" for line in failures)
    if failures:
        sys.stdout.write(_MENDS[options.check])
    return 1 if failures else 0


_MENDS = {
    True: "The published schemas are not what the models say: run `python -m schemas.export`, look, commit.\n",
    False: "Written, but older readers or records break: add instead, or make a new type (`.v2`).\n",
}


if __name__ == "__main__":
    sys.exit(main())
