"""How durations, sizes, addresses and names are written in the file, with their bounds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, GetCoreSchemaHandler, StrictBool, StrictInt, StrictStr
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_UNITS_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_UNITS_BYTES: Final = {"B": 1, "KiB": 1024, "MiB": 1024 * 1024}
_DURATION: Final = re.compile(r"(?:\d{1,9}(?:ms|s|m|h|d))+")
_SIZE: Final = re.compile(r"(\d{1,9}) ?(B|KiB|MiB)")
_MAIL: Final = re.compile(r"[^@\s,;<>\"']+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_HOST_PORT: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})")
_LONGEST_SLUG: Final = 40
_PORTS: Final = range(1, 65_536)


def wrong(problem: str, mend: str) -> PydanticCustomError:
    """Return what a validator raises: *problem* and *mend* reach the reader as they are."""
    return PydanticCustomError("tasuki", "{problem}", {"problem": problem, "mend": mend})


def duration_ms(text: str) -> int | None:
    """Return the milliseconds of a duration such as ``90s`` or ``1h30m``; None when it is none."""
    if not _DURATION.fullmatch(text):
        return None
    return sum(int(count) * _UNITS_MS[unit] for count, unit in re.findall(r"(\d+)(ms|[smhd])", text))


def duration_text(duration: int) -> str:
    """Return milliseconds as the configuration writes them: ``300000`` is ``5m``."""
    for unit in ("d", "h", "m", "s"):
        if duration and duration % _UNITS_MS[unit] == 0:
            return f"{duration // _UNITS_MS[unit]}{unit}"
    return f"{duration}ms"


def size_text(size: int) -> str:
    """Return bytes as the configuration writes them: ``1048576`` is ``1MiB``."""
    for unit in ("MiB", "KiB"):
        if size and size % _UNITS_BYTES[unit] == 0:
            return f"{size // _UNITS_BYTES[unit]}{unit}"
    return f"{size}B"


@dataclass(frozen=True, slots=True)
class DurationBetween:
    """A duration, written as ``"2s"``, ``"5m"``, ``"24h"``; held as milliseconds. Both bounds are allowed."""

    least: str
    most: str

    @property
    def words(self) -> str:
        """What the reference says of the type."""
        return f'duration, "{self.least}" to "{self.most}"'

    def show(self, value: int) -> str:
        """Return *value* as the file writes it."""
        return f'"{duration_text(value)}"'

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Make pydantic call `parse`."""
        return core_schema.no_info_plain_validator_function(self.parse)

    def parse(self, value: object) -> int:
        """Return the milliseconds of *value*."""
        found = duration_ms(value) if isinstance(value, str) else None
        if found is None:
            raise wrong(
                "is not a duration", 'write a number with its unit in quotes: "500ms", "2s", "5m", "24h"'
            )
        if not (duration_ms(self.least) or 0) <= found <= (duration_ms(self.most) or 0):
            raise wrong(
                f"{duration_text(found)} is out of bounds",
                f'give "{self.least}" to "{self.most}", both allowed',
            )
        return found


@dataclass(frozen=True, slots=True)
class SizeBetween:
    """A size, written as ``"64KiB"`` or ``"1MiB"``; held as bytes. Both bounds are allowed."""

    least: str
    most: str

    @property
    def words(self) -> str:
        """What the reference says of the type."""
        return f'size, "{self.least}" to "{self.most}"'

    def show(self, value: int) -> str:
        """Return *value* as the file writes it."""
        return f'"{size_text(value)}"'

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Make pydantic call `parse`."""
        return core_schema.no_info_plain_validator_function(self.parse)

    def parse(self, value: object) -> int:
        """Return the bytes of *value*."""
        found = _size(value) if isinstance(value, str) else None
        if found is None:
            raise wrong("is not a size", 'write a number with its unit in quotes: "64KiB", "1MiB"')
        if not (_size(self.least) or 0) <= found <= (_size(self.most) or 0):
            raise wrong(
                f"{size_text(found)} is out of bounds", f'give "{self.least}" to "{self.most}", both allowed'
            )
        return found


def _size(text: str) -> int | None:
    match = _SIZE.fullmatch(text)
    return int(match[1]) * _UNITS_BYTES[match[2]] if match else None


def _filled(text: str) -> str:
    if not text.strip():
        raise wrong("is empty", "give it a value, or take the line out where a default exists")
    if text != text.strip():
        raise wrong("has blanks around it", "take them out")
    if any(ord(character) < ord(" ") for character in text):
        raise wrong("has a line break or control character in it", "write it on one line")
    return text


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", text):
        raise wrong(
            f'"{text[:40]}" is not a name',
            "use small letters, digits and _, a letter first, 64 at most: job_title",
        )
    return text


def _slug(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*", text) or len(text) > _LONGEST_SLUG:
        raise wrong(
            f'"{text[:40]}" is not a name',
            "use small letters, digits and -, a letter first, 40 at most: mql-response",
        )
    return text


def _vendor_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.]{0,99}", text):
        raise wrong(
            f'"{text[:40]}" is no API name of a field',
            "use the internal name (HubSpot) or API name (Salesforce), not the label on the screen",
        )
    return text


def _mail(text: str) -> str:
    if not _MAIL.fullmatch(text):
        raise wrong(f'"{text[:60]}" is not an e-mail address', "write it as name@example.co.jp")
    return text


def _host_port(text: str) -> str:
    match = _HOST_PORT.fullmatch(text)
    if not match or int(match[1]) not in _PORTS:
        raise wrong(f'"{text[:60]}" is not host:port', 'write it as "kafka-1.example.co.jp:9092"')
    return text


def _web_address(text: str) -> str:
    """Check an http(s) address; plain http only where it can't leave the machine or the private network."""
    try:
        parts = urlsplit(text)
        host, secret, port = parts.hostname or "", parts.password, parts.port
    except ValueError:
        host, secret, port, parts = "", None, None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or (port is not None and port not in _PORTS):
        raise wrong("is not a web address", 'write it in full: "https://tasuki.example.co.jp"')
    if secret is not None or parts.username:
        raise wrong("has a user or password in it", "take it out; secrets come from the environment")
    if parts.query or parts.fragment or re.search(r"\s", text):
        raise wrong("has more than host and path in it", "take out what follows the path")
    if parts.scheme == "http" and not _is_near(host):
        raise wrong(
            "sends credentials unprotected", "use https (http is for this machine and private networks)"
        )
    return text.rstrip("/")


def _is_near(host: str) -> bool:
    if "." not in host and ":" not in host:
        return True  # localhost, or a container's name in its own network
    try:
        return ip_address(host).is_private
    except ValueError:
        return host.endswith((".localhost", ".internal", ".local"))


Text: TypeAlias = Annotated[StrictStr, AfterValidator(_filled)]
FieldName: TypeAlias = Annotated[StrictStr, AfterValidator(_name)]
Slug: TypeAlias = Annotated[StrictStr, AfterValidator(_slug)]
VendorName: TypeAlias = Annotated[StrictStr, AfterValidator(_vendor_name)]
MailAddress: TypeAlias = Annotated[StrictStr, AfterValidator(_mail)]
HostPort: TypeAlias = Annotated[StrictStr, AfterValidator(_host_port)]
WebAddress: TypeAlias = Annotated[StrictStr, AfterValidator(_web_address)]
Whole: TypeAlias = StrictInt
Switch: TypeAlias = StrictBool

GUARDED: Final[Mapping[object, str]] = {
    _name: "name",
    _slug: "name with dashes",
    _vendor_name: "API name",
    _mail: "e-mail address",
    _host_port: "host:port",
    _web_address: "web address",
}
"""What the reference says of a text that one of these validators guards."""
