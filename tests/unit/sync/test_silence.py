"""Who usually speaks, and doesn't, is silent; nights and weekends are not."""

from services.sync.domain.silence import BUCKET_MS, DAY_MS, WEEK_MS, silence

HOUR = 3_600_000
MONDAY = 20_422 * DAY_MS + 9 * HOUR  # 09:00 on some Monday
AFTER = HOUR // 2


def spoken(*stretches: tuple[int, int]) -> dict[int, int]:
    """Return one notification for each five minutes of the stretches (from, to)."""
    return {each // BUCKET_MS: 1 for begin, end in stretches for each in range(begin, end, BUCKET_MS)}


def test_a_stretch_that_was_busy_a_week_ago_and_is_quiet_now_is_a_silence() -> None:
    """Since the end of the five minutes in which something came last, with what came then."""
    counts = spoken((MONDAY - WEEK_MS, MONDAY - WEEK_MS + 8 * HOUR), (MONDAY, MONDAY + 4 * HOUR))
    now = MONDAY + 5 * HOUR
    found = silence(counts, now, AFTER)
    assert found is not None
    assert (found.since, found.usual) == (MONDAY + 4 * HOUR, 12)


def test_a_weekend_is_as_quiet_as_the_last_one() -> None:
    """Friday was busy, and so is no measure for Saturday."""
    days = [
        (MONDAY + day * DAY_MS, MONDAY + day * DAY_MS + 8 * HOUR)
        for day in (-7, -6, -5, -4, -3, 0, 1, 2, 3, 4)
    ]
    assert silence(spoken(*days), MONDAY + 5 * DAY_MS + 3 * HOUR, AFTER) is None


def test_in_the_first_week_the_day_before_is_the_measure() -> None:
    """And on the first day nothing is known."""
    yesterday = (MONDAY - DAY_MS, MONDAY - DAY_MS + 8 * HOUR)
    today = (MONDAY, MONDAY + 2 * HOUR)
    now = MONDAY + 4 * HOUR
    assert silence(spoken(yesterday, today), now, AFTER) is not None
    assert silence(spoken(today), now, AFTER) is None


def test_a_short_pause_and_a_source_that_seldom_speaks_are_no_silence() -> None:
    """Nor is one that never spoke."""
    counts = spoken((MONDAY - WEEK_MS, MONDAY - WEEK_MS + 8 * HOUR), (MONDAY, MONDAY + 4 * HOUR))
    assert silence(counts, MONDAY + 4 * HOUR + AFTER - 1, AFTER) is None
    seldom = {each: count for each, count in counts.items() if each % 12 == 0}
    assert silence(seldom, MONDAY + 6 * HOUR, AFTER) is None
    assert silence({}, MONDAY, AFTER) is None
