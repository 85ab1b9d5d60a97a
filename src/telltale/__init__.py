"""telltale: the closed loop for machine learning on operational telemetry."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from telltale.home import Home as Home
    from telltale.home import open_home as open  # noqa: A004 - `telltale.open` is the promised name

__version__ = "0.1.0"
__all__ = ["Home", "__version__", "open"]


def __getattr__(name: str) -> Any:
    """Import the typed API only when it is asked for, so that `import telltale` costs nothing."""
    if name == "open":
        from telltale.home import open_home

        return open_home
    if name == "Home":
        from telltale.home import Home

        return Home
    raise AttributeError(f"module 'telltale' has no attribute {name!r}")
