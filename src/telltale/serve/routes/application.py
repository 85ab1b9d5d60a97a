"""The whole application over an edge: hot routes, management, and what carries bytes to them."""

from functools import partial

from telltale.serve.edge import Edge
from telltale.serve.guard.audit_trail import audited
from telltale.serve.http.rsgi import Application
from telltale.serve.routes.hot_routes import hot_routes
from telltale.serve.routes.management import management
from telltale.serve.routes.page_routes import told_to_people, with_pages


def make_application(edge: Edge) -> Application:
    """What a server calls. Raises UsageError where a path of an app collides with one of ours."""
    managed = audited(management(edge), edge.guard, edge.folder.state)
    return Application(edge, hot_routes(edge), with_pages(edge, managed), tell=partial(told_to_people, edge))
