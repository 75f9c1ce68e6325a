"""HubSpot's error envelope, as raised inside the sandbox."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID


class Refusal(Exception):
    """
    A request, or one record of a batch, is answered with an error.

    Source: https://developers.hubspot.com/docs/api/error-handling
    """

    def __init__(
        self,
        status: int,
        category: str,
        message: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        context: Mapping[str, Sequence[str]] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.category = category
        self.message = message
        self.errors = list(errors)
        self.context = dict(context or {})
        self.extra = dict(extra or {})

    def body(self, number: int) -> dict[str, Any]:
        """Return the body of the response; *number* makes the correlation id."""
        body: dict[str, Any] = {
            "status": "error",
            "message": self.message,
            "correlationId": str(UUID(int=number)),
            "category": self.category,
        }
        if self.errors:
            body["errors"] = self.errors
        if self.context:
            body["context"] = self.context
        return body | self.extra

    def item(self, trace: str | None) -> dict[str, Any]:
        """Return the entry for `errors` of a multi-status response; *trace* is the record's write trace id."""
        context: dict[str, Sequence[str]] = dict(self.context)
        if trace is not None:
            context["objectWriteTraceId"] = [trace]
        return {
            "status": "error",
            "category": self.category,
            "message": self.message,
            "context": context,
            "errors": self.errors,
            "links": {},
        }


def not_found(ids: Sequence[str], kind: str) -> Refusal:
    """Return the error for records that are not there."""
    return Refusal(
        404,
        "OBJECT_NOT_FOUND",
        f"Could not get some {kind.upper()} objects, they may be deleted or not exist. "
        "Check that ids are valid.",
        context={"ids": list(ids)},
    )


def invalid(message: str, *, code: str | None = None, name: str | None = None) -> Refusal:
    """Return a validation error, about the property *name* if given."""
    detail: dict[str, Any] = {"message": message}
    if code is not None:
        detail["code"] = code
    if name is not None:
        detail["context"] = {"propertyName": [name]}
    return Refusal(400, "VALIDATION_ERROR", message, errors=[detail])
