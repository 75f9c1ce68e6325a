"""The commented part of tasuki.toml about the KPIs, which follows that of sync in a new file."""

from importlib.resources import files


def template() -> str:
    """Return the text: sections whose values are the defaults, and examples in comments."""
    return files("services.kpi.settings").joinpath("template.toml").read_text(encoding="utf-8")
