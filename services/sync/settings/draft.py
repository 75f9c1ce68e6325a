"""
The file's sections, each validated by itself: a broken one is None, the others can still be checked.

So one reading of the file finds a wrong type in one section and a wrong reference in another.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar, cast

from pydantic import ValidationError

from services.sync.settings.document import Document
from services.sync.settings.explain import words_for
from services.sync.settings.mistakes import did_you_mean
from services.sync.settings.places import KeyPath
from services.sync.settings.rule_sections import (
    AssignmentSection,
    AttributeEntry,
    BehaviourEntry,
    FieldEntry,
    HandoffsSection,
    ScoringSection,
    StageEntry,
)
from services.sync.settings.sections import (
    DataSection,
    Firm,
    HttpSection,
    LogSection,
    LogsSection,
    Section,
    StoreSection,
    SyncSection,
    TracingSection,
)
from services.sync.settings.vendors import HubSpotSection, SalesforceSection

S = TypeVar("S", bound=Section)

SECTIONS: Final[dict[str, type[Section]]] = {
    "firm": Firm,
    "ma": HubSpotSection,
    "sfa": SalesforceSection,
    "fields": FieldEntry,
    "scoring": ScoringSection,
    "stages": StageEntry,
    "assignment": AssignmentSection,
    "handoffs": HandoffsSection,
    "sync": SyncSection,
    "log": LogSection,
    "store": StoreSection,
    "data": DataSection,
    "http": HttpSection,
    "logs": LogsSection,
    "tracing": TracingSection,
}
"""All top-level names of the file, in the order of the reference."""

LISTS: Final = frozenset({"fields", "stages"})
"""Those that are lists of tables."""

REQUIRED: Final = ("firm", "ma", "sfa", "fields", "scoring")


@dataclass(frozen=True, slots=True)
class Entry(Generic[S]):
    """One valid element of a list of tables, with its path."""

    path: KeyPath
    value: S


@dataclass(slots=True, kw_only=True)
class Draft:
    """What of the file has the right shape. `broken_fields`: names of entries of [[fields]] that haven't."""

    firm: Firm | None
    ma: HubSpotSection | None
    sfa: SalesforceSection | None
    scoring: ScoringSection | None
    assignment: AssignmentSection | None
    handoffs: HandoffsSection | None
    sync: SyncSection | None
    log: LogSection | None
    store: StoreSection | None
    data: DataSection | None
    http: HttpSection | None
    logs: LogsSection | None
    tracing: TracingSection | None
    fields: tuple[Entry[FieldEntry], ...] = ()
    stages: tuple[Entry[StageEntry], ...] = ()
    behaviours: tuple[Entry[BehaviourEntry], ...] = ()
    attributes: tuple[Entry[AttributeEntry], ...] = ()
    broken_fields: frozenset[str] = field(default_factory=frozenset[str])

    def field_named(self, name: str, kind: str = "lead") -> FieldEntry | None:
        """Return the entry of [[fields]] for *name* of *kind*."""
        return next(
            (each.value for each in self.fields if (each.value.name, each.value.kind) == (name, kind)), None
        )

    def is_unknown(self, name: str, kind: str = "lead") -> bool:
        """Return whether no entry, not even a broken one, could be *name*."""
        return name not in self.broken_fields and self.field_named(name, kind) is None


def read_draft(document: Document) -> Draft:
    """Validate each section of *document*, reporting what is wrong into it."""
    for key in document.data:
        if key not in SECTIONS:
            guess = did_you_mean(key, SECTIONS) or f"known here: {', '.join(SECTIONS)}"
            document.report((key,), "unknown section", guess)
    for key in REQUIRED:
        if key not in document.data:
            heading = f"[[{key}]]" if key in LISTS else f"[{key}]"
            document.report(
                (), f"the section {heading} is missing", "add it; `tasuki init` writes a whole file"
            )
    fields = tuple(_elements(document, ("fields",), FieldEntry))
    return Draft(
        firm=_table(document, "firm", Firm),
        ma=_table(document, "ma", HubSpotSection),
        sfa=_table(document, "sfa", SalesforceSection),
        scoring=_table(document, "scoring", ScoringSection, apart=("behaviours", "attributes")),
        assignment=_table(document, "assignment", AssignmentSection),
        handoffs=_table(document, "handoffs", HandoffsSection),
        sync=_table(document, "sync", SyncSection),
        log=_table(document, "log", LogSection),
        store=_table(document, "store", StoreSection),
        data=_table(document, "data", DataSection),
        http=_table(document, "http", HttpSection),
        logs=_table(document, "logs", LogsSection),
        tracing=_table(document, "tracing", TracingSection),
        fields=fields,
        stages=tuple(_elements(document, ("stages",), StageEntry)),
        behaviours=tuple(_elements(document, ("scoring", "behaviours"), BehaviourEntry)),
        attributes=tuple(_elements(document, ("scoring", "attributes"), AttributeEntry)),
        broken_fields=_broken_names(document, fields),
    )


def _table(document: Document, key: str, model: type[S], *, apart: tuple[str, ...] = ()) -> S | None:
    """Validate the section *key*; keys in *apart* are lists that are validated element by element."""
    if key in REQUIRED and key not in document.data:
        return None
    value: Any = document.data.get(key, {})
    if not isinstance(value, dict):
        document.report((key,), "must be a table", f"write it under a heading of its own: [{key}]")
        return None
    rest = {name: each for name, each in cast("dict[str, Any]", value).items() if name not in apart}
    return _validated(document, (key,), model, rest)


def _elements(document: Document, path: KeyPath, model: type[S]) -> Iterator[Entry[S]]:
    value: Any = document.data
    for key in path:
        value = cast("dict[str, Any]", value).get(str(key), []) if isinstance(value, dict) else []
    if not isinstance(value, list):
        document.report(
            path, "must be a list of tables", f"write each under a heading [[{'.'.join(map(str, path))}]]"
        )
        return
    for index, element in enumerate(cast("list[Any]", value)):
        found = _validated(document, (*path, index), model, element)
        if found is not None:
            yield Entry((*path, index), found)


def _validated(document: Document, path: KeyPath, model: type[S], value: object) -> S | None:
    try:
        return model.model_validate(value)
    except ValidationError as errors:
        for error in errors.errors(include_url=False):
            problem, mend = words_for(error, model)
            document.report((*path, *error["loc"]), problem, mend)
        return None


def _broken_names(document: Document, valid: tuple[Entry[FieldEntry], ...]) -> frozenset[str]:
    entries = document.data.get("fields")
    if not isinstance(entries, list):
        return frozenset()
    whole = {each.path[-1] for each in valid}
    names: set[str] = set()
    for index, entry in enumerate(cast("list[Any]", entries)):
        if index not in whole and isinstance(entry, dict):
            name = cast("dict[str, Any]", entry).get("name")
            names |= {name} if isinstance(name, str) else set()
    return frozenset(names)
