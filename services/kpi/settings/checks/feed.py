"""Checks of [feed]: that others can't read without a key, and that nothing else listens at its port."""

from services.configuration.connections import is_loopback
from services.configuration.document import Document
from services.kpi.settings.draft import Draft


def check(document: Document, draft: Draft) -> None:
    """Report what is wrong with the feed of *draft*."""
    feed, http = draft.feed, draft.platform.http
    if feed is None:
        return
    seen: set[str] = set()
    for index, key in enumerate(feed.keys):
        if key.name in seen:
            document.report(
                ("feed", "keys", index, "name"), f'"{key.name}" is given twice', "keep one of the two"
            )
        seen.add(key.name)
    if not document.value("feed", "keys") and not is_loopback(feed.host):
        document.report(
            ("feed", "host"),
            "can be reached by others, and there is no key",
            'add [[feed.keys]] name = "dashboard", or listen on 127.0.0.1',
        )
    if http is not None and feed.port == http.port != 0 and _overlap(feed.host, http.host):
        document.report(("feed", "port"), f"[http] listens at {http.port} too", "give another port")


def _overlap(one: str, other: str) -> bool:
    return one == other or "0.0.0.0" in (one, other) or "::" in (one, other)  # noqa: S104 (what the file says)
