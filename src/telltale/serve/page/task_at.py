"""A task as a page is about it: whose it is, and where its pages are."""

import msgspec

from telltale.contract.app import App, Task
from telltale.serve.edge import Edge
from telltale.serve.guard.page_paths import FOLDER


class TaskAt(msgspec.Struct, frozen=True, kw_only=True):
    """A task that a path names."""

    app: App
    task: Task

    @property
    def address(self) -> str:
        """How people write it."""
        return f"{self.app.name}/{self.task.name}"

    @property
    def key(self) -> tuple[str, str]:
        """How it is found in tables."""
        return self.app.name, self.task.name

    @property
    def path(self) -> str:
        """Its page."""
        return f"{FOLDER}/tasks/{self.address}"


def find_task(edge: Edge, app: str, task: str) -> TaskAt:
    """The task of a path. Raises NotFoundError."""
    edge.place(app, task)
    return TaskAt(app=edge.apps[app], task=edge.apps[app].task(task))
