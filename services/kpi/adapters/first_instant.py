"""The instant from which on promises hold where nobody says otherwise: when the installation first ran."""

from services.runtime.store import Store


async def first_instant(store: Store, *, service: str, now: int) -> int:
    """
    Return the first *now* that was ever given for *service*, epoch ms; it stands in the store, beside the shards.

    Of several processes that start at once one is first. It goes with the store: without its state nothing of the
    log's past is promised either. Raises StoreUnavailable.
    """
    key = f"{service}:first-instant"
    _, kept = await store.write_apart([("SET", key, now, "NX"), ("GET", key)])
    return int(kept)
