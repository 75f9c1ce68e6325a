"""A message as text: a subject with the counts, and a line for each promise with its link."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

from services.kpi.adapters.templates.texts import EN, LANGUAGES, Texts
from services.kpi.domain.notice_digest import Digest, Line, Message, digest
from services.kpi.domain.notice_rules import NoticeRules
from services.kpi.domain.notices import Kind, Notice

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = (86_400, 3_600, 60, 1)
_SHOWN_UNITS = 2
_LONGEST_PART = 80
_ID_SHOWN = 12
_LONGEST_SUBJECT = 255  # of a task in Salesforce
# What a lead typed into a form must not call everybody in a chat: <!channel>, @everyone, [toall], a link.
_HARMLESS = str.maketrans({"<": "‹", ">": "›", "[": "(", "]": ")", "@": "＠", "`": "'"})


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message in words: the subject, and the text without it."""

    title: str
    body: str
    language: str


class Renderer:
    """Puts messages into words, by the rules of their sink."""

    def __init__(self, rules: NoticeRules) -> None:
        self._rules = rules
        self._zone = ZoneInfo(rules.time_zone)

    def render(self, message: Message) -> Rendered:
        """Return *message* in the language of its sink; English where there is none of that name."""
        rule = self._rules.sinks[message.sink]
        texts = LANGUAGES.get(rule.language, EN)
        found = digest(message, rule.most_lines)
        blocks = [self._block(line, texts, rule.language) for line in found.lines]
        if found.more:
            blocks.append(texts.more.format(n=found.more))
        blocks.append(texts.ref.format(id=message.id))
        return Rendered(_title(found, texts), "\n".join(blocks), rule.language)

    def one(self, notice: Notice, message: Message) -> Rendered:
        """Return one alert of *message* as a thing to do: what is due in the subject, all else in the text."""
        alone = replace(message, id=notice.id, notices=(notice,))
        rendered = self.render(alone)
        texts = LANGUAGES.get(rendered.language, EN)
        subject = texts.part.join((self._head(notice, texts, rendered.language), self._lead(notice, texts)))
        return replace(rendered, title=f"[tasuki] {subject}"[:_LONGEST_SUBJECT])

    def link(self, notice: Notice) -> str:
        """Return the address of the lead's page."""
        return self._rules.link.replace("{lead_id}", quote(notice.lead_id, safe=""))

    def _block(self, line: Line, texts: Texts, language: str) -> str:
        notice = line.notice
        head = self._head(notice, texts, language)
        parts = [head, self._lead(notice, texts), self._owner(notice, texts), *self._times(line, texts)]
        if notice.reassign:
            parts.append(texts.reassign)
        return f"• {texts.part.join(parts)}\n  {self.link(notice)}"

    def _head(self, notice: Notice, texts: Texts, language: str) -> str:
        names = self._rules.policy_names.get(notice.policy, {})
        return f"{texts.kinds[notice.kind]}: {_cut(names.get(language, notice.policy))}"

    def _lead(self, notice: Notice, texts: Texts) -> str:
        shown = [
            _cut(value.translate(_HARMLESS))
            for name in self._rules.shown_segments
            if (value := notice.segments.get(name)) is not None
        ]
        short = notice.lead_id[-_ID_SHOWN:]
        return texts.lead.format(lead=f"{short} ({', '.join(shown)})" if shown else short)

    def _owner(self, notice: Notice, texts: Texts) -> str:
        person = self._rules.people.get(notice.owner or "")
        name = texts.nobody if notice.owner is None else notice.owner if person is None else person.name
        return texts.owner.format(owner=_cut(name))

    def _times(self, line: Line, texts: Texts) -> list[str]:
        notice = line.notice
        if notice.is_recovery:
            parts = [texts.took.format(time=_span(line.elapsed_ms, texts))]
            if notice.kind is Kind.MET_LATE:
                parts.append(texts.overdue_by.format(time=_span(line.overdue_ms, texts)))
            return parts
        parts = [texts.elapsed.format(time=_span(line.elapsed_ms, texts))]
        if notice.kind is Kind.WARNED and not line.overdue_ms:
            parts.append(texts.left.format(time=_span(max(0, notice.budget_ms - line.elapsed_ms), texts)))
        else:
            parts.append(texts.overdue_by.format(time=_span(line.overdue_ms, texts)))
        parts.append(texts.deadline.format(moment=self._moment(notice.deadline_at, texts)))
        if line.as_of is not None:
            parts.append(texts.as_of.format(moment=self._moment(line.as_of, texts)))
        return parts

    def _moment(self, instant: int, texts: Texts) -> str:
        try:
            at = (_EPOCH + timedelta(milliseconds=instant)).astimezone(self._zone)
        except OverflowError:
            return "?"  # the last hours of the year 9999, or the first of the year 1, have no local time
        return texts.moment.format(year=at.year, month=at.month, day=at.day, hour=at.hour, minute=at.minute)


def _title(found: Digest, texts: Texts) -> str:
    counts = (
        (found.overdue, texts.overdue),
        (found.soon, texts.soon),
        (found.late, texts.late),
        (found.withdrawn, texts.withdrawn),
    )
    shown = [(one if n == 1 else many).format(n=n) for n, (one, many) in counts if n]
    return f"[tasuki] {texts.join.join(shown)}"


def _span(milliseconds: int, texts: Texts) -> str:
    """Return a duration in its two greatest units, rounded down."""
    left, parts = milliseconds // 1000, list[str]()
    for seconds, unit in zip(_SECONDS, texts.units, strict=True):
        count, left = divmod(left, seconds)
        if count:
            parts.append(f"{count}{unit}")
    return texts.unit_join.join(parts[:_SHOWN_UNITS]) or f"0{texts.units[-1]}"


def _cut(text: str) -> str:
    """Return *text* in one printable line that isn't too long: a segment's value may be anything."""
    flat = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return flat if len(flat) <= _LONGEST_PART else flat[: _LONGEST_PART - 1] + "…"
