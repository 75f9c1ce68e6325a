"""Turns [feed] and its keys' secrets into the feed's settings."""

from services.configuration.environment import Secrets
from services.configuration.named_secrets import feed_variable
from services.kpi.settings.feed_section import FeedSection
from services.kpi.settings.model import FeedKey, FeedSettings


def feed_settings(feed: FeedSection, secrets: Secrets) -> FeedSettings:
    """Return what *feed* says, with the keys out of *secrets*."""
    host = f"[{feed.host}]" if ":" in feed.host and not feed.host.startswith("[") else feed.host
    return FeedSettings(
        host=feed.host,
        port=feed.port,
        public_url=feed.public_url or f"http://{host}:{feed.port}",
        keys=tuple(
            FeedKey(name=each.name, role=each.role, secret=secrets.named.get(feed_variable(each.name)))
            for each in feed.keys
        ),
    )
