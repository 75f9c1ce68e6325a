"""
Links and claims in the store: which lead a record, or an e-mail address, belongs to.

| key                                  | type   | holds                                                        |
|--------------------------------------|--------|--------------------------------------------------------------|
| tasuki:link:<system>:<object>:<id>   | string | the lead_id of a vendor's record, with "!" if it was erased  |
| tasuki:told:<system>:<object>:<id>   | set    | the companies that the record was told to; for a day         |
| tasuki:claim:<hash>                  | string | the lead_id that claimed first; the hash hides the address   |

They stand outside the shards, for two shards may ask for one person at the same instant: SET NX decides. A
claim goes to the lead whose record was seen with the address last; it is given up when no record of the lead has it any
more, or the lead was erased: then the address is anybody's.
Links and claims can be built anew from the lead-changes topic.
"""

from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256

from services.runtime.store import Command, Store
from services.sync.domain.records import RecordRef

REMEMBERED_S = 86_400
"""So long it is remembered to which companies a record was told: longer than any of them takes to hear of it."""


class IdentityIndex:
    """See `Identity` in services.sync.application.identify."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def links(self, refs: Sequence[RecordRef]) -> Mapping[RecordRef, str]:
        """See `Identity.links`."""
        asked = list(dict.fromkeys(refs))
        replies = await self._store.read([("GET", _link(ref)) for ref in asked])
        return {ref: reply.decode() for ref, reply in zip(asked, replies, strict=True) if reply is not None}

    async def claim(self, candidates: Mapping[str, str]) -> Mapping[str, str]:
        """See `Identity.claim`."""
        commands: list[Command] = []
        for claim, lead_id in candidates.items():
            commands += [("SET", _claim(claim), lead_id, "NX"), ("GET", _claim(claim))]
        replies = await self._store.write_apart(commands)
        return {claim: reply.decode() for claim, reply in zip(candidates, replies[1::2], strict=True)}

    async def claimed(self, claims: Sequence[str]) -> Mapping[str, str]:
        """See `Identity.claimed`."""
        replies = await self._store.read([("GET", _claim(claim)) for claim in claims])
        return {
            claim: reply.decode() for claim, reply in zip(claims, replies, strict=True) if reply is not None
        }

    async def adopt(self, links: Mapping[RecordRef, str]) -> Mapping[RecordRef, str]:
        """See `Identity.adopt`."""
        commands: list[Command] = []
        for ref, lead_id in links.items():
            commands += [("SET", _link(ref), lead_id, "NX"), ("GET", _link(ref))]
        replies = await self._store.write_apart(commands)
        return {ref: reply.decode() for ref, reply in zip(links, replies[1::2], strict=True)}

    async def link(self, links: Mapping[RecordRef, str]) -> None:
        """See `Identity.link`."""
        await self._store.write_apart([("SET", _link(ref), lead_id) for ref, lead_id in links.items()])

    async def told(self, refs: Sequence[RecordRef]) -> Mapping[RecordRef, frozenset[str]]:
        """See `Identity.told`."""
        asked = list(dict.fromkeys(refs))
        replies = await self._store.read([("SMEMBERS", _told(ref)) for ref in asked])
        return {
            ref: frozenset(each.decode() for each in reply)
            for ref, reply in zip(asked, replies, strict=True)
            if reply
        }

    async def tell(self, tellings: Mapping[RecordRef, str]) -> None:
        """See `Identity.tell`."""
        commands: list[Command] = []
        for ref, company_id in tellings.items():
            commands += [("SADD", _told(ref), company_id), ("EXPIRE", _told(ref), REMEMBERED_S)]
        await self._store.write_apart(commands)

    async def take(self, claims: Mapping[str, str]) -> None:
        """See `Identity.take`."""
        await self._store.write_apart([("SET", _claim(claim), lead_id) for claim, lead_id in claims.items()])

    async def release(self, lead_ids: Collection[str], claims: Sequence[str]) -> None:
        """See `Identity.release`."""
        owners = await self.claimed(claims)
        await self._store.write_apart(
            [("DEL", _claim(claim)) for claim, owner in owners.items() if owner in lead_ids]
        )


def _link(ref: RecordRef) -> str:
    return f"tasuki:link:{ref}"


def _told(ref: RecordRef) -> str:
    return f"tasuki:told:{ref}"


def _claim(claim: str) -> str:
    return f"tasuki:claim:{sha256(claim.encode()).hexdigest()}"
