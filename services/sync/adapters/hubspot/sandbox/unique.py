"""The index of values that no two records may share: contacts' e-mail addresses, unique properties."""

from collections.abc import Sequence

from services.sync.adapters.hubspot.sandbox.refusal import Refusal

Pairs = Sequence[tuple[str, str]]


class UniqueValues:
    """Maps (object, property, value) to the record that has it; case does not matter."""

    def __init__(self) -> None:
        self._owners: dict[tuple[str, str, str], str] = {}

    def find(self, of: str, name: str, value: str) -> str | None:
        """Return the id of the record of the object *of* whose *name* is *value*."""
        return self._owners.get((of, name, value.strip().lower()))

    def claim(self, of: str, row_id: str | None, pairs: Pairs) -> None:
        """
        Check that *row_id* (None: a new record) may have the values *pairs*.

        Raises:
            Refusal: 409 for an e-mail address of another contact, 400 for another unique value.
        """
        for name, value in pairs:
            owner = self.find(of, name, value)
            if owner is None or owner == row_id:
                continue
            if name == "email":
                raise Refusal(409, "CONFLICT", f"Contact already exists. Existing ID: {owner}")
            message = f'Property value conflict: {owner} already has "{value}" for unique property "{name}".'
            detail = {
                "message": message,
                "code": "CONFLICTING_UNIQUE_VALUE",
                "context": {"propertyName": [name]},
            }
            raise Refusal(400, "VALIDATION_ERROR", message, errors=[detail])

    def enter(self, of: str, row_id: str, pairs: Pairs) -> None:
        """Note that *row_id* has the values *pairs*."""
        for name, value in pairs:
            self._owners[(of, name, value.strip().lower())] = row_id

    def release(self, of: str, row_id: str, pairs: Pairs) -> None:
        """Note that *row_id* no longer has the values *pairs*."""
        for name, value in pairs:
            key = (of, name, value.strip().lower())
            if self._owners.get(key) == row_id:
                del self._owners[key]
