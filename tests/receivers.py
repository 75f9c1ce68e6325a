"""Receivers of alerts on loopback: HTTP that takes, fails, hangs or forgets to answer, and a mail server."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.waiting import wait_until

OK = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


def status(code: int, **headers: str) -> str:
    """Return an answer with *code*; underscores in the headers' names are dashes."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"HTTP/1.1 {code} Said", "Content-Length: 0", "Connection: close", *lines, "", ""])


HANG = "hang"
DROP = "drop"


@dataclass(frozen=True, slots=True)
class Received:
    """A request that came in, whatever was answered; `headers` have lower-case names."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)

    @property
    def alert_ids(self) -> list[str]:
        """The alerts in it."""
        return [each["id"] for each in self.json["alerts"]]


@dataclass
class HttpReceiver:
    """
    Answers each request with the next of `moods`, or `mood` when there is none.

    A mood is a raw answer, HANG (no answer while the receiver lives, unless `let_go`), or DROP (it is taken, and
    the connection is closed without an answer).
    """

    port: int = 0
    mood: str = OK
    moods: deque[str] = field(default_factory=deque[str])
    received: list[Received] = field(default_factory=list[Received])
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str = "/hook") -> str:
        """Return the address of *path*."""
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def alert_ids(self) -> list[str]:
        """The alerts that came in, in order, repeated ones too."""
        return [each for request in self.received for each in request.alert_ids]

    async def has(self, count: int) -> list[Received]:
        """Wait for *count* requests, and return them."""
        await wait_until(lambda: len(self.received) >= count, description=f"{count} requests")
        return self.received

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            pairs = (line.partition(":")[::2] for line in head[1:] if line)
            headers = {name.strip().lower(): value.strip() for name, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.received.append(Received(head[0].split(" ")[1], headers, body))
            mood = self.moods.popleft() if self.moods else self.mood
            if mood == HANG:
                await self.let_go.wait()
            elif mood != DROP:
                writer.write(mood.encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def http_receiver() -> AsyncGenerator[HttpReceiver]:
    """Give a receiver that listens."""
    receiver = HttpReceiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        receiver.let_go.set()
        server.close()
        await server.wait_closed()


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that was taken."""

    to: list[str]
    subject: str
    text: str


@dataclass
class MailServer:
    """Takes mails; `refuse` is how many it turns away first."""

    port: int = 0
    refuse: int = 0
    mails: list[Mail] = field(default_factory=list[Mail])

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        """See aiosmtpd's handlers."""
        if self.refuse:
            self.refuse -= 1
            return "451 try later"
        content = envelope.content
        made: Message = message_from_bytes(content if isinstance(content, bytes) else b"")
        text = next(part for part in made.walk() if part.get_content_type() == "text/plain")
        payload = text.get_payload(decode=True)
        subject = str(make_header(decode_header(str(made["Subject"]))))
        body = payload.decode() if isinstance(payload, bytes) else ""
        self.mails.append(Mail([str(each) for each in envelope.rcpt_tos], subject, body))
        return "250 taken"


@asynccontextmanager
async def mail_server() -> AsyncGenerator[MailServer]:
    """Give a mail server that listens."""
    mails = MailServer()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(mails, loop=loop), "127.0.0.1", 0)
    mails.port = server.sockets[0].getsockname()[1]
    try:
        yield mails
    finally:
        server.close()
        await server.wait_closed()
