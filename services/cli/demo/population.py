"""
The population of the demo: lives drawn from a seed.

A life is drawn whole from the seed and its number, so the same seed gives the same people who want the same;
what comes of it depends on when tasuki hands them over.
"""

from collections.abc import Mapping
from random import Random

from services.cli.demo import words
from services.cli.demo.life import (
    LOST,
    WON,
    Deed,
    Edits,
    Entered,
    Grows,
    Handling,
    Judgement,
    Kind,
    Life,
    OptsOut,
    Step,
)
from services.sync.domain.records import Side

_SHARES = {
    Kind.PASSERBY: 28,
    Kind.LEARNER: 5,
    Kind.STEADY: 34,
    Kind.HOT: 16,
    Kind.OUTBOUND: 12,
    Kind.KNOWN: 5,
}
_WARMING = (
    Grows("visits", 2),
    Grows("email_opens", 2),
    Grows("downloads"),
    Grows("email_clicks"),
    Grows("forms"),
    Grows("visits", 3),
    Grows("seminars"),
    Grows("downloads"),
    Grows("forms"),
)

_DECIDES_RATE, _KNOWN_RATE = 0.35, 0.8
_EDITED_RATE, _CLASH_RATE, _PROMOTED_RATE, _OPT_OUT_RATE = 0.15, 0.5, 0.3, 0.06
_SLOW_RATE = 0.2
_NO_INTEREST_RATE, _CORRECTED_RATE, _CONVERTED_RATE, _LOST_RATE = 0.4, 0.2, 0.3, 0.12

_BEHAVIOUR: Mapping[Kind, tuple[Grows, ...]] = {
    Kind.PASSERBY: (Grows("visits"), Grows("email_opens"), Grows("visits", 2), Grows("email_opens")),
    Kind.LEARNER: (Grows("forms"), Grows("downloads", 3), Grows("visits", 8), Grows("seminars")),
    Kind.STEADY: _WARMING,
    Kind.HOT: (Grows("forms"), Grows("visits", 4), Grows("seminars"), Grows("downloads"), Grows("forms")),
    Kind.OUTBOUND: (Grows("email_opens", 2), *_WARMING[2:]),
    Kind.KNOWN: (Grows("visits"), Grows("email_opens"), *_WARMING[2:]),
}
_RETURN = (Grows("visits", 3), Grows("downloads"), Grows("seminars"), Grows("forms"), Grows("forms"))
_WAY = ("Meeting Scheduled", "Discovery", "Proposal/Price Quote")


def life(seed: int, number: int) -> Life:
    """Return the life with this *number*, from 1 on."""
    random = Random(f"{seed}:{number}")
    kind = random.choices(list(_SHARES), list(_SHARES.values()))[0]
    fields = _person(random, number, kind)
    return Life(
        number=number,
        kind=kind,
        fields=fields,
        steps=_steps(random, kind, fields),
        return_steps=tuple(Step(_wait(random), each) for each in _RETURN),
        handlings=(handling(random), handling(random)),
    )


def _person(random: Random, number: int, kind: Kind) -> dict[str, str]:
    firm = random.choice(words.FIRMS)
    if firm.ja:
        last, first = random.choice(list(words.FAMILY_JA)), random.choice(list(words.GIVEN_JA))
        address = f"{words.FAMILY_JA[last]}.{words.GIVEN_JA[first]}"
        decides, works, learns = words.DECIDES_JA, words.WORKS_JA, words.LEARNS_JA
    else:
        last, first = random.choice(words.FAMILY_EN), random.choice(words.GIVEN_EN)
        address = f"{first}.{last}".lower()
        decides, works, learns = words.DECIDES_EN, words.WORKS_EN, words.LEARNS_EN
    title = (
        learns
        if kind is Kind.LEARNER
        else random.choice(decides if random.random() < _DECIDES_RATE else works)
    )
    fields = {
        "email": f"{address}.{number}@{firm.domain}.example",
        "last_name": last,
        "first_name": first,
        "company": firm.name,
        "job_title": title,
        "source": words.TARGET_LIST if kind is Kind.OUTBOUND else random.choice(words.SOURCES),
    }
    known_by_chance = {
        "industry": firm.industry,
        "employees": str(firm.employees),
        "country": "日本" if firm.ja else "United Kingdom",
        "phone": _phone(random),
    }
    return fields | {name: value for name, value in known_by_chance.items() if random.random() < _KNOWN_RATE}


def _phone(random: Random) -> str:
    return f"050-0000-{random.randrange(10_000):04d}"


def _steps(random: Random, kind: Kind, fields: Mapping[str, str]) -> tuple[Step, ...]:
    deeds: list[Deed] = list(_BEHAVIOUR[kind])
    if kind is Kind.OUTBOUND and random.random() < _NO_INTEREST_RATE:
        deeds = deeds[:2]  # no interest
    if kind is Kind.KNOWN:
        deeds.insert(1, Entered())
    if random.random() < _EDITED_RATE:
        deeds.insert(random.randrange(len(deeds) + 1), _edit(random, fields))
    if random.random() < _OPT_OUT_RATE:
        deeds.insert(random.randrange(1, len(deeds) + 1), OptsOut(random.choice(list(Side))))
    return tuple(Step(_wait(random), each) for each in deeds)


def _edit(random: Random, fields: Mapping[str, str]) -> Edits:
    """Marketing learns something, or both sides learn different things at the same time."""
    if random.random() < _CLASH_RATE:
        return Edits(random.choice(list(Side)), {"phone": _phone(random)}, against={"phone": _phone(random)})
    if random.random() < _PROMOTED_RATE:
        ja = fields["last_name"] in words.FAMILY_JA
        return Edits(Side.MA, {"job_title": random.choice(words.DECIDES_JA if ja else words.DECIDES_EN)})
    return Edits(Side.MA, {"phone": _phone(random)})


def _wait(random: Random) -> float:
    return random.uniform(0.25, 1.1)


def handling(random: Random) -> Handling:
    """Return how sales works somebody."""
    judgement = random.choices(list(Judgement), [60, 25, 15])[0]
    way = _way(random) if judgement is Judgement.QUALIFIED else ()
    return Handling(
        answers_after_s=_answer(random),
        call=random.choice(words.CALLS),
        judgement=judgement,
        pace_s=random.uniform(0.5, 1.5),
        stages=way,
        amount=random.randrange(3, 120) * 100_000,
        lost_reason=random.choice(words.LOSSES) if LOST in way else "",
        corrects={"phone": _phone(random)} if random.random() < _CORRECTED_RATE else {},
        opts_out=random.random() < _OPT_OUT_RATE,
        converts=random.random() < _CONVERTED_RATE,
    )


def _answer(random: Random) -> float:
    """Most are quick; some let a promise run out."""
    return random.uniform(5, 12) if random.random() < _SLOW_RATE else random.uniform(0.4, 2.5)


def _way(random: Random) -> tuple[str, ...]:
    way: list[str] = []
    for stage in _WAY:
        if random.random() < _LOST_RATE:
            return (*way, LOST)
        way.append(stage)
    end = random.choices([WON, LOST, None], [50, 25, 25])[0]
    return (*way, end) if end else tuple(way)
