"""The whole application over an edge: hot routes, management, and what carries bytes to them."""

from telltale.serve.edge import Edge
from telltale.serve.guard.audit_trail import audited
from telltale.serve.http.rsgi import Application
from telltale.serve.routes.hot_routes import hot_routes
from telltale.serve.routes.management import management


def make_application(edge: Edge) -> Application:
    """What a server calls. Raises UsageError where a path of an app collides with one of ours."""
    return Application(edge, hot_routes(edge), audited(management(edge), edge.guard, edge.folder.state))
