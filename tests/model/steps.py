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
]

PEOPLE = "ab"
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
    ("restore-sfa", 1),
    ("merge-ma", 2),
    ("merge-sfa", 2),
    ("convert", 2),
)
PAUSES_MS = (0, 0, 0, 5, 20, 60, 150, 400)


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
    """Return a scenario of up to *length* acts: half of them without any that moves records or addresses."""
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


def _step(random: Random, act: Act, who: str) -> Step:
    pause, field, value, other = random.choice(PAUSES_MS), "", "", ""
    if act.startswith("edit"):
        field = random.choice(tuple(FIELDS))
        value, other = random.choice(FIELDS[field]), random.choice(FIELDS[field])
    elif act.startswith("owner"):
        value = random.choice(OWNERS)
    elif act == "stage":
        value = random.choice(STAGES)
    elif act.startswith("address"):
        value = random.choice(("new", "of-a", "of-b"))
    return Step(act, who, field, value, other, pause)
