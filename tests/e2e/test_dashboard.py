"""The dashboard in a real browser over a real feed: every page, both languages, live, by keyboard, and when things fail."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from services.runtime.clock import now_ms
from services.runtime.http_access import ApiKey, Role
from tests.browser import LAPTOP, PHONE, a_browser
from tests.e2e.dashboard_desk import Desk, dashboard_desk
from tests.e2e.dashboard_looks import a_reader, complaints_of, drawn
from tests.kpi_facts import HOUR
from tests.waiting import clear_of_midnight

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES = (
    "/",
    "/kpis?show=all&window=today",
    "/trends",
    "/trends?metric=won_amount&by=owner&window=this-quarter",
    "/overdue?state=open",
    "/leads?metric=sql_rate&part=denominator",
    "/lead?id=lead-w0008",
)
KEY = ApiKey("a key for reading, long enough", Role.READ)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncGenerator[Browser]:
    """Give one browser for all."""
    async with a_browser() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk() -> AsyncGenerator[Desk]:
    """Give the pages of a firm at work."""
    async with dashboard_desk(leads=300) as found:
        yield found


@pytest.mark.parametrize(
    ("lang", "size", "scheme"),
    [("ja", LAPTOP, "light"), ("ja", PHONE, "dark"), ("en", LAPTOP, "dark"), ("en", PHONE, "light")],
)
async def test_each_page_fits_reads_well_and_loads_nothing_from_elsewhere(
    browser: Browser, desk: Desk, lang: str, size: dict[str, int], scheme: str
) -> None:
    """No overflow, no missing name or word, AA contrast, one language, silence on the console, no other host."""
    async with a_reader(browser, lang=lang, size=size, scheme=scheme) as page:
        for path in PAGES:
            await drawn(page, desk.url + path)
            assert (path, await complaints_of(page)) == (path, [])
            assert await page.evaluate("document.documentElement.lang") == lang


async def test_a_new_fact_changes_the_figure_without_a_reload(browser: Browser, desk: Desk) -> None:
    """The funnel's count and the page's state follow within a second or two; the page is the same one."""
    await clear_of_midnight()
    async with a_reader(browser, size=LAPTOP) as page:
        await drawn(page, desk.url + "/?window=today")
        await expect(page.locator("#live-text")).to_have_text("ライブ")
        won = page.locator("[data-key=won] .value.big")
        before = int(await won.inner_text())
        await page.evaluate("window.unchanged = true")

        told = len(desk.firm.teller.told)
        desk.firm.teller.reached("lead-live", "won", now_ms(), amount=5_000_000, currency="JPY")
        await desk.kpi.tell(desk.firm.teller.told[told:])

        await expect(won).to_have_text(str(before + 1))
        assert await page.evaluate("window.unchanged") is True


async def test_a_number_leads_to_its_leads_and_a_lead_to_its_timeline(browser: Browser, desk: Desk) -> None:
    """As many leads as the figure says, of its very time; the lead's page tells how it came there, both delays apart."""
    async with a_reader(browser, size=LAPTOP) as page:
        await drawn(page, desk.url + "/?segment=role:sdr")
        won = page.locator("[data-key=won] .value.big")
        said = int(await won.inner_text())
        assert said > 0
        await won.click()
        await expect(page.get_by_role("region", name="リード一覧").locator("tbody tr")).to_have_count(said)
        await expect(page.locator(".value.big")).to_have_text(str(said))

        await page.locator("a.lead", has_text="lead-0").first.click()
        story = page.get_by_role("region", name="経緯")
        await expect(story.get_by_role("heading", name="受注")).to_be_visible()
        await expect(story.get_by_role("heading", name="MQL引き渡し")).to_be_visible()
        delays = page.get_by_role("region", name="遅れの内訳")
        await expect(delays.locator(".value")).to_have_count(2)


async def test_a_clock_that_is_overdue_runs_and_leaves_when_it_is_met(browser: Browser, desk: Desk) -> None:
    """The seconds go on without a reload; what was promised ends the row, live; filters keep what they are asked for."""
    async with a_reader(browser, size=LAPTOP) as page:
        told = len(desk.firm.teller.told)
        who: dict[str, Any] = {"holder": "ito@kensho.example", "origin": "bdr"}
        desk.firm.teller.reached("lead-late", "sql", now_ms() - 50 * HOUR, **who)
        await desk.kpi.tell(desk.firm.teller.told[told:])
        await drawn(page, desk.url + "/overdue?state=overdue&owner=ito@kensho.example&policy=sql-meeting")
        row = page.get_by_role("row", name="lead-late")
        clock = row.get_by_role("timer")
        before = await clock.inner_text()
        assert before.startswith("2:00:")
        await expect(clock).not_to_have_text(before)
        assert await page.locator("tbody td:nth-child(3)").all_inner_texts() != []
        assert all("ito@" in each for each in await page.locator("tbody td:nth-child(3)").all_inner_texts())

        desk.firm.teller.reached("lead-late", "appointment", now_ms(), **who)
        await desk.kpi.tell(desk.firm.teller.told[told + 1 :])
        await expect(row).to_have_count(0)


async def test_the_pages_are_used_by_keyboard_alone(browser: Browser, desk: Desk) -> None:
    """The first stop is the link to the content; the ring of the focus shows; theme and window are chosen by keys."""
    async with a_reader(browser, size=LAPTOP) as page:
        await drawn(page, desk.url)
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="本文へ")).to_be_focused()
        await expect(page.get_by_role("link", name="本文へ")).to_be_in_viewport()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        chosen = page.get_by_role("navigation", name="期間").get_by_role("link", name="今日", exact=True)
        await expect(chosen).to_be_focused()
        assert await chosen.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/?window=today")
        await expect(page.get_by_role("link", name="今日", exact=True).nth(1)).to_have_attribute(
            "aria-current", "true"
        )

        button = page.get_by_role("button", name="表示モード")
        await button.press("Enter")
        await button.press("Enter")
        await page.reload()
        assert await page.evaluate("document.documentElement.dataset.theme") == "dark"
        await page.get_by_role("link", name="Show in English").press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Today")
        await page.get_by_role("link", name="KPIs").press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("KPI table")


async def test_a_feed_that_is_away_is_said_and_come_back_to(browser: Browser, desk: Desk) -> None:
    """An error with what to do; figures after a retry; a stream that breaks is told while the figures stay."""
    async with a_reader(browser, size=PHONE, failing=True) as page:
        await page.route(
            "**/kpi/**", lambda route: route.fulfill(status=503, json={"detail": "the store is away"})
        )
        await page.goto(desk.url)
        await expect(page.get_by_role("alert")).to_contain_text("the store is away")
        assert await complaints_of(page) == []
        await page.unroute("**/kpi/**")
        await page.route("**/kpi/events**", lambda route: route.abort())
        await page.get_by_role("button", name="再試行").click()
        await expect(page.get_by_role("heading", name="ファネル")).to_be_visible()
        await expect(page.locator("#live-text")).to_contain_text("接続が切れました")
        assert await complaints_of(page) == []
        await page.unroute("**/kpi/events**")
        await expect(page.locator("#live-text")).to_have_text("ライブ")


async def test_a_key_is_asked_for_and_kept_in_the_tab_only(browser: Browser) -> None:
    """Without one and with a wrong one the page says so; with the right one it is live; nothing else keeps it."""
    async with (
        dashboard_desk(leads=0, keys=[KEY], sync_known=False) as desk,
        a_reader(browser, size=LAPTOP, failing=True) as page,
    ):
        await page.goto(desk.url)
        await expect(page.get_by_role("alert")).to_have_text("APIキーが必要です")
        await page.get_by_label("APIキー").fill("not the key, but as long")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("このAPIキーは使用できません")
        await page.get_by_label("APIキー").fill(KEY.key)
        await page.keyboard.press("Enter")
        await expect(page.locator("#live-text")).to_have_text("ライブ")
        assert await page.evaluate("[sessionStorage.length, JSON.stringify(localStorage)]") == [1, "{}"]
        assert KEY.key not in str(await page.context.cookies())

        # Nothing has happened here yet: counts are 0, but no share is, and what nobody knows is unknown.
        assert await complaints_of(page) == []
        await expect(page.locator("[data-key=mqls]")).to_contain_text("データなし")
        await expect(page.get_by_role("region", name="同期の状態")).to_contain_text("不明")
        await drawn(page, desk.url + "/kpis")
        await expect(page.get_by_role("row", name="商談化率").first).to_contain_text("分母が0件")
        assert "0.0%" not in await page.locator("#view").inner_text()
        async with page.expect_download() as download:
            await page.get_by_role("link", name="CSV").click()
        assert (await download.value).suggested_filename == "kpi-table.csv"
