"""A history of facts as sync would tell it: what the benchmarks of counting fold."""

from collections.abc import Iterator
from random import Random

from services.runtime.log.port import Record
from tests.kpi_facts import DAY, Teller, records

OWNERS = [f"is-{number}@firm.example" for number in range(10)]
_FUNNEL = (
    "lead",
    "mql",
    "first_response",
    "sql",
    "appointment",
    "opportunity",
    "effective_opportunity",
    "won",
)
_OUTCOMES = ("busy", "no-answer", "connected", "有効会話", None)


def told(now: int, *, leads: int, first: int = 0) -> Iterator[Record]:
    """
    Yield the facts of many leads over 60 days, mixed, in the order of their times, as sync would tell them.

    Args:
        now: None is later.
        leads: How many.
        first: The number of the first lead: other leads have other facts.
    """
    chance, teller = Random(first + 1), Teller()
    acts: list[tuple[int, str, dict[str, object]]] = []
    for number in range(first, first + leads):
        lead = f"01890a5d-ac96-774b-bcce-{number:012d}"
        who: dict[str, object] = {
            "holder": chance.choice(OWNERS),
            "origin": chance.choice(["sdr", "bdr"]),
            "segments": {
                "source": chance.choice(["web", "seminar", "展示会", "referral"]),
                "industry": "製造業",
            },
        }
        at = now - chance.randrange(60 * DAY)
        for place, milestone in enumerate(_FUNNEL):
            if at >= now or chance.random() < 0.07 * place:
                break
            acts.append((at, lead, {"milestone": milestone} | who))
            at += chance.randrange(2 * DAY)
        for call in range(chance.randrange(5)):
            key, by = f"salesforce:Task:00T{number:09d}{call}", chance.choice(OWNERS)
            acts.append(
                (
                    now - chance.randrange(30 * DAY),
                    lead,
                    {"key": key, "by": by, "outcome": chance.choice(_OUTCOMES)} | who,
                )
            )
    for at, lead, act in sorted(acts, key=lambda each: each[0]):
        if "milestone" in act:
            teller.reached(lead, str(act.pop("milestone")), at, **act)  # pyright: ignore[reportArgumentType]
        else:
            teller.did(lead, str(act.pop("key")), at, **act)  # pyright: ignore[reportArgumentType]
    yield from records(teller.told)
