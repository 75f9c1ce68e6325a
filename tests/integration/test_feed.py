"""The KPI feed over a real server: figures, tables, CSV, ETag, paging, keys, and refusals that name the parameter."""

import csv
import io
import re
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from services.errors import Misconfigured
from services.kpi.adapters.feed import make_feed
from services.kpi.domain.catalogue import METRICS
from services.kpi.domain.goals import Goals
from services.runtime.clock import now_ms
from services.runtime.http import serve
from services.runtime.http_access import ApiKey, Role, role_holders
from services.runtime.problems import install_problems
from tests.integration.feed_world import RULES, FeedWorld, feed_world
from tests.kpi_facts import DAY, HOUR, MINUTE, Teller
from tests.waiting import PATIENCE_S

READ = ApiKey("a key for reading, long enough", Role.READ)
EVIL = "=HYPERLINK(1)"


@pytest.fixture
async def world() -> AsyncGenerator[FeedWorld]:
    """Give a feed over ten MQLs, of which four became SQLs; the day before, five and one."""
    async with feed_world() as found:
        now, teller = now_ms(), Teller()
        for number in range(15):
            at, good = (now - MINUTE, number < 4) if number < 10 else (now - 30 * HOUR, number < 11)
            who: dict[str, Any] = {
                "holder": "sato@firm.example",
                "segments": {"source": EVIL if number % 2 else "web"},
            }
            for milestone in ("lead", "mql", *(("first_response", "sql") if good else ())):
                teller.reached(f"lead-{number}", milestone, at, **who)
        await found.kpi.tell(teller.told)
        await found.kpi.counted(found.worker)
        yield found


async def test_a_figure_comes_with_its_parts_and_the_facts_it_reflects(world: FeedWorld) -> None:
    """Numerator, denominator, interval, range, and the offset of each partition."""
    body = (await world.get("/kpi/metrics/sql_rate?window=24h")).json()

    figure = body["figure"]
    assert (figure["value"], figure["numerator"], figure["denominator"]) == (0.4, 4, 10)
    assert figure["interval"]["low"] == pytest.approx(0.168, abs=0.001)
    assert figure["range"]["to_at"] - figure["range"]["from_at"] == DAY
    ends = await world.kpi.log.offsets("tasuki.lifecycle.v1")
    assert body["offsets"] == {str(number): each.end - 1 for number, each in ends.items()}
    assert body["complete"] is True
    spent = (await world.get("/kpi/metrics/time_to_first_response")).json()["figure"]
    assert (spent["numerator"], spent["p90_ms"]) == (5, 0)


async def test_no_data_is_null_with_its_reason(world: FeedWorld) -> None:
    """A rate over nothing, and a median of nothing."""
    for name, why in (("win_rate", "denominator-is-0"), ("rep_delay", "nothing-measured")):
        figure = (await world.get(f"/kpi/metrics/{name}")).json()["figure"]
        assert (figure["value"], figure["no_data"]) == (None, why)


async def test_the_catalogue_is_told_page_by_page(world: FeedWorld) -> None:
    """All metrics, in order, each once; the link leads on as the cursor does."""
    names: list[str] = []
    path: str | None = "/kpi/metrics?limit=7"
    while path:
        answer = await world.get(path)
        names += [each["name"] for each in answer.json()["metrics"]]
        assert bool(answer.json()["next_cursor"]) == ("next" in answer.links)
        path = answer.links["next"]["url"] if "next" in answer.links else None
    assert names == list(METRICS)


async def test_steps_segments_and_cohorts_add_up_to_the_whole(world: FeedWorld) -> None:
    """Over time, over the values of a dimension, and over the cohorts."""
    steps = (await world.get("/kpi/metrics/mqls/steps?window=30d&grain=day&limit=1000")).json()["figures"]
    assert sum(each["value"] for each in steps) == 15
    paged: list[Any] = []
    path: str | None = "/kpi/metrics/mqls/steps?window=7d&grain=day&limit=3"
    while path:
        answer = await world.get(path)
        paged += answer.json()["figures"]
        path = answer.links["next"]["url"] if "next" in answer.links else None
    assert sum(each["value"] for each in paged) == 15
    assert len({each["range"]["from_at"] for each in paged}) == len(paged) >= 7

    parts = (await world.get("/kpi/metrics/mqls/segments?by=source")).json()["figures"]
    assert {each["segment"]: each["value"] for each in parts} == {"source:web": 8, f"source:{EVIL}": 7}

    cohorts = (await world.get("/kpi/metrics/sql_rate/cohorts?window=30d&grain=week")).json()["cohorts"]
    assert sum(each["count"] for each in cohorts) == 15
    assert [figure["within_days"] for figure in cohorts[0]["figures"]] == [30, 90, None]
    assert sum(each["figures"][-1]["numerator"] for each in cohorts) == 5


async def test_the_table_has_target_status_and_change_for_each_role(world: FeedWorld) -> None:
    """Against the target by its direction, and against the time of equal length right before."""
    body = (await world.get("/kpi/table?window=24h")).json()

    items = {each["definition"]["name"]: each["roles"] for each in body["items"]}
    assert list(items) == list(METRICS)
    rate = items["sql_rate"]["sdr"]
    assert (rate["figure"]["value"], rate["target"]["low"], rate["status"]) == (0.4, 0.3, "met")
    assert rate["previous"]["range"]["to_at"] == rate["figure"]["range"]["from_at"]
    assert items["sql_rate"]["bdr"]["status"] == "no-target"
    assert items["opportunity_rate"]["sdr"]["status"] == "missed"
    assert items["opportunity_rate"]["bdr"]["status"] == "no-data"
    assert (rate["delta"], items["mqls"]["sdr"]["delta"]) == (pytest.approx(0.2), 5)


GOALS = Goals(revenue=365_000, average_order=1_000, win_rate=0.5, opportunity_rate=0.5)


async def test_the_goal_is_measured_by_the_time_that_is_over() -> None:
    """365 orders, 730 opportunities, 1,460 leads a year: 4 leads a day, of which a day brought 5, and 3 small orders."""
    async with feed_world(goals=GOALS) as world:
        now, teller = now_ms(), Teller()
        for number in range(5):
            for milestone in ("lead", *(("opportunity", "won") if number < 3 else ())):
                teller.reached(f"lead-{number}", milestone, now - 2 * DAY - HOUR, amount=300, currency="JPY")
        await world.kpi.tell(teller.told)
        await world.kpi.counted(world.worker)
        first = datetime.fromtimestamp((now - 3 * DAY) / 1000, UTC).isoformat().replace("+", "%2B")
        last = datetime.fromtimestamp((now - 2 * DAY) / 1000, UTC).isoformat().replace("+", "%2B")

        body = (await world.get(f"/kpi/goal?from={first}&to={last}")).json()

        items = {each["figure"]["metric"]: each for each in body["items"]}
        assert {name: each["year"] for name, each in items.items()} == {
            "won_amount": 365_000,
            "won": 365,
            "opportunities": 730,
            "leads": 1_460,
        }
        assert {name: each["by_now"] for name, each in items.items()} == {
            name: pytest.approx(each["year"] * _days_of(each["figure"]) / 365) for name, each in items.items()
        }
        assert items["leads"]["by_now"] == pytest.approx(4, rel=0.05)
        assert {name: each["status"] for name, each in items.items()} == {
            "won_amount": "missed",
            "won": "met",
            "opportunities": "met",
            "leads": "met",
        }
        assert {each["name"] for each in body["references"]} == {"b2b", "manufacturing", "it", "advertising"}
        running = (await world.get("/kpi/goal?window=this-month")).json()["items"][3]
        assert running["by_now"] < running["year"] * 32 / 365
        table = (await world.get(f"/kpi/goal?from={first}&to={last}&format=csv")).content.decode("utf-8-sig")
        assert [row["metric"] for row in csv.DictReader(io.StringIO(table))] == list(items)


async def test_a_firm_without_a_goal_is_measured_by_none(world: FeedWorld) -> None:
    """What there is is shown; other parameters than a time are refused."""
    body = (await world.get("/kpi/goal?window=24h")).json()
    assert [each["status"] for each in body["items"]] == ["no-target"] * 4
    assert body["assumed"] is None
    assert (await world.get("/kpi/goal?segment=role:sdr")).json()["reason"] == "bad-parameter"


def _days_of(figure: dict[str, Any]) -> float:
    return (figure["range"]["to_at"] - figure["range"]["from_at"]) / DAY


async def test_csv_is_made_for_excel_and_runs_nothing(world: FeedWorld) -> None:
    """With a byte order mark, text that looks like a formula defused, numbers as numbers."""
    for answer in (
        await world.get("/kpi/metrics/mqls/segments?by=source&format=csv"),
        await world.get("/kpi/metrics/mqls/segments?by=source", accept="text/csv"),
    ):
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.content.startswith(b"\xef\xbb\xbf")
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert {row["segment"]: row["value"] for row in rows} == {
            "source:web": "8.0",
            f"source:{EVIL}": "7.0",
        }
        assert "0=" in answer.headers["tasuki-offsets"]
    for path in ("/kpi/metrics", "/kpi/table", "/kpi/metrics/sql_rate", "/kpi/metrics/sql_rate/cohorts"):
        table = await world.get(f"{path}?format=csv")
        assert len(list(csv.reader(io.StringIO(table.text)))) > 1


async def test_what_has_not_changed_is_not_sent_again(world: FeedWorld) -> None:
    """304 by the ETag, until a fact is counted."""
    year = datetime.fromtimestamp(now_ms() / 1000, UTC).year
    path = f"/kpi/metrics/mqls?from={year - 1}-01-01&to={year + 1}-12-31"
    first = await world.get(path)
    again = await world.get(path, if_none_match=f'"other", {first.headers["etag"]}')
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    other = await world.get(f"{path}&currency=USD", if_none_match=first.headers["etag"])
    assert other.status_code == 200

    teller = Teller()
    teller.reached("new", "mql", now_ms())
    await world.kpi.tell(teller.told)
    await world.kpi.counted(world.worker)
    later = await world.get(path, if_none_match=first.headers["etag"])
    assert (later.status_code, later.json()["figure"]["value"]) == (200, 16)


BAD = (
    ("window=2h", "window"),
    ("windw=1h", "windw"),
    ("window=1h&window=24h", "window"),
    ("from=2026-01-01", "to"),
    ("from=yesterday&to=2026-01-01", "from"),
    ("from=2026-01-01T00:00:00&to=2026-01-02", "from"),
    ("from=2026-02-01&to=2026-01-01", "to"),
    ("from=2001-01-01&to=2026-01-01", "from"),
    ("window=1h&from=2026-01-01&to=2026-02-01", "window"),
    ("from=9999-12-31&to=9999-12-31", "from"),
    ("reading=both", "reading"),
    ("segment=colour:red", "segment"),
    ("segment=owner", "segment"),
    ("within_days=30", "within_days"),
    ("reading=cohort&within_days=31", "within_days"),
    ("currency=yen", "currency"),
    ("format=xml", "format"),
)


async def test_a_bad_parameter_is_named_with_its_mend() -> None:
    """Whatever is wrong with it."""
    async with feed_world() as world:
        for query, named in BAD:
            answer = await world.get(f"/kpi/metrics/leads?{query}")
            assert (answer.status_code, answer.json()["reason"]) == (400, "bad-parameter"), query
            assert answer.headers["content-type"] == "application/problem+json"
            assert f"`{named}`" in answer.json()["detail"]
            assert answer.json()["mend"]
        for path, named in (
            ("leads/steps?grain=year", "grain"),
            ("leads/steps?from=2020-01-01&to=2026-01-01&grain=minute", "grain"),
            ("leads/steps?limit=0", "limit"),
            ("leads/steps?cursor=%25", "cursor"),
            ("leads/segments?by=colour", "by"),
            ("sql_rate/cohorts?grain=hour", "grain"),
        ):
            answer = await world.get(f"/kpi/metrics/{path}")
            assert answer.status_code == 400, path
            assert f"`{named}`" in answer.json()["detail"]
        assert (await world.get("/kpi/metrics/leads/cohorts")).json()["reason"] == "no-cohorts"
        assert (await world.get("/kpi/metrics/nonsense")).json()["reason"] == "no-such-metric"
        documented = (await world.get("/openapi.json")).json()["paths"]
        assert {"/kpi/metrics", "/kpi/table", "/kpi/events", "/kpi/metrics/{name}/cohorts"} <= set(documented)
        assert (await world.get("/docs")).status_code == 200


async def test_only_holders_of_a_key_are_told_anything() -> None:
    """With either role; no other site's pages may read it."""
    operate = ApiKey("a key for operating, long enough", Role.OPERATE)
    async with feed_world(keys=[READ, operate]) as world:
        for path in ("/kpi/metrics", "/kpi/metrics/leads", "/kpi/table", "/kpi/events?metrics=leads"):
            for headers in ({}, {"x_api_key": READ.key[:-1]}):
                assert (await world.get(path, **headers)).json()["reason"] == "unauthorised"
        for key in (READ, operate):
            answer = await world.get("/kpi/metrics", x_api_key=key.key, origin="https://evil.example")
            assert answer.status_code == 200
            assert not any(name.startswith("access-control") for name in answer.headers)


async def test_a_key_for_reading_operates_nothing() -> None:
    """A route that takes the role of operating refuses it, and takes the other."""
    operate = ApiKey("a key for operating, long enough", Role.OPERATE)
    access = role_holders(keys=[READ, operate], role=Role.OPERATE, host="0.0.0.0", what="levers")  # noqa: S104 -- the case
    app = FastAPI(dependencies=access)
    install_problems(app)
    app.add_api_route("/lever", lambda: "moved")
    server = await serve(app, "127.0.0.1", 0)
    async with httpx2.AsyncClient(base_url=server.url, timeout=PATIENCE_S) as http:
        refused = await http.get("/lever", headers={"X-Api-Key": READ.key})
        assert (refused.status_code, refused.json()["reason"]) == (403, "role-missing")
        assert (await http.get("/lever", headers={"X-Api-Key": operate.key})).json() == "moved"
    await server.stop()


async def test_the_feed_is_not_served_to_others_without_a_key() -> None:
    """It doesn't start that way."""
    async with feed_world() as world:
        with pytest.raises(Misconfigured, match="without an API key"):
            make_feed(
                readings=world.kpi.readings(RULES),
                clock=now_ms,
                keys=(),
                host="0.0.0.0",  # noqa: S104 -- the case at hand
                failed=world.kpi.failures.append,
            )


async def test_the_examples_of_the_docs_work() -> None:
    """Each curl line of the page is answered as the page says: with 200 and, for tables, CSV."""
    page = (Path(__file__).parents[2] / "docs" / "feed.md").read_text(encoding="utf-8")
    paths = re.findall(r"curl .*?'http://127\.0\.0\.1:8081([^']+)'", page)
    assert len(paths) >= 8
    async with feed_world() as world:
        for path in paths:
            async with world.http.stream("GET", path) as answer:
                assert answer.status_code == 200, path
                assert answer.headers["content-type"].startswith("text/csv") == ("format=csv" in path)
