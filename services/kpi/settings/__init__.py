"""
The configuration of the KPI service: its part of tasuki.toml and the environment, read once into frozen `Settings`.

`load` gives all of it or raises `ConfigurationErrors` with every mistake and its place. `read` reads a document that
other services read as well, before one verdict.
"""

from services.kpi.settings.loader import Reading, load, loads, read
from services.kpi.settings.model import FeedKey, FeedSettings, Settings, SinkSettings, SnapshotSettings
from services.kpi.settings.references import named_segments, unreachable
from services.kpi.settings.template import template

__all__ = [
    "FeedKey",
    "FeedSettings",
    "Reading",
    "Settings",
    "SinkSettings",
    "SnapshotSettings",
    "load",
    "loads",
    "named_segments",
    "read",
    "template",
    "unreachable",
]
