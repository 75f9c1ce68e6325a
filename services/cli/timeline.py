"""A lead's timeline on the terminal, in Japanese or English."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

Json: TypeAlias = Mapping[str, Any]

_WORDS = {
    "observed": "観測",
    "decided": "判定",
    "score": "スコア",
    "reached": "到達",
    "retracted": "到達取消",
    "activity": "活動",
    "activity-retracted": "活動取消",
    "sent": "送信",
    "settled": "結果",
    "retried": "再試行",
    "reviewed": "見直し",
    "handed-over": "引き渡し",
    "cycle": "サイクル",
    "erased": "消去",
    "merged": "統合",
    "merged-into": "統合先",
    "taken-over": "統合元",
    "joined": "所属",
    "left": "離脱",
    "company": "会社",
    "drift": "ズレ",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def show(found: Json, console: Console, *, time_zone: str, language: str) -> None:
    """Print *found* (from `Timeline.of`); times are in *time_zone*."""
    zone, japanese = ZoneInfo(time_zone), language == "ja"
    for line in _head_of_company(found, japanese=japanese) or _head(found, japanese=japanese):
        console.print(
            line, markup=False, highlight=False, style="bold" if line.startswith(found["lead_id"]) else None
        )
    if found.get("merged"):
        console.print(f"{'統合済み' if japanese else 'merged'}: {', '.join(found['merged'])}", markup=False)
    for consent in found["consents"]:
        console.print(_consent(consent, zone, japanese=japanese), style="yellow", markup=False)
    for side, ref in found["links"].items():
        console.print(f"{side}: {ref}", markup=False)
    for side, refs in found.get("duplicates", {}).items():
        console.print(
            f"{side} {'重複' if japanese else 'duplicate'}: {', '.join(refs)}", style="yellow", markup=False
        )
    console.print()
    titles = ("時刻", "事", "内容") if japanese else ("time", "what", "detail")
    table = Table(box=None, pad_edge=False)
    for title in titles:
        # Japanese has no blanks to break at: what is too long goes on in the next line.
        table.add_column(title, overflow="fold")
    for entry in found["entries"]:
        what = entry["what"]
        word = _WORDS.get(what, what) if japanese else what
        table.add_row(_time(entry["at"], zone), word, _escaped(_DETAILS.get(what, _plain)(entry)))
    console.print(table)
    for lack in found["waiting"]:
        waits = f"{lack['side']} {lack['slot']} ({', '.join(lack['fields'])}): {lack['why']}"
        console.print(f"{'待ち' if japanese else 'waits'}: {waits}", style="yellow", markup=False)
    for slot in found["refused"]:
        refused = "拒否" if japanese else "refused"
        console.print(f"{refused}: {slot}; see the dead letters", style="red", markup=False)


def _head(found: Json, *, japanese: bool) -> list[str]:
    """Return who a lead is, how far it came and why, and for whom it works."""
    held = (
        "変更後のルールで基準超、次の加点で引き渡し"
        if japanese
        else "over the threshold by changed rules only"
    )
    lines = [
        f"{found['lead_id']}   {found['stage']} (cycle {found['cycle']}, {found['origin'].upper()})",
        f"score {found['score']}{f' ({held})' if found.get('score_held') else ''}",
        *(f"  {reason['text']}" for reason in found.get("score_reasons", ())),
    ]
    company = found.get("company")
    if company is not None:
        told = ", ".join(f"{name}={value!r}" for name, value in company.items() if name != "id")
        name = company["id"].removeprefix("company:")
        lines.append(f"{'会社' if japanese else 'company'}: {name}{f' ({told})' if told else ''}")
    return lines


def _head_of_company(found: Json, *, japanese: bool) -> list[str]:
    """Return which company it is, what its sides say, and how many leads it has; nothing of a lead."""
    if not found["lead_id"].startswith("company:"):
        return []
    fields = (
        f"  {name}: {', '.join(f'{side}={value!r}' for side, value in sides.items())}"
        for name, sides in found["fields"].items()
    )
    return [found["lead_id"], *fields, f"{'リード数' if japanese else 'leads'}: {found['members']}"]


def _consent(consent: Json, zone: ZoneInfo, *, japanese: bool) -> str:
    """Return who opted out, where, when and how; and when they agreed again."""
    said, act = consent["last"], consent["agreed"]
    how = " ".join(each for each in (said["via"], said["by"]) if each)
    text = f"{consent['field']}: {_time(said['at'], zone)} {said['record']} {how}".rstrip()
    if act is not None:
        again = "再同意" if japanese else "agreed again"
        text += f"; {again} {_time(act['at'], zone)} {act['side']}.{act['field']}"
    return f"{'配信停止' if japanese else 'opted out'}: {text}"


def _time(instant: int, zone: ZoneInfo) -> str:
    moment = (_EPOCH + timedelta(milliseconds=instant)).astimezone(zone)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"


def _escaped(text: str) -> str:
    return text.replace("[", "\\[")


def _observed(entry: Json) -> str:
    own = sum(bool(each.get("own")) for each in entry["fields"])
    names = ", ".join(f"{each['name']}={each['value']!r}" for each in entry["fields"] if not each.get("own"))
    echo = f" ({own} of our own writes came back)" if own else ""
    gone = " deleted" if entry.get("deleted") else ""
    return (
        f"{entry['ref']['system']} {entry['ref']['object']} {entry['ref']['id']}{gone}: {names or '-'}{echo}"
    )


def _decided(entry: Json) -> str:
    lines: list[str] = []
    for each in entry["decisions"]:
        line = f"{each['field']} = {each['value']!r} by {each['rule']}"
        loser = each.get("loser")
        lines.append(line + (f", not {loser['value']!r} of {loser['side']}" if loser else ""))
    return "\n".join(lines)


def _drift(entry: Json) -> str:
    ref = entry["ref"]
    head = f"{ref['system']} {ref['object']} {ref['id']} ({entry['cause']}), of which nobody told:"
    found = (
        f"{each['field']} is {each['found']!r}, believed {each['believed']!r}"
        for each in entry["differences"]
    )
    return "\n".join([head, *found])


def _sent(entry: Json) -> str:
    fields = ", ".join(f"{name}={value!r}" for name, value in entry["fields"].items())
    return f"→ {entry['side']} {entry['slot']}: {fields}"


def _settled(entry: Json) -> str:
    if entry["outcome"] == "confirmed":
        ref = entry["ref"]
        made = " created" if entry.get("created") else ""
        return f"{entry['side']} {entry['slot']}: confirmed{made} {ref['object']} {ref['id']}"
    return f"{entry['side']} {entry['slot']}: refused, {entry['code']}: {entry['detail']}"


def _plain(entry: Json) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in entry.items() if name not in {"at", "what"})


_DETAILS: Mapping[str, Callable[[Json], str]] = {
    "observed": _observed,
    "decided": _decided,
    "drift": _drift,
    "sent": _sent,
    "settled": _settled,
    "retried": lambda entry: f"{entry['side']} {entry['slot']}: what was refused may be sent again",
    "reviewed": lambda entry: (
        {"aged": "points got old", "rules": "the scoring rules changed"}[entry["cause"]]
        + (", handed over as confirmed" if entry.get("hand_over") else "")
    ),
    "score": lambda entry: f"{entry['previous']} → {entry['score']}",
    "reached": lambda entry: f"{entry['milestone']} (cycle {entry['cycle']})",
    "retracted": lambda entry: f"{entry['milestone']} (cycle {entry['cycle']})",
    "handed-over": lambda entry: f"{entry['handoff']} to {entry.get('owner')}",
}
