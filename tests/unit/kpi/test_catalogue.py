"""The catalogue as a whole: nothing named twice, nothing left to guess, every formula made of what is counted."""

from services.kpi.domain.catalogue import METRICS
from services.kpi.domain.counters import (
    DEED_CODES,
    FIRST_RESPONSE_TIME,
    MILESTONE_CODES,
    OPPORTUNITIES_EXISTING,
    OPPORTUNITIES_NEW,
    PAIRS,
    PEOPLE,
    REP_DELAY,
    SLA_DUE,
    SLA_MET,
    STAGES,
    SYSTEM_DELAY,
    stage_time,
)
from services.kpi.domain.metric import Automatic, Counted, Money, Need, People, Share, Spent, Target, Unit

COUNTED = {
    *MILESTONE_CODES.values(),
    *(OPPORTUNITIES_NEW, OPPORTUNITIES_EXISTING, SLA_MET, SLA_DUE),
    *(code for codes in DEED_CODES.values() for code in codes),
}
SPENT = {FIRST_RESPONSE_TIME, SYSTEM_DELAY, REP_DELAY, *(stage_time(each) for each in STAGES)}


def test_each_metric_says_what_it_is_in_both_languages() -> None:
    """Name, definition in one sentence, formula in words; a rate has a denominator, nothing else has."""
    assert (
        len({each.ja for each in METRICS.values()})
        == len({each.en for each in METRICS.values()})
        == len(METRICS)
    )
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.definition.endswith(".")
        assert metric.definition.count(". ") == 0
        assert metric.definition_ja.endswith("。")
        assert metric.numerator
        assert bool(metric.denominator) == (metric.unit is Unit.RATE)


def test_each_formula_is_made_of_what_is_counted() -> None:
    """No metric reads a counter that nothing writes; units and formulas belong together."""
    kinds = {
        Counted: Unit.COUNT,
        Share: Unit.RATE,
        People: Unit.PEOPLE,
        Spent: Unit.DURATION,
        Money: Unit.MONEY,
    }
    for metric in METRICS.values():
        assert kinds[type(metric.formula)] is metric.unit
        match metric.formula:
            case Counted(codes):
                assert set(codes) <= COUNTED
            case Share(above, below, cohort):
                assert {*above.codes, *below.codes} <= COUNTED
                assert cohort is None or cohort in PAIRS
            case People(code):
                assert code in PEOPLE
            case Spent(code):
                assert code in SPENT
            case Money():
                pass


def test_the_firms_table_is_in_it() -> None:
    """The ten rows of the table: how much each matters to SDR and BDR, its target, whether tools measure it."""
    rows = {
        "MQL対応数": ("◎", "–", Target(from_goal="leads"), None, "◎"),
        "SQL転換率": ("◎", "–", Target(0.30), None, "◎"),
        "商談化率": ("◎", "◎", Target(0.15, 0.20), Target(0.10, 0.15), "◎"),
        "架電数": ("△", "◎", None, Target(50, 100, per="day and person"), "○"),
        "コンタクト率": ("△", "◎", Target(0.20, 0.30), Target(0.20, 0.30), "○"),
        "有効会話数": ("○", "◎", Target(0.10, 0.15, of="calls"), Target(0.10, 0.15, of="calls"), "△"),
        "商談化数": ("◎", "◎", Target(from_goal="revenue"), Target(from_goal="revenue"), "◎"),
        "アポ対商談化率": ("◎", "◎", Target(0.90), Target(0.90), "◎"),
        "商談対有効商談化率": ("◎", "◎", Target(0.20), Target(0.20), "○"),
        "有効商談対受注率": ("○", "○", Target(0.60), Target(0.60), "◎"),
    }
    found = {each.ja: each for each in METRICS.values()}
    for ja, (sdr, bdr, target_sdr, target_bdr, automatic) in rows.items():
        metric = found[ja]
        assert (metric.sdr, metric.bdr) == (Need(sdr), Need(bdr)), ja
        assert (metric.target_sdr, metric.target_bdr) == (target_sdr, target_bdr), ja
        assert metric.automatic is Automatic(automatic), ja
