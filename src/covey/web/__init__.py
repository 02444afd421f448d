"""The pages people see: templates, static files, and the forms that submit."""

from covey.web.routes import routes

__all__ = ["routes"]
