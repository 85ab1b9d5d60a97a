"""Apps by name, for worker processes: an App holds functions, and functions cannot be sent."""

from importlib import import_module

from telltale.contract.app import App
from telltale.contract.errors import UsageError


def load_apps(references: tuple[str, ...]) -> tuple[App, ...]:
    """The apps behind `module:NAME` references. Raises UsageError."""
    apps = []
    for reference in references:
        module, _, name = reference.partition(":")
        try:
            app = getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise UsageError(
                f"{reference!r} cannot be imported ({error})", where="apps", mend="Write it as module:NAME."
            ) from error
        if not isinstance(app, App):
            raise UsageError(f"{reference!r} is not an App", where="apps", mend="Name the App value of a package.")
        apps.append(app)
    return tuple(apps)
