"""Where a server may listen: beyond this machine only with a key."""

from ipaddress import ip_address
from pathlib import Path

from telltale.contract.errors import UsageError
from telltale.serve.settings import ServeSettings


def check_exposure(host: str, settings: ServeSettings) -> None:
    """Refuse to be reachable from elsewhere without a key.

    Raises:
        UsageError: `host` is not of this machine alone, and there is neither an operator key nor a stored one that may
            operate.

    >>> check_exposure("127.0.0.1", ServeSettings(home="", apps=()))
    >>> check_exposure("0.0.0.0", ServeSettings(home="", apps=(), operator_key="a secret"))
    """
    if _is_loopback(host) or settings.operator_key or _has_operator(settings):
        return
    raise UsageError(
        f"{host} can be reached from other machines, and there is no operator key",
        where="serve",
        mend="Set TELLTALE_OPERATOR_KEY, or make a key (telltale keys create --name NAME --scope operate), "
        "or serve on 127.0.0.1.",
    )


def _has_operator(settings: ServeSettings) -> bool:
    from telltale.registry.api_keys import allows_operating, list_keys
    from telltale.storage.database import open_database

    file = Path(settings.home) / "state.db"
    if not settings.database and not file.is_file():
        return False
    state = open_database(settings.database or file, schema="state")
    try:
        return allows_operating(list_keys(state))
    finally:
        state.close()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
