"""
Takes one of tasuki's safeguards out of this process, to prove that the checker would notice.

``ledger``: a commit is applied whatever the ledger says; only what the outbox has already is left out. ``once``: the log
appends what comes again, nobody asks it what is there.
"""

from collections.abc import Callable, Mapping

from services.runtime.log import embedded, kafka
from services.runtime.store_start import COMMIT


def _ledger() -> None:
    code = COMMIT.code
    for line in (
        "  if not ledger.epoch or ledger.epoch < base.epoch then return 'rolled_back' end\n",
        "  if ledger.epoch > base.epoch then return 'fenced' end\n",
        "  if ledger.offset ~= base.offset then return ledger.offset > base.offset and 'duplicate' or 'rolled_back' end\n",
        "  if ledger.version ~= base.version then return ledger.version > base.version and 'duplicate' or 'rolled_back' end\n",
    ):
        assert code.count(line) == 1, "the ledger's check has changed: change the sabotage with it"
        code = code.replace(line, "")
    refusal = "    return 'the id is not above the last of the stream'\n"
    assert code.count(refusal) == 1, "the outbox's check has changed: change the sabotage with it"
    code = code.replace(refusal, "    return nil, { 'EXISTS', key }\n")
    object.__setattr__(COMMIT, "code", code)  # under its own name: every store of this process takes it


def _once() -> None:
    async def nothing(*_arguments: object, **_named: object) -> frozenset[tuple[str, str]]:
        return frozenset()

    def never(_record: object) -> None:
        return None

    embedded.told_by = never
    kafka.KafkaLog.landed = nothing


SABOTAGES: Mapping[str, Callable[[], None]] = {"ledger": _ledger, "once": _once}
