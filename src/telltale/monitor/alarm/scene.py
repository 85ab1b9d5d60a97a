"""What a rule looks at, and what it finds."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from telltale.contract.app import App
from telltale.registry.registry import Registry
from telltale.storage.folder import Folder


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One task, or one event, at one moment.

    Args:
        folder: the home.
        registry: of the home.
        app: whose.
        name: of the task or the event.
        now: aware.
    """

    folder: Folder
    registry: Registry
    app: App
    name: str
    now: datetime


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, with its figure, and what to do."""

    what: str
    mend: str
