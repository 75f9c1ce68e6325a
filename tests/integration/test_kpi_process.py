"""`tasuki kpi` as a process: it serves figures, outlives kill -9, and ends in order."""

import signal
from pathlib import Path

from services.runtime.clock import now_ms
from services.runtime.valkey_server import EmbeddedServer
from tests.integration.kpi_app_world import alerts, tell, topics
from tests.kpi_facts import Teller
from tests.kpi_process import kpi_process
from tests.receivers import http_receiver
from tests.waiting import wait_until

PROMISE = """
[[sla]]
name = "response"
starts = ["mql"]
stops = ["first_response"]
targets = [{ within = "1s" }]
"""


async def test_a_killed_service_goes_on_where_it_was(tmp_path: Path) -> None:
    """What came in and came due while it was dead is counted once and told once; then it ends in order."""
    teller = Teller()
    async with (
        EmbeddedServer(tmp_path / "store") as server,
        topics(server.url) as log,
        http_receiver() as receiver,
        kpi_process(tmp_path, receiver.url(), PROMISE) as process,
    ):
        await tell(log, [teller.reached("ann", "mql", now_ms())])

        async def counted() -> bool:
            return await process.mqls() == 1

        await wait_until(counted, description="the first MQL is counted")
        assert await process.end(signal.SIGKILL) == -signal.SIGKILL
        await tell(log, [teller.reached("bob", "mql", now_ms())])
        await process.start()

        await wait_until(lambda: len({*receiver.alert_ids}) >= 2, description="both are told of")
        assert await process.mqls() == 2
        told = await alerts(log)
        assert sorted(each.subject for each in told) == ["ann", "bob"]
        # A message that was on its way when it was killed may come again, under the same id.
        assert {*receiver.alert_ids} == {each.id for each in told}
        assert await process.end(signal.SIGTERM) == 0
