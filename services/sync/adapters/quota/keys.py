"""
The keys of the quota, which all processes share. The braces are the hash tag: what one system's calls count on
lies in one slot of a cluster, so that one script can count on all of its limits at once.

| key                               | type       | holds                                                              |
|-----------------------------------|------------|--------------------------------------------------------------------|
| {tasuki:quota:<system>}flying     | sorted set | a call under way → epoch ms when its process is taken for dead     |
| {tasuki:quota:<system>}<limit>    | hash       | how a limit stands, see below; for 26 hours                        |
| {tasuki:quota:<system>}<limit>:calls | sorted set | a call of ours → epoch ms when it leaves the sliding window     |

| field                     | of a limit's hash                                                                     |
|---------------------------|---------------------------------------------------------------------------------------|
| most                      | how many calls there are, as the vendor told                                          |
| left                      | of a day: as the vendor told last, less what was sent since                           |
| foreign                   | of a window: what the vendor counted beyond our own calls when it told last           |
| told_at, asked_at         | epoch ms: when the vendor told last; when a call asked it last                        |
| closed_at, closed_until   | epoch ms: when the vendor refused a call for this limit, and for how long             |
| refused                   | how many calls in a row were refused, of those that left while it was open             |
| trial, trial_until        | after that one call goes first; epoch ms until when the others wait for it            |
| wanted<priority>          | epoch ms: until then a call of this priority wants the next place                     |

Nothing here is state that must last: a store that lost it asks the vendor, by the next call.
"""

from services.runtime.store import Command


class QuotaKeys:
    """The keys of one *system*; a *namespace* other than ``tasuki`` keeps tests apart."""

    def __init__(self, system: str, namespace: str = "tasuki") -> None:
        self._tag = f"{{{namespace}:quota:{system}}}"

    @property
    def flying(self) -> str:
        """Calls under way."""
        return f"{self._tag}flying"

    def limit(self, name: str) -> str:
        """How a limit stands."""
        return self._tag + name

    def calls(self, name: str) -> str:
        """Our calls in a sliding window."""
        return f"{self._tag}{name}:calls"

    def of(self, names: tuple[str, ...]) -> list[str]:
        """Return the keys of the script, in its order."""
        return [self.flying, *(key for name in names for key in (self.limit(name), self.calls(name)))]

    def look(self, names: tuple[str, ...], now: int) -> list[Command]:
        """Return the commands that read how the limits stand: three for each, the last counts calls under way."""
        return [
            command
            for name in names
            for command in (
                ("HGETALL", self.limit(name)),
                ("ZCOUNT", self.calls(name), f"({now}", "+inf"),
                ("ZCOUNT", self.flying, f"({now}", "+inf"),
            )
        ]
