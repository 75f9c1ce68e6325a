"""How the sandbox says no: to one record, or to a call as a whole."""

from collections.abc import Mapping
from typing import Any


class Refusal(Exception):
    """One record is not taken; in a batch the others are. `extra` goes into the error as it is."""

    def __init__(
        self, code: str, message: str, fields: tuple[str, ...] = (), extra: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.fields = fields
        self.extra = extra or {}

    def in_result(self) -> dict[str, Any]:
        """Return it as an entry of a collection result's ``errors``."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields), **self.extra}

    def in_body(self) -> dict[str, Any]:
        """Return it as an entry of an error response."""
        return {"message": self.message, "errorCode": self.code, "fields": list(self.fields), **self.extra}


class CallError(Exception):
    """The call as a whole is refused with an HTTP status."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message

    def body(self) -> list[dict[str, Any]]:
        """Return the response's body, a JSON array as all errors are."""
        return [{"message": self.message, "errorCode": self.code}]
