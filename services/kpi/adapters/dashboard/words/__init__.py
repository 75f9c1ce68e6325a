"""What stands on the pages, in English and Japanese, by key."""

from collections.abc import Mapping

from services.kpi.adapters.dashboard.words.figures import FIGURES
from services.kpi.adapters.dashboard.words.frame import FRAME
from services.kpi.adapters.dashboard.words.leads import LEADS

WORDS: Mapping[str, tuple[str, str]] = {**FRAME, **FIGURES, **LEADS}
