"""The file's sections that sync reads, each validated by itself; see services.configuration.tables."""

from dataclasses import dataclass, field
from typing import Any, Final, cast

from services.configuration.document import Document
from services.configuration.platform import PLATFORM, PlatformDraft, read_platform
from services.configuration.sections import Firm, Section
from services.configuration.tables import Entry, check_names, read_elements, read_table
from services.sync.settings.rule_sections import (
    AssignmentSection,
    AttributeEntry,
    BehaviourEntry,
    FieldEntry,
    GroupEntry,
    HandoffsSection,
    OwnersSection,
    ScopeEntry,
    ScoringSection,
    StageEntry,
)
from services.sync.settings.sync_section import SyncSection
from services.sync.settings.vendors import HubSpotSection, SalesforceSection

SECTIONS: Final[dict[str, type[Section]]] = {
    "firm": Firm,
    "ma": HubSpotSection,
    "sfa": SalesforceSection,
    "fields": FieldEntry,
    "scoring": ScoringSection,
    "stages": StageEntry,
    "scope": ScopeEntry,
    "owners": OwnersSection,
    "assignment": AssignmentSection,
    "handoffs": HandoffsSection,
    "sync": SyncSection,
    **PLATFORM,
}
"""The sections that sync reads, in the order of the reference."""

REQUIRED: Final = ("firm", "ma", "sfa", "fields", "scoring")


@dataclass(slots=True, kw_only=True)
class Draft:
    """What of the file has the right shape. `broken_fields`: names of entries of [[fields]] that haven't."""

    platform: PlatformDraft
    ma: HubSpotSection | None
    sfa: SalesforceSection | None
    scoring: ScoringSection | None
    assignment: AssignmentSection | None
    owners: OwnersSection | None
    handoffs: HandoffsSection | None
    sync: SyncSection | None
    fields: tuple[Entry[FieldEntry], ...] = ()
    stages: tuple[Entry[StageEntry], ...] = ()
    scope: tuple[Entry[ScopeEntry], ...] = ()
    behaviours: tuple[Entry[BehaviourEntry], ...] = ()
    attributes: tuple[Entry[AttributeEntry], ...] = ()
    groups: tuple[Entry[GroupEntry], ...] = ()
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
    check_names(document, REQUIRED)
    fields = tuple(read_elements(document, ("fields",), FieldEntry))
    scoring = read_table(
        document, "scoring", ScoringSection, required=True, apart=("behaviours", "attributes", "groups")
    )
    return Draft(
        platform=read_platform(document),
        ma=read_table(document, "ma", HubSpotSection, required=True),
        sfa=read_table(document, "sfa", SalesforceSection, required=True),
        scoring=scoring,
        assignment=read_table(document, "assignment", AssignmentSection),
        owners=read_table(document, "owners", OwnersSection),
        handoffs=read_table(document, "handoffs", HandoffsSection),
        sync=read_table(document, "sync", SyncSection),
        fields=fields,
        stages=tuple(read_elements(document, ("stages",), StageEntry)),
        scope=tuple(read_elements(document, ("scope",), ScopeEntry)),
        behaviours=tuple(read_elements(document, ("scoring", "behaviours"), BehaviourEntry)),
        attributes=tuple(read_elements(document, ("scoring", "attributes"), AttributeEntry)),
        groups=tuple(read_elements(document, ("scoring", "groups"), GroupEntry)),
        broken_fields=_broken_names(document, fields),
    )


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
