"""Why a score is what it is, in words, in Japanese and English. Pure."""

from collections.abc import Mapping

from services.sync.domain.days import day_of, iso
from services.sync.domain.lifecycle import Lifecycle
from services.sync.domain.register import NEVER
from services.sync.domain.rules import Rules
from services.sync.domain.tally import Reason


def reasons(life: Lifecycle, rules: Rules) -> str:
    """Return the points by rule in one line, in the firm's language; it changes when the points do, not by the day."""
    labels = _labels(rules)
    parts = [f"{labels.get(each.label, each.label)} {each.points:+d}" for each in _ordered(life)]
    return ("、" if rules.language == "ja" else ", ").join(parts)


def reason_lines(life: Lifecycle, rules: Rules, now: int | None = None) -> list[str]:
    """
    Return the reasons, one a line, in the firm's language: points, since when, and what becomes of them.

    As of *now*, epoch ms, in days (3日前); without it by the calendar (2026-11-20), for what is read later.
    """
    return [reason_line(each, rules, now) for each in _ordered(life)]


def reason_line(reason: Reason, rules: Rules, now: int | None = None) -> str:
    """Return one reason, for instance ``資料請求 +20(3日前、2026-12-01に失効)``."""
    japanese = rules.language == "ja"
    head = f"{_labels(rules).get(reason.label, reason.label)} {reason.points:+d}"
    parts = [_since(reason.at, rules, now), _change(reason, rules)]
    told = [each for each in parts if each]
    if not told:
        return head
    return f"{head}({'、'.join(told)})" if japanese else f"{head} ({', '.join(told)})"


def _ordered(life: Lifecycle) -> list[Reason]:
    """Return the reasons, those that give the most first."""
    return sorted(life.reasons, key=lambda each: (-each.points, each.label))


def _labels(rules: Rules) -> Mapping[str, str]:
    return rules.scoring.labels_ja if rules.language == "ja" else {}


def _since(at: int, rules: Rules, now: int | None) -> str:
    if at == NEVER:
        return ""
    day = day_of(at, rules.time_zone)
    if now is None:
        return iso(day)
    days = day_of(now, rules.time_zone) - day
    if rules.language == "ja":
        return {0: "今日", 1: "昨日"}.get(days, f"{days}日前" if days > 0 else iso(day))
    return {0: "today", 1: "yesterday"}.get(days, f"{days} days ago" if days > 0 else iso(day))


def _change(reason: Reason, rules: Rules) -> str:
    if reason.changes_at == NEVER:
        return ""
    day = iso(day_of(reason.changes_at, rules.time_zone))
    if rules.language == "ja":
        return f"{day}から{reason.becomes:+d}" if reason.becomes else f"{day}に失効"
    return f"{reason.becomes:+d} from {day}" if reason.becomes else f"lapses on {day}"
