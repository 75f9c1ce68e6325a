"""What every service takes from the file: the firm, log, store, data folder, web server, logs, traces, secrets."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

from services.configuration.connections import check_connections
from services.configuration.document import Document
from services.configuration.environment import Secrets
from services.configuration.sections import (
    DataSection,
    Firm,
    HttpSection,
    LogSection,
    LogsSection,
    Section,
    StoreSection,
    TracingSection,
)
from services.configuration.tables import read_table

T = TypeVar("T")

PLATFORM: Final[Mapping[str, type[Section]]] = MappingProxyType(
    {
        "log": LogSection,
        "store": StoreSection,
        "data": DataSection,
        "http": HttpSection,
        "logs": LogsSection,
        "tracing": TracingSection,
    }
)
"""The technical sections, in the order of the reference; [firm] stands before all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """
    The checked values. The sections are as in the file, with durations as `*_ms` and sizes as `*_bytes`.

    `data_folder` is absolute; `source` is the file's name as given.
    """

    source: str
    firm: Firm
    log: LogSection
    store: StoreSection
    data_folder: Path
    http: HttpSection
    logs: LogsSection
    tracing: TracingSection
    secrets: Secrets


@dataclass(slots=True, kw_only=True)
class PlatformDraft:
    """What of these sections has the right shape; None for those that haven't."""

    firm: Firm | None
    log: LogSection | None
    store: StoreSection | None
    data: DataSection | None
    http: HttpSection | None
    logs: LogsSection | None
    tracing: TracingSection | None


def read_platform(document: Document) -> PlatformDraft:
    """Validate the sections, reporting what is wrong in each and between them into *document*."""
    draft = PlatformDraft(
        firm=read_table(document, "firm", Firm, required=True),
        log=read_table(document, "log", LogSection),
        store=read_table(document, "store", StoreSection),
        data=read_table(document, "data", DataSection),
        http=read_table(document, "http", HttpSection),
        logs=read_table(document, "logs", LogsSection),
        tracing=read_table(document, "tracing", TracingSection),
    )
    check_connections(document, draft.log, draft.store, draft.tracing)
    return draft


def to_platform(draft: PlatformDraft, *, source: str, folder: Path, secrets: Secrets) -> Platform:
    """Return the values of a *draft* in which nothing is wrong; *folder* is the file's own."""
    return Platform(
        source=source,
        firm=present(draft.firm),
        log=present(draft.log),
        store=present(draft.store),
        data_folder=(folder / present(draft.data).folder).absolute(),
        http=present(draft.http),
        logs=present(draft.logs),
        tracing=present(draft.tracing),
        secrets=secrets,
    )


def present(section: T | None) -> T:
    """Return *section*; a missing one without a reported mistake is a bug."""
    if section is None:
        raise AssertionError("a section is missing although no mistake was reported")
    return section
