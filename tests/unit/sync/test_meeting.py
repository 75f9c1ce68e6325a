"""A write that was to make a person and met another lead's record: the two leads are one."""

from collections.abc import Mapping

import pytest

from services.sync.application.identify import ERASED
from services.sync.application.meeting import Met, same_people
from services.sync.domain.lead import Lead
from services.sync.domain.records import RecordRef, Side
from tests.firm import START

RECORD = RecordRef("hubspot", "contact", "101")
EARLIER, LATER = "01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac97-774b-bcce-b302099a8057"


async def told(writer: str, owner: str | None) -> list[tuple[str, str]]:
    """Return who goes into whom, where *writer* met a record that is *owner*'s."""

    async def adopt(links: Mapping[RecordRef, str]) -> Mapping[RecordRef, str]:
        return {ref: owner or lead_id for ref, lead_id in links.items()}

    found = await same_people([Met(Lead(writer), RECORD, "0-1-ma-1")], Side.MA, adopt, START)
    assert all(goes == event.subject and event.data.moved_to.id == "101" for goes, event in found)
    return [(goes, event.data.into) for goes, event in found]


@pytest.mark.parametrize(("writer", "owner"), [(EARLIER, LATER), (LATER, EARLIER)])
async def test_the_lead_that_was_heard_of_first_stays(writer: str, owner: str) -> None:
    """Whichever of them wrote."""
    assert await told(writer, owner) == [(LATER, EARLIER)]


@pytest.mark.parametrize("owner", [None, EARLIER, f"{LATER}{ERASED}"])
async def test_a_record_of_nobody_else_s_unites_nobody(owner: str | None) -> None:
    """Nobody's yet, the lead's own, or that of one who was erased and claims nothing any more."""
    assert await told(EARLIER, owner) == []


async def test_nothing_is_asked_where_no_record_was_met() -> None:
    """Most writes go to a record that is known, or make one."""

    async def adopt(_links: Mapping[RecordRef, str]) -> Mapping[RecordRef, str]:
        raise AssertionError("nobody is to be asked")

    assert await same_people([], Side.MA, adopt, START) == []
