"""Which versions hold something of an entity: its name, or what was learned from its rows."""

from collections.abc import Iterator

import msgspec
import numpy as np

from telltale.contract.errors import TelltaleError
from telltale.models.bundle import load_bundle
from telltale.registry.registry import Registry
from telltale.registry.versions import Role, Version
from telltale.storage.folder import Folder
from telltale.telemetry.event_store import EventStore
from telltale.train.rows import hash_rows


class Affected(msgspec.Struct, frozen=True, kw_only=True):
    """A version that holds something of an entity.

    Args:
        reference: as in "storefront/recommend@3".
        role: what it does now.
        is_named: its files hold the entity's name.
        n_rows: stored rows of the entity that it was trained on.
        fault: why its files could not be read, or "": then nobody knows.
    """

    reference: str
    role: Role
    is_named: bool = False
    n_rows: int = 0
    fault: str = ""


def affected_versions(folder: Folder, entity: str, *, app: str | None) -> Iterator[Affected]:
    """Every version whose files are there and hold something of the entity, by app, task and number.

    Rows are known by their hashes in the bundle, so they must be stored still; rows without time have none.
    """
    registry = Registry(folder.state, folder.artifacts)
    store = EventStore(folder.events)
    for version in registry.all_versions():
        if version.removed_at is None and app in {None, version.app}:
            found = _of_version(store, version, entity)
            if found.is_named or found.n_rows or found.fault:
                yield found


def _of_version(store: EventStore, version: Version, entity: str) -> Affected:
    try:
        bundle = load_bundle(version.path, where=version.reference)
        event, columns = bundle.manifest.event, bundle.manifest.row_columns
        rows = store.frame(version.app, event, columns=columns, entity=entity)
        n_rows = int(np.isin(hash_rows(rows, columns), bundle.trained_rows).sum())
        # Names stand in files as JSON texts.
        quoted = msgspec.json.encode(entity)
        is_named = any(quoted in (version.path / name).read_bytes() for name in version.files)
    except (TelltaleError, OSError) as error:
        return Affected(reference=version.reference, role=version.role, fault=str(error))
    return Affected(reference=version.reference, role=version.role, is_named=is_named, n_rows=n_rows)
