"""
The place where the command line asks the sync service for its parts.

The imports stand in the functions: the connectors bring gRPC and the web framework, which take a second that
`tasuki --help` should not cost.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from services.runtime.valkey_server import EmbeddedServer
from services.sync.application.ports import Connector
from services.sync.settings import Settings

if TYPE_CHECKING:
    from services.sync.application.backfill import Fillings
    from services.sync.application.dry_run import DryRun
    from services.sync.application.letters import Marks
    from services.sync.application.orders import Orders
    from services.sync.consumers.letters import LetterBox
    from services.sync.consumers.replaying import Replaying
    from services.sync.domain.score_preview import ScoreLine


def connectors(settings: Settings) -> Iterable[Connector]:
    """Return the two systems that *settings* name, not yet started."""
    from services.sync.app.connectors import make_connectors  # noqa: PLC0415 - see the module

    return make_connectors(settings).values()


@asynccontextmanager
async def letters(settings: Settings) -> AsyncGenerator["LetterBox"]:
    """Give the deployment's dead letters, whether the service runs or not."""
    from services.sync.app import open_letters  # noqa: PLC0415 - see the module

    async with AsyncExitStack() as stack:
        url = await _embedded(settings, stack)
        yield await stack.enter_async_context(open_letters(settings, url))


@asynccontextmanager
async def marks(settings: Settings) -> AsyncGenerator["Marks"]:
    """Give the place where orders to the service are kept."""
    from services.sync.app import open_marks  # noqa: PLC0415 - see the module

    async with AsyncExitStack() as stack:
        url = await _embedded(settings, stack)
        yield await stack.enter_async_context(open_marks(settings, url))


@asynccontextmanager
async def orders(settings: Settings) -> AsyncGenerator["tuple[Orders, Fillings]"]:
    """Give the places where orders to sweep, and to fill, are kept."""
    from services.sync.app import open_orders  # noqa: PLC0415 - see the module

    async with AsyncExitStack() as stack:
        url = await _embedded(settings, stack)
        yield await stack.enter_async_context(open_orders(settings, url))


@asynccontextmanager
async def dry_run(settings: Settings, *, hand_over: bool, fresh: bool) -> AsyncGenerator["DryRun"]:
    """Give a dry run of the first filling; one that was interrupted goes on, unless *fresh*."""
    from services.sync.app import open_dry_run  # noqa: PLC0415 - see the module

    async with AsyncExitStack() as stack:
        url = await _embedded(settings, stack)
        run = open_dry_run(settings, url, hand_over=hand_over, fresh=fresh)
        yield await stack.enter_async_context(run)


@asynccontextmanager
async def replaying(settings: Settings, told: Callable[[int, int], None]) -> AsyncGenerator["Replaying"]:
    """Give what decides again from the log; *told* is told how many changes were read, of how many."""
    from services.sync.app import open_replay  # noqa: PLC0415 - see the module

    async with AsyncExitStack() as stack:
        url = await _embedded(settings, stack)
        yield await stack.enter_async_context(open_replay(settings, url, told))


@asynccontextmanager
async def score_preview(settings: Settings) -> AsyncGenerator["AsyncIterator[ScoreLine]"]:
    """Give what the scoring rules of *settings* would change, lead by lead."""
    from services.sync.app import open_score_preview  # noqa: PLC0415 - see the module

    async with AsyncExitStack() as stack:
        url = await _embedded(settings, stack)
        yield await stack.enter_async_context(open_score_preview(settings, url))


async def _embedded(settings: Settings, stack: AsyncExitStack) -> str | None:
    """Return the embedded server's address where the store lives in it; it is started if nobody runs it."""
    if settings.store.kind != "embedded":
        return None
    return (await stack.enter_async_context(EmbeddedServer(settings.data_folder))).url
