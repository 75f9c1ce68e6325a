"""Messages in the languages of those who read them."""

from services.kpi.adapters.templates.rendering import Rendered, Renderer

__all__ = ["Rendered", "Renderer"]
