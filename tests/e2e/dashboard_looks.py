"""What every page of the dashboard must hold to, looked at in the browser: width, names, headings, contrast, origin."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Page

from tests.waiting import PATIENCE_S

_COMPLAINTS = r"""
() => {
  const found = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) found.push(`wider than the window: ${root.scrollWidth}`);
  const shown = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;
  const name = (e) => (e.getAttribute("aria-label") || e.innerText || e.textContent || "").trim();
  for (const e of document.querySelectorAll("a, button")) if (shown(e) && !name(e)) found.push("no name: " + e.outerHTML);
  for (const e of document.querySelectorAll("input:not([type=hidden]), select"))
    if (!e.labels.length) found.push("no label: " + e.outerHTML);
  for (const e of document.querySelectorAll("img:not([alt]), svg[role=img]:not([aria-label])")) found.push("no text: " + e.outerHTML);
  for (const e of document.querySelectorAll("th:not([scope])")) found.push("header of nothing: " + e.outerHTML);
  for (const e of document.querySelectorAll("[aria-labelledby]"))
    if (!document.getElementById(e.getAttribute("aria-labelledby"))) found.push("labelled by nothing: " + e.id);
  for (const e of document.querySelectorAll("section")) if (shown(e) && e.offsetWidth > 2 && e.offsetWidth < 200) found.push("squeezed: " + e.innerText.slice(0, 40));
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of new Set(ids.filter((each, at) => ids.indexOf(each) !== at))) found.push("id twice: " + id);
  for (const tag of ["header", "nav", "main", "footer"]) if (!document.querySelector(tag)) found.push("no " + tag);
  let level = 0;
  for (const e of document.querySelectorAll("h1, h2, h3, h4")) {
    const own = Number(e.tagName[1]);
    if (own > level + 1) found.push(`heading ${e.tagName} after H${level}: ${e.innerText}`);
    level = own;
  }
  if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
  if (!root.lang) found.push("no language");

  // Contrast as WCAG 2.2 counts it: 4.5 for text, 3 for large text.
  const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    pixel.clearRect(0, 0, 1, 1);
    pixel.fillStyle = colour;
    pixel.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pixel.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((each, at) => each * a + below[at] * (1 - a));
  const ground = (e) => {
    const layers = [];
    for (let at = e; at; at = at.parentElement) layers.unshift(rgba(getComputedStyle(at).backgroundColor));
    return layers.reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((each) => (each / 255 <= 0.04045 ? each / 255 / 12.92 : ((each / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !shown(e) || e.closest("script, .sr, .skip, option")) continue;
    const style = getComputedStyle(e);
    const below = ground(e);
    const ink = over(rgba(e.closest("svg") ? style.fill : style.color), below);
    const [low, high] = [light(ink), light(below)].sort((one, other) => one - other);
    const ratio = (high + 0.05) / (low + 0.05);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    if (ratio < least) found.push(`contrast ${ratio.toFixed(2)}: ${walk.currentNode.data.trim().slice(0, 30)} (${e.className})`);
  }
  return [...new Set(found)];
}
"""


@asynccontextmanager
async def a_reader(
    browser: Browser, *, lang: str = "ja", size: dict[str, int], scheme: str = "light", failing: bool = False
) -> AsyncGenerator[Page]:
    """
    Give a page of somebody who reads *lang*; what the console says and requests to other hosts are its complaints.

    Where the feed is *failing*, the browser's own word of it is none.
    """
    given: Any = {"locale": "ja-JP" if lang == "ja" else "en-GB", "viewport": size, "color_scheme": scheme}
    context = await browser.new_context(**given)
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_S * 1_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda said: (
            complaints.append(said.text)
            if said.type == "error" and not (failing and said.text.startswith("Failed to load resource"))
            else None
        ),
    )
    page.on(
        "request",
        lambda asked: (
            None
            if "//127.0.0.1:" in asked.url or asked.url.startswith("blob:")
            else complaints.append(asked.url)
        ),
    )
    try:
        yield page
    finally:
        await context.close()
    assert complaints == []


async def drawn(page: Page, address: str) -> None:
    """Open *address* and wait until the page shows what it is about."""
    answer = await page.goto(address)
    policy = answer.headers["content-security-policy"] if answer else ""
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    await page.wait_for_selector("#view:not([aria-busy])")


async def complaints_of(page: Page) -> list[str]:
    """Return what is wrong with the page as it is now."""
    return await page.evaluate(_COMPLAINTS)
