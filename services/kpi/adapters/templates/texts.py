"""What messages say, as data: one `Texts` for each language."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from services.kpi.domain.notices import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """
    The texts of one language; braces are filled in.

    `overdue` … `withdrawn` are the counts of a subject line, `one` is that of a single alert. `kinds` begin a
    line, `owner` … `as_of` are its parts. `units` are days, hours, minutes, seconds.
    """

    overdue: tuple[str, str]
    soon: tuple[str, str]
    late: tuple[str, str]
    withdrawn: tuple[str, str]
    join: str
    kinds: Mapping[Kind, str]
    lead: str
    owner: str
    nobody: str
    elapsed: str
    overdue_by: str
    left: str
    took: str
    deadline: str
    as_of: str
    reassign: str
    part: str
    more: str
    ref: str
    units: tuple[str, str, str, str]
    unit_join: str
    moment: str


JA = Texts(
    overdue=("期限超過 {n}件", "期限超過 {n}件"),
    soon=("期限間近 {n}件", "期限間近 {n}件"),
    late=("超過後に対応 {n}件", "超過後に対応 {n}件"),
    withdrawn=("超過の取り消し {n}件", "超過の取り消し {n}件"),
    join="、",
    kinds=MappingProxyType(
        {
            Kind.WARNED: "期限間近",
            Kind.BREACHED: "期限超過",
            Kind.ESCALATED: "期限超過（上位へ連絡）",
            Kind.MET_LATE: "超過後に対応済み",
            Kind.RETRACTED: "超過の取り消し",
        }
    ),
    lead="リード {lead}",
    owner="担当 {owner}",
    nobody="なし",
    elapsed="経過 {time}",
    overdue_by="超過 {time}",
    left="残り {time}",
    took="所要 {time}",
    deadline="期限 {moment}",
    as_of="{moment} 時点",
    reassign="担当変更の対象",
    part=" ／ ",
    more="ほか {n}件",
    ref="通知番号 {id}",
    units=("日", "時間", "分", "秒"),
    unit_join="",
    moment="{month}/{day} {hour:02}:{minute:02}",
)

EN = Texts(
    overdue=("{n} lead overdue", "{n} leads overdue"),
    soon=("{n} due soon", "{n} due soon"),
    late=("{n} answered late", "{n} answered late"),
    withdrawn=("{n} not overdue after all", "{n} not overdue after all"),
    join=", ",
    kinds=MappingProxyType(
        {
            Kind.WARNED: "Due soon",
            Kind.BREACHED: "Overdue",
            Kind.ESCALATED: "Overdue (escalated)",
            Kind.MET_LATE: "Answered late",
            Kind.RETRACTED: "Not overdue after all",
        }
    ),
    lead="lead {lead}",
    owner="owner {owner}",
    nobody="nobody",
    elapsed="elapsed {time}",
    overdue_by="overdue by {time}",
    left="{time} left",
    took="took {time}",
    deadline="deadline {moment}",
    as_of="as of {moment}",
    reassign="to be reassigned",
    part=" | ",
    more="and {n} more",
    ref="ref {id}",
    units=(" d", " h", " min", " s"),
    unit_join=" ",
    moment="{year}-{month:02}-{day:02} {hour:02}:{minute:02}",
)

LANGUAGES: Mapping[str, Texts] = MappingProxyType({"ja": JA, "en": EN})
