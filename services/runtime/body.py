"""Reading a request's body within limits of size, time and, for JSON, depth; nothing is believed unmeasured."""

import asyncio
import re

from starlette.requests import ClientDisconnect, Request

from services.runtime.problems import Problem

_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_TO_ROUND = bytes.maketrans(b"[]{}", b"()()")
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))

_DRAIN_SECONDS = 1.0
_DRAIN_FACTOR = 8


async def read_body(request: Request, *, limit: int, within_ms: int) -> bytes:
    """
    Return the body, holding at most *limit* bytes of it and one network read more.

    Raises:
        Problem: 413 ``too-large``, announced or found while reading; 408 ``slow-body``; 400
            ``disconnected`` when the client went away. All close the connection.
    """
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > limit:
        await _drain(request, _DRAIN_FACTOR * limit)
        raise _too_large(limit)
    try:
        async with asyncio.timeout(within_ms / 1000):
            body = await _read(request, limit)
    except TimeoutError:
        detail = f"the body was not sent within {within_ms} ms"
        raise Problem(408, "slow-body", detail, mend="send the request again", close=True) from None
    except ClientDisconnect:
        detail = "the connection ended before the body did"
        raise Problem(400, "disconnected", detail, mend="send the request again", close=True) from None
    if body is None:
        await _drain(request, _DRAIN_FACTOR * limit)
        raise _too_large(limit)
    return body


async def _read(request: Request, limit: int) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
    return b"".join(parts)


async def _drain(request: Request, most: int) -> None:
    """
    Take in and drop what the client still sends, within bounds.

    Closing a socket with unread data resets the connection, and the reset may overtake the answer.
    """
    if request.headers.get("expect", "").lower() == "100-continue":
        return  # it waits for our word before it sends
    dropped = 0
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while dropped < most:
                message = await request.receive()
                dropped += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def _too_large(limit: int) -> Problem:
    return Problem(
        413,
        "too-large",
        f"the body is longer than {limit} bytes",
        mend="send fewer events in one request",
        close=True,
    )


def json_deeper_than(raw: bytes, limit: int) -> bool:
    """
    Return whether *raw*, if it is JSON, nests arrays and objects deeper than *limit*.

    Runs before any parser, in time linear in ``len(raw) * limit`` with the loops in C: strings and all but
    the brackets are cut away, then each pass over what is left removes the innermost level.
    """
    brackets = _STRINGS.sub(b"", raw).translate(_TO_ROUND, _ALL_BUT_BRACKETS)
    for _ in range(limit):
        outer = brackets.replace(b"()", b"")
        if len(outer) == len(brackets):
            return (
                brackets.count(b"(") > limit
            )  # never closed, so not JSON; a parser may recurse all the same
        brackets = outer
    return b"(" in brackets
