"""What is said where something in the store was written by another version of tasuki than may read it."""

from services.errors import Misconfigured

_NEWER = "a newer tasuki wrote it: start that version, or this one on the store's copy of before the upgrade"
_OLDER = "an older tasuki wrote it: upgrade by one version after the other, or begin with an empty store"


class StoredOtherwise(Misconfigured):
    """
    What is stored has a format that this version doesn't read; nothing was changed.

    Args:
        what: What is stored, with its verb: ``lead 42 is``.
        found: What stands where the number of the format is.
        reads: The newest format that is read here.
    """

    def __init__(self, what: str, found: object, reads: int) -> None:
        mend = _NEWER if isinstance(found, int) and found > reads else _OLDER
        super().__init__(f"{what} stored in format {found!r}; this version reads {reads}: {mend}")
