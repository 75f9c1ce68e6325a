"""
The pages that a dry run has read, in a file, so that one that was interrupted needn't read them again.

A line is a page, as JSON; the first line says for which run they are. Only its owner may read the file, for it
holds what the vendors hold. It is removed when the run ends.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from schemas.lead import LEAD_CHANGE, LeadObserved
from services.sync.application.dry_run import PageRead
from services.sync.application.ports import Place
from services.sync.domain.records import RecordRef

FILE = "backfill-dry-run.jsonl"
OLDEST_MS = 24 * 3_600_000
"""What was read longer ago isn't gone on with: too much of it has changed."""


class DryRunPages:
    """
    The file of one data folder.

    Args:
        folder: Where it stands.
        fresh: Begin anew, whatever it holds.
        hand_over: Of which kind the run is; pages of the other kind are of no use.
        now: Epoch ms.
    """

    def __init__(self, folder: Path, *, fresh: bool, hand_over: bool, now: int) -> None:
        self._path = folder / FILE
        self._file: BinaryIO | None = None
        self.until = now
        self.pages: list[PageRead] = []
        if not fresh:
            self._read(hand_over=hand_over, now=now)
        folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if self.pages else os.O_TRUNC)
        self._file = os.fdopen(os.open(self._path, flags, 0o600), "ab")
        if not self.pages:
            self._write({"until": now, "hand_over": hand_over})

    def keep(self, page: PageRead) -> None:
        """Add *page*."""
        self._write(
            {
                "step": page.step,
                "next": None if page.next is None else [page.next.at, page.next.after],
                "read": page.read,
                "unrelated": page.unrelated,
                "events": [each.model_dump(mode="json") for each in page.events],
                "links": [[ref.system, ref.object, ref.id, lead] for ref, lead in page.links.items()],
                "claims": page.claims,
            }
        )

    def close(self, *, ended: bool) -> None:
        """Close the file, and remove it where the run *ended*."""
        if self._file is not None:
            self._file.close()
        if ended:
            self._path.unlink(missing_ok=True)

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(orjson.dumps(line) + b"\n")
            self._file.flush()

    def _read(self, *, hand_over: bool, now: int) -> None:
        """Take up what stands there; a last line that a crash cut off is dropped, with the file's use."""
        try:
            head, *rest = self._lines()
        except (OSError, ValueError):
            return
        until = int(head.get("until", 0))
        if head.get("hand_over") is not hand_over or now - until > OLDEST_MS:
            return
        self.until = until
        self.pages = [_page(each) for each in rest]

    def _lines(self) -> Iterator[dict[str, Any]]:
        data = self._path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            self._path.write_bytes(whole)
        yield from (orjson.loads(each) for each in whole.splitlines())


def _page(line: dict[str, Any]) -> PageRead:
    events = [LEAD_CHANGE.validate_python(each) for each in line["events"]]
    return PageRead(
        step=line["step"],
        next=None if line["next"] is None else Place(*line["next"]),
        read=line["read"],
        unrelated=line["unrelated"],
        events=[each for each in events if isinstance(each, LeadObserved)],
        links={RecordRef(*ref): lead for *ref, lead in line["links"]},
        claims=line["claims"],
    )
