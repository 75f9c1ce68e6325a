"""What is looked at before a store is used: its version, that it evicts nothing, and that it has the function."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self, cast

import structlog
from redis.exceptions import AuthenticationError, NoPermissionError

from services.errors import Misconfigured

Run = Callable[..., Awaitable[Any]]
"""Sends one command, given as separate words, to one server and returns its reply."""

_LIBRARY = "tasuki_1"
_FUNCTION = "tasuki_commit_1"
_LEAST_VERSION = (7, 0)  # Redis Functions; Valkey calls itself Redis 7.2 here
_LEAST_VERSION_FOR_WAITAOF = (7, 2)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CommitFunction:
    """
    A text of `commit.lua` under names of its own: other texts, of other versions, are called by theirs beside it.

    The shard's ledger is what they share: `epoch`, `offset` and `version` keep their meaning (ADR 0038).
    """

    library: str
    name: str
    code: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Return *text* with names that end with its digest."""
        digest = sha256(text.encode()).hexdigest()[:10]
        library, name = f"{_LIBRARY}_{digest}", f"{_FUNCTION}_{digest}"
        code = text.replace(f"name={_LIBRARY}\n", f"name={library}\n", 1)
        return cls(library, name, code.replace(f"'{_FUNCTION}'", f"'{name}'", 1))


COMMIT = CommitFunction.of((Path(__file__).parent / "commit.lua").read_text(encoding="utf-8"))


@contextmanager
def refusals(address: str) -> Generator[None]:
    """Turn a server's refusal of our user into Misconfigured."""
    try:
        yield
    except (AuthenticationError, NoPermissionError) as error:
        raise Misconfigured(f"the store at {address} refuses our user: {error}") from error


async def check_server(run: Run, address: str, *, waitaof: bool) -> None:
    """Raise Misconfigured unless the server may hold state: recent enough, and never evicting keys."""
    least = _LEAST_VERSION_FOR_WAITAOF if waitaof else _LEAST_VERSION
    info = {**await _info(run, "server"), **await _info(run, "memory"), **await _info(run, "persistence")}
    version = str(info.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2]) < least:
        raise Misconfigured(
            f"the store at {address} is version {version}; what is configured needs Redis >= "
            f"{'.'.join(map(str, least))} or Valkey >= 7.2"
        )
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise Misconfigured(
            f"the store at {address} has maxmemory-policy {policy}, so it would drop state when it is full; "
            "set `maxmemory-policy noeviction` in its configuration"
        )
    if str(info.get("aof_enabled", "1")) == "0":
        # Not an error: a store that loses everything is rebuilt from the log, as far as that reaches back.
        _log.warning("store.not_persistent", address=address, mend="set `appendonly yes`")


async def load_function(run: Run, function: CommitFunction = COMMIT) -> None:
    """Load *function* unless the server has it. Those of other versions stay: their workers may still run."""
    # A load in a running server blocks nobody for long, but each is written to the append-only file.
    listed = await run("FUNCTION", "LIST", "LIBRARYNAME", function.library, "WITHCODE")
    if function.code.encode() not in _texts(listed):
        await run("FUNCTION", "LOAD", "REPLACE", function.code)


async def _info(run: Run, section: str) -> dict[str, Any]:
    info: dict[str, Any] = await run("INFO", section)
    return info


def _texts(reply: Any) -> set[bytes]:
    """All the texts in a RESP2 reply, however deep."""
    if isinstance(reply, bytes):
        return {reply}
    texts = set[bytes]()
    if isinstance(reply, list):
        for part in cast("list[Any]", reply):
            texts |= _texts(part)
    return texts
