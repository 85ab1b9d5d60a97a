"""What a runtime cannot do without, looked for before it starts."""

from collections.abc import Iterable

from telltale.contract.errors import BundleError
from telltale.models.bundle import ARRAYS, NAMES, Bundle


def require_parts(bundle: Bundle, *, names: Iterable[str], arrays: Iterable[str]) -> None:
    """Raise BundleError where a bundle lacks names or arrays; the message says which, of which file."""
    for file, wanted, there in ((NAMES, names, bundle.parts.names), (ARRAYS, arrays, bundle.parts.arrays)):
        missing = sorted(set(wanted) - set(there))
        if missing:
            raise BundleError(
                f"{file} lacks {missing}",
                where=f"{bundle.manifest.app}/{bundle.manifest.task}",
                mend="Restore the bundle, or train the version again.",
            )
