"""
The configuration of sync: tasuki.toml and the environment, read once into frozen `Settings`.

The only reader of the file. `load` gives all of it or raises `ConfigurationErrors` with every mistake and
its place. Adapters and consumers take values from it; they don't know this package.
"""

from services.sync.settings.demo import DEMO_ENVIRONMENT, demo_document, demo_settings, sandbox_document
from services.sync.settings.environment import Secrets
from services.sync.settings.loader import CONFIG_FILE, load, loads
from services.sync.settings.mistakes import ConfigurationErrors, Mistake
from services.sync.settings.model import Settings
from services.sync.settings.template import template

__all__ = [
    "CONFIG_FILE",
    "DEMO_ENVIRONMENT",
    "ConfigurationErrors",
    "Mistake",
    "Secrets",
    "Settings",
    "demo_document",
    "demo_settings",
    "load",
    "loads",
    "sandbox_document",
    "template",
]
