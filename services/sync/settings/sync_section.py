"""The shape of the section [sync]: how the two systems are kept the same, beyond the single field."""

from typing import Annotated, Final, Literal

from pydantic import Field

from services.configuration.quantities import DurationBetween, FieldName, Switch, Text, Whole
from services.configuration.sections import Section

_FREE_MAIL: Final = (
    "gmail.com googlemail.com yahoo.com yahoo.co.jp ymail.com outlook.com outlook.jp hotmail.com hotmail.co.jp "
    "live.com live.jp msn.com icloud.com me.com mac.com aol.com proton.me protonmail.com gmx.com gmx.net gmx.de "
    "mail.com zoho.com yandex.com web.de qq.com 163.com 126.com naver.com daum.net hanmail.net "
    "docomo.ne.jp ezweb.ne.jp au.com softbank.ne.jp i.softbank.jp vodafone.ne.jp disney.ne.jp ymobile.ne.jp "
    "y-mobile.ne.jp yahoo.ne.jp uqmobile.jp rakuten.jp rakumail.jp willcom.com wcm.ne.jp pdx.ne.jp emnet.ne.jp "
    "nifty.com nifty.ne.jp biglobe.ne.jp so-net.ne.jp ocn.ne.jp plala.or.jp dion.ne.jp auone-net.jp odn.ne.jp "
    "asahi-net.or.jp bbtec.net eonet.ne.jp commufa.jp jcom.home.ne.jp jcom.zaq.ne.jp zaq.ne.jp hi-ho.ne.jp "
    "excite.co.jp infoseek.jp goo.jp goo.ne.jp mail.goo.ne.jp livedoor.com livedoor.jp wakwak.com tiki.ne.jp "
    "sannet.ne.jp dti.ne.jp interlink.or.jp iij4u.or.jp"
)
FREE_MAIL: Final = tuple(_FREE_MAIL.split())
"""Domains at which anybody has an address: those of the large free services, and of Japan's carriers and providers."""


class CompaniesSection(Section):
    """Who companies are: they are kept the same where a field of `kind = "company"` is mapped."""

    free_mail: tuple[Text, ...] = Field(
        default=FREE_MAIL,
        description="Domains that name no company, with all that are parts of them: people of many companies have "
        "their mail there. Given, the list is instead of the one that is built in.",
    )


class SyncSection(Section):
    """How the two systems are kept the same, beyond the single field."""

    tie_order: tuple[Literal["ma", "sfa"], ...] = Field(
        default=("sfa", "ma"), description="Who wins when both sides changed a field at the same time."
    )
    clock_skew_ms: Annotated[int, DurationBetween("0s", "5m")] = Field(
        default=2_000, alias="clock_skew", description="Changes closer than this count as simultaneous."
    )
    mirror_all: Switch = Field(
        default=False,
        description="`true` puts each marketing lead into the sales tool at once; `false` from its first MQL.",
    )
    bdr_sources: tuple[Text, ...] = Field(
        default=(), description="Values of the field `source` that make a lead outbound (BDR, 新規開拓型)."
    )
    first_touch: tuple[Literal["call", "email", "meeting", "task"], ...] = Field(
        default=("call", "email", "meeting"),
        description="Activities that count as inside sales' first response (MQL対応).",
    )
    segments: tuple[FieldName, ...] = Field(
        default=("source", "industry"),
        description="Lead fields that the KPIs are cut by; each multiplies the counters, 8 at most.",
        max_length=8,
    )
    opt_ins: dict[FieldName, FieldName] = Field(
        default_factory=dict[str, str],
        description="What undoes an opt-out: its field → a field of type instant that holds when the person "
        "explicitly agreed again; it must be later than the last opt-out. Left out: nothing does.",
    )
    stop_fights_after: Annotated[Whole, Field(ge=0, le=1_000)] = Field(
        default=5,
        description="A value that somebody's automation set back so often within `fight_window` is left alone and "
        "told as a dead letter; 0: never. Opt-outs are told, and written all the same.",
    )
    fight_window_ms: Annotated[int, DurationBetween("1m", "30d")] = Field(
        default=3_600_000, alias="fight_window", description="Within which time such rounds are counted."
    )
    reconcile_every_ms: Annotated[int, DurationBetween("1m", "24h")] = Field(
        default=900_000,
        alias="reconcile_every",
        description="How often drift between the systems is swept up.",
    )
    reconcile_overlap_ms: Annotated[int, DurationBetween("0s", "24h")] = Field(
        default=300_000,
        alias="reconcile_overlap",
        description="How far each sweep reaches back behind the one before.",
    )
    reconcile: Switch = Field(
        default=True,
        description="`false` sweeps only what is ordered, by a lost stream, a silence or a person.",
    )
    reconcile_grace_ms: Annotated[int, DurationBetween("0s", "1h")] = Field(
        default=60_000,
        alias="reconcile_grace",
        description="How long a notification may take: what changed later than that is left to the next sweep, "
        "and is no drift.",
    )
    silence_after_ms: Annotated[int, DurationBetween("0s", "7d")] = Field(
        default=1_800_000,
        alias="silence_after",
        description="After so long without a notification of an object that usually has some by then, it is swept "
        'and an alarm is given; `"0s"` never.',
    )
    stop_after_refusals: Annotated[Whole, Field(ge=0, le=10_000)] = Field(
        default=20,
        description="After so many writes (or reads) of a system refused in a row, none taken between, that line "
        "stops instead of going on into dead letters; 0 never stops.",
    )
    mql_reserve_rate: Annotated[float, Field(ge=0, le=0.9, strict=True)] = Field(
        default=0.2,
        description="Share of each vendor's limits that only opt-outs, new MQLs and handoffs may use, 0 to 0.9.",
    )
