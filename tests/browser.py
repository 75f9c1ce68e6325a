"""
A real browser for the tests of web pages: Chromium of this machine, driven by Playwright.

It is `TASUKI_CHROMIUM` (a path), else chromium, chromium-browser or google-chrome on the PATH; without one the
tests are skipped, and fail with CI=true.
"""

import os
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.servers import missing_server
from tests.waiting import PATIENCE_S

PHONE = {"width": 390, "height": 844}
LAPTOP = {"width": 1280, "height": 800}
expect.set_options(timeout=PATIENCE_S * 1_000)
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_HOW_TO_GET = (
    "install Chromium (Debian: apt-get install chromium fonts-noto-cjk) or name its path in TASUKI_CHROMIUM"
)


@asynccontextmanager
async def a_browser() -> AsyncGenerator[Browser]:
    """Give the browser, or skip with the reason."""
    program = os.environ.get("TASUKI_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        missing_server("Chromium", _HOW_TO_GET)
    # Chromium's own sandbox needs what containers don't give; what it opens here is our own page.
    options = ["--no-sandbox", "--disable-dev-shm-usage"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=options)
        try:
            yield browser
        finally:
            await browser.close()


@pytest.fixture
async def page() -> AsyncGenerator[Page]:
    """Give a page that speaks Japanese; anything it complains of on its console fails the test."""
    async with a_browser() as browser:
        context = await browser.new_context(locale="ja-JP", viewport=LAPTOP)  # pyright: ignore[reportArgumentType]
        shown = await context.new_page()
        shown.set_default_timeout(PATIENCE_S * 1_000)
        complaints: list[str] = []
        shown.on("pageerror", lambda error: complaints.append(str(error)))
        yield shown
        await context.close()
        assert complaints == []
