"""The sandbox's web pages: the records as a rep sees them, to be edited by hand; forms become acts."""

from services.sync.adapters.sandbox.web.routes import page_routes

__all__ = ["page_routes"]
