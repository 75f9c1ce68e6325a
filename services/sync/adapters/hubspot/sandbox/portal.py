"""The parts of the simulated portal, put together: records, search, subscriptions, courier, credentials."""

from services.sync.adapters.hubspot.sandbox.courier import Courier
from services.sync.adapters.hubspot.sandbox.gate import Quota
from services.sync.adapters.hubspot.sandbox.rows import Change, Origin
from services.sync.adapters.hubspot.sandbox.search import SearchIndex
from services.sync.adapters.hubspot.sandbox.settings import SandboxSettings
from services.sync.adapters.hubspot.sandbox.store import Store
from services.sync.adapters.hubspot.sandbox.subscriptions import Subscriptions
from services.sync.adapters.hubspot.sandbox.tokens import Tokens
from services.sync.adapters.sandbox.clock import SandboxClock
from services.sync.adapters.sandbox.faults import FaultSource
from services.sync.adapters.sandbox.feed import ChangeFeed


class Portal:
    """One HubSpot account with one app installed."""

    def __init__(self, settings: SandboxSettings, clock: SandboxClock) -> None:
        self.settings = settings
        self.clock = clock
        self.faults = FaultSource()
        self.feed = ChangeFeed()
        self.store = Store(settings, clock)
        self.search = SearchIndex(self.store, settings.search_lag_ms, settings.search_cap)
        self.subscriptions = Subscriptions(settings)
        self.courier = Courier(settings.client_secret, settings.delivery, self.faults)
        self.tokens = Tokens(settings)
        self.quota = Quota(settings)
        self.api = Origin("INTEGRATION", str(settings.app_id), by_api=True)
        self.store.listeners.append(self._tell)

    def subscribe(self, *names: str) -> None:
        """
        Subscribe, active at once, to each of *names*: ``contact.creation``, ``contact.propertyChange:email``.

        ``call.creation`` and the like, which HubSpot has only as generic events, become ``object.…``.
        """
        for name in names:
            event, _, about = name.partition(":")
            prefix, _, own = event.partition(".")
            generic = prefix in _GENERIC
            self.subscriptions.add(
                f"object.{own}" if generic else event,
                at=self.clock.now(),
                property=about or None,
                type_id=_GENERIC.get(prefix),
                active=True,
            )

    def _tell(self, change: Change) -> None:
        self.feed.append(
            change.kind,
            of=(change.object, change.id),
            at=change.at,
            origin="api" if change.origin.by_api else "user",
            fields=change.fields,
        )
        if self.faults.strikes(self.faults.faults.untold):
            return
        self.courier.offer(self.subscriptions.events(change))


_GENERIC = {"call": "0-48", "meeting": "0-47", "task": "0-27", "email": "0-49"}
