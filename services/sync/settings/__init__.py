"""
The configuration of sync: tasuki.toml and the environment, read once into frozen `Settings`.

`load` gives all of it or raises `ConfigurationErrors` with every mistake and
its place. Adapters and consumers take values from it; they don't know this package.
"""

from services.configuration.environment import Secrets
from services.configuration.files import CONFIG_FILE
from services.configuration.mistakes import ConfigurationErrors, Mistake
from services.sync.settings.demo import (
    DEMO_ENVIRONMENT,
    Sections,
    demo_document,
    demo_settings,
    sandbox_document,
)
from services.sync.settings.loader import load, loads
from services.sync.settings.model import Settings
from services.sync.settings.template import template

__all__ = [
    "CONFIG_FILE",
    "DEMO_ENVIRONMENT",
    "ConfigurationErrors",
    "Mistake",
    "Secrets",
    "Sections",
    "Settings",
    "demo_document",
    "demo_settings",
    "load",
    "loads",
    "sandbox_document",
    "template",
]
