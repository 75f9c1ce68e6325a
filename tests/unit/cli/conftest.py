"""A clean environment and folder for each run of the command line."""

import os
import tempfile
from pathlib import Path

import pytest

from tests.unit.settings.small_firm import ENVIRON


@pytest.fixture(autouse=True)
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty folder, with the small firm's secrets set and nothing else of ours."""
    for name in list(os.environ):
        if name.startswith("TASUKI_"):
            monkeypatch.delenv(name)
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path
