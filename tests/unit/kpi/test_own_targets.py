"""A firm's own targets take the place of the catalogue's."""

from services.kpi.domain.catalogue import METRICS
from services.kpi.domain.metric import Target
from services.kpi.domain.targets import Against, against, with_targets


def test_an_own_target_decides_what_is_met() -> None:
    """35 % where the catalogue says 30 %: 32 % is missed; a role without one has none."""
    usual = METRICS["sql_rate"]
    own = with_targets(METRICS, {("sql_rate", "sdr"): Target(low=0.35)})["sql_rate"]

    assert against(usual, usual.target_sdr, {"sql_rate": 0.32}) is Against.MET
    assert against(own, own.target_sdr, {"sql_rate": 0.32}) is Against.MISSED
    assert own.target_bdr is None
    assert own.formula == usual.formula
