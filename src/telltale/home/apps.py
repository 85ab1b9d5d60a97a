"""Which apps are installed: the entry points of the group `telltale.apps`."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points

from telltale.contract.app import App, Task
from telltale.contract.errors import UsageError
from telltale.contract.schema import EventSchema

GROUP = "telltale.apps"


@cache
def installed_apps() -> Mapping[str, App]:
    """Every installed app by name."""
    apps = [point.load() for point in entry_points(group=GROUP)]
    return {app.name: app for app in sorted(apps, key=lambda app: app.name)}


def app_references() -> tuple[str, ...]:
    """The apps as `module:NAME`, for a process that must import them again."""
    return tuple(sorted(point.value for point in entry_points(group=GROUP)))


def find_app(apps: Mapping[str, App], name: str) -> App:
    """The app of that name. Raises UsageError."""
    if name not in apps:
        raise UsageError.not_one_of(name, apps, where="app")
    return apps[name]


def find_task(apps: Mapping[str, App], address: str) -> tuple[App, Task]:
    """The task at `app/task`; an app's only task is meant where just the app is named. Raises UsageError."""
    name, _, rest = address.partition("/")
    app = find_app(apps, name)
    if not rest and len(app.tasks) == 1:
        return app, app.tasks[0]
    return app, app.task(rest)


def find_event(apps: Mapping[str, App], address: str) -> tuple[App, EventSchema]:
    """The event at `app/event`; an app's only event is meant where just the app is named. Raises UsageError."""
    name, _, rest = address.partition("/")
    app = find_app(apps, name)
    if not rest and len(app.events) == 1:
        return app, app.events[0]
    return app, app.event(rest)
