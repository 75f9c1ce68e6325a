"""The complete, commented tasuki.toml that a new user starts from."""

from importlib.resources import files


def template() -> str:
    """Return the text of a tasuki.toml for HubSpot and Salesforce that loads without a mistake."""
    return files("services.sync.settings").joinpath("template.toml").read_text(encoding="utf-8")
