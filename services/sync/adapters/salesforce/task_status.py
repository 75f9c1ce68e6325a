"""Which status a completed task has in the organisation: each has its own words, and may have several."""

from services.runtime.clock import Clock
from services.sync.adapters.salesforce import soql
from services.sync.adapters.salesforce.client import SalesforceClient

KEPT_MS = 3_600_000
"""How long an answer is believed."""

USUAL = ("Completed", "完了")
"""The status of a fresh organisation, in English and in Japanese: preferred to others that close a task too."""


class TaskStatus:
    """Asks for it when it is needed."""

    def __init__(self, client: SalesforceClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._closed = ""
        self._asked_at = 0

    async def closed(self) -> str:
        """
        Return the status that completes a task.

        Source: https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/
        sforce_api_objects_taskstatus.htm
        """
        if not self._closed or self._clock() - self._asked_at >= KEPT_MS:
            query = soql.select(("MasterLabel",), "TaskStatus", "IsClosed = true", "ORDER BY SortOrder")
            labels = [str(row["MasterLabel"]) for row in await self._client.query(query)]
            usual = [each for each in USUAL if each in labels]
            self._closed = next(iter(usual or labels), USUAL[0])
            self._asked_at = self._clock()
        return self._closed
