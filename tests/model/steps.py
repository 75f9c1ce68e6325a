"""What people do in a scenario: drawn at random, written down as one line, read again from it."""

from dataclasses import dataclass
from random import Random
from typing import Literal, TypeAlias, get_args

Act: TypeAlias = Literal[
    "create-ma",
    "create-sfa",
    "edit-ma",
    "edit-sfa",
    "edit-both",
    "qualify",
    "opt-out-ma",
    "opt-out-sfa",
    "opt-in-ma",
    "opt-in-sfa",
    "owner-ma",
    "owner-sfa",
    "stage",
    "address-ma",
    "address-sfa",
    "swap-ma",
    "delete-ma",
    "delete-sfa",
    "restore-ma",
    "restore-sfa",
    "merge-ma",
    "merge-sfa",
    "convert",
    "found-ma",
    "found-sfa",
    "firm-ma",
    "firm-sfa",
    "firm-both",
    "site-ma",
    "site-sfa",
    "close-ma",
    "close-sfa",
    "reopen-ma",
    "reopen-sfa",
    "unite-ma",
    "unite-sfa",
    "move-ma",
    "move-sfa",
]

PEOPLE = "ab"
FIRMS = "pq"
"""Two companies; the people have their addresses at the first one's domain."""
FIRM_FIELDS: dict[str, tuple[str, ...]] = {
    "company_phone": ("03-1111-2222", "+81 3-3333-4444", "0355556666", ""),
    "company_industry": ("Finance", "Retail", ""),
    "company_size": ("7", "40", "1200", ""),
    "company_owner": ("sato@sandbox.example", "tanaka@sandbox.example"),
}
SITES = ("of-p", "of-p", "of-q", "www-p", "none")
FIELDS: dict[str, tuple[str, ...]] = {
    "last_name": ("山田", "佐藤", "鈴木"),
    "company": ("甲社", "乙社", "丙社"),
    "job_title": ("部長", "課長", "学生", ""),
    "phone": ("03-1111-2222", "+81 3-3333-4444", "0355556666", ""),
    "industry": ("IT", "製造", ""),
    "country": ("Japan", ""),
    "source": ("web", "Target List"),
}
OWNERS = ("sato@sandbox.example", "suzuki@sandbox.example", "tanaka@sandbox.example")
STAGES = ("Working - Contacted", "Qualified", "Recycled")

_SIMPLE: tuple[tuple[Act, int], ...] = (
    ("edit-ma", 6),
    ("edit-sfa", 6),
    ("edit-both", 4),
    ("qualify", 2),
    ("opt-out-ma", 1),
    ("opt-out-sfa", 1),
    ("opt-in-ma", 1),
    ("opt-in-sfa", 1),
    ("owner-ma", 1),
    ("owner-sfa", 1),
    ("stage", 1),
)
_MOVING: tuple[tuple[Act, int], ...] = (
    ("create-ma", 1),
    ("create-sfa", 2),
    ("address-ma", 2),
    ("address-sfa", 2),
    ("swap-ma", 1),
    ("delete-ma", 1),
    ("delete-sfa", 1),
    ("restore-ma", 1),
    ("restore-sfa", 2),
    ("merge-ma", 2),
    ("merge-sfa", 2),
    ("convert", 2),
)
_OF_FIRMS: tuple[tuple[Act, int], ...] = (
    ("found-ma", 2),
    ("found-sfa", 2),
    ("firm-ma", 5),
    ("firm-sfa", 5),
    ("firm-both", 3),
)
_FIRMS_MOVING: tuple[tuple[Act, int], ...] = (
    ("site-ma", 2),
    ("site-sfa", 2),
    ("close-ma", 1),
    ("close-sfa", 1),
    ("reopen-ma", 1),
    ("reopen-sfa", 2),
    ("unite-ma", 1),
    ("unite-sfa", 1),
    ("move-ma", 3),
    ("move-sfa", 3),
    ("convert", 2),
)
PAUSES_MS = (0, 0, 0, 5, 20, 60, 150, 400, 800)
"""Some acts meet what the ones before them led to, some what is still under way."""


@dataclass(frozen=True, slots=True)
class Step:
    """One act on person *who*; then nothing is done for `pause_ms`."""

    act: Act
    who: str
    field: str = ""
    value: str = ""
    other: str = ""
    pause_ms: int = 0

    def __str__(self) -> str:
        """Return it as one line, for `read`."""
        return ":".join((self.act, self.who, self.field, self.value, self.other, str(self.pause_ms)))


def read(line: str) -> Step:
    """Return the step that *line* says. Raises ValueError."""
    act, who, field, value, other, pause = line.strip().split(":")
    known = {each: each for each in get_args(Act)}
    if act not in known:
        raise ValueError(f"nobody knows the act {act!r}")
    return Step(known[act], who, field, value, other, int(pause))


def drawn(random: Random, length: int) -> list[Step]:
    """Return a scenario of up to *length* acts: of people alone, or of companies and their people."""
    return (
        _of_companies(random, length) if random.random() < _SHARE_OF_COMPANIES else _of_people(random, length)
    )


def _of_people(random: Random, length: int) -> list[Step]:
    """Return a scenario on two people: half of them without any act that moves records or addresses."""
    acts = _SIMPLE if random.random() < 0.5 else (*_SIMPLE, *_MOVING)
    names, weights = zip(*acts, strict=True)
    first: Act = random.choice(("create-ma", "create-ma", "create-sfa"))
    steps = [Step(first, "a", pause_ms=random.choice(PAUSES_MS))]
    if acts is not _SIMPLE:
        steps.append(Step(random.choice(("create-ma", "create-sfa")), "b", pause_ms=random.choice(PAUSES_MS)))
    if first == "create-ma":
        steps.append(Step("qualify", "a", pause_ms=random.choice(PAUSES_MS)))
    for _ in range(random.randint(2, length)):
        (act,) = random.choices(names, weights)
        steps.append(_step(random, act, "a" if acts is _SIMPLE else random.choice(PEOPLE)))
    return steps


def _of_companies(random: Random, length: int) -> list[Step]:
    """Return a scenario on two companies: half of them on one alone, that stays what it is."""
    if random.random() < 0.5:
        names, weights = zip(*_OF_FIRMS[2:], strict=True)
        founding: tuple[Act, Act] = ("found-ma", "found-sfa")
        steps = [_step(random, act, "p", site="of-p") for act in founding]
        random.shuffle(steps)
        return steps + [
            _step(random, act, "p") for act in random.choices(names, weights, k=random.randint(2, length))
        ]
    some = tuple(each for each in (*_SIMPLE, *_MOVING) if random.random() < 0.3)
    names, weights = zip(*_OF_FIRMS, *_FIRMS_MOVING, *some, strict=True)
    beginning: tuple[tuple[Act, str], ...] = (
        ("found-ma", "p"),
        ("found-sfa", "p"),
        ("create-ma", "a"),
        ("create-sfa", "b"),
    )
    steps = [_step(random, act, who) for act, who in beginning]
    for act in random.choices(names, weights, k=random.randint(2, length)):
        steps.append(_step(random, act, random.choice(FIRMS if act in _ON_FIRMS else PEOPLE)))
    return steps


_ON_FIRMS = {act for act, _ in (*_OF_FIRMS, *_FIRMS_MOVING)} - {"move-ma", "move-sfa", "convert"}
_SHARE_OF_COMPANIES = 0.4


def _step(random: Random, act: Act, who: str, *, site: str | None = None) -> Step:
    pause, field, value, other = random.choice(PAUSES_MS), "", "", ""
    if act.startswith("edit"):
        field = random.choice(tuple(FIELDS))
        value, other = random.choice(FIELDS[field]), random.choice(FIELDS[field])
    elif act.startswith("firm"):
        field = random.choice(tuple(FIRM_FIELDS))
        value, other = random.choice(FIRM_FIELDS[field]), random.choice(FIRM_FIELDS[field])
    elif act.startswith(("found", "site")):
        value = site or random.choice(SITES)
    elif act.startswith("move"):
        value = random.choice(FIRMS)
    elif act.startswith("owner"):
        value = random.choice(OWNERS)
    elif act == "stage":
        value = random.choice(STAGES)
    elif act.startswith("address"):
        value = random.choice(("new", "of-a", "of-b"))
    return Step(act, who, field, value, other, pause)
